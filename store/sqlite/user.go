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
	selectUser    = "SELECT " + row.UserColumns + " FROM users WHERE email = ?"
	selectUsers   = "SELECT " + row.UserColumns + " FROM users WHERE email > ? ORDER BY email LIMIT ?"
	selectCreated = "SELECT created_at FROM users WHERE email = ?"
	insertUser    = "INSERT OR REPLACE INTO users (" + row.UserColumns + ") VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
	deleteUser    = "DELETE FROM users WHERE email = ?"
)

var _ store.Users = (*Store)(nil)

// SignIn implements store.Users.
func (s *Store) SignIn(ctx context.Context, u store.User) (stored store.User, first bool, err error) {
	if u, err = store.ForSignIn(u); err != nil {
		return store.User{}, false, err
	}
	err = s.write.aside(ctx, func(ctx context.Context) error {
		var created int64
		switch err := s.write.conn.QueryRowContext(ctx, selectCreated, u.Email).Scan(&created); {
		case errors.Is(err, sql.ErrNoRows):
			stored, first = u, true
		case err != nil:
			return err
		default:
			stored, first = u, false
			stored.CreatedAt = time.Unix(created, 0).UTC()
		}
		values, err := row.UserValues(stored)
		if err != nil {
			return err
		}
		_, err = s.write.conn.ExecContext(ctx, insertUser, values...)
		return err
	})
	if err != nil {
		return store.User{}, false, failed("sign in", err)
	}
	return stored, first, nil
}

// GetUser implements store.Users.
func (s *Store) GetUser(ctx context.Context, email string) (store.User, error) {
	u, err := row.ScanUser(s.read.db.QueryRowContext(ctx, selectUser, email))
	if errors.Is(err, sql.ErrNoRows) {
		return store.User{}, store.ErrNotFound
	}
	if err != nil {
		return store.User{}, s.unread("get user", err)
	}
	return u, nil
}

// ListUsers implements store.Users.
func (s *Store) ListUsers(ctx context.Context, after string, limit int) ([]store.User, error) {
	found, err := collect(row.ScanUser)(s.read.db.QueryContext(ctx, selectUsers, after, max(limit, 0)))
	if err != nil {
		return nil, s.unread("list users", err)
	}
	return found, nil
}

// ForgetUser implements store.Users.
func (s *Store) ForgetUser(ctx context.Context, email string) error {
	return failed("forget user", s.write.aside(ctx, func(ctx context.Context) error {
		return affects(store.ErrNotFound)(s.write.conn.ExecContext(ctx, deleteUser, email))
	}))
}
