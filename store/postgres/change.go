package postgres

import (
	"context"
	"errors"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/internal/row"
)

var (
	insertClient = "INSERT INTO clients (" + written + ") VALUES (" + places(1, written) + ") ON CONFLICT DO NOTHING"
	updateClient = "UPDATE clients SET (" + written + ") = (" + places(2, written) + ") WHERE id = $1"
)

const (
	lockClient   = "SELECT " + row.Columns + " FROM clients WHERE id = $1 FOR UPDATE"
	deleteClient = "DELETE FROM clients WHERE id = $1"

	insertUnique = "INSERT INTO unique_keys (unique_key, client_id) SELECT k, $2::text FROM unnest($1::text[]) AS k ON CONFLICT DO NOTHING"
	deleteUnique = "DELETE FROM unique_keys WHERE unique_key = ANY ($1::text[]) AND client_id = $2"
	selectHolder = `SELECT coalesce(c.state, '') FROM unique_keys u LEFT JOIN clients c ON c.id = u.client_id
		WHERE u.unique_key = ANY ($1::text[]) AND u.client_id <> $2 LIMIT 1`

	clientIDIndex = "clients_of_client_id"
)

// Create implements store.Store.
func (s *Store) Create(ctx context.Context, c store.Client, with store.Change) error {
	c, err := store.ForCreate(c, with)
	if err != nil {
		return err
	}
	all, err := values(c)
	if err != nil {
		return failed("create", err)
	}
	err = s.transact(ctx, changeWait, wrote(c.ID, 1), func(ctx context.Context, w *work) error {
		note, err := w.entry(c, false, with)
		if err != nil {
			return err
		}
		r := newReservation(c.ID, with.Reservation)
		var added, held int64
		keys := uniqueKeys(c)
		if err := w.send(ctx, func(b *pgx.Batch) {
			r.queue(b)
			b.Queue(insertClient, append(all[:len(all):len(all)], w.id)...).Exec(count(&added))
			queueKeys(b, keys, c.ID, &held)
			note.queue(b)
		}); err != nil {
			return err
		}
		if err := r.settle(ctx, w); err != nil {
			return err
		}
		if added == 0 {
			return store.ErrExists
		}
		return w.holds(ctx, c.ID, keys, held)
	})
	s.reserved(err, with)
	return failed("create", err)
}

// Update implements store.Store.
func (s *Store) Update(ctx context.Context, c store.Client, with store.Change) error {
	err := s.transact(ctx, changeWait, wrote(c.ID, c.Version+1), func(ctx context.Context, w *work) error {
		r := newReservation(c.ID, with.Reservation)
		old, err := w.lock(ctx, c.ID, r.queue)
		if err != nil {
			return err
		}
		if err := r.settle(ctx, w); err != nil {
			return err
		}
		next, err := store.ForUpdate(old, c, with)
		if err != nil {
			return err
		}
		return w.replace(ctx, old, next, with, func(b *pgx.Batch) {
			if apis := slices.DeleteFunc(slices.Clone(with.Unsubscribe), func(api string) bool { return !keepable(api) }); len(apis) > 0 {
				b.Queue(deleteSubscriptions, c.ID, apis)
			}
		})
	})
	s.reserved(err, with)
	return failed("update", err)
}

// Delete implements store.Store.
func (s *Store) Delete(ctx context.Context, id string, version int64, with store.Change) error {
	return failed("delete", s.transact(ctx, changeWait, wrote(id, version), func(ctx context.Context, w *work) error {
		old, err := w.lock(ctx, id, nil)
		if err != nil {
			return err
		}
		if err := store.ForDelete(old, version, with); err != nil {
			return err
		}
		return w.remove(ctx, old, with)
	}))
}

// Undo implements store.Unfinished.
func (s *Store) Undo(ctx context.Context, id string, version int64, with store.Change) error {
	return failed("undo", s.transact(ctx, changeWait, wrote(id, version+1), func(ctx context.Context, w *work) error {
		old, err := w.lock(ctx, id, nil)
		if err != nil {
			return err
		}
		before, err := store.ForUndo(old, version, with)
		if err != nil {
			return err
		}
		if len(old.Reserved) > 0 {
			if err := w.send(ctx, func(b *pgx.Batch) { b.Queue(freeReservation, old.Reserved, id) }); err != nil {
				return err
			}
		}
		if before == nil {
			return w.remove(ctx, old, with)
		}
		return w.replace(ctx, old, *before, with, nil)
	}))
}

