package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/internal/row"
)

const (
	reservationColumns = "reservation_key, ends_at, client_id"

	selectReservations  = "SELECT " + reservationColumns + " FROM reservations WHERE reservation_key > ? ORDER BY reservation_key LIMIT ?"
	selectHeld          = "SELECT " + reservationColumns + " FROM reservations WHERE reservation_key = ?"
	importedReservation = "INSERT INTO reservations (" + reservationColumns + ") VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
	selectMark          = "SELECT ends_at FROM reservation_marks WHERE name = 'forgotten'"
)

var _ store.Transfer = (*Store)(nil)

// ListReservations implements store.Transfer.
func (s *Store) ListReservations(ctx context.Context, after []byte, limit int) ([]store.HeldReservation, error) {
	if after == nil {
		after = []byte{} // a NULL is greater than nothing
	}
	found, err := collect(scanReservation)(s.read.reservations.QueryContext(ctx, after, max(limit, 0)))
	if err != nil {
		return nil, s.unread("list reservations", err)
	}
	return found, nil
}

// Forgotten implements store.Transfer.
func (s *Store) Forgotten(ctx context.Context) (mark time.Time, ok bool, err error) {
	var end int64
	switch err := s.read.mark.QueryRowContext(ctx).Scan(&end); {
	case errors.Is(err, sql.ErrNoRows):
		return time.Time{}, false, nil
	case err != nil:
		return time.Time{}, false, s.unread("forgotten", err)
	}
	return time.Unix(end, 0).UTC(), true, nil
}

func scanReservation(result row.Scanner) (store.HeldReservation, error) {
	var (
		r   store.HeldReservation
		key []byte
		end int64
	)
	if err := result.Scan(&key, &end, &r.Client); err != nil {
		return r, err
	}
	if copy(r.Key[:], key) != len(r.Key) {
		return r, fmt.Errorf("the key of a reservation of record %.64q has %d bytes", r.Client, len(key))
	}
	r.Until = time.Unix(end, 0).UTC()
	return r, nil
}

// Import implements store.Transfer.
func (s *Store) Import(ctx context.Context, b store.Batch) (store.Imported, error) {
	b, err := store.ForImport(b)
	if err != nil {
		return store.Imported{}, err
	}
	var done store.Imported
	err = s.write.transact(ctx, func(ctx context.Context) error {
		done, err = s.write.importBatch(ctx, b)
		return err
	})
	if err != nil {
		return store.Imported{}, failed("import", err)
	}
	return done, nil
}

func (w *writer) importBatch(ctx context.Context, b store.Batch) (done store.Imported, err error) {
	count := func(written *int, isNew bool, err error) error {
		if isNew {
			*written++
		}
		return err
	}
	for _, c := range b.Clients {
		isNew, err := w.importClient(ctx, c)
		if err := count(&done.Clients, isNew, err); err != nil {
			return done, err
		}
	}
	for _, one := range b.Subscriptions {
		isNew, err := w.importSubscription(ctx, one)
		if err := count(&done.Subscriptions, isNew, err); err != nil {
			return done, err
		}
	}
	for _, r := range b.Reservations {
		isNew, err := w.importReservation(ctx, r)
		if err := count(&done.Reservations, isNew, err); err != nil {
			return done, err
		}
	}
	for _, e := range b.Audit {
		isNew, err := w.importEntry(ctx, e)
		if err := count(&done.Audit, isNew, err); err != nil {
			return done, err
		}
	}
	if !b.Forgotten.IsZero() {
		_, err = w.raise.ExecContext(ctx, b.Forgotten.Unix())
	}
	return done, err
}

// importClient reports whether it has written the record: false where it was there.
func (w *writer) importClient(ctx context.Context, c store.Client) (isNew bool, err error) {
	values, err := row.Values(c)
	if err != nil {
		return false, err
	}
	if isNew, err = inserts(w.insert.ExecContext(ctx, values...)); err != nil {
		return false, err
	}
	if isNew {
		if err := w.hold(ctx, c); err != nil {
			return false, fmt.Errorf("%w: record %.64q", err, c.ID)
		}
		return true, nil
	}
	held, err := w.client(ctx, c.ID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return false, fmt.Errorf("%w: the client_id of record %.64q", store.ErrExists, c.ID)
	case err == nil && !store.SameRecord(held, c):
		return false, fmt.Errorf("%w: record %.64q, with another content", store.ErrExists, c.ID)
	}
	return false, err
}

func (w *writer) importReservation(ctx context.Context, r store.HeldReservation) (isNew bool, err error) {
	if isNew, err = inserts(w.addReservation.ExecContext(ctx, r.Key[:], r.Until.Unix(), r.Client)); err != nil {
		return false, err
	}
	if isNew {
		w.nextEnd = min(w.nextEnd, r.Until.Unix())
		return true, nil
	}
	held, err := scanReservation(w.conn.QueryRowContext(ctx, selectHeld, r.Key[:]))
	if err == nil && held != r {
		return false, fmt.Errorf("%w: reservation %x, with another content", store.ErrExists, r.Key)
	}
	return false, err
}

func (w *writer) importEntry(ctx context.Context, e store.AuditEntry) (isNew bool, err error) {
	values, err := row.EntryValues(e)
	if err != nil {
		return false, err
	}
	if isNew, err = inserts(w.addEntry.ExecContext(ctx, values...)); err != nil || isNew {
		return isNew, err
	}
	held, err := row.ScanEntry(w.conn.QueryRowContext(ctx, selectEntry, e.ID))
	if err == nil && !store.SameEntry(held, e) {
		return false, fmt.Errorf("%w: entry %.64q of the audit trail, with another content", store.ErrExists, e.ID)
	}
	return false, err
}

func (w *writer) importSubscription(ctx context.Context, one store.Subscription) (isNew bool, err error) {
	if isNew, err = inserts(w.conn.ExecContext(ctx, importedSubscription, row.SubscriptionValues(one)...)); err != nil || isNew {
		return isNew, err
	}
	held, err := row.ScanSubscription(w.conn.QueryRowContext(ctx, selectSubscription, one.Client, one.API))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return false, fmt.Errorf("%w: record %.64q of a subscription", store.ErrNotFound, one.Client)
	case err == nil && held != one:
		return false, fmt.Errorf("%w: subscription of record %.64q to %.64q, with another content", store.ErrExists, one.Client, one.API)
	}
	return false, err
}

// inserts reports whether a statement inserted a row.
func inserts(result sql.Result, err error) (bool, error) {
	n, err := changed(result, err)
	return n > 0, err
}
