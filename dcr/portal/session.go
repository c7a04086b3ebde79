package portal

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/obdcr/obdcr/store"
)

// cookieName has the prefix that lets no other host of the bank's domain set the cookie, and no
// plain HTTP.
const cookieName = "__Host-obdcr"

// sessionStore is the bank's store as scs knows one. The keys are hashes of what the browser
// sends.
type sessionStore struct {
	records  *records
	clock    func() time.Time
	lifetime time.Duration
}

// newSessions makes the manager of sessions. A session has no idle timeout here: with one, scs
// would write it at each request. See present. failed answers where a session cannot be read, or
// logs that one could not be kept.
func newSessions(s sessionStore, failed func(http.ResponseWriter, *http.Request, error)) *scs.SessionManager {
	m := scs.New()
	m.Lifetime = s.lifetime
	m.Store = s
	m.HashTokenInStore = true
	m.ErrorFunc = failed
	m.Cookie = scs.SessionCookie{Name: cookieName, HttpOnly: true, Path: "/", SameSite: http.SameSiteLaxMode, Secure: true}
	return m
}

// FindCtx implements scs.CtxStore.
func (s sessionStore) FindCtx(ctx context.Context, key string) (data []byte, found bool, err error) {
	session, err := s.records.session(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		return nil, false, nil
	}
	return session.Data, err == nil, err
}

// unkeptError is the failure to keep a session.
type unkeptError struct{ error }

// Unwrap returns the store's error.
func (e *unkeptError) Unwrap() error { return e.error }

// CommitCtx implements scs.CtxStore. A session that was ended meanwhile stays ended.
func (s sessionStore) CommitCtx(ctx context.Context, key string, data []byte, until time.Time) error {
	err := s.records.keepSession(ctx, store.Session{Key: key, Data: data, Until: until.UTC().Truncate(time.Millisecond)})
	if err == nil || errors.Is(err, store.ErrState) {
		return nil
	}
	return &unkeptError{err}
}

// DeleteCtx implements scs.CtxStore.
func (s sessionStore) DeleteCtx(ctx context.Context, key string) error {
	return s.records.endSession(ctx, key, s.clock().Add(s.lifetime))
}

// Find implements scs.Store, like the next two.
func (s sessionStore) Find(key string) (data []byte, found bool, err error) {
	return s.FindCtx(context.Background(), key)
}

// Commit implements scs.Store.
func (s sessionStore) Commit(key string, data []byte, until time.Time) error {
	return s.CommitCtx(context.Background(), key, data, until)
}

// Delete implements scs.Store.
func (s sessionStore) Delete(key string) error { return s.DeleteCtx(context.Background(), key) }
