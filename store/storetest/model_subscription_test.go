package storetest

import (
	"context"
	"slices"
	"strings"

	"github.com/obdcr/obdcr/store"
)

// sameAPI reports whether a subscription is to that API of a record.
func (m *model) sameAPI(s store.Subscription, client, api string) bool {
	if m.is("folds the case of APIs") {
		return s.Client == client && strings.EqualFold(s.API, api)
	}
	return s.Client == client && s.API == api
}

func (m *model) subscription(client, api string) int {
	return slices.IndexFunc(m.portal.subs, func(s store.Subscription) bool { return m.sameAPI(s, client, api) })
}

// unsubscribe ends what is named. It changes no list that others have.
func (m *model) unsubscribe(gone func(store.Subscription) bool) {
	m.portal.subs = slices.DeleteFunc(slices.Clone(m.portal.subs), gone)
}

// keepsSubscriptions ends those of an update, and of a record that was removed.
func (m *model) keepsSubscriptions(id string, removed bool, with store.Change) {
	switch {
	case removed && m.is("keeps the subscriptions of what is gone"):
	case removed:
		m.unsubscribe(func(s store.Subscription) bool { return s.Client == id })
	case m.is("ends no subscription by an update"):
	case m.is("ends all subscriptions by an update"):
		m.unsubscribe(func(s store.Subscription) bool { return s.Client == id })
	default:
		m.unsubscribe(func(s store.Subscription) bool {
			return (s.Client == id || m.is("ends those of other records")) && slices.Contains(with.Unsubscribe, s.API)
		})
	}
}

// changed returns the record that a subscription changes, by the rules that a fault leaves.
func (m *model) subscribing(id string, version int64, with store.Change) (old, next store.Client, err error) {
	old, ok := m.clients[id]
	if !ok {
		return old, next, store.ErrNotFound
	}
	asked := old
	if m.is("subscribes any version") {
		version = old.Version
	}
	if m.is("subscribes in any state") {
		asked.State = store.Active
	}
	if m.is("subscribes with a reservation") {
		with.Reservation = store.Reservation{}
	}
	next, err = store.ForUnsubscribe(asked, version, with)
	next.State = old.State
	if m.is("counts no subscription") {
		next.Version = old.Version
	}
	return old, next, err
}

func (m complete) Subscribe(ctx context.Context, s store.Subscription, version int64, with store.Change) error {
	unlock, err := m.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	old, next, err := m.subscribing(s.Client, version, with)
	if err != nil {
		return err
	}
	if _, whole, err := store.ForSubscribe(store.Client{State: store.Active}, s, 0, store.Change{}); err == nil {
		s = whole
	} else if !m.is("takes any subscription") {
		return err
	}
	if m.is("writes the entry first") {
		m.note(next, false, with)
	}
	switch taken := m.subscription(s.Client, s.API); {
	case taken >= 0 && m.is("subscribes again"):
		m.unsubscribe(func(held store.Subscription) bool { return held == m.portal.subs[taken] })
	case taken >= 0:
		return store.ErrExists
	}
	m.between()
	switch {
	case m.is("forgets who subscribed"):
		s.By = ""
	case m.is("forgets the role"):
		s.Role = ""
	}
	m.portal.subs = append(slices.Clone(m.portal.subs), s)
	m.put(next)
	if m.is("notes what was before") {
		next = old
	}
	if !m.is("writes the entry first") && !m.is("notes no subscription") {
		m.note(next, false, with)
	}
	return nil
}

func (m complete) Unsubscribe(ctx context.Context, client, api string, version int64, with store.Change) error {
	unlock, err := m.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	_, next, err := m.subscribing(client, version, with)
	if err != nil {
		return err
	}
	if m.subscription(client, api) < 0 && !m.is("ends what is not there") {
		return store.ErrNotFound
	}
	m.between()
	m.unsubscribe(func(s store.Subscription) bool { return m.sameAPI(s, client, api) })
	m.put(next)
	m.note(next, false, with)
	return nil
}

func (m complete) ListSubscriptions(ctx context.Context, client string) ([]store.Subscription, error) {
	unlock, err := m.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	var found []store.Subscription
	for _, s := range m.portal.subs {
		if s.Client == client {
			found = append(found, s)
		}
	}
	if !m.is("lists subscriptions in any order") {
		slices.SortFunc(found, func(a, b store.Subscription) int { return strings.Compare(a.API, b.API) })
	}
	return found, nil
}

// importSubscriptions writes those of a batch.
func (m *model) importSubscriptions(all []store.Subscription) (done int, err error) {
	for _, s := range all {
		_, there := m.clients[s.Client]
		taken := m.subscription(s.Client, s.API)
		switch {
		case m.is("moves no subscription"):
			continue
		case !there && !m.is("imports subscriptions of nobody"):
			return done, store.ErrNotFound
		case taken >= 0 && m.portal.subs[taken] == s && !m.is("takes nothing twice"):
			continue
		case taken >= 0 && m.is("overwrites subscriptions on import"):
			m.portal.subs = slices.Delete(slices.Clone(m.portal.subs), taken, taken+1)
		case taken >= 0:
			return done, store.ErrExists
		}
		m.portal.subs = append(slices.Clone(m.portal.subs), s)
		done++
	}
	return done, nil
}

func (m complete) Note(ctx context.Context, e store.AuditEntry) error {
	unlock, err := m.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	given := e
	if e, err = store.NewNote(e, m.clock()); err != nil {
		if !m.is("takes any note") {
			return err
		}
		e = given
	}
	switch {
	case m.is("keeps the time of who notes"):
		e.ID, e.At = given.ID, given.At
	case m.is("notes one at a time") && len(m.trail) > 0 && m.trail[len(m.trail)-1].Client == e.Client:
		return nil
	case m.is("cuts the reason"):
		e.Reason = ""
	}
	m.trail = append(m.trail, e)
	return nil
}
