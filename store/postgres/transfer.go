package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/internal/row"
)

const (
	selectReservations = "SELECT reservation_key, ends_at, client_id FROM reservations WHERE reservation_key > $1 ORDER BY reservation_key LIMIT $2"
	selectHeld         = "SELECT reservation_key, ends_at, client_id FROM reservations WHERE reservation_key = $1"
)

// ListReservations implements store.Transfer.
func (s *Store) ListReservations(ctx context.Context, after []byte, limit int) ([]store.HeldReservation, error) {
	return list(ctx, s, "list reservations", scanHeld, selectReservations, append([]byte{}, after...), max(limit, 0))
}

func scanHeld(r pgx.Row) (held store.HeldReservation, err error) {
	var key []byte
	var ends int64
	if err := r.Scan(&key, &ends, &held.Client); err != nil {
		return held, err
	}
	if len(key) != len(held.Key) {
		return held, fmt.Errorf("the key of a reservation has %d bytes", len(key))
	}
	copy(held.Key[:], key)
	held.Until = time.Unix(ends, 0).UTC()
	return held, nil
}

// Forgotten implements store.Transfer.
func (s *Store) Forgotten(ctx context.Context) (mark time.Time, ok bool, err error) {
	var ends int64
	err = s.read(ctx, func(ctx context.Context, conn *pgxpool.Conn) error {
		return found(&ok, &ends)(conn.QueryRow(ctx, selectMark, reservationMark))
	})
	if err != nil || !ok {
		return time.Time{}, false, failed("forgotten", err)
	}
	return time.Unix(ends, 0).UTC(), true, nil
}

// Import implements store.Transfer.
func (s *Store) Import(ctx context.Context, b store.Batch) (store.Imported, error) {
	b, err := store.ForImport(b)
	if err != nil {
		return store.Imported{}, err
	}
	var done store.Imported
	err = s.transact(ctx, changeWait, nil, func(ctx context.Context, w *work) error {
		in := imports{work: w, before: done}
		if err := in.all(ctx, b); err != nil {
			return err
		}
		done = in.done
		return nil
	})
	if err != nil {
		return store.Imported{}, failed("import", err)
	}
	return done, nil
}

// imports is an attempt of an Import. An earlier attempt that was committed, although nobody
// said so, has left it nothing to write.
type imports struct {
	*work
	before store.Imported // what the earlier attempt has written
	done   store.Imported
}

func (in *imports) all(ctx context.Context, b store.Batch) error {
	added, err := in.clients(ctx, b.Clients)
	if err != nil {
		return err
	}
	if err := in.keys(ctx, added); err != nil {
		return err
	}
	in.done.Clients = len(added)
	if err := in.subscriptions(ctx, b.Subscriptions); err != nil {
		return err
	}
	if err := in.reservations(ctx, b.Reservations); err != nil {
		return err
	}
	if err := in.notes(ctx, b.Audit); err != nil {
		return err
	}
	if in.doubt && in.done == (store.Imported{}) {
		in.done = in.before
	}
	if b.Forgotten.IsZero() {
		return nil
	}
	return in.send(ctx, func(q *pgx.Batch) { q.Queue(raiseMark, reservationMark, b.Forgotten.Unix()) })
}

// clients inserts the records that are not there, and returns them.
func (in *imports) clients(ctx context.Context, all []store.Client) (added []store.Client, err error) {
	inserted, err := insertAll(ctx, in.work, all, func(q *pgx.Batch, c store.Client) (*pgx.QueuedQuery, error) {
		columns, err := values(c)
		if err != nil {
			return nil, fmt.Errorf("record %.64q: %w", c.ID, err)
		}
		return q.Queue(insertClient, append(columns, in.id)...), nil
	})
	if err != nil {
		return nil, err
	}
	for i, c := range all {
		if inserted[i] > 0 {
			added = append(added, c)
			continue
		}
		if err := in.same(ctx, selectClient, []any{c.ID}, func(r pgx.Row) (bool, error) {
			held, err := row.Scan(r)
			return err == nil && store.SameRecord(held, c), err
		}); err != nil {
			return nil, err
		}
	}
	return added, nil
}

