package sqlite

import (
	"context"
	"database/sql"
	"slices"

	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/internal/row"
)

const (
	purgeAudit    = "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE id < ? ORDER BY id LIMIT ?)"
	selectRemoved = `SELECT record_id FROM audit WHERE state = '' AND id < ?
		AND NOT EXISTS (SELECT 1 FROM clients WHERE clients.id = audit.record_id)
		AND NOT EXISTS (SELECT 1 FROM audit AS later WHERE later.record_id = audit.record_id AND later.id >= ?) ORDER BY id LIMIT ?`
	purgeHistory = "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE record_id = ? ORDER BY version, id LIMIT ?)"
)

var _ store.Purger = (*Store)(nil)

// Purge implements store.Purger.
func (s *Store) Purge(ctx context.Context, what store.Purge) (store.Purged, error) {
	var done store.Purged
	if what.Limit < 1 {
		return done, nil
	}
	err := s.write.transact(ctx, func(ctx context.Context) error {
		done = store.Purged{}
		ends, err := s.write.purged(ctx, s.clock().Unix(), what.Limit)
		if err != nil {
			return err
		}
		if done.Reservations = len(ends); len(ends) > 0 {
			if _, err := s.write.raise.ExecContext(ctx, slices.Max(ends)); err != nil {
				return err
			}
		}
		if !what.AuditBefore.IsZero() {
			if done.Audit, err = changed(s.write.conn.ExecContext(ctx, purgeAudit, row.EntriesBefore(what.AuditBefore), what.Limit)); err != nil {
				return err
			}
		}
		if !what.DeletedBefore.IsZero() {
			done.Deleted, err = s.write.purgeRemoved(ctx, row.EntriesBefore(what.DeletedBefore), what.Limit)
		}
		return err
	})
	if err != nil {
		return store.Purged{}, failed("purge", err)
	}
	return done, nil
}

// purgeRemoved forgets entries about records that were removed by an entry before that ID,
// and have none after it: an ID may have been used again.
// The entry that tells of the removal goes last, so that the next step finds the others. A
// record that there is again keeps them.
func (w *writer) purgeRemoved(ctx context.Context, before string, limit int) (done int, err error) {
	records, err := collect(scanned[string])(w.conn.QueryContext(ctx, selectRemoved, before, before, limit))
	if err != nil {
		return 0, err
	}
	for _, id := range records {
		n, err := changed(w.conn.ExecContext(ctx, purgeHistory, id, limit-done))
		if err != nil {
			return 0, err
		}
		if done += n; done == limit {
			break
		}
	}
	return done, nil
}

// changed returns how many rows a statement changed.
func changed(result sql.Result, err error) (int, error) {
	if err != nil {
		return 0, err
	}
	n, err := result.RowsAffected()
	return int(n), err
}
