package store

import (
	"context"
	"time"
)

// Session is what a portal keeps of a browser that is signed in.
type Session struct {
	// Key finds the session: a hash of what the browser sends, so that who reads the store
	// cannot enter. At most 1,000 bytes.
	Key   string
	Data  []byte    // at most 256 KiB; the store does not read it
	Until time.Time // when it ends, whole milliseconds, UTC
}

// Sessions keeps the sessions of a portal, for all processes that share the store.
type Sessions interface {
	// PutSession stores the session, in the place of one with the same Key. A session that was
	// ended (EndSession) cannot be stored again: the error is ErrState, so that a request that
	// was under way at a sign-out does not bring it back.
	PutSession(ctx context.Context, s Session) error
	// GetSession returns the session. ErrNotFound stands for one that was never stored, that was
	// ended, and whose Until has passed by the store's clock.
	GetSession(ctx context.Context, key string) (Session, error)
	// EndSession ends a session, and forgets its Data at once. It is no error where there is
	// none. The store remembers the Key until the given time, or the session's Until where that
	// is later.
	EndSession(ctx context.Context, key string, until time.Time) error
	// PurgeSessions forgets at most limit sessions whose Until has passed, and returns how many.
	PurgeSessions(ctx context.Context, limit int) (forgotten int, err error)
}
