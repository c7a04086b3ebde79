package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/obdcr/obdcr/store"
)

const (
	insertLease = `INSERT INTO leases (lease_key, ends_at, lasts, confirmed, change_id) VALUES ($1, $2, $3, false, $4) ON CONFLICT DO NOTHING`
	lockLease   = "SELECT ends_at, lasts, confirmed, change_id FROM leases WHERE lease_key = $1 FOR UPDATE"
	updateLease = "UPDATE leases SET (ends_at, lasts, confirmed, change_id) = ($2, $3, $4, $5) WHERE lease_key = $1"
	deleteLease = "DELETE FROM leases WHERE lease_key = $1 AND NOT confirmed"
)

// lease is a jti with the end of its lease, or of its reservation once it is confirmed.
type lease struct {
	key         []byte
	there       bool
	ends, lasts int64
	confirmed   bool
	by          string // ID of the change that wrote it
	marked      bool
	mark        int64
}

func (l *lease) ended(now int64) bool { return now >= l.ends }

// lock reads the lease, which nobody else changes before the transaction ends, and then the
// mark. The order is that of reservation, for the same reason.
func (l *lease) lock(b *pgx.Batch) {
	b.Queue(lockLease, l.key).QueryRow(found(&l.there, &l.ends, &l.lasts, &l.confirmed, &l.by))
	b.Queue(selectMark, leaseMark).QueryRow(found(&l.marked, &l.mark))
}

// forgotten returns ErrForgotten for a reservation that may be one of those forgotten.
func (l *lease) forgotten(until int64) error {
	if l.marked && until <= l.mark {
		return store.ErrForgotten
	}
	return nil
}

// write replaces the lease by what it is now, as that of a change.
func (l *lease) write(ctx context.Context, w *work, by string) error {
	return w.send(ctx, func(b *pgx.Batch) { b.Queue(updateLease, l.key, l.ends, l.lasts, l.confirmed, by) })
}

// shorten ends a lease that was made by a clock that was ahead after its length from now. It
// reports whether it has done so.
func (l *lease) shorten(now int64) bool {
	if !l.there || l.confirmed || l.ends-now <= l.lasts {
		return false
	}
	l.ends = now + l.lasts
	return true
}

// Reserve implements store.Replay.
func (s *Store) Reserve(ctx context.Context, r store.Reservation, length time.Duration) error {
	if r.IsZero() {
		return ctx.Err()
	}
	until, lasts := milli(r.Until), length.Milliseconds()
	var answer error // of a transaction that is committed
	err := s.lease(ctx, r, func(ctx context.Context, w *work, l *lease) error {
		now := w.now.UnixMilli()
		answer = nil
		var inserted int64
		if err := w.send(ctx, func(b *pgx.Batch) {
			b.Queue(insertLease, l.key, now+lasts, lasts, w.id).Exec(count(&inserted))
			l.lock(b)
		}); err != nil {
			return err
		}
		if inserted > 0 {
			return l.forgotten(until)
		}
		shortened := l.shorten(now)
		switch {
		case !l.there:
			return errAgain
		case l.confirmed && !(l.ended(now) && until > l.ends):
			return store.ErrReplayed
		case !l.confirmed && !l.ended(now):
			if !shortened {
				return store.ErrUnderWay
			}
			answer = store.ErrUnderWay
			return l.write(ctx, w, l.by)
		}
		if err := l.forgotten(until); err != nil {
			return err
		}
		if l.confirmed {
			if err := w.send(ctx, func(b *pgx.Batch) { b.Queue(raiseMark, leaseMark, l.ends) }); err != nil {
				return err
			}
		}
		l.ends, l.lasts, l.confirmed = now+lasts, lasts, false
		return l.write(ctx, w, w.id)
	})
	if err == nil {
		err = answer
	}
	if err == nil {
		now := s.clock().UnixMilli()
		s.due(sweepLeases, now+lasts, now)
	}
	return failed("reserve", err)
}

// Confirm implements store.Replay.
func (s *Store) Confirm(ctx context.Context, r store.Reservation) error {
	if r.IsZero() {
		return ctx.Err()
	}
	until := milli(r.Until)
	return failed("confirm", s.lease(ctx, r, func(ctx context.Context, w *work, l *lease) error {
		now := w.now.UnixMilli()
		if err := w.send(ctx, l.lock); err != nil {
			return err
		}
		l.shorten(now)
		if !l.there || l.confirmed || l.ended(now) {
			return store.ErrReplayed
		}
		if err := l.forgotten(until); err != nil {
			return err
		}
		l.ends, l.confirmed = until, true
		return l.write(ctx, w, w.id)
	}))
}

// Release implements store.Replay.
func (s *Store) Release(ctx context.Context, r store.Reservation) error {
	if r.IsZero() {
		return ctx.Err()
	}
	return failed("release", s.lease(ctx, r, func(ctx context.Context, w *work, l *lease) error {
		return w.send(ctx, func(b *pgx.Batch) { b.Queue(deleteLease, l.key) })
	}))
}

// lease makes a change of a lease. An earlier attempt was committed if the row has its ID.
func (s *Store) lease(ctx context.Context, r store.Reservation, do func(context.Context, *work, *lease) error) error {
	key := r.Key()
	made := func(ctx context.Context, w *work) (bool, error) {
		l := &lease{key: key[:]}
		err := w.send(ctx, l.lock)
		return l.there && l.by == w.id, err
	}
	return s.transact(ctx, changeWait, made, func(ctx context.Context, w *work) error { return do(ctx, w, &lease{key: key[:]}) })
}
