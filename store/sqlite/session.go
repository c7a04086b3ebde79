package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/obdcr/obdcr/store"
)

const (
	selectSession = "SELECT data, ends_at FROM sessions WHERE session_key = ? AND NOT ended"
	putSession    = `INSERT INTO sessions (session_key, data, ends_at, ended) VALUES (?, ?, ?, false)
		ON CONFLICT (session_key) DO UPDATE SET data = excluded.data, ends_at = excluded.ends_at WHERE NOT ended`
	endSession = `INSERT INTO sessions (session_key, data, ends_at, ended) VALUES (?, NULL, ?, true)
		ON CONFLICT (session_key) DO UPDATE SET data = NULL, ends_at = max(ends_at, excluded.ends_at), ended = true`
	purgeSessions = `DELETE FROM sessions WHERE session_key IN
		(SELECT session_key FROM sessions WHERE ends_at <= ? ORDER BY ends_at, session_key LIMIT ?)`
)

var _ store.Sessions = (*Store)(nil)

// PutSession implements store.Sessions. A session that is there exactly so is read and not
// written: it was there at that moment, and an EndSession meanwhile comes after it.
func (s *Store) PutSession(ctx context.Context, one store.Session) error {
	one, err := store.ForSession(one)
	if err != nil {
		return err
	}
	held, err := s.session(ctx, one.Key)
	if err == nil && held.Until.Equal(one.Until) && bytes.Equal(held.Data, one.Data) {
		return nil
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return failed("put session", s.write.aside(ctx, func(ctx context.Context) error {
		return affects(store.ErrState)(s.write.putSession.ExecContext(ctx, one.Key, one.Data, one.Until.UnixMilli()))
	}))
}

// GetSession implements store.Sessions.
func (s *Store) GetSession(ctx context.Context, key string) (store.Session, error) {
	held, err := s.session(ctx, key)
	if err == nil && !s.clock().Before(held.Until) {
		return store.Session{}, store.ErrNotFound
	}
	return held, err
}

// session returns a session that was not ended, whether or not its time has passed.
func (s *Store) session(ctx context.Context, key string) (store.Session, error) {
	found := store.Session{Key: key}
	var ends int64
	err := s.read.session.QueryRowContext(ctx, key).Scan(&found.Data, &ends)
	if errors.Is(err, sql.ErrNoRows) {
		return store.Session{}, store.ErrNotFound
	}
	if err != nil {
		return store.Session{}, s.unread("get session", err)
	}
	found.Until = time.UnixMilli(ends).UTC()
	return found, nil
}

// EndSession implements store.Sessions.
func (s *Store) EndSession(ctx context.Context, key string, until time.Time) error {
	one, err := store.ForSession(store.Session{Key: key, Until: until})
	if err != nil {
		return err
	}
	return failed("end session", s.write.aside(ctx, func(ctx context.Context) error {
		_, err := s.write.conn.ExecContext(ctx, endSession, one.Key, one.Until.UnixMilli())
		return err
	}))
}

// PurgeSessions implements store.Sessions.
func (s *Store) PurgeSessions(ctx context.Context, limit int) (forgotten int, err error) {
	if limit < 1 {
		return 0, ctx.Err()
	}
	err = s.write.aside(ctx, func(ctx context.Context) error {
		forgotten, err = changed(s.write.conn.ExecContext(ctx, purgeSessions, s.clock().UnixMilli(), limit))
		return err
	})
	if err != nil {
		return 0, failed("purge sessions", err)
	}
	return forgotten, nil
}
