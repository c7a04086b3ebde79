package storetest

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/obdcr/obdcr/store"
)

// forgetEnded forgets at most limit reservations that have ended, the first that ended first.
func (m *model) forgetEnded(limit int) int {
	now := m.clock()
	if m.is("purges what is in force") {
		now = now.Add(time.Hour)
	}
	keys := slices.SortedFunc(maps.Keys(m.reserved), func(a, b string) int { return m.reserved[a].until.Compare(m.reserved[b].until) })
	keys = slices.DeleteFunc(keys, func(key string) bool { return m.reserved[key].until.After(now) })
	if m.is("purges what ended last") {
		slices.Reverse(keys)
	}
	keys = keys[:min(len(keys), max(limit, 0))]
	for _, key := range keys {
		m.raise(m.reserved[key].until)
		delete(m.reserved, key)
	}
	return len(keys)
}

func (m complete) ListReservations(ctx context.Context, after []byte, limit int) ([]store.HeldReservation, error) {
	unlock, err := m.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	var found []store.HeldReservation
	for key, o := range m.reserved {
		_, exists := m.clients[o.id]
		switch {
		case m.is("moves no reservation of a removed record") && !exists, m.is("moves no reservation that has ended") && !o.until.After(m.clock()):
			continue
		case m.is("moves no owner of a reservation"):
			o.id = "nobody"
		}
		held := store.HeldReservation{Until: o.until, Client: o.id}
		copy(held.Key[:], key)
		if order := bytes.Compare(held.Key[:], after); order > 0 || order == 0 && m.is("repeats the last") {
			found = append(found, held)
		}
	}
	slices.SortFunc(found, func(a, b store.HeldReservation) int { return bytes.Compare(a.Key[:], b.Key[:]) })
	if m.is("lists without a limit") {
		return found, nil
	}
	return found[:min(len(found), max(limit, 0))], nil
}

func (m complete) Forgotten(ctx context.Context) (time.Time, bool, error) {
	unlock, err := m.lock(ctx)
	if err != nil {
		return time.Time{}, false, err
	}
	defer unlock()
	return *m.mark(), !m.mark().IsZero(), nil
}

func (m complete) Import(ctx context.Context, b store.Batch) (store.Imported, error) {
	unlock, err := m.lock(ctx)
	if err != nil {
		return store.Imported{}, err
	}
	defer unlock()
	if whole, err := store.ForImport(b); err == nil {
		b = whole
	} else if !m.is("imports anything") {
		return store.Imported{}, err
	}
	clients, reserved, trail, subs := maps.Clone(m.clients), maps.Clone(m.reserved), slices.Clone(m.trail), m.portal.subs
	done, err := m.written(b)
	switch {
	case err != nil && !m.is("imports half"):
		m.clients, m.reserved, m.trail, m.portal.subs = clients, reserved, trail, subs
		return store.Imported{}, err
	case err != nil:
		return store.Imported{}, err
	case !b.Forgotten.IsZero() && !m.is("moves no mark"):
		m.raise(b.Forgotten)
	}
	if m.is("counts what it had") {
		done = sizeOf(b)
	}
	return done, nil
}

func (m *model) written(b store.Batch) (done store.Imported, err error) {
	for _, c := range b.Clients {
		held, taken := m.clients[c.ID]
		switch {
		case taken && store.SameRecord(held, c) && !m.is("takes nothing twice"):
			continue
		case taken && !m.is("overwrites on import"):
			return done, store.ErrExists
		}
		if err := m.free(c); err != nil {
			return done, err
		}
		m.between()
		m.importClient(c)
		done.Clients++
	}
	if done.Subscriptions, err = m.importSubscriptions(b.Subscriptions); err != nil {
		return done, err
	}
	for _, r := range b.Reservations {
		held, taken := m.reserved[string(r.Key[:])]
		switch {
		case taken && held.until.Equal(r.Until) && held.id == r.Client:
			continue
		case taken && !m.is("overwrites reservations on import"):
			return done, store.ErrExists
		}
		m.between()
		m.reserved[string(r.Key[:])] = owned{r.Client, r.Until}
		done.Reservations++
	}
	for _, e := range b.Audit {
		if e.IsNote() && m.is("moves no note") {
			continue
		}
		i := slices.IndexFunc(m.trail, func(held store.AuditEntry) bool {
			return held.ID == e.ID && (held.Client == e.Client || !m.is("looks for an entry in its history"))
		})
		switch {
		case i >= 0 && (store.SameEntry(m.trail[i], e) || m.is("keeps its own entry on import")):
			continue
		case i >= 0:
			return done, store.ErrExists
		}
		m.trail = append(m.trail, e.Clone())
		done.Audit++
	}
	return done, nil
}

// free returns ErrExists where a client_id or a unique key of a record is another's.
func (m *model) free(c store.Client) error {
	if m.is("imports taken keys") {
		return nil
	}
	if err := m.taken(c); err != nil {
		return err
	}
	if c.Previous != nil && !m.is("looks at no key to return to") {
		before := store.Client{ID: c.ID, UniqueKey: c.Previous.UniqueKey}
		return m.takenKey(before)
	}
	return nil
}

func (m *model) importClient(c store.Client) {
	switch {
	case m.is("moves no Previous"):
		c.Previous = nil
	case m.is("moves no sealed secret"):
		c.SealedSecret = nil
	case m.is("moves all as Active") && c.State == store.Deleting:
		c.State = store.Active
	case m.is("moves no Reserved"):
		c.Reserved = nil
	}
	m.put(c)
}
