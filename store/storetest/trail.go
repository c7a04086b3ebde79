package storetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/obdcr/obdcr/store"
)

func trailCases() []testCase {
	return []testCase{
		{name: "a history outlives its record", why: "an auditor asks about clients that are gone, and the bank has nothing else of them",
			do: func(p *probe) {
				made := p.creates(client("a"), audited("1", jti("1")))
				gone := p.deletes("a", by("2"))
				p.absent("a")
				p.creates(client("b"), audited("3", jti("3")))
				p.history("a", made, gone)
			}},
		{name: "a record of an ID that is used again has its entries too",
			why: "a store that keeps one entry of each version refuses the record, or writes over what happened before",
			do: func(p *probe) {
				first := []store.AuditEntry{p.creates(client("a"), by("1")), p.deletes("a", by("2"))}
				p.creates(client("a"), by("3"))
				p.same(versioned(client("a"), 1))
				second, err := p.auditor.History(p.ctx, "a", 0, 10)
				if want("History", err, nil); len(second) != 3 || len(p.trail()) != 3 {
					failf("%d entries are in the history and %d in the trail, want %d", len(second), len(p.trail()), 3)
				}
				if diff := entryDifference(second[2], first[1]); diff != "" {
					failf("the last entry by its version: %s", diff)
				}
			}},
		{name: "History walks over the entries of one record in the order of their versions",
			why: "a portal shows each change once, oldest first, for any page size", do: walkedHistory},
		{name: "ListAudit walks over all entries in the order of their IDs",
			why: "an export reads the trail once, page by page, and begins anew where it stopped", do: walkedTrail},
		{name: "a record is found by a client_id that it had, for its history",
			why:  "who asks about a client knows its client_id, which the authorization server chose; the record may be gone, or have another one by now",
			also: []Capability{ClientIDs}, do: foundByOldClientID},
		{name: "a context that has ended reads no trail", why: "its caller has given up",
			do: func(p *probe) {
				p.creates(client("a"), by("1"))
				ended, cancel := context.WithCancel(p.ctx)
				cancel()
				_, err := p.auditor.History(ended, "a", 0, 10)
				want("History", err, context.Canceled)
				_, err = p.auditor.ListAudit(ended, "", 10)
				want("ListAudit", err, context.Canceled)
				_, err = p.auditor.AuditedAs(ended, "a")
				want("AuditedAs", err, context.Canceled)
			}},
	}
}

func walkedHistory(p *probe) {
	wanted := []store.AuditEntry{p.creates(client("a"), by("1"))}
	others := []string{"A", "a ", "ab", "\u00e4", "%", "_"}
	for _, id := range others {
		p.creates(client(id), by("0"))
	}
	for i := range 11 { // up to a version of two digits
		p.updates(versioned(client("A"), int64(i+1)), by("0"))
		wanted = append(wanted, p.updates(versioned(client("a"), int64(i+1)), by(fmt.Sprint(i))))
	}
	for _, size := range []int{1, 2, 5, len(wanted), len(wanted) + 1, math.MaxInt} {
		var all []store.AuditEntry
		for after := int64(0); ; {
			page, err := p.auditor.History(p.ctx, "a", after, size)
			if want("History", err, nil); len(page) > size {
				failf("History gave %d entries of at most %d", len(page), size)
			}
			if all = append(all, page...); len(page) == 0 || len(all) > len(wanted) {
				break
			}
			after = page[len(page)-1].Version
		}
		wantEntries(fmt.Sprintf("History in pages of %d", size), all, nil, wanted)
	}
	for _, limit := range []int{0, -1, math.MinInt} {
		none, err := p.auditor.History(p.ctx, "a", 0, limit)
		wantEntries("History of none", none, err, nil)
	}
	none, err := p.auditor.History(p.ctx, "a", math.MaxInt64, 10)
	wantEntries("History after the last", none, err, nil)
	p.history("of none")
	p.history("")
}