// count remembers how many rows a statement changed.
func count(into *int64) func(pgconn.CommandTag) error {
	return func(tag pgconn.CommandTag) error {
		*into = tag.RowsAffected()
		return nil
	}
}

// lock reads a record, which nobody else changes before the transaction ends. ErrNotFound:
// there is none. also queues statements of the same round trip; nil for none.
func (w *work) lock(ctx context.Context, id string, also func(*pgx.Batch)) (store.Client, error) {
	if !keepable(id) {
		return store.Client{}, store.ErrNotFound
	}
	var found store.Client
	missing := false
	err := w.send(ctx, func(b *pgx.Batch) {
		b.Queue(lockClient, id).QueryRow(func(r pgx.Row) (err error) {
			found, err = row.Scan(r)
			if errors.Is(err, pgx.ErrNoRows) {
				missing, err = true, nil
			}
			return err
		})
		if also != nil {
			also(b)
		}
	})
	if err == nil && missing {
		err = store.ErrNotFound
	}
	return found, err
}

// remove removes a record and its unique keys.
func (w *work) remove(ctx context.Context, old store.Client, with store.Change) error {
	note, err := w.entry(old, true, with)
	if err != nil {
		return err
	}
	return w.send(ctx, func(b *pgx.Batch) {
		b.Queue(deleteClient, old.ID)
		dropKeys(b, old)
		note.queue(b)
	})
}

// replace writes c over old, and takes the unique keys of c in the place of those of old. also
// queues statements of the same round trip; nil for none.
func (w *work) replace(ctx context.Context, old, c store.Client, with store.Change, also func(*pgx.Batch)) error {
	all, err := values(c)
	if err != nil {
		return err
	}
	note, err := w.entry(c, false, with)
	if err != nil {
		return err
	}
	var held int64
	keys := uniqueKeys(c)
	same := old.UniqueKey == c.UniqueKey && old.Previous == nil && c.Previous == nil
	err = w.send(ctx, func(b *pgx.Batch) {
		// The client_id comes first: where that is taken, ErrLeaving would promise too much.
		b.Queue(updateClient, append(append([]any{c.ID}, all...), w.id)...)
		note.queue(b)
		if also != nil {
			also(b)
		}
		if same {
			return
		}
		dropKeys(b, old)
		queueKeys(b, keys, c.ID, &held)
	})
	var said *pgconn.PgError
	switch {
	case errors.As(err, &said) && said.Code == uniqueViolation && said.ConstraintName == clientIDIndex:
		return store.ErrExists
	case err != nil || same:
		return err
	}
	return w.holds(ctx, c.ID, keys, held)
}

func queueKeys(b *pgx.Batch, keys []string, id string, held *int64) {
	if len(keys) > 0 {
		b.Queue(insertUnique, keys, id).Exec(count(held))
	}
}

func dropKeys(b *pgx.Batch, old store.Client) {
	if keys := uniqueKeys(old); len(keys) > 0 {
		b.Queue(deleteUnique, keys, old.ID)
	}
}

// holds returns nil if the record got all of its unique keys. ErrExists: another record holds
// one of them; ErrLeaving if that record is Creating or Deleting.
func (w *work) holds(ctx context.Context, id string, keys []string, held int64) error {
	if held == int64(len(keys)) {
		return nil
	}
	var state store.State
	found := false
	err := w.send(ctx, func(b *pgx.Batch) {
		b.Queue(selectHolder, keys, id).QueryRow(func(r pgx.Row) error {
			err := r.Scan(&state)
			found = err == nil
			if errors.Is(err, pgx.ErrNoRows) {
				err = nil
			}
			return err
		})
	})
	switch {
	case err != nil:
		return err
	case !found:
		return errAgain
	case state == store.Deleting || state == store.Creating:
		return store.ErrLeaving
	}
	return store.ErrExists
}
