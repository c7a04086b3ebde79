package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/internal/row"
)

const (
	selectClient     = "SELECT " + row.Columns + " FROM clients WHERE id = ?"
	selectByClientID = "SELECT " + row.Columns + " FROM clients WHERE client_id = ? AND client_id <> ''"
	selectUnfinished = "SELECT " + row.Columns + " FROM clients WHERE state IN ('creating', 'updating', 'deleting') AND since < ? ORDER BY since, id LIMIT ?"
	selectPending    = "SELECT " + row.Columns + " FROM clients WHERE state IN ('pending_create', 'pending_delete') AND id > ? ORDER BY id LIMIT ?"
	selectAfter      = "SELECT " + row.Columns + " FROM clients WHERE id > ? ORDER BY id LIMIT ?"
)

// reader is the pool of the connections that read.
type reader struct {
	db *sql.DB

	get, byClientID, unfinished, pending, after   *sql.Stmt
	history, audit, auditedAs, reservations, mark *sql.Stmt
	environments, session, subscriptions          *sql.Stmt
}

func newReader(ctx context.Context, path string) (*reader, error) {
	db, err := connect(path, readers, "query_only(1)")
	if err != nil {
		return nil, err
	}
	r := &reader{db: db}
	for query, into := range map[string]**sql.Stmt{
		selectClient: &r.get, selectByClientID: &r.byClientID,
		selectUnfinished: &r.unfinished, selectPending: &r.pending, selectAfter: &r.after,
		selectHistory: &r.history, selectAudit: &r.audit, selectAuditedAs: &r.auditedAs, selectReservations: &r.reservations, selectMark: &r.mark,
		selectEnvironments: &r.environments, selectSession: &r.session,
		selectSubscriptions: &r.subscriptions,
	} {
		if *into, err = db.PrepareContext(ctx, query); err != nil {
			return nil, errors.Join(err, db.Close())
		}
	}
	return r, nil
}

func (r *reader) close() error { return r.db.Close() }

// Get implements store.Store.
func (s *Store) Get(ctx context.Context, id string) (store.Client, error) {
	return s.get(ctx, s.read.get, id)
}

// GetByClientID implements store.ClientIDs.
func (s *Store) GetByClientID(ctx context.Context, clientID string) (store.Client, error) {
	return s.get(ctx, s.read.byClientID, clientID)
}

func (s *Store) get(ctx context.Context, query *sql.Stmt, id string) (store.Client, error) {
	c, err := row.Scan(query.QueryRowContext(ctx, id))
	if errors.Is(err, sql.ErrNoRows) {
		return store.Client{}, store.ErrNotFound
	}
	if err != nil {
		return store.Client{}, s.unread("get", err)
	}
	return c, nil
}

// ListUnfinished implements store.Unfinished.
func (s *Store) ListUnfinished(ctx context.Context, before time.Time, limit int) ([]store.Client, error) {
	return s.list(ctx, s.read.unfinished, limit, row.Seconds(before))
}

// ListPending implements store.Pending.
func (s *Store) ListPending(ctx context.Context, after string, limit int) ([]store.Client, error) {
	return s.list(ctx, s.read.pending, limit, after)
}

// List implements store.Lister.
func (s *Store) List(ctx context.Context, after string, limit int) ([]store.Client, error) {
	return s.list(ctx, s.read.after, limit, after)
}

func (s *Store) list(ctx context.Context, query *sql.Stmt, limit int, from any) ([]store.Client, error) {
	found, err := collect(row.Scan)(query.QueryContext(ctx, from, max(limit, 0)))
	if err != nil {
		return nil, s.unread("list", err)
	}
	return found, nil
}

// collect reads all rows of a result, and closes it.
func collect[T any](scan func(row.Scanner) (T, error)) func(*sql.Rows, error) ([]T, error) {
	return func(rows *sql.Rows, err error) (found []T, _ error) {
		if err != nil {
			return nil, err
		}
		for rows.Next() {
			one, err := scan(rows)
			if err != nil {
				return nil, errors.Join(err, rows.Close())
			}
			found = append(found, one)
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return nil, err
		}
		return found, nil
	}
}

// scanned reads a row of one column.
func scanned[T any](result row.Scanner) (value T, err error) {
	err = result.Scan(&value)
	return value, err
}