func walkedTrail(p *probe) {
	const records = 12
	for i := range records {
		p.creates(client(fmt.Sprint("c", i)), by(fmt.Sprint(i)))
	}
	p.deletes("c3", by("removal"))
	wanted := p.trail()
	if !slices.IsSortedFunc(wanted, func(a, b store.AuditEntry) int { return strings.Compare(a.ID, b.ID) }) {
		failf("ListAudit gives entries in another order than that of their IDs")
	}
	if len(wanted) != records+1 {
		failf("ListAudit gives %d entries, want %d", len(wanted), records+1)
	}
	for _, size := range []int{1, 2, 5, len(wanted), len(wanted) + 1} {
		var all []store.AuditEntry
		for after := ""; ; {
			page, err := p.auditor.ListAudit(p.ctx, after, size)
			if want("ListAudit", err, nil); len(page) > size {
				failf("ListAudit gave %d entries of at most %d", len(page), size)
			}
			if all = append(all, page...); len(page) == 0 || len(all) > len(wanted) {
				break
			}
			after = page[len(page)-1].ID
		}
		wantEntries(fmt.Sprintf("ListAudit in pages of %d", size), all, nil, wanted)
	}
	for _, limit := range []int{0, -1, math.MinInt} {
		none, err := p.auditor.ListAudit(p.ctx, "", limit)
		wantEntries("ListAudit of none", none, err, nil)
	}
}

// wasAs checks the record that had a client_id last, "" for none.
func (p *probe) wasAs(clientID, id string) {
	got, err := p.auditor.AuditedAs(p.ctx, clientID)
	if id == "" {
		want(fmt.Sprintf("AuditedAs(%q)", clientID), err, store.ErrNotFound)
		return
	}
	if want(fmt.Sprintf("AuditedAs(%q)", clientID), err, nil); got != id {
		failf("AuditedAs(%q) is %q, want %q", clientID, got, id)
	}
}

func foundByOldClientID(p *probe) {
	p.creates(named(client("a"), "x"), by("1"))
	p.wasAs("x", "a")
	p.updates(versioned(named(client("a"), "y"), 1), by("2"))
	p.wasAs("x", "a")
	p.wasAs("y", "a")
	p.deletes("a", by("3"))
	p.wasAs("y", "a")
	p.creates(client("b"), by("4"))
	p.create(named(client("c"), "z"), jti("c"), nil)
	p.creates(in(client("d"), store.PendingCreate, issued), by("5"))
	for _, none := range []string{"a", "b", "c", "z", "d", "X", "x ", ""} {
		p.wasAs(none, "")
	}
}

// auditClockCases turn the clock, by whole seconds.
func auditClockCases() []testCase {
	all := []testCase{
		{name: "an entry is of the time of the store's clock", why: "an auditor compares it with what happened elsewhere",
			do: func(p *probe) {
				wanted := p.creates(client("a"), by("1"))
				wanted.At = p.clock.now()
				p.clock.turn(time.Hour)
				later := p.updates(versioned(client("a"), 1), by("2"))
				later.At = p.clock.now()
				p.history("a", wanted, later)
				for _, from := range []struct {
					at     time.Time
					wanted []store.AuditEntry
				}{
					{later.At, []store.AuditEntry{later}}, {later.At.Add(time.Millisecond), nil}, {wanted.At, []store.AuditEntry{wanted, later}},
					{wanted.At.Add(time.Millisecond), []store.AuditEntry{later}}, {longAgo, []store.AuditEntry{wanted, later}}, {farAhead, nil},
				} {
					got, err := p.auditor.ListAudit(p.ctx, store.AuditIDAt(from.at), 10)
					wantEntries(fmt.Sprintf("ListAudit from %s", from.at), got, err, from.wanted)
				}
			}},
		{name: "a history is in order though the clock was set back", why: "versions say what came first, and times do not where a clock was wrong",
			do: func(p *probe) {
				wanted := []store.AuditEntry{p.creates(client("a"), by("1"))}
				for i, turn := range []time.Duration{time.Hour, -3 * time.Hour, time.Hour, 0} {
					p.clock.turn(turn)
					wanted = append(wanted, p.updates(versioned(client("a"), int64(i+1)), by(fmt.Sprint(i))))
				}
				p.history("a", wanted...)
			}},
		{name: "the newest entry says which record had a client_id last", also: []Capability{ClientIDs},
			why: "a client_id may go from one record to another, and a history is that of one of them",
			do: func(p *probe) {
				p.creates(named(client("a"), "x"), by("1"))
				p.clock.turn(time.Second)
				p.deletes("a", by("2"))
				p.clock.turn(time.Second)
				p.creates(named(client("b"), "x"), by("3"))
				p.wasAs("x", "b")
				p.clock.turn(time.Second)
				p.updates(versioned(named(client("b"), "y"), 1), by("4"))
				p.wasAs("x", "b")
				p.creates(named(client("A"), "x"), by("5"))
				p.wasAs("x", "A")
			}},
	}
	for i := range all {
		all[i].turns = true
	}
	return all
}

