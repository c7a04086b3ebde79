package storetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/obdcr/obdcr/store"
)

// purges checks how much a purge forgets.
func (p *probe) purges(what store.Purge, wanted store.Purged) {
	got, err := p.purger.Purge(p.ctx, what)
	if want(fmt.Sprintf("Purge(%+v)", what), err, nil); got != wanted {
		failf("Purge(%+v) has forgotten %+v, want %+v", what, got, wanted)
	}
}

// turned makes a change, and turns the clock by a minute.
func (p *probe) thenTurn(e store.AuditEntry) store.AuditEntry {
	p.clock.turn(time.Minute)
	return e
}

func purgeCases() []testCase {
	turning := append(reservationPurges(), auditPurges()...)
	for i := range turning {
		turning[i].turns = true
	}
	all := append(turning, testCase{
		name: "what 16 purge at once is forgotten once", why: "each replica purges by itself, and their numbers are added up",
		also: []Capability{Auditor}, do: purgedTogether,
	}, testCase{
		name: "a purge in a context that has ended forgets nothing", why: "its caller has given up", also: []Capability{Auditor},
		do: func(p *probe) {
			made := p.creates(client("a"), by("1"))
			ended, cancel := context.WithCancel(p.ctx)
			cancel()
			_, err := p.purger.Purge(ended, store.Purge{AuditBefore: farAhead, DeletedBefore: farAhead, Limit: 10})
			want("Purge", err, context.Canceled)
			p.history("a", made)
		},
	})
	for i := range all {
		all[i].needs = Purger
	}
	return all
}

func reservationPurges() []testCase {
	return []testCase{
		{name: "Purge forgets reservations that have ended, and raises the mark",
			why: "whoever forgets says up to which end: a clock that was ahead must not let a jti in twice",
			do: func(p *probe) {
				p.create(client("a"), until("1", 5*time.Minute), nil)
				p.create(client("b"), until("2", 8*time.Minute), nil)
				p.create(client("c"), until("3", 3*time.Hour), nil)
				p.purges(store.Purge{Limit: 10}, store.Purged{})
				p.clock.turn(2 * time.Hour)
				p.purges(store.Purge{Limit: 10}, store.Purged{Reservations: 2})
				p.purges(store.Purge{Limit: 10}, store.Purged{})
				p.final(until("3", 3*time.Hour))
				p.clock.turn(-2 * time.Hour)
				for id, end := range map[string]time.Duration{"1": 5 * time.Minute, "2": 8 * time.Minute, "other": 8 * time.Minute} {
					p.create(client("d"), until(id, end), store.ErrForgotten)
				}
				p.free(until("new", 8*time.Minute+time.Second))
				p.same(versioned(client("a"), 1))
			}},
		{name: "Purge forgets the reservations that ended first, and no more than the limit",
			why: "a step holds up the changes beside it no longer than one of them takes; out of order it would raise the mark too far",
			do: func(p *probe) {
				for i := range 5 {
					p.create(client(fmt.Sprint(i)), until(fmt.Sprint(i), time.Duration(1+i)*time.Minute), nil)
				}
				p.clock.turn(2 * time.Hour)
				for _, limit := range []int{0, -1, math.MinInt} {
					p.purges(store.Purge{Limit: limit}, store.Purged{})
				}
				p.purges(store.Purge{Limit: 2}, store.Purged{Reservations: 2})
				p.clock.turn(-2 * time.Hour)
				p.create(client("d"), until("1", 2*time.Minute), store.ErrForgotten)
				if err := p.Create(p.ctx, client("d"), store.Change{Reservation: until("2", 3*time.Minute)}); errors.Is(err, store.ErrForgotten) {
					failf("a reservation beyond the limit was forgotten: %v", err)
				}
				p.final(until("2", 3*time.Minute))
				p.clock.turn(2 * time.Hour)
				p.purges(store.Purge{Limit: 2}, store.Purged{Reservations: 2})
				p.purges(store.Purge{Limit: math.MaxInt}, store.Purged{Reservations: 1})
			}},
		{name: "Purge leaves the jti of a change under way, and Undo gives it back", also: []Capability{Unfinished},
			why: "a jti is in force until its end, whatever its change does",
			do: func(p *probe) {
				p.create(in(client("a"), store.Creating, issued), until("1", time.Hour), nil)
				p.clock.turn(59 * time.Minute)
				p.purges(store.Purge{Limit: 10}, store.Purged{})
				p.underWay(until("1", time.Hour))
				p.undo("a", 1, nil)
				p.free(until("1", time.Hour))
			}},
	}
}

