package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/internal/row"
)

const (
	insertReservation = "INSERT INTO reservations (reservation_key, ends_at, client_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"
	lockReservation   = `SELECT r.ends_at, coalesce((SELECT c.reserved = r.reservation_key FROM clients c WHERE c.id = r.client_id), false)
		FROM reservations r WHERE r.reservation_key = $1 FOR UPDATE OF r`
	dropReservation = "DELETE FROM reservations WHERE reservation_key = $1"
	freeReservation = "DELETE FROM reservations WHERE reservation_key = $1 AND client_id = $2"

	selectMark = "SELECT ends_at FROM reservation_marks WHERE name = $1"
	raiseMark  = `INSERT INTO reservation_marks AS m (name, ends_at) VALUES ($1, $2)
		ON CONFLICT (name) DO UPDATE SET ends_at = excluded.ends_at WHERE m.ends_at < excluded.ends_at`

	reservationMark = "forgotten"
	leaseMark       = "leases"
)

// reservation is one that a change makes. Its row is written first, and the mark is read
// after it, by a statement of its own. That no jti is used twice rests on this order:
//
//   - Whoever forgets a jti deletes its row and raises the mark in one transaction.
//   - The INSERT of the same jti waits for a transaction that deletes or inserts the row, since
//     the key is unique. Once it has inserted, each such transaction has ended.
//   - At READ COMMITTED the statement after it sees all that was committed by then: the mark is
//     at least the end of each reservation of this jti that was forgotten.
//   - At SERIALIZABLE it sees the mark as of the beginning. A transaction that forgot the jti
//     meanwhile has read the range of ended rows that this INSERT writes into, and has written
//     the mark that this reads: one of the two fails with 40001. Where the INSERT ends after
//     that range, it ends after the mark, and is no replay.
//
// So nobody locks the row of the mark to read it, and changes do not wait for each other there.
type reservation struct {
	none     bool
	key      []byte
	ends     int64 // seconds since 1970
	id       string
	inserted int64
	marked   bool
	mark     int64
}

func newReservation(id string, r store.Reservation) *reservation {
	if r.IsZero() {
		return &reservation{none: true}
	}
	key := r.Key()
	return &reservation{key: key[:], ends: row.Seconds(r.Until), id: id}
}

// queue queues what makes the reservation, and then reads the mark.
func (r *reservation) queue(b *pgx.Batch) {
	if r.none {
		return
	}
	b.Queue(insertReservation, r.key, r.ends, r.id).Exec(count(&r.inserted))
	b.Queue(selectMark, reservationMark).QueryRow(found(&r.marked, &r.mark))
}

// found reads a row that need not be there, and remembers whether it was.
func found(there *bool, into ...any) func(pgx.Row) error {
	return func(row pgx.Row) error {
		err := row.Scan(into...)
		*there = err == nil
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	}
}

// settle returns the answer of the contract once the statements of queue were sent. A
// reservation that has ended gives way to one that ends later.
func (r *reservation) settle(ctx context.Context, w *work) error {
	if r.none {
		return nil
	}
	if r.inserted == 0 {
		if err := r.displace(ctx, w); err != nil {
			return err
		}
	}
	if r.marked && r.ends <= r.mark {
		return store.ErrForgotten
	}
	return nil
}

// displace puts the reservation into the place of the one that has its key, if that has ended.
// Else it returns the error of the contract.
func (r *reservation) displace(ctx context.Context, w *work) error {
	var there, underWay bool
	var held int64
	if err := w.send(ctx, func(b *pgx.Batch) {
		b.Queue(lockReservation, r.key).QueryRow(found(&there, &held, &underWay))
	}); err != nil {
		return err
	}
	switch {
	case !there:
		return errAgain
	case held <= w.now.Unix() && r.ends > held:
	case underWay:
		return store.ErrUnderWay
	default:
		return store.ErrReplayed
	}
	err := w.send(ctx, func(b *pgx.Batch) {
		b.Queue(dropReservation, r.key)
		b.Queue(raiseMark, reservationMark, held)
		r.queue(b)
	})
	if err == nil && r.inserted == 0 {
		return errAgain
	}
	return err
}