func auditRaces() []testCase {
	return []testCase{
		race("of 64 with one jti one leaves an entry", "63 were refused, and the trail must not say otherwise", Auditor,
			func(p *probe, round string) {
				won := winner(together(crowd, func(i int) error {
					return p.Create(p.ctx, store.Client{ID: name(round, i)}, audited("it", jti(round)))
				}), store.ErrReplayed)
				for i := range crowd {
					if i != won {
						p.history(name(round, i))
						continue
					}
					p.history(name(round, i), entryOf(p.get(name(round, i)), false, by("it")))
				}
			}),
		{name: "a history has each version once", why: "a change that is not in the trail happened all the same, and one that is there twice did not",
			needs: Auditor, do: eachVersionOnce},
		{name: "who sees a change sees its entry", why: "neither exists without the other, and they are one transaction for readers too",
			needs: Auditor, do: seenTogether},
	}
}

func eachVersionOnce(p *probe) {
	const workers, each = 8, 10
	p.creates(store.Client{ID: "a"}, by("the first"))
	errs := together(workers, func(int) error {
		for done := 0; done < each; {
			c, err := p.Get(p.ctx, "a")
			if err != nil {
				return err
			}
			c.OrgID = fmt.Sprint("version ", c.Version+1)
			switch err := p.Update(p.ctx, c, by("worker")); {
			case err == nil:
				done++
			case !errors.Is(err, store.ErrConflict):
				return err
			}
		}
		return nil
	})
	want("changing together", errors.Join(errs...), nil)
	var wanted []store.AuditEntry
	for version := range int64(1 + workers*each) {
		c := store.Client{ID: "a", ClientID: "a", Version: version + 1, State: store.Active, OrgID: fmt.Sprint("version ", version+1)}
		with := by("worker")
		if version == 0 {
			c.OrgID, with = "", by("the first")
		}
		wanted = append(wanted, entryOf(c, false, with))
	}
	p.history("a", wanted...)
}

func seenTogether(p *probe) {
	p.creates(store.Client{ID: "a"}, by("0"))
	errs := together(few, func(i int) error {
		for range p.rounds {
			c, err := p.Get(p.ctx, "a")
			if err != nil {
				return err
			}
			found, err := p.auditor.History(p.ctx, "a", c.Version-1, 1)
			if err != nil {
				return err
			}
			if len(found) != 1 || found[0].Version != c.Version {
				return fmt.Errorf("version %d is there, and its entry is not", c.Version)
			}
			if i > 1 {
				continue
			}
			if err := p.Update(p.ctx, c, by("1")); err != nil && !errors.Is(err, store.ErrConflict) {
				return err
			}
		}
		return nil
	})
	want("reading and changing together", errors.Join(errs...), nil)
	last := p.get("a").Version
	if found, err := p.auditor.History(p.ctx, "a", last, 1); err != nil || len(found) > 0 {
		failf("the history has an entry after version %d, and the record has none: %v", last, err)
	}
}
