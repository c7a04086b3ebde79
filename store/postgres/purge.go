package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/obdcr/obdcr/store"
)

const (
	purgeAudit = "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE id < $1 ORDER BY id LIMIT $2)"
	// The record that was removed first comes first, and the entry of its removal is its last by
	// version: a clock that was set back does not matter. One of its ID that has an entry of a
	// later time waits.
	purgeRemoved = `WITH ends AS (SELECT e.id, e.client FROM audit e WHERE e.state = '' AND e.id < $1
			AND NOT EXISTS (SELECT 1 FROM clients c WHERE c.id = e.client)
			AND NOT EXISTS (SELECT 1 FROM audit l WHERE l.client = e.client AND (l.id >= $1 OR l.state = '' AND l.id > e.id)) ORDER BY e.id LIMIT $2)
		DELETE FROM audit WHERE id IN (SELECT a.id FROM ends JOIN audit a ON a.client = ends.client ORDER BY ends.id, a.version, a.id LIMIT $2)`
)

// Purge implements store.Purger. Each step reads no more than it forgets, by an index.
func (s *Store) Purge(ctx context.Context, what store.Purge) (store.Purged, error) {
	var done store.Purged
	limit := max(what.Limit, 0)
	err := s.transact(ctx, changeWait, nil, func(ctx context.Context, w *work) error {
		gone, err := w.forget(ctx, forgetReservations, reservationMark, w.now.Unix(), limit)
		if err != nil {
			return err
		}
		var old, removed int64
		if err := w.send(ctx, func(b *pgx.Batch) {
			b.Queue(purgeAudit, idAt(what.AuditBefore), limit).Exec(count(&old))
			b.Queue(purgeRemoved, idAt(what.DeletedBefore), limit).Exec(count(&removed))
		}); err != nil {
			return err
		}
		done = store.Purged{Reservations: int(gone), Audit: int(old), Deleted: int(removed)}
		return nil
	})
	if err != nil {
		return store.Purged{}, failed("purge", err)
	}
	return done, nil
}

// idAt returns the least ID of an entry that is not before t. Entries are of whole milliseconds.
func idAt(t time.Time) string {
	if whole := t.Truncate(time.Millisecond); whole.Before(t) {
		t = whole.Add(time.Millisecond)
	}
	return store.AuditIDAt(t)
}
