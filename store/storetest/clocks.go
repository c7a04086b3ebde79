package storetest

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/obdcr/obdcr/store"
)

// turned is a clock that a case sets, ahead or back.
type turned struct{ seconds atomic.Int64 }

func newClock() *turned {
	c := &turned{}
	c.seconds.Store(issued.Unix())
	return c
}

func (c *turned) now() time.Time       { return time.Unix(c.seconds.Load(), 0).UTC() }
func (c *turned) turn(d time.Duration) { c.seconds.Add(int64(d / time.Second)) }

// notRun says which cases were not run for the lack of OpenAt.
func notRun(t *testing.T, names []string) {
	t.Helper()
	if len(names) > 0 {
		t.Logf("not run without OpenAt, since they turn the store's clock: %q", names)
	}
}

// until is a reservation that ends so long after the time that the clock began with.
func until(id string, after time.Duration) store.Reservation {
	r := jti(id)
	r.Until = issued.Add(after)
	return r
}

// meanwhile makes so many other clients, each with a request of an hour.
func (p *probe) meanwhile(n int) {
	for range n {
		p.others++
		name := fmt.Sprint("other ", p.others)
		r := jti(name)
		r.Until = p.clock.now().Add(time.Hour)
		p.create(store.Client{ID: name}, r, nil)
	}
}

func clockCases() []testCase {
	all := append(aheadCases(), undoneCases()...)
	for i := range all {
		all[i].turns = true
	}
	return all
}

func aheadCases() []testCase {
	return []testCase{
		{name: "a jti is used once though the clock was ahead",
			why: "a store that forgets by a clock that is ahead takes the same request again, as a second client, once the clock is mended",
			do: func(p *probe) {
				p.create(client("a"), until("1", 10*time.Minute), nil)
				p.create(client("b"), until("2", 5*time.Minute), nil)
				p.clock.turn(2 * time.Hour)
				p.meanwhile(199)
				p.clock.turn(-2 * time.Hour)
				p.burnt(until("1", 10*time.Minute))
				p.burnt(until("2", 5*time.Minute))
				p.absent("burnt?")
			}},
		{name: "a jti is used once wherever the clock goes", why: "a clock may go ahead or back by a day, and more than once",
			do: clockGoesAnywhere},
		{name: "a jti that changed a client changes none after the clock was ahead", why: "an old PUT sent again would bring back what the owner has changed since",
			do: func(p *probe) {
				p.create(client("a"), until("1", 5*time.Minute), nil)
				p.update(versioned(client("a"), 1), until("2", 5*time.Minute), nil)
				p.clock.turn(2 * time.Hour)
				p.meanwhile(60)
				p.clock.turn(-2 * time.Hour)
				other := versioned(client("a"), 2)
				other.OrgID = "other"
				p.update(other, until("1", 5*time.Minute), store.ErrReplayed)
				p.update(other, until("2", 5*time.Minute), store.ErrReplayed)
				p.same(versioned(client("a"), 2))
				p.update(other, until("3", 6*time.Minute), nil)
			}},
		{name: "a request that ends after all that was forgotten is served", why: "the mark is the end of a reservation, and not the time of the purge",
			do: func(p *probe) {
				for i := range 60 {
					p.create(store.Client{ID: fmt.Sprint("c", i)}, until(fmt.Sprint(i), time.Duration(i)*time.Second), nil)
				}
				p.clock.turn(2 * time.Hour)
				p.meanwhile(60)
				p.clock.turn(-2 * time.Hour)
				p.free(until("new", time.Minute))
				p.create(store.Client{ID: "by the bank"}, store.Reservation{}, nil)
				p.update(store.Client{ID: "by the bank", Version: 1}, store.Reservation{}, nil)
			}},
		{name: "what has ended gives way to what ends later alone", why: "the same request is a replay whether the store has purged or not",
			do: func(p *probe) {
				p.create(client("a"), until("1", 5*time.Minute), nil)
				p.clock.turn(2 * time.Hour)
				p.burnt(until("1", 5*time.Minute))
				p.burnt(until("1", time.Minute))
				p.create(client("b"), until("1", 3*time.Hour), nil)
				p.burnt(until("1", 4*time.Hour))
				p.clock.turn(-2 * time.Hour)
				p.burnt(until("1", 5*time.Minute))
			}},
	}
}

func undoneCases() []testCase {
	all := []testCase{
		{name: "what gave way is not free when its place is", why: "Undo takes back the later use of a jti, and the earlier one stays used",
			do: func(p *probe) {
				p.create(client("a"), until("1", 5*time.Minute), nil)
				p.clock.turn(2 * time.Hour)
				p.create(in(client("b"), store.Creating, issued), until("1", 3*time.Hour), nil)
				p.undo("b", 1, nil)
				p.clock.turn(-2 * time.Hour)
				p.burnt(until("1", 5*time.Minute))
			}},
		{name: "Undo frees no jti of another though the clock was ahead", why: "the mark does not fall, and a store that has forgotten the jti to free may refuse it",
			do: func(p *probe) {
				p.create(client("a"), until("1", 5*time.Minute), nil)
				p.create(in(client("b"), store.Creating, issued), until("2", 5*time.Minute), nil)
				p.clock.turn(2 * time.Hour)
				p.meanwhile(60)
				p.clock.turn(-2 * time.Hour)
				p.undo("b", 1, nil)
				p.absent("b")
				p.burnt(until("1", 5*time.Minute))
				if err := p.Create(p.ctx, client("b"), store.Change{Reservation: until("2", 5*time.Minute)}); err != nil {
					want("Create", err, store.ErrForgotten)
				}
				p.free(until("2", 6*time.Minute))
			}},
	}
	for i := range all {
		all[i].needs = Unfinished
	}
	return all
}

func clockGoesAnywhere(p *probe) {
	const day = 24 * time.Hour
	var used []store.Reservation
	for i, turns := range [][]time.Duration{{day, -day}, {-day, day}, {day, -2 * day, day}, {time.Hour, time.Hour, -2 * time.Hour}} {
		name := fmt.Sprint("used ", i)
		r := until(name, time.Duration(5+i)*time.Minute) // each later than those forgotten
		p.create(store.Client{ID: name}, r, nil)
		used = append(used, r)
		for _, by := range turns {
			p.clock.turn(by)
			for _, r := range used {
				p.burnt(r)
			}
			if p.clock.now().After(issued) {
				p.meanwhile(20)
			}
			for _, r := range used {
				p.burnt(r)
			}
		}
	}
	p.free(until("new", 2*time.Hour+time.Minute)) // the others sent by clocks that were ahead too
}
