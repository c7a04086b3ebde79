package postgres

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/internal/row"
)

const (
	sweepStep  = 100         // how many jti a transaction of a sweep forgets at most
	sweepPause = time.Second // between two sweeps, so that many jti that end one by one are forgotten together

	// PostgreSQL evaluates an ARRAY once. It can evaluate what follows an IN once for each row of
	// the table, and SKIP LOCKED then skips what the statement has deleted itself: no limit holds.
	forgetReservations = `WITH gone AS (DELETE FROM reservations WHERE reservation_key = ANY (ARRAY
			(SELECT reservation_key FROM reservations WHERE ends_at <= $1 ORDER BY ends_at LIMIT $2 FOR UPDATE SKIP LOCKED)) RETURNING ends_at)
		SELECT count(*), coalesce(max(ends_at), 0) FROM gone`
	forgetLeases = `WITH gone AS (DELETE FROM leases WHERE lease_key = ANY (ARRAY
			(SELECT lease_key FROM leases WHERE ends_at <= $1 ORDER BY ends_at LIMIT $2 FOR UPDATE SKIP LOCKED))
			RETURNING ends_at, confirmed)
		SELECT count(*), coalesce(max(ends_at) FILTER (WHERE confirmed), 0) FROM gone`
	nextReservation = "SELECT coalesce(min(ends_at), $1) FROM reservations"
	nextLease       = "SELECT coalesce(min(ends_at), $1) FROM leases"
)

// sweeper forgets the jti that have ended, beside the changes: the mark that it raises is one
// row for all processes, and a change that raised it would keep the others waiting until it is
// committed. A change whose jti is due begins a sweep, unless one is under way in its process.
type sweeper struct {
	ctx    context.Context // ends with the store
	cancel context.CancelFunc
	under  sync.WaitGroup
	pause  time.Duration

	mu      sync.Mutex
	running bool
	ended   time.Time // when the last sweep did
	next    [2]int64  // of each table: nothing that this process knows of ends before
}

const (
	sweepReservations = iota
	sweepLeases
)

// reserved notes the reservation of a change that has succeeded.
func (s *Store) reserved(err error, with store.Change) {
	if err == nil && !with.Reservation.IsZero() {
		s.due(sweepReservations, row.Seconds(with.Reservation.Until), s.clock().Unix())
	}
}

// due notes that a jti ends then, and begins a sweep if one is due now.
func (s *Store) due(table int, ends, now int64) {
	w := &s.sweeper
	w.mu.Lock()
	defer w.mu.Unlock()
	w.next[table] = min(w.next[table], ends)
	if w.ctx.Err() != nil || w.running || now < w.next[table] || time.Since(w.ended) < w.pause {
		return
	}
	w.running, w.next[table] = true, math.MaxInt64
	w.under.Go(func() {
		next, err := s.sweep(w.ctx, table)
		w.mu.Lock()
		defer w.mu.Unlock()
		w.running, w.ended = false, time.Now()
		if err != nil {
			next = 0
			s.log.Warn("postgres: jti that have ended are not forgotten yet", "error", explained(err))
		}
		w.next[table] = min(w.next[table], next)
	})
}

// close ends the sweep under way, and lets no other begin.
func (w *sweeper) close() {
	w.mu.Lock()
	w.cancel()
	w.mu.Unlock()
	w.under.Wait()
}

// sweep forgets what has ended, and returns when the next one ends.
func (s *Store) sweep(ctx context.Context, table int) (next int64, err error) {
	forget, mark, ask, unit := forgetReservations, reservationMark, nextReservation, time.Time.Unix
	if table == sweepLeases {
		forget, mark, ask, unit = forgetLeases, leaseMark, nextLease, time.Time.UnixMilli
	}
	for gone := int64(sweepStep); gone == sweepStep; {
		if err := s.transact(ctx, changeWait, nil, func(ctx context.Context, w *work) (err error) {
			gone, err = w.forget(ctx, forget, mark, unit(w.now), sweepStep)
			return err
		}); err != nil {
			return 0, err
		}
	}
	err = s.read(ctx, func(ctx context.Context, conn *pgxpool.Conn) error {
		return conn.QueryRow(ctx, ask, int64(math.MaxInt64)).Scan(&next)
	})
	return next, err
}

// forget forgets at most limit jti that have ended, the earliest first, and raises the mark to
// the last of them.
func (w *work) forget(ctx context.Context, statement, mark string, now int64, limit int) (gone int64, err error) {
	var last int64
	if err := w.send(ctx, func(b *pgx.Batch) {
		b.Queue(statement, now, limit).QueryRow(func(row pgx.Row) error { return row.Scan(&gone, &last) })
	}); err != nil || last == 0 {
		return gone, err
	}
	return gone, w.send(ctx, func(b *pgx.Batch) { b.Queue(raiseMark, mark, last) })
}
