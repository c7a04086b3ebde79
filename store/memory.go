package store

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"sync"
	"time"
)

// purgeBatch is how many reservations one Create or Update looks at to forget those
// that have ended. It is two more than the change adds, so that the table shrinks.
const purgeBatch = 3

// Memory keeps clients in memory. It is a Store with Unfinished, Lister, ClientIDs, Pending,
// Searcher, NameSearcher, Auditor, Noter, Purger, Transfer, Users, Sessions and Subscriptions. Make it with NewMemory: the zero value does not work.
//
// A client of the usual size takes about 11 KB of heap, with its statement of 2.3 KB, an entry of the audit trail and the
// reservation of its jti; a further reservation takes 150 to 170 bytes. Nothing bounds how
// many clients there are, and the audit trail grows with each change until Purge.
type Memory struct {
	clock func() time.Time

	mu       sync.Mutex
	clients  map[string]Client
	unique   map[string]string // UniqueKey to ID
	byClient map[string]string // ClientID to ID
	reserved map[[32]byte]reserved
	queue    [][32]byte // reservations in the order made, for purging
	gone     forgotten
	trail    map[string][]AuditEntry            // by Client.ID, in the order of their Versions
	audited  map[string]string                  // ID of an entry to Client.ID
	users    map[string]User                    // by Email
	sessions map[string]heldSession             // by Key
	subs     map[string]map[string]Subscription // by Client and API
}

// reserved is a reservation and the ID of the record that it was made with.
type reserved struct {
	until time.Time
	id    string
}

// NewMemory returns an empty store. The clock says when reservations end; nil means
// time.Now. Memory says what a client weighs.
func NewMemory(clock func() time.Time) *Memory {
	if clock == nil {
		clock = time.Now
	}
	return &Memory{
		clock: clock, clients: map[string]Client{}, unique: map[string]string{}, byClient: map[string]string{},
		reserved: map[[32]byte]reserved{}, trail: map[string][]AuditEntry{}, audited: map[string]string{},
		users: map[string]User{}, sessions: map[string]heldSession{}, subs: map[string]map[string]Subscription{},
	}
}

// lock waits for the mutex. If the context has ended it returns an error, else the
// caller unlocks.
func (m *Memory) lock(ctx context.Context) error {
	m.mu.Lock()
	if err := ctx.Err(); err != nil {
		m.mu.Unlock()
		return err
	}
	return nil
}

