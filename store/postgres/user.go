package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/internal/row"
)

const (
	userColumns = row.UserColumns + ", change_id"

	selectUser  = "SELECT " + row.UserColumns + " FROM users WHERE email = $1"
	selectUsers = "SELECT " + row.UserColumns + " FROM users WHERE email > $1 ORDER BY email LIMIT $2"
	deleteUser  = "DELETE FROM users WHERE email = $1"
)

// putUser keeps created_at and change_id of a row that is there: by the latter the first
// sign-in is known, also where its answer was lost.
var putUser = "INSERT INTO users (" + userColumns + ") VALUES (" + places(1, userColumns) + `) ON CONFLICT (email) DO UPDATE SET
	(name, issuer, subject, organisations, is_operator, seen_at) =
	(excluded.name, excluded.issuer, excluded.subject, excluded.organisations, excluded.is_operator, excluded.seen_at)
	RETURNING created_at, change_id`

// SignIn implements store.Users.
func (s *Store) SignIn(ctx context.Context, u store.User) (stored store.User, first bool, err error) {
	if u, err = store.ForSignIn(u); err != nil {
		return store.User{}, false, err
	}
	values, err := row.UserValues(u)
	if err != nil {
		return store.User{}, false, failed("sign in", err)
	}
	err = s.transact(ctx, changeWait, nil, func(ctx context.Context, w *work) error {
		var created int64
		var by string
		if err := w.send(ctx, func(b *pgx.Batch) {
			b.Queue(putUser, append(values[:len(values):len(values)], w.id)...).QueryRow(func(r pgx.Row) error { return r.Scan(&created, &by) })
		}); err != nil {
			return err
		}
		stored, first = u, by == w.id
		stored.CreatedAt = time.Unix(created, 0).UTC()
		return nil
	})
	if err != nil {
		return store.User{}, false, failed("sign in", err)
	}
	return stored, first, nil
}

// GetUser implements store.Users.
func (s *Store) GetUser(ctx context.Context, email string) (u store.User, err error) {
	if !keepable(email) {
		return store.User{}, store.ErrNotFound
	}
	err = s.read(ctx, func(ctx context.Context, conn *pgxpool.Conn) (err error) {
		u, err = row.ScanUser(conn.QueryRow(ctx, selectUser, email))
		return missing(err)
	})
	return u, failed("get user", err)
}

// ListUsers implements store.Users.
func (s *Store) ListUsers(ctx context.Context, after string, limit int) ([]store.User, error) {
	return list(ctx, s, "list users", func(r pgx.Row) (store.User, error) { return row.ScanUser(r) }, selectUsers, after, max(limit, 0))
}

// ForgetUser implements store.Users.
func (s *Store) ForgetUser(ctx context.Context, email string) error {
	if !keepable(email) {
		return store.ErrNotFound
	}
	return failed("forget user", s.transact(ctx, changeWait, isGone, func(ctx context.Context, w *work) error {
		var removed int64
		err := w.send(ctx, func(b *pgx.Batch) { b.Queue(deleteUser, email).Exec(count(&removed)) })
		if err == nil && removed == 0 {
			return store.ErrNotFound
		}
		return err
	}))
}

// isGone takes it that an earlier attempt, of which nobody knows the outcome, has removed what is
// not there: nobody is told otherwise than by what the store has.
func isGone(context.Context, *work) (bool, error) { return true, nil }
