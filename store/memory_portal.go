package store

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"
)

// SignIn implements Users.
func (m *Memory) SignIn(ctx context.Context, u User) (stored User, first bool, err error) {
	if u, err = ForSignIn(u); err != nil {
		return User{}, false, err
	}
	if err := m.lock(ctx); err != nil {
		return User{}, false, err
	}
	defer m.mu.Unlock()
	old, known := m.users[u.Email]
	if known {
		u.CreatedAt = old.CreatedAt
	}
	m.users[u.Email] = u
	return u.Clone(), !known, nil
}

// GetUser implements Users.
func (m *Memory) GetUser(ctx context.Context, email string) (User, error) {
	if err := m.lock(ctx); err != nil {
		return User{}, err
	}
	defer m.mu.Unlock()
	u, ok := m.users[email]
	if !ok {
		return User{}, ErrNotFound
	}
	return u.Clone(), nil
}

// ListUsers implements Users.
func (m *Memory) ListUsers(ctx context.Context, after string, limit int) ([]User, error) {
	if err := m.lock(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	var found []User
	for _, email := range slices.Sorted(maps.Keys(m.users)) {
		if email > after && len(found) < limit {
			found = append(found, m.users[email].Clone())
		}
	}
	return found, nil
}

// ForgetUser implements Users.
func (m *Memory) ForgetUser(ctx context.Context, email string) error {
	if err := m.lock(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	if _, ok := m.users[email]; !ok {
		return ErrNotFound
	}
	delete(m.users, email)
	return nil
}

// heldSession is a session, or the Key of one that was ended.
type heldSession struct {
	Session
	ended bool
}

// PutSession implements Sessions.
func (m *Memory) PutSession(ctx context.Context, s Session) error {
	s, err := ForSession(s)
	if err != nil {
		return err
	}
	if err := m.lock(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	if m.sessions[s.Key].ended {
		return ErrState
	}
	m.sessions[s.Key] = heldSession{Session: s}
	return nil
}

// GetSession implements Sessions.
func (m *Memory) GetSession(ctx context.Context, key string) (Session, error) {
	if err := m.lock(ctx); err != nil {
		return Session{}, err
	}
	defer m.mu.Unlock()
	held, ok := m.sessions[key]
	if !ok || held.ended || !m.clock().Before(held.Until) {
		return Session{}, ErrNotFound
	}
	return held.Clone(), nil
}

// EndSession implements Sessions.
func (m *Memory) EndSession(ctx context.Context, key string, until time.Time) error {
	s, err := ForSession(Session{Key: key, Until: until})
	if err != nil {
		return err
	}
	if err := m.lock(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	if held, ok := m.sessions[key]; ok && held.Until.After(s.Until) {
		s.Until = held.Until
	}
	m.sessions[key] = heldSession{Session: s, ended: true}
	return nil
}

// PurgeSessions implements Sessions.
func (m *Memory) PurgeSessions(ctx context.Context, limit int) (int, error) {
	if err := m.lock(ctx); err != nil {
		return 0, err
	}
	defer m.mu.Unlock()
	now := m.clock()
	var gone []Session
	for _, held := range m.sessions {
		if !now.Before(held.Until) {
			gone = append(gone, held.Session)
		}
	}
	slices.SortFunc(gone, func(a, b Session) int { return cmp.Or(a.Until.Compare(b.Until), cmp.Compare(a.Key, b.Key)) })
	gone = gone[:min(len(gone), max(limit, 0))]
	for _, s := range gone {
		delete(m.sessions, s.Key)
	}
	return len(gone), nil
}
