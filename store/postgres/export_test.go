package postgres

import (
	"context"

	"github.com/obdcr/obdcr/store"
)

// Sweep makes sweeps follow each other without a pause.
func (s *Store) Sweep() { s.sweeper.pause = 0 }

// Swept waits for the sweep that is under way, if there is one.
func (s *Store) Swept() { s.sweeper.under.Wait() }

// SearchFor is the statement of Search for any columns.
func SearchFor(columns string, q store.Query, limit int) (string, []any) {
	form, _, _ := store.ForSearch(q)
	return searchFor(columns, form, store.Position{}, limit)
}

// ForgetLeases forgets at most limit leases that have ended, as a step of a sweep does.
func (s *Store) ForgetLeases(ctx context.Context, limit int) (gone int64, err error) {
	err = s.transact(ctx, changeWait, nil, func(ctx context.Context, w *work) (err error) {
		gone, err = w.forget(ctx, forgetLeases, leaseMark, w.now.UnixMilli(), limit)
		return err
	})
	return gone, err
}
