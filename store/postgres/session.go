package postgres

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/obdcr/obdcr/store"
)

const (
	sessionColumns = "session_key, data, ends_at, ended"

	selectSession = "SELECT data, ends_at FROM sessions WHERE session_key = $1 AND NOT ended"
	putSession    = "INSERT INTO sessions AS s (" + sessionColumns + `) VALUES ($1, $2, $3, false)
		ON CONFLICT (session_key) DO UPDATE SET (data, ends_at) = (excluded.data, excluded.ends_at) WHERE NOT s.ended`
	endSession = "INSERT INTO sessions AS s (" + sessionColumns + `) VALUES ($1, NULL, $2, true)
		ON CONFLICT (session_key) DO UPDATE SET (data, ends_at, ended) = (NULL, greatest(s.ends_at, excluded.ends_at), true)`
	purgeSessions = `DELETE FROM sessions WHERE session_key = ANY (ARRAY
		(SELECT session_key FROM sessions WHERE ends_at <= $1 ORDER BY ends_at, session_key LIMIT $2 FOR UPDATE SKIP LOCKED)) AND ends_at <= $1`
)

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
	return failed("put session", s.transact(ctx, changeWait, nil, func(ctx context.Context, w *work) error {
		var written int64
		err := w.send(ctx, func(b *pgx.Batch) {
			b.Queue(putSession, one.Key, one.Data, one.Until.UnixMilli()).Exec(count(&written))
		})
		if err == nil && written == 0 {
			return store.ErrState
		}
		return err
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
	if !keepable(key) {
		return store.Session{}, store.ErrNotFound
	}
	found := store.Session{Key: key}
	var ends int64
	err := s.read(ctx, func(ctx context.Context, conn *pgxpool.Conn) error {
		return missing(conn.QueryRow(ctx, selectSession, key).Scan(&found.Data, &ends))
	})
	if err != nil {
		return store.Session{}, failed("get session", err)
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
	return failed("end session", s.transact(ctx, changeWait, nil, func(ctx context.Context, w *work) error {
		return w.send(ctx, func(b *pgx.Batch) { b.Queue(endSession, one.Key, one.Until.UnixMilli()) })
	}))
}

// PurgeSessions implements store.Sessions. Where a sign-in or a request holds one of them, it
// stays for the next time.
func (s *Store) PurgeSessions(ctx context.Context, limit int) (int, error) {
	var gone int64
	err := s.transact(ctx, changeWait, nil, func(ctx context.Context, w *work) error {
		return w.send(ctx, func(b *pgx.Batch) { b.Queue(purgeSessions, w.now.UnixMilli(), max(limit, 0)).Exec(count(&gone)) })
	})
	if err != nil {
		return 0, failed("purge sessions", err)
	}
	return int(gone), nil
}
