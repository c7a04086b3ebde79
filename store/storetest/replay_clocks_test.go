package storetest

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/store"
)

// plainReplay is a store.Replay of its own, as plain as can be, that can be broken in one way.
type plainReplay struct {
	mu    sync.Mutex
	fault string
	clock func() time.Time
	held  map[[32]byte]kept
	mark  time.Time
}

// kept is a jti with the end of its lease, or of its reservation once confirmed.
type kept struct {
	until     time.Time
	confirmed bool
}

func newPlainReplay(fault string, clock func() time.Time) *plainReplay {
	return &plainReplay{fault: fault, clock: clock, held: map[[32]byte]kept{}}
}

func (p *plainReplay) raise(h kept) {
	switch {
	case !h.confirmed && p.fault != "marks leases", p.fault == "remembers no mark":
	case p.fault == "marks the time":
		p.mark = p.clock()
	case h.until.After(p.mark):
		p.mark = h.until
	}
}

func (p *plainReplay) forgotten(r store.Reservation) error {
	if !p.mark.IsZero() && !r.Until.After(p.mark) {
		return store.ErrForgotten
	}
	return nil
}

// look forgets all that has ended, but for the jti asked for, and returns what holds that.
func (p *plainReplay) look(key [32]byte, lease time.Duration) (h kept, ended bool) {
	now := p.clock()
	for other, h := range p.held {
		switch most := now.Add(lease); {
		case !h.until.After(now) && other != key:
			delete(p.held, other)
			p.raise(h)
		case !h.confirmed && h.until.After(most) && p.fault != "lets leases grow":
			p.held[other] = kept{until: most}
		}
	}
	h, ok := p.held[key]
	return h, !ok || !h.until.After(now)
}

func (p *plainReplay) Reserve(ctx context.Context, r store.Reservation, asked time.Duration) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := ctx.Err(); err != nil || r.IsZero() {
		return err
	}
	h, ended := p.look(r.Key(), max(asked, lease))
	switch {
	case h.confirmed && (!ended || !r.Until.After(h.until) && p.fault != "replaces what has ended"):
		return store.ErrReplayed
	case !ended:
		return store.ErrUnderWay
	}
	if err := p.forgotten(r); err != nil {
		return err
	}
	if h.confirmed && p.fault != "forgets what gave way" {
		p.raise(h)
	}
	p.held[r.Key()] = kept{until: p.clock().Add(asked)}
	return nil
}

func (p *plainReplay) Confirm(ctx context.Context, r store.Reservation) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := ctx.Err(); err != nil || r.IsZero() {
		return err
	}
	if h, ended := p.look(r.Key(), lease); h.confirmed || ended {
		return store.ErrReplayed
	}
	if err := p.forgotten(r); err != nil && p.fault != "confirms what is forgotten" {
		return err
	}
	p.held[r.Key()] = kept{until: r.Until, confirmed: true}
	return nil
}

func (p *plainReplay) Release(ctx context.Context, r store.Reservation) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := ctx.Err(); err != nil || r.IsZero() {
		return err
	}
	if !p.held[r.Key()].confirmed {
		delete(p.held, r.Key())
	}
	return nil
}

func TestAPlainReplayKeepsTheContract(t *testing.T) {
	RunReplay(t, ReplayConfig{Rounds: 5,
		Open: func(*testing.T) (store.Replay, func(time.Duration)) {
			clock := newClock()
			return newPlainReplay("", clock.now), clock.turn
		},
		OpenAt: func(_ *testing.T, clock func() time.Time) store.Replay { return newPlainReplay("", clock) },
	})
}

// TestAReplayThatForgetsByAWrongClockIsFound: each fault is found, by the case that is about
// it, and each case finds one.
func TestAReplayThatForgetsByAWrongClockIsFound(t *testing.T) {
	const ahead, later = "a confirmed jti is used once though the clock was ahead", "a confirmed jti that has ended gives way to what ends later alone"
	all, shown := replayClockCases(), map[string]bool{}
	for _, c := range [][2]string{ // fault and case
		{"remembers no mark", ahead},
		{"marks the time", ahead},
		{"replaces what has ended", later},
		{"forgets what gave way", later},
		{"marks leases", "a lease that was forgotten refuses nobody, and one holder confirms"},
		{"confirms what is forgotten", "a jti that was confirmed and forgotten is not confirmed by an earlier holder"},
		{"lets leases grow", "a lease of a clock that was ahead is no longer than a lease"},
	} {
		fault, name := c[0], c[1]
		shown[name] = true
		t.Run(fault+": "+name, func(t *testing.T) {
			i := slices.IndexFunc(all, func(c replayCase) bool { return c.name == name })
			require.GreaterOrEqual(t, i, 0, "there is no case %q", name)
			clock := newClock()
			assert.Error(t, all[i].run(t.Context(), newPlainReplay(fault, clock.now), clock.turn, 1))
		})
	}
	for _, c := range all {
		assert.True(t, shown[c.name], c.name)
		assert.NotEmpty(t, c.why, c.name)
	}
}
