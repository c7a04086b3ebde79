package store

import (
	"cmp"
	"context"
	"slices"
)

// Subscribe implements Subscriptions.
func (m *Memory) Subscribe(ctx context.Context, s Subscription, version int64, with Change) error {
	if err := m.lock(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	old, ok := m.clients[s.Client]
	if !ok {
		return ErrNotFound
	}
	c, s, err := ForSubscribe(old, s, version, with)
	if err != nil {
		return err
	}
	if _, taken := m.subs[s.Client][s.API]; taken {
		return ErrExists
	}
	m.putSubscription(s)
	m.put(c)
	m.note(c, false, with)
	return nil
}

func (m *Memory) putSubscription(s Subscription) {
	if m.subs[s.Client] == nil {
		m.subs[s.Client] = map[string]Subscription{}
	}
	m.subs[s.Client][s.API] = s
}

// Unsubscribe implements Subscriptions.
func (m *Memory) Unsubscribe(ctx context.Context, client, api string, version int64, with Change) error {
	if err := m.lock(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	old, ok := m.clients[client]
	if !ok {
		return ErrNotFound
	}
	c, err := ForUnsubscribe(old, version, with)
	if err != nil {
		return err
	}
	if _, there := m.subs[client][api]; !there {
		return ErrNotFound
	}
	delete(m.subs[client], api)
	m.put(c)
	m.note(c, false, with)
	return nil
}

// ListSubscriptions implements Subscriptions.
func (m *Memory) ListSubscriptions(ctx context.Context, client string) ([]Subscription, error) {
	if err := m.lock(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	var found []Subscription
	for _, s := range m.subs[client] {
		found = append(found, s)
	}
	slices.SortFunc(found, func(a, b Subscription) int { return cmp.Compare(a.API, b.API) })
	return found, nil
}
