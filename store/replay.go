package store

import (
	"context"
	"sync"
	"time"
)

// MemoryReplay is a Replay in memory, for tests and for a bank with one process. Make it
// with NewMemoryReplay: the zero value does not work.
type MemoryReplay struct {
	clock func() time.Time

	mu   sync.Mutex
	held map[[32]byte]hold
	all  [][32]byte // in the order of their leases, for purge
	gone forgotten
}

// hold is a jti with the end of its lease, or of its reservation once confirmed.
type hold struct {
	until     time.Time
	lease     time.Duration // how long the lease is
	confirmed bool
}

// ended reports whether the lease or the reservation has ended.
func (h hold) ended(now time.Time) bool { return !now.Before(h.until) }

// NewMemoryReplay returns a MemoryReplay that holds nothing. The clock says when leases
// and reservations end; nil means time.Now. By a clock whose times have a monotonic reading,
// as those of time.Now have, leases do not notice that the system's clock is set.
func NewMemoryReplay(clock func() time.Time) *MemoryReplay {
	if clock == nil {
		clock = time.Now
	}
	return &MemoryReplay{clock: clock, held: map[[32]byte]hold{}}
}

// Reserve implements Replay.
func (m *MemoryReplay) Reserve(ctx context.Context, r Reservation, lease time.Duration) error {
	return m.change(ctx, r, func(key [32]byte, now time.Time) error {
		h, ok := m.look(key, now)
		switch {
		case !ok:
		case h.confirmed && !(h.ended(now) && r.Until.After(h.until)):
			return ErrReplayed
		case !h.confirmed && !h.ended(now):
			return ErrUnderWay
		}
		if err := m.gone.refuse(r); err != nil {
			return err
		}
		if h.confirmed {
			m.gone.add(h.until)
		}
		m.held[key] = hold{until: now.Add(lease), lease: lease}
		m.all = append(m.all, key)
		m.purge(now)
		return nil
	})
}

// Confirm implements Replay.
func (m *MemoryReplay) Confirm(ctx context.Context, r Reservation) error {
	return m.change(ctx, r, func(key [32]byte, now time.Time) error {
		if h, ok := m.look(key, now); !ok || h.confirmed || h.ended(now) {
			return ErrReplayed
		}
		if err := m.gone.refuse(r); err != nil {
			return err
		}
		m.held[key] = hold{until: r.Until, confirmed: true}
		return nil
	})
}

// Release implements Replay.
func (m *MemoryReplay) Release(ctx context.Context, r Reservation) error {
	return m.change(ctx, r, func(key [32]byte, _ time.Time) error {
		if !m.held[key].confirmed {
			delete(m.held, key)
		}
		return nil
	})
}

func (m *MemoryReplay) change(ctx context.Context, r Reservation, do func(key [32]byte, now time.Time) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil || r.IsZero() {
		return err
	}
	return do(r.Key(), m.clock())
}

// look returns what holds the jti. A lease that ends later than its length from now was
// made by a clock that was ahead: from now on it has its length.
func (m *MemoryReplay) look(key [32]byte, now time.Time) (hold, bool) {
	h, ok := m.held[key]
	if ok && !h.confirmed && h.until.Sub(now) > h.lease {
		h.until = now.Add(h.lease)
		m.held[key] = h
	}
	return h, ok
}

// purge looks at a few of the oldest jti and forgets those that have ended.
func (m *MemoryReplay) purge(now time.Time) {
	for range min(purgeBatch, len(m.all)) {
		oldest := m.all[0]
		m.all = m.all[1:]
		h, ok := m.look(oldest, now)
		switch {
		case !ok:
			continue
		case !h.ended(now):
			m.all = append(m.all, oldest)
			continue
		case h.confirmed:
			m.gone.add(h.until)
		}
		delete(m.held, oldest)
	}
}
