package storetest

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/obdcr/obdcr/store"
)

// portal is what a model keeps of a portal.
type portal struct {
	users    map[string]store.User
	sessions map[string]modelSession
	subs     []store.Subscription // never changed in place
	first    map[string]string    // the first name of each record, for a fault
}

type modelSession struct {
	store.Session
	ended bool
}

func newPortal() portal {
	return portal{users: map[string]store.User{}, sessions: map[string]modelSession{}, first: map[string]string{}}
}

// folded is a key as the model compares it.
func (m *model) folded(key string) string {
	if m.is("folds the case of keys") {
		return strings.ToLower(key)
	}
	return key
}

func (m *model) userCopy(u store.User) store.User {
	if m.is("hands out live pointers") {
		return u
	}
	return u.Clone()
}

func (m complete) SignIn(ctx context.Context, u store.User) (store.User, bool, error) {
	unlock, err := m.lock(ctx)
	if err != nil {
		return store.User{}, false, err
	}
	defer unlock()
	given := u
	if u, err = store.ForSignIn(u); err != nil && !m.is("takes any user") {
		return store.User{}, false, err
	}
	if m.is("hands out live pointers") {
		u.Organisations = given.Organisations
	}
	old, known := m.portal.users[m.folded(u.Email)]
	m.between()
	switch {
	case known && !m.is("makes the user anew"):
		u.CreatedAt = old.CreatedAt
	case !known && m.is("calls nobody new"):
		known = true
	}
	switch {
	case m.is("keeps the name of a user") && old.Name != "":
		u.Name = old.Name
	case m.is("keeps a role that was lost"):
		u.Operator = u.Operator || old.Operator
	case m.is("keeps the latest sign-in") && old.SeenAt.After(u.SeenAt):
		u.SeenAt = old.SeenAt
	}
	m.portal.users[m.folded(u.Email)] = u
	return m.userCopy(u), !known, nil
}

func (m complete) GetUser(ctx context.Context, email string) (store.User, error) {
	unlock, err := m.lock(ctx)
	if err != nil {
		return store.User{}, err
	}
	defer unlock()
	u, ok := m.portal.users[m.folded(email)]
	if !ok && !m.is("gives an empty user for none") {
		return store.User{}, store.ErrNotFound
	}
	return m.userCopy(u), nil
}

func (m complete) ListUsers(ctx context.Context, after string, limit int) ([]store.User, error) {
	unlock, err := m.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	var found []store.User
	for _, email := range slices.Sorted(maps.Keys(m.portal.users)) {
		if email > after || m.is("repeats the last") && email == after {
			found = append(found, m.userCopy(m.portal.users[email]))
		}
	}
	if m.is("lists users by name") {
		slices.SortFunc(found, func(a, b store.User) int { return strings.Compare(strings.ToLower(a.Email), strings.ToLower(b.Email)) })
	}
	if m.is("lists without a limit") {
		return found, nil
	}
	return found[:min(len(found), max(limit, 0))], nil
}

func (m complete) ForgetUser(ctx context.Context, email string) error {
	unlock, err := m.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if _, ok := m.portal.users[m.folded(email)]; !ok && !m.is("forgets who is not there") {
		return store.ErrNotFound
	}
	if delete(m.portal.users, m.folded(email)); m.is("forgets everybody") {
		clear(m.portal.users)
	}
	return nil
}

func (m complete) PutSession(ctx context.Context, s store.Session) error {
	unlock, err := m.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	given := s
	if s, err = store.ForSession(s); err != nil && !m.is("takes any session") {
		return err
	}
	held, known := m.portal.sessions[m.folded(s.Key)]
	m.between()
	switch {
	case held.ended && !m.is("brings back what was ended"):
		return store.ErrState
	case known && m.is("keeps the first session"):
		return nil
	case known && m.is("prolongs no session"):
		s.Until = held.Until
	case m.is("keeps parts of a millisecond"):
		s.Until = given.Until
	case m.is("hands out live pointers"):
		s.Data = given.Data
	}
	m.portal.sessions[m.folded(s.Key)] = modelSession{Session: s}
	return nil
}

