package store

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/obdcr/obdcr/claims"
)

// purgeBatch is how many reservations one Create or Update looks at to forget
// those that have ended: two more than it adds, so that the table shrinks.
const purgeBatch = 3

// Memory keeps clients in memory. Only NewMemory makes one that works.
type Memory struct {
	clock func() time.Time

	mu       sync.Mutex
	clients  map[string]Client
	unique   map[string]string // UniqueKey to client ID
	reserved map[reservationKey]time.Time
	queue    []reservationKey // reservations in the order made, for purging
}

type reservationKey struct{ namespace, issuer, jti string }

// NewMemory returns an empty store. The clock says when reservations end.
func NewMemory(clock func() time.Time) (*Memory, error) {
	if clock == nil {
		return nil, errors.New("store: a memory store needs a clock")
	}
	return &Memory{
		clock: clock, clients: map[string]Client{}, unique: map[string]string{},
		reserved: map[reservationKey]time.Time{},
	}, nil
}

// Create implements Store.
func (m *Memory) Create(ctx context.Context, c Client, r Reservation) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.replayed(r) {
		return ErrReplayed
	}
	if _, taken := m.clients[c.ID]; taken || m.uniqueTaken(c) {
		return ErrExists
	}
	c.Version = 1
	m.put(c)
	m.reserve(r)
	return nil
}

// Get implements Store.
func (m *Memory) Get(ctx context.Context, id string) (Client, error) {
	if err := ctx.Err(); err != nil {
		return Client{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	c, ok := m.clients[id]
	if !ok {
		return Client{}, ErrNotFound
	}
	return clone(c), nil
}

// Update implements Store.
func (m *Memory) Update(ctx context.Context, c Client, r Reservation) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	old, ok := m.clients[c.ID]
	switch {
	case !ok:
		return ErrNotFound
	case m.replayed(r):
		return ErrReplayed
	case old.Version != c.Version:
		return ErrConflict
	case m.uniqueTaken(c):
		return ErrExists
	}
	c.Version++
	delete(m.unique, old.UniqueKey)
	m.put(c)
	m.reserve(r)
	return nil
}

// Delete implements Store.
func (m *Memory) Delete(ctx context.Context, id string, version int64) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	old, ok := m.clients[id]
	switch {
	case !ok:
		return ErrNotFound
	case old.Version != version:
		return ErrConflict
	}
	delete(m.clients, id)
	delete(m.unique, old.UniqueKey)
	return nil
}

func (m *Memory) put(c Client) {
	m.clients[c.ID] = clone(c)
	if c.UniqueKey != "" {
		m.unique[c.UniqueKey] = c.ID
	}
}

func (m *Memory) uniqueTaken(c Client) bool {
	holder, taken := m.unique[c.UniqueKey]
	return c.UniqueKey != "" && taken && holder != c.ID
}

func (m *Memory) replayed(r Reservation) bool {
	until, ok := m.reserved[reservationKey{r.Namespace, r.Issuer, r.JTI}]
	return ok && m.clock().Before(until)
}

// reserve remembers the jti and looks at a few of the oldest ones, forgetting those
// that have ended.
func (m *Memory) reserve(r Reservation) {
	key := reservationKey{r.Namespace, r.Issuer, r.JTI}
	m.reserved[key] = r.Until
	m.queue = append(m.queue, key)
	now := m.clock()
	for range min(purgeBatch, len(m.queue)) {
		oldest := m.queue[0]
		m.queue = m.queue[1:]
		if until, ok := m.reserved[oldest]; ok && now.Before(until) {
			m.queue = append(m.queue, oldest)
			continue
		}
		delete(m.reserved, oldest)
	}
}

func clone(c Client) Client {
	c.Metadata = bytes.Clone(c.Metadata)
	c.SecretHash = bytes.Clone(c.SecretHash)
	c.SealedSecret = bytes.Clone(c.SealedSecret)
	attributes := make([]claims.Attribute, len(c.Application.Attributes))
	for i, a := range c.Application.Attributes {
		a.Values = slices.Clone(a.Values)
		attributes[i] = a
	}
	c.Application.Attributes = attributes
	return c
}
