package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/internal/row"
)

const (
	selectClient     = "SELECT " + row.Columns + " FROM clients WHERE id = $1"
	selectByClientID = "SELECT " + row.Columns + " FROM clients WHERE client_id = $1 AND client_id <> ''"
	selectUnfinished = "SELECT " + row.Columns + " FROM clients WHERE state IN ('creating', 'updating', 'deleting') AND since < $1 ORDER BY since, id LIMIT $2"
	selectPending    = "SELECT " + row.Columns + " FROM clients WHERE state IN ('pending_create', 'pending_delete') AND id > $1 ORDER BY id LIMIT $2"
	selectAfter      = "SELECT " + row.Columns + " FROM clients WHERE id > $1 ORDER BY id LIMIT $2"
)

// Get implements store.Store.
func (s *Store) Get(ctx context.Context, id string) (store.Client, error) {
	return s.get(ctx, selectClient, id)
}

// GetByClientID implements store.ClientIDs.
func (s *Store) GetByClientID(ctx context.Context, clientID string) (store.Client, error) {
	return s.get(ctx, selectByClientID, clientID)
}

func (s *Store) get(ctx context.Context, query, id string) (c store.Client, err error) {
	if !keepable(id) {
		return store.Client{}, store.ErrNotFound
	}
	err = s.read(ctx, func(ctx context.Context, conn *pgxpool.Conn) (err error) {
		c, err = row.Scan(conn.QueryRow(ctx, query, id))
		return missing(err)
	})
	return c, failed("get", err)
}

// missing turns the error of the driver for no row into that of the contract.
func missing(err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return store.ErrNotFound
	}
	return err
}

func scanClient(r pgx.Row) (store.Client, error) { return row.Scan(r) }

// ListUnfinished implements store.Unfinished.
func (s *Store) ListUnfinished(ctx context.Context, before time.Time, limit int) ([]store.Client, error) {
	return list(ctx, s, "list", scanClient, selectUnfinished, row.Seconds(before), max(limit, 0))
}

// ListPending implements store.Pending.
func (s *Store) ListPending(ctx context.Context, after string, limit int) ([]store.Client, error) {
	return list(ctx, s, "list", scanClient, selectPending, after, max(limit, 0))
}

// List implements store.Lister.
func (s *Store) List(ctx context.Context, after string, limit int) ([]store.Client, error) {
	return list(ctx, s, "list", scanClient, selectAfter, after, max(limit, 0))
}

// list returns the rows of a query.
func list[T any](ctx context.Context, s *Store, verb string, scan func(pgx.Row) (T, error), query string, args ...any) (found []T, err error) {
	err = s.read(ctx, func(ctx context.Context, conn *pgxpool.Conn) error {
		rows, err := conn.Query(ctx, query, args...)
		if err != nil {
			return err
		}
		found, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (T, error) { return scan(r) })
		return err
	})
	if err != nil {
		return nil, failed(verb, err)
	}
	if len(found) == 0 {
		return nil, nil
	}
	return found, nil
}
