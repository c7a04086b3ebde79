package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
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

// Clone returns a copy that shares no memory with s.
func (s Session) Clone() Session {
	s.Data = bytes.Clone(s.Data)
	return s
}

// Sessions keeps the sessions of a portal, for all processes that share the store.
//
// A store need not write a session that it has exactly so. Who prolongs sessions as they are
// used best moves Until by whole minutes: most requests then cost a read alone.
type Sessions interface {
	// PutSession stores the session, in the place of one with the same Key. A session that was
	// ended (EndSession) cannot be stored again: the error is ErrState, so that a request that
	// was under way at a sign-out does not bring it back. ForSession says what is stored, and
	// what is refused.
	PutSession(ctx context.Context, s Session) error
	// GetSession returns the session. ErrNotFound stands for one that was never stored, that was
	// ended, and whose Until has passed by the store's clock.
	GetSession(ctx context.Context, key string) (Session, error)
	// EndSession ends a session, and forgets its Data at once. It is no error where there is
	// none: what comes later under the Key is refused too. The store remembers the Key until the
	// given time, or the session's Until where that is later. Ended twice, the later time counts.
	EndSession(ctx context.Context, key string, until time.Time) error
	// PurgeSessions forgets at most limit sessions, and Keys of ended ones, whose time has passed
	// by the store's clock, the earliest first, and returns how many. A Key that is forgotten is
	// free again.
	PurgeSessions(ctx context.Context, limit int) (forgotten int, err error)
}

// maxSession is how many bytes the Data of a session has at most.
const maxSession = 256 << 10

// ForSession returns the session that PutSession and EndSession write: Until is cut to whole
// milliseconds of UTC. An error means a session that no store can have: with a Key that is
// empty, has more than 1,000 bytes, a NUL or no UTF-8, with more than 256 KiB of Data, or
// without an Until.
func ForSession(s Session) (Session, error) {
	switch {
	case s.Key == "" || len(s.Key) > maxKey || !isText(s.Key):
		return Session{}, fmt.Errorf("store: a session needs a Key of at most %d bytes, of UTF-8 without a NUL", maxKey)
	case len(s.Data) > maxSession:
		return Session{}, fmt.Errorf("store: a session has %d bytes of Data, and %d are the most", len(s.Data), maxSession)
	case s.Until.IsZero():
		return Session{}, errors.New("store: a session needs an Until")
	}
	s = s.Clone()
	if len(s.Data) == 0 {
		s.Data = nil
	}
	s.Until = time.UnixMilli(s.Until.UnixMilli()).UTC()
	return s, nil
}