func (m complete) GetSession(ctx context.Context, key string) (store.Session, error) {
	unlock, err := m.lock(ctx)
	if err != nil {
		return store.Session{}, err
	}
	defer unlock()
	held, ok := m.portal.sessions[m.folded(key)]
	late := !m.clock().Before(held.Until)
	if !ok || held.ended && !m.is("shows what was ended") || late && !m.is("shows what is over") {
		return store.Session{}, store.ErrNotFound
	}
	if m.is("folds the case of keys") {
		held.Key = key
	}
	if m.is("hands out live pointers") {
		return held.Session, nil
	}
	return held.Clone(), nil
}

func (m complete) EndSession(ctx context.Context, key string, until time.Time) error {
	unlock, err := m.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	s, err := store.ForSession(store.Session{Key: key, Until: until})
	if err != nil && !m.is("takes any session") {
		return err
	}
	held, known := m.portal.sessions[m.folded(key)]
	switch {
	case m.is("ends a session by removing it"):
		delete(m.portal.sessions, m.folded(key))
		return nil
	case !known && m.is("ends no session that is not there"):
		return nil
	case held.Until.After(s.Until) && !m.is("remembers the time given"):
		s.Until = held.Until
	}
	m.portal.sessions[m.folded(key)] = modelSession{Session: s, ended: true}
	return nil
}

func (m complete) PurgeSessions(ctx context.Context, limit int) (int, error) {
	unlock, err := m.lock(ctx)
	if err != nil {
		return 0, err
	}
	defer unlock()
	var gone []string
	for key, s := range m.portal.sessions {
		if !m.clock().Before(s.Until) && !(s.ended && m.is("never forgets")) {
			gone = append(gone, key)
		}
	}
	slices.SortFunc(gone, func(a, b string) int { return m.portal.sessions[a].Until.Compare(m.portal.sessions[b].Until) })
	if m.is("purges what ended last") {
		slices.Reverse(gone)
	}
	if !m.is("purges without a limit") {
		gone = gone[:min(len(gone), max(limit, 0))]
	}
	for _, key := range gone {
		delete(m.portal.sessions, key)
	}
	return len(gone), nil
}

func (m complete) SearchName(ctx context.Context, q store.Query, name string, after store.Position, limit int) ([]store.Client, error) {
	if m.is("searches names of anybody") {
		q.OrgID, q.OrgIDs = "", nil
	}
	all, err := m.Search(ctx, q, after, 1<<30)
	if err != nil {
		return nil, err
	}
	if m.is("looks at the first page of names") {
		all = all[:min(len(all), 100)]
	}
	all = slices.DeleteFunc(all, func(c store.Client) bool { return !m.hasName(c, name) })
	if m.is("searches names in part") {
		for i := range all {
			all[i].Metadata = nil
		}
	}
	return m.page(all, limit), nil
}

func (m *model) hasName(c store.Client, name string) bool {
	names := []string{c.Application.Name, c.ID, c.ClientID, c.SoftwareID, c.Application.ID}
	for _, a := range c.Application.Attributes {
		if strings.HasPrefix(a.Name, "software_client_name_") && !m.is("searches no attribute") || m.is("searches each attribute") {
			names = append(names, a.Values...)
		}
	}
	if m.is("searches the first name") {
		names[0] = m.portal.first[c.ID]
	}
	switch {
	case m.is("runs names together"):
		names = append(names, strings.Join(names, ""))
	case m.is("searches names with their case"):
		return slices.ContainsFunc(names, func(own string) bool { return strings.Contains(own, name) })
	case m.is("takes % for anything"):
		name = strings.Trim(name, "%")
	case m.is("searches names by ASCII"):
		return slices.ContainsFunc(names, func(own string) bool {
			return strings.Contains(strings.ToLower(own), strings.ToLower(strings.TrimSpace(name)))
		})
	}
	return slices.ContainsFunc(names, func(own string) bool { return strings.Contains(store.FoldName(own), store.FoldName(name)) })
}
