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
}

// hold is a jti with the end of its lease, or of its reservation once confirmed.
type hold struct {
	until     time.Time
	confirmed bool
}

// NewMemoryReplay returns a MemoryReplay that holds nothing. The clock says when leases
// and reservations end; nil means time.Now.
func NewMemoryReplay(clock func() time.Time) *MemoryReplay {
	if clock == nil {
		clock = time.Now
	}
	return &MemoryReplay{clock: clock, held: map[[32]byte]hold{}}
}

// Reserve implements Replay.
func (m *MemoryReplay) Reserve(ctx context.Context, r Reservation, lease time.Duration) error {
	return m.change(ctx, r, func(key [32]byte, now time.Time) error {
		switch h, ok := m.held[key]; {
		case !ok || !now.Before(h.until):
		case h.confirmed:
			return ErrReplayed
		default:
			return ErrUnderWay
		}
		m.held[key] = hold{until: now.Add(lease)}
		m.all = append(m.all, key)
		m.purge(now)
		return nil
	})
}

// Confirm implements Replay.
func (m *MemoryReplay) Confirm(ctx context.Context, r Reservation) error {
	return m.change(ctx, r, func(key [32]byte, now time.Time) error {
		if h, ok := m.held[key]; !ok || h.confirmed || !now.Before(h.until) {
			return ErrReplayed
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

// purge looks at a few of the oldest jti and forgets those that have ended.
func (m *MemoryReplay) purge(now time.Time) {
	for range min(purgeBatch, len(m.all)) {
		oldest := m.all[0]
		m.all = m.all[1:]
		if h, ok := m.held[oldest]; ok && now.Before(h.until) {
			m.all = append(m.all, oldest)
			continue
		}
		delete(m.held, oldest)
	}
}