// Create implements Store.
func (m *Memory) Create(ctx context.Context, c Client, with Change) error {
	c, err := ForCreate(c, with)
	if err != nil {
		return err
	}
	if err := m.lock(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	if err := m.replayed(with.Reservation); err != nil {
		return err
	}
	if _, taken := m.clients[c.ID]; taken {
		return ErrExists
	}
	if err := m.taken(c); err != nil {
		return err
	}
	m.put(c)
	m.reserve(with.Reservation, c.ID)
	m.note(c, false, with)
	return nil
}

// Get implements Store.
func (m *Memory) Get(ctx context.Context, id string) (Client, error) {
	if err := m.lock(ctx); err != nil {
		return Client{}, err
	}
	defer m.mu.Unlock()
	c, ok := m.clients[id]
	if !ok {
		return Client{}, ErrNotFound
	}
	return c.Clone(), nil
}

// GetByClientID implements ClientIDs.
func (m *Memory) GetByClientID(ctx context.Context, clientID string) (Client, error) {
	if err := m.lock(ctx); err != nil {
		return Client{}, err
	}
	defer m.mu.Unlock()
	id, ok := m.byClient[clientID]
	if !ok {
		return Client{}, ErrNotFound
	}
	return m.clients[id].Clone(), nil
}

// Update implements Store.
func (m *Memory) Update(ctx context.Context, c Client, with Change) error {
	if err := m.lock(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	old, ok := m.clients[c.ID]
	if !ok {
		return ErrNotFound
	}
	if err := m.replayed(with.Reservation); err != nil {
		return err
	}
	c, err := ForUpdate(old, c, with)
	if err != nil {
		return err
	}
	if err := m.taken(c); err != nil {
		return err
	}
	m.remove(old)
	m.put(c)
	for _, api := range with.Unsubscribe {
		delete(m.subs[c.ID], api)
	}
	m.reserve(with.Reservation, c.ID)
	m.note(c, false, with)
	return nil
}

// Delete implements Store.
func (m *Memory) Delete(ctx context.Context, id string, version int64, with Change) error {
	if err := m.lock(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	old, ok := m.clients[id]
	if !ok {
		return ErrNotFound
	}
	if err := ForDelete(old, version, with); err != nil {
		return err
	}
	m.remove(old)
	delete(m.subs, id)
	m.note(old, true, with)
	return nil
}

// Undo implements Unfinished.
func (m *Memory) Undo(ctx context.Context, id string, version int64, with Change) error {
	if err := m.lock(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	old, ok := m.clients[id]
	if !ok {
		return ErrNotFound
	}
	before, err := ForUndo(old, version, with)
	if err != nil {
		return err
	}
	m.remove(old)
	if before != nil {
		m.put(*before)
		m.note(*before, false, with)
	} else {
		delete(m.subs, id)
		m.note(old, true, with)
	}
	if key, ok := keyOf(old.Reserved); ok && m.reserved[key].id == id {
		delete(m.reserved, key)
	}
	return nil
}

// ListUnfinished implements Unfinished.
func (m *Memory) ListUnfinished(ctx context.Context, before time.Time, limit int) ([]Client, error) {
	return m.list(ctx, limit, func(c Client) bool { return c.State.IsUnfinished() && c.Since.Before(before) },
		func(a, b Client) int { return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.ID, b.ID)) })
}

// ListPending implements Pending.
func (m *Memory) ListPending(ctx context.Context, after string, limit int) ([]Client, error) {
	return m.list(ctx, limit, func(c Client) bool { return c.State.IsPending() && c.ID > after }, byID)
}

// List implements Lister.
func (m *Memory) List(ctx context.Context, after string, limit int) ([]Client, error) {
	return m.list(ctx, limit, func(c Client) bool { return c.ID > after }, byID)
}

func byID(a, b Client) int { return cmp.Compare(a.ID, b.ID) }

func (m *Memory) list(ctx context.Context, limit int, wanted func(Client) bool, order func(a, b Client) int) ([]Client, error) {
	if err := m.lock(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	var found []Client
	for _, c := range m.clients {
		if wanted(c) {
			found = append(found, c)
		}
	}
	slices.SortFunc(found, order)
	found = found[:min(len(found), max(limit, 0))]
	for i, c := range found {
		found[i] = c.Clone()
	}
	return found, nil
}

// uniqueKeys returns the unique keys that a record holds.
func uniqueKeys(c Client) []string {
	keys := []string{c.UniqueKey}
	if c.Previous != nil {
		keys = append(keys, c.Previous.UniqueKey)
	}
	return slices.DeleteFunc(keys, func(key string) bool { return key == "" })
}

func (m *Memory) put(c Client) {
	m.clients[c.ID] = c.Clone()
	if c.ClientID != "" {
		m.byClient[c.ClientID] = c.ID
	}
	for _, key := range uniqueKeys(c) {
		m.unique[key] = c.ID
	}
}

func (m *Memory) remove(c Client) {
	delete(m.clients, c.ID)
	delete(m.byClient, c.ClientID)
	for _, key := range uniqueKeys(c) {
		delete(m.unique, key)
	}
}

// taken returns ErrExists if another record has the ClientID or the UniqueKey of c.
func (m *Memory) taken(c Client) error {
	if holder, taken := m.byClient[c.ClientID]; taken && holder != c.ID {
		return ErrExists
	}
	holder, taken := m.unique[c.UniqueKey]
	switch {
	case c.UniqueKey == "" || !taken || holder == c.ID:
		return nil
	case m.clients[holder].State == Deleting || m.clients[holder].State == Creating:
		return ErrLeaving
	}
	return ErrExists
}

// replayed returns ErrReplayed, or ErrUnderWay, if the jti was used before, and
// ErrForgotten if it may have been.
func (m *Memory) replayed(r Reservation) error {
	if r.IsZero() {
		return nil
	}
	key := r.Key()
	held, ok := m.reserved[key]
	switch {
	case !ok || !m.clock().Before(held.until) && r.Until.After(held.until):
		return m.gone.refuse(r)
	case bytes.Equal(m.clients[held.id].Reserved, key[:]):
		return ErrUnderWay
	}
	return ErrReplayed
}

// reserve remembers the jti, in the place of one that has ended if there is one, and
// forgets those of the oldest few that have ended.
func (m *Memory) reserve(r Reservation, id string) {
	if r.IsZero() {
		return
	}
	key := r.Key()
	if ended, ok := m.reserved[key]; ok {
		m.gone.add(ended.until)
	}
	m.reserved[key] = reserved{until: r.Until, id: id}
	m.queue = append(m.queue, key)
	now := m.clock()
	for range min(purgeBatch, len(m.queue)) {
		oldest := m.queue[0]
		m.queue = m.queue[1:]
		held, ok := m.reserved[oldest]
		switch {
		case ok && now.Before(held.until):
			m.queue = append(m.queue, oldest)
		case ok:
			m.gone.add(held.until)
			delete(m.reserved, oldest)
		}
	}
}

// keyOf reads Reserved of a record.
func keyOf(reserved []byte) (key [32]byte, ok bool) {
	return key, copy(key[:], reserved) == len(key)
}
