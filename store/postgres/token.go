package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/obdcr/obdcr/store"
)

const (
	insertToken = `INSERT INTO access_tokens (token_hash, client_id, content, expires_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (token_hash) DO UPDATE SET client_id = excluded.client_id, content = excluded.content, expires_at = excluded.expires_at`
	selectToken  = "SELECT content FROM access_tokens WHERE token_hash = $1 AND expires_at > $2"
	deleteToken  = "DELETE FROM access_tokens WHERE token_hash = $1"
	deleteTokens = "DELETE FROM access_tokens WHERE client_id = $1"
	dropExpired  = `DELETE FROM access_tokens WHERE token_hash = ANY (ARRAY
		(SELECT token_hash FROM access_tokens WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED))`
	dropSurplus = `DELETE FROM access_tokens WHERE token_hash IN (SELECT token_hash FROM access_tokens WHERE client_id = $1 AND expires_at > $2
		AND token_hash <> $3 ORDER BY expires_at DESC, token_hash DESC OFFSET $4)`

	tokenBatch = 3 // how many expired tokens one that is kept forgets: more than one, so the table shrinks
)

// KeepToken implements token.Keeper of dcr/token.
func (s *Store) KeepToken(ctx context.Context, hash [32]byte, clientID string, content []byte, expiry time.Time, most int) error {
	if !keepable(clientID) {
		return failed("keep token", errors.New("the client_id holds a NUL or is no UTF-8"))
	}
	return failed("keep token", s.transact(ctx, changeWait, nil, func(ctx context.Context, w *work) error {
		return w.send(ctx, func(b *pgx.Batch) {
			b.Queue(insertToken, hash[:], clientID, append([]byte{}, content...), milli(expiry))
			b.Queue(dropExpired, w.now.UnixMilli(), tokenBatch)
			b.Queue(dropSurplus, clientID, w.now.UnixMilli(), hash[:], max(most-1, 0))
		})
	}))
}

// KeptToken implements token.Keeper.
func (s *Store) KeptToken(ctx context.Context, hash [32]byte) (content []byte, err error) {
	now := s.clock().UnixMilli()
	err = s.read(ctx, func(ctx context.Context, conn *pgxpool.Conn) error {
		return missing(conn.QueryRow(ctx, selectToken, hash[:], now).Scan(&content))
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return content, failed("kept token", err)
}

// EndToken implements token.Keeper.
func (s *Store) EndToken(ctx context.Context, hash [32]byte) error {
	return s.end(ctx, deleteToken, hash[:])
}

// EndTokensOf implements token.Keeper.
func (s *Store) EndTokensOf(ctx context.Context, clientID string) error {
	if !keepable(clientID) {
		return nil
	}
	return s.end(ctx, deleteTokens, clientID)
}

func (s *Store) end(ctx context.Context, statement string, which any) error {
	return failed("end tokens", s.transact(ctx, changeWait, nil, func(ctx context.Context, w *work) error {
		return w.send(ctx, func(b *pgx.Batch) { b.Queue(statement, which) })
	}))
}

// milli returns the first whole millisecond since 1970 that is not before t.
func milli(t time.Time) int64 {
	if whole := t.Truncate(time.Millisecond); whole.Before(t) {
		t = whole.Add(time.Millisecond)
	}
	return t.UnixMilli()
}