// keys takes the unique keys of the records that were added.
func (in *imports) keys(ctx context.Context, added []store.Client) error {
	held, err := insertAll(ctx, in.work, added, func(q *pgx.Batch, c store.Client) (*pgx.QueuedQuery, error) {
		return q.Queue(insertUnique, append([]string{}, uniqueKeys(c)...), c.ID), nil
	})
	if err != nil {
		return err
	}
	for i, c := range added {
		if held[i] != int64(len(uniqueKeys(c))) {
			return store.ErrExists
		}
	}
	return nil
}

func (in *imports) reservations(ctx context.Context, all []store.HeldReservation) error {
	inserted, err := insertAll(ctx, in.work, all, func(q *pgx.Batch, r store.HeldReservation) (*pgx.QueuedQuery, error) {
		if !keepable(r.Client) {
			return nil, fmt.Errorf("reservation %x: its record's ID holds a NUL or is no UTF-8", r.Key)
		}
		return q.Queue(insertReservation, r.Key[:], r.Until.Unix(), r.Client), nil
	})
	if err != nil {
		return err
	}
	for i, r := range all {
		if inserted[i] > 0 {
			in.done.Reservations++
			continue
		}
		if err := in.same(ctx, selectHeld, []any{r.Key[:]}, func(row pgx.Row) (bool, error) {
			held, err := scanHeld(row)
			return held == r, err
		}); err != nil {
			return err
		}
	}
	return nil
}

func (in *imports) subscriptions(ctx context.Context, all []store.Subscription) error {
	inserted, err := insertAll(ctx, in.work, all, func(q *pgx.Batch, one store.Subscription) (*pgx.QueuedQuery, error) {
		return q.Queue(insertSubscription, row.SubscriptionValues(one)...), nil
	})
	if err != nil {
		return err
	}
	for i, one := range all {
		if inserted[i] > 0 {
			in.done.Subscriptions++
			continue
		}
		there := false
		if err := in.same(ctx, selectSubscription, []any{one.Client, one.API}, func(r pgx.Row) (bool, error) {
			held, err := row.ScanSubscription(r)
			there = err == nil
			return there && held == one, err
		}); errors.Is(err, store.ErrExists) && !there {
			return fmt.Errorf("%w: record %.64q of a subscription", store.ErrNotFound, one.Client)
		} else if err != nil {
			return err
		}
	}
	return nil
}

func (in *imports) notes(ctx context.Context, all []store.AuditEntry) error {
	inserted, err := insertAll(ctx, in.work, all, func(q *pgx.Batch, e store.AuditEntry) (*pgx.QueuedQuery, error) {
		n, err := noteOf(e)
		if err != nil {
			return nil, fmt.Errorf("entry %.64q: %w", e.ID, err)
		}
		return q.Queue(insertNote, n...), nil
	})
	if err != nil {
		return err
	}
	for i, e := range all {
		if inserted[i] > 0 {
			in.done.Audit++
			continue
		}
		if err := in.same(ctx, selectNoted, []any{e.ID}, func(row pgx.Row) (bool, error) {
			held, err := scanNote(row)
			return err == nil && store.SameEntry(held, e), err
		}); err != nil {
			return err
		}
	}
	return nil
}

// insertAll queues a statement for each element and returns how many rows each has inserted.
func insertAll[T any](ctx context.Context, w *work, all []T, queue func(*pgx.Batch, T) (*pgx.QueuedQuery, error)) ([]int64, error) {
	inserted := make([]int64, len(all))
	if len(all) == 0 {
		return inserted, nil
	}
	var refused error
	b := func(q *pgx.Batch) {
		for i, one := range all {
			query, err := queue(q, one)
			if err != nil {
				refused = errors.Join(refused, err)
				continue
			}
			query.Exec(count(&inserted[i]))
		}
	}
	if err := w.send(ctx, b); err != nil {
		return nil, err
	}
	return inserted, refused
}

// same returns ErrExists unless the row that is there is the same. Where it is of another key,
// since what they have in common is another column, there is none.
func (in *imports) same(ctx context.Context, query string, key []any, same func(pgx.Row) (bool, error)) error {
	is := false
	err := in.send(ctx, func(q *pgx.Batch) {
		q.Queue(query, key...).QueryRow(func(r pgx.Row) (err error) {
			is, err = same(r)
			if errors.Is(err, pgx.ErrNoRows) {
				return nil
			}
			return err
		})
	})
	if err == nil && !is {
		return store.ErrExists
	}
	return err
}
