package store

import (
	"context"
	"slices"
)

// Import implements Transfer.
func (m *Memory) Import(ctx context.Context, b Batch) (Imported, error) {
	if err := m.lock(ctx); err != nil {
		return Imported{}, err
	}
	defer m.mu.Unlock()
	b, err := ForImport(b)
	if err != nil {
		return Imported{}, err
	}
	in := memoryImport{m: m}
	if err := in.all(b); err != nil {
		for _, undo := range slices.Backward(in.undo) {
			undo()
		}
		return Imported{}, err
	}
	if !b.Forgotten.IsZero() {
		m.gone.add(b.Forgotten)
	}
	return in.done, nil
}

// memoryImport is an Import into a Memory, and how to take back what it has written.
type memoryImport struct {
	m    *Memory
	done Imported
	undo []func()
}

func (in *memoryImport) all(b Batch) error {
	for _, c := range b.Clients {
		if err := in.client(c); err != nil {
			return err
		}
	}
	for _, s := range b.Subscriptions {
		if err := in.subscription(s); err != nil {
			return err
		}
	}
	for _, r := range b.Reservations {
		if err := in.reservation(r); err != nil {
			return err
		}
	}
	for _, e := range b.Audit {
		if err := in.entry(e); err != nil {
			return err
		}
	}
	return nil
}

func (in *memoryImport) client(c Client) error {
	if held, taken := in.m.clients[c.ID]; taken {
		if SameRecord(held, c) {
			return nil
		}
		return ErrExists
	}
	if _, taken := in.m.byClient[c.ClientID]; taken {
		return ErrExists
	}
	for _, key := range uniqueKeys(c) {
		if _, taken := in.m.unique[key]; taken {
			return ErrExists
		}
	}
	in.m.put(c)
	in.done.Clients++
	in.undo = append(in.undo, func() { in.m.remove(c) })
	return nil
}

func (in *memoryImport) reservation(r HeldReservation) error {
	if held, taken := in.m.reserved[r.Key]; taken {
		if nextSecond(held.until).Equal(r.Until) && held.id == r.Client {
			return nil
		}
		return ErrExists
	}
	in.m.reserved[r.Key] = reserved{until: r.Until, id: r.Client}
	in.m.queue = append(in.m.queue, r.Key)
	in.done.Reservations++
	in.undo = append(in.undo, func() {
		delete(in.m.reserved, r.Key)
		in.m.queue = in.m.queue[:len(in.m.queue)-1]
	})
	return nil
}

func (in *memoryImport) entry(e AuditEntry) error {
	if client, taken := in.m.audited[e.ID]; taken {
		trail := in.m.trail[client]
		if i := slices.IndexFunc(trail, func(held AuditEntry) bool { return held.ID == e.ID }); SameEntry(trail[i], e) {
			return nil
		}
		return ErrExists
	}
	in.m.addEntry(e.Clone())
	in.done.Audit++
	in.undo = append(in.undo, func() { in.m.removeEntry(e) })
	return nil
}

func (in *memoryImport) subscription(s Subscription) error {
	if _, there := in.m.clients[s.Client]; !there {
		return ErrNotFound
	}
	if held, taken := in.m.subs[s.Client][s.API]; taken {
		if held == s {
			return nil
		}
		return ErrExists
	}
	in.m.putSubscription(s)
	in.done.Subscriptions++
	in.undo = append(in.undo, func() { delete(in.m.subs[s.Client], s.API) })
	return nil
}