func auditPurges() []testCase {
	all := []testCase{
		{name: "Purge forgets entries older than AuditBefore, oldest first",
			why: "retention ends by the date that the policy says, and never before", do: purgedByAge},
		{name: "Purge forgets all entries about records removed before DeletedBefore",
			why: "what the bank knows of a client that left goes when the policy says, and no trace of it stays", do: purgedRemoved},
		{name: "Purge by DeletedBefore leaves the record that was removed last to be found",
			why: "a step that forgets the removal before the rest leaves entries that no later step finds", do: removalLast},
		{name: "Purge leaves the history of an ID that is used again, until it was removed again",
			why: "a client that came again under the ID of one removed is no removed one", do: purgedAgain},
		{name: "Purge forgets a record that was removed after the clock was set back",
			why: "its removal is older than what happened before it, and all the same it was removed",
			do: func(p *probe) {
				p.thenTurn(p.creates(client("a"), by("1")))
				p.clock.turn(time.Hour)
				p.updates(versioned(client("a"), 1), by("2"))
				p.clock.turn(-time.Hour)
				p.thenTurn(p.deletes("a", by("3")))
				p.purges(store.Purge{DeletedBefore: farAhead, Limit: 2}, store.Purged{Deleted: 2})
				p.purges(store.Purge{DeletedBefore: farAhead, Limit: 2}, store.Purged{Deleted: 1})
				p.history("a")
			}},
		{name: "Purge by both dates keeps to the limit of each", why: "the caller goes on until a number is less than the limit", do: purgedByBoth},
		{name: "a history goes on after a purge", why: "the next change writes its entry as if nothing had been forgotten",
			do: func(p *probe) {
				p.thenTurn(p.creates(client("a"), by("1")))
				p.thenTurn(p.updates(versioned(client("a"), 1), by("2")))
				p.purges(store.Purge{AuditBefore: farAhead, Limit: 10}, store.Purged{Audit: 2})
				p.history("a")
				p.history("a", p.updates(versioned(client("a"), 2), by("3")))
				p.same(versioned(client("a"), 3))
			}},
	}
	for i := range all {
		all[i].also = []Capability{Auditor}
	}
	return all
}

func purgedByAge(p *probe) {
	entries := []store.AuditEntry{p.thenTurn(p.creates(client("a"), by("0")))}
	for i := range 4 {
		entries = append(entries, p.thenTurn(p.updates(versioned(client("a"), int64(i+1)), by(fmt.Sprint(i)))))
	}
	at := func(i int) time.Time { return issued.Add(time.Duration(i) * time.Minute) }
	p.purges(store.Purge{Limit: 10}, store.Purged{})
	p.purges(store.Purge{AuditBefore: at(0), Limit: 10}, store.Purged{})
	for _, limit := range []int{0, -1, math.MinInt} {
		p.purges(store.Purge{AuditBefore: farAhead, Limit: limit}, store.Purged{})
	}
	p.history("a", entries...)
	p.purges(store.Purge{AuditBefore: at(4), Limit: 2}, store.Purged{Audit: 2})
	p.history("a", entries[2:]...)
	p.purges(store.Purge{AuditBefore: at(3), Limit: 2}, store.Purged{Audit: 1})
	p.history("a", entries[3:]...)
	p.purges(store.Purge{AuditBefore: at(4), Limit: 10}, store.Purged{Audit: 1})
	p.history("a", entries[4])
	p.purges(store.Purge{AuditBefore: at(4).Add(time.Millisecond), Limit: math.MaxInt}, store.Purged{Audit: 1})
	p.history("a")
	p.same(versioned(client("a"), 5))
}

func purgedRemoved(p *probe) {
	p.thenTurn(p.creates(client("a"), by("1")))                               // at 0
	stays := []store.AuditEntry{p.thenTurn(p.creates(client("ab"), by("2")))} // at 1
	p.thenTurn(p.updates(versioned(client("a"), 1), by("3")))                 // at 2
	p.thenTurn(p.deletes("a", by("4")))                                       // at 3
	later := []store.AuditEntry{p.thenTurn(p.creates(client("c"), by("5")))}  // at 4
	later = append(later, p.thenTurn(p.deletes("c", by("6"))))                // at 5
	at := func(i int) time.Time { return issued.Add(time.Duration(i) * time.Minute) }
	p.purges(store.Purge{DeletedBefore: at(3), Limit: 10}, store.Purged{})
	for _, limit := range []int{0, -1, math.MinInt} {
		p.purges(store.Purge{DeletedBefore: farAhead, Limit: limit}, store.Purged{})
	}
	p.purges(store.Purge{DeletedBefore: at(5), Limit: 10}, store.Purged{Deleted: 3})
	p.history("a")
	p.history("ab", stays...)
	p.history("c", later...)
	p.purges(store.Purge{DeletedBefore: at(5).Add(time.Millisecond), Limit: math.MaxInt}, store.Purged{Deleted: 2})
	p.history("c")
	if p.unfinished != nil {
		p.thenTurn(p.creates(in(client("d"), store.Creating, issued), by("7")))
		p.thenTurn(p.undoes("d", by("8")))
		p.purges(store.Purge{DeletedBefore: farAhead, Limit: 10}, store.Purged{Deleted: 2})
	}
	wantEntries("ListAudit", p.trail(), nil, stays)
}

func removalLast(p *probe) {
	for _, id := range []string{"a", "b"} {
		p.thenTurn(p.creates(client(id), by("1")))
		p.thenTurn(p.updates(versioned(client(id), 1), by("2")))
		p.thenTurn(p.updates(versioned(client(id), 2), by("3")))
	}
	removals := []store.AuditEntry{p.thenTurn(p.deletes("a", by("4"))), p.thenTurn(p.deletes("b", by("5")))}
	forgotten := 0
	for range 20 {
		got, err := p.purger.Purge(p.ctx, store.Purge{DeletedBefore: farAhead, Limit: 1})
		if want("Purge", err, nil); got.Deleted == 0 {
			break
		}
		forgotten++
		for i, id := range []string{"a", "b"} {
			left, err := p.auditor.History(p.ctx, id, 0, 10)
			want("History", err, nil)
			if len(left) == 0 {
				continue
			}
			if diff := entryDifference(left[len(left)-1], removals[i]); diff != "" {
				failf("the last entry of %q that is left is not its removal: %s", id, diff)
			}
		}
	}
	if left := len(p.trail()); forgotten != 8 || left != 0 {
		failf("%d steps have forgotten an entry each, and %d are left; want 8 and none", forgotten, left)
	}
}

func purgedAgain(p *probe) {
	p.thenTurn(p.creates(client("a"), by("1")))
	p.thenTurn(p.deletes("a", by("2")))
	between := p.clock.now()
	p.thenTurn(p.creates(client("a"), by("3")))
	for _, before := range []time.Time{between, farAhead} {
		p.purges(store.Purge{DeletedBefore: before, Limit: 10}, store.Purged{})
	}
	p.thenTurn(p.deletes("a", by("4")))
	p.purges(store.Purge{DeletedBefore: between, Limit: 10}, store.Purged{})
	if got := p.trail(); len(got) != 4 {
		failf("%d entries are left, want 4", len(got))
	}
	p.purges(store.Purge{DeletedBefore: farAhead, Limit: 10}, store.Purged{Deleted: 4})
	p.history("a")
}

func purgedByBoth(p *probe) {
	for _, id := range []string{"a", "b", "c"} {
		p.thenTurn(p.creates(client(id), by("1")))
		p.thenTurn(p.updates(versioned(client(id), 1), by("2")))
	}
	p.thenTurn(p.deletes("a", by("3")))
	p.thenTurn(p.deletes("b", by("4")))
	left := len(p.trail())
	for range 20 {
		got, err := p.purger.Purge(p.ctx, store.Purge{AuditBefore: farAhead, DeletedBefore: farAhead, Limit: 2})
		want("Purge", err, nil)
		if got.Audit > 2 || got.Deleted > 2 || got.Reservations > 0 {
			failf("Purge with a limit of 2 has forgotten %+v", got)
		}
		now := len(p.trail())
		if left-now != got.Audit+got.Deleted {
			failf("Purge says %+v, and %d entries are gone", got, left-now)
		}
		if left = now; got.Audit < 2 && got.Deleted < 2 {
			break
		}
	}
	if left != 0 {
		failf("%d entries are left", left)
	}
}

func purgedTogether(p *probe) {
	const entries = 50
	p.creates(client("a"), by("0"))
	for i := range entries - 1 {
		p.updates(versioned(client("a"), int64(i+1)), by("1"))
	}
	var forgotten [few]int
	errs := together(few, func(i int) error {
		for {
			got, err := p.purger.Purge(p.ctx, store.Purge{AuditBefore: farAhead, Limit: 3})
			if err != nil || got.Audit == 0 {
				return err
			}
			forgotten[i] += got.Audit
		}
	})
	want("purging together", errors.Join(errs...), nil)
	sum := 0
	for _, n := range forgotten {
		sum += n
	}
	if sum != entries || len(p.trail()) > 0 {
		failf("%d entries were forgotten %d times, and %d are left", entries, sum, len(p.trail()))
	}
}
