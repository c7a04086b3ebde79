package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/obdcr/obdcr/store"
)

// noteOf is a note about a record, or about none, with all members.
func noteOf(client, by string) store.AuditEntry {
	return store.AuditEntry{
		Client: client, ClientID: "client_id of " + by, Environment: "sandbox", Issuer: "issuer of " + by, SoftwareID: "software of " + by,
		OrgID: "org of " + by, Audit: audited(by, store.Reservation{}).Audit,
	}
}

// notes writes a note, and returns the entry that it is to be.
func (p *probe) notes(e store.AuditEntry) store.AuditEntry {
	want(fmt.Sprintf("Note(%q)", e.Client), p.noter.Note(p.ctx, e), nil)
	e.Changes = slices.Clone(e.Changes)
	for i, change := range e.Changes {
		e.Changes[i].Before, e.Changes[i].After = written(change.Before), written(change.After)
	}
	e.ID, e.At, e.Version, e.State = "", time.Time{}, 0, ""
	return e
}

func noteCases() []testCase {
	all := append(keptNotes(), forgottenNotes()...)
	for i := range all {
		all[i].needs, all[i].also = Noter, append(all[i].also, Auditor)
	}
	return all
}

func keptNotes() []testCase {
	return []testCase{
		{name: "a note is in the trail, as it was written, and in no history", why: "the history of a record has its changes, each Version once", do: keptNote},
		{name: "a note has an ID and a time of the store's own", why: "who writes a note cannot put it before another one", turns: true,
			do: func(p *probe) {
				e := noteOf("a", "1")
				e.ID, e.At, e.Version, e.State = store.AuditIDAt(farAhead), farAhead, 7, store.Active
				var wanted []store.AuditEntry
				for range 3 {
					noted := p.notes(e)
					noted.At = p.clock.now()
					wanted = append(wanted, noted)
					p.clock.turn(time.Minute)
				}
				got := p.trail()
				wantEntries("ListAudit", got, nil, wanted)
				for _, e := range got {
					if len(e.ID) != 32 || e.ID[:12] != store.AuditIDAt(e.At)[:12] || e.Removed() || !e.IsNote() {
						failf("the note has the ID %q at %v and State %q", e.ID, e.At, e.State)
					}
				}
			}},
		{name: "a note does not say which record had a client_id", why: "a refused registration may name the client_id of another client",
			do: func(p *probe) {
				p.creates(named(client("a"), "x"), by("1"))
				e := noteOf("", "2")
				e.ClientID = "x"
				p.notes(e)
				e.Client = "b"
				p.notes(e)
				p.wasAs("x", "a")
				p.deletes("a", by("3"))
				p.wasAs("x", "a")
				e.ClientID = "y"
				p.notes(e)
				p.wasAs("y", "")
				p.wasAs("", "")
			}},
		{name: "a note that no store can have is refused", why: "an entry that says nothing is a hole that nobody can explain",
			do: func(p *probe) {
				for what, spoil := range map[string]func(*store.AuditEntry){
					"nothing to say":            func(e *store.AuditEntry) { e.Operation, e.Decision = "", "" },
					"a NUL in its reason":       func(e *store.AuditEntry) { e.Reason = "a\x00b" },
					"an actor of no UTF-8":      func(e *store.AuditEntry) { e.ActorName = "\xff" },
					"a NUL in its organisation": func(e *store.AuditEntry) { e.OrgID = "\x00" },
					"a NUL in a member":         func(e *store.AuditEntry) { e.Changes = []store.AuditChange{{Member: "\x00"}} },
				} {
					e := noteOf("a", "1")
					if spoil(&e); p.noter.Note(p.ctx, e) == nil {
						failf("Note takes an entry with %s", what)
					}
				}
				ended, cancel := context.WithCancel(p.ctx)
				cancel()
				want("Note", p.noter.Note(ended, noteOf("a", "1")), context.Canceled)
				wantEntries("ListAudit", p.trail(), nil, nil)
			}},
		{name: "of 16 notes at once each is there", why: "none of them belongs to a Version that could tell them apart",
			do: func(p *probe) {
				for round := range p.rounds {
					errs := together(few, func(i int) error { return p.noter.Note(p.ctx, noteOf(fmt.Sprint("r", round), fmt.Sprint(i))) })
					want("Note", errors.Join(errs...), nil)
				}
				if all := p.trail(); len(all) != few*p.rounds {
					failf("the trail has %d notes, want %d", len(all), few*p.rounds)
				}
			}},
	}
}

func keptNote(p *probe) {
	made := p.creates(client("a"), by("1"))
	none, about := p.notes(noteOf("", "2")), p.notes(noteOf("a", "3"))
	of := p.notes(noteOf("b", "4"))
	bare := p.notes(store.AuditEntry{Audit: store.Audit{Decision: "refused"}})
	changed := p.updates(versioned(client("a"), 1), by("5"))
	p.history("a", made, changed)
	p.history("")
	p.history("b")
	for _, after := range []int64{-1, -1 << 62, 0} {
		for _, id := range []string{"a", "", "b"} {
			got, err := p.auditor.History(p.ctx, id, after, 10)
			wanted := map[string][]store.AuditEntry{"a": {made, changed}}[id]
			wantEntries(fmt.Sprintf("History(%q, %d)", id, after), got, err, wanted)
		}
	}
	byTime := p.trail() // entries of one millisecond are in any order
	for _, wanted := range []store.AuditEntry{made, none, about, of, bare, changed} {
		if !slices.ContainsFunc(byTime, func(got store.AuditEntry) bool { return entryDifference(got, wanted) == "" }) {
			failf("the trail has no entry %+v", wanted)
		}
	}
	if len(byTime) != 6 {
		failf("the trail has %d entries, want 6", len(byTime))
	}
	byTime[0].Changes = append(byTime[0].Changes[:0:0], store.AuditChange{Member: "spoilt"})
	if again := p.trail(); len(again) != 6 || again[0].Client != byTime[0].Client {
		failf("the trail is another one when it is read again")
	}
}

func forgottenNotes() []testCase {
	purging := []testCase{
		{name: "a note does not say that a record was removed",
			why: "the history of a client that is there, or was never here, is not forgotten as that of a former one",
			do: func(p *probe) {
				made := p.thenTurn(p.creates(client("a"), by("1")))
				about := p.thenTurn(p.notes(noteOf("a", "2")))
				none := p.thenTurn(p.notes(noteOf("", "3")))
				never := p.thenTurn(p.notes(noteOf("b", "4")))
				p.purges(store.Purge{DeletedBefore: farAhead, Limit: 10}, store.Purged{})
				wantEntries("ListAudit", p.trail(), nil, []store.AuditEntry{made, about, none, never})
			}},
		{name: "Purge forgets notes by their age", why: "who signed in years ago is nobody's business any more",
			do: func(p *probe) {
				p.thenTurn(p.notes(noteOf("", "1")))
				p.thenTurn(p.creates(client("a"), by("2")))
				p.thenTurn(p.notes(noteOf("a", "3")))
				kept := p.thenTurn(p.notes(noteOf("", "4")))
				p.purges(store.Purge{AuditBefore: issued.Add(time.Minute), Limit: 10}, store.Purged{Audit: 1})
				p.purges(store.Purge{AuditBefore: issued.Add(3 * time.Minute), Limit: 10}, store.Purged{Audit: 2})
				wantEntries("ListAudit", p.trail(), nil, []store.AuditEntry{kept})
			}},
		{name: "Purge forgets the notes about a record with its history", why: "what is left of a client that is gone is no history",
			do: func(p *probe) {
				p.thenTurn(p.creates(client("a"), by("1")))
				p.thenTurn(p.notes(noteOf("a", "2")))
				none := p.thenTurn(p.notes(noteOf("", "3")))
				p.thenTurn(p.deletes("a", by("4")))
				p.thenTurn(p.notes(noteOf("a", "5"))) // who looks at it keeps it for as long
				p.purges(store.Purge{DeletedBefore: issued.Add(4 * time.Minute), Limit: 10}, store.Purged{})
				p.purges(store.Purge{DeletedBefore: issued.Add(5 * time.Minute), Limit: 3}, store.Purged{Deleted: 3})
				p.purges(store.Purge{DeletedBefore: issued.Add(5 * time.Minute), Limit: 3}, store.Purged{Deleted: 1})
				wantEntries("ListAudit", p.trail(), nil, []store.AuditEntry{none})
			}},
	}
	for i := range purging {
		purging[i].turns, purging[i].also = true, []Capability{Purger}
	}
	return append(purging, testCase{
		name: "notes are moved with the register", why: "an audit trail that loses entries on the way proves nothing", also: []Capability{Transfer, Lister},
		do: func(p *probe) {
			p.creates(client("a"), by("1"))
			p.notes(noteOf("a", "2"))
			p.notes(noteOf("", "3"))
			b := p.exported()
			to := p.another()
			to.imports(b, sizeOf(b))
			to.imports(b, store.Imported{})
			to.holding(b)
			to.history("a", b.Audit[slices.IndexFunc(b.Audit, func(e store.AuditEntry) bool { return e.Version == 1 })])
			note := b.Audit[slices.IndexFunc(b.Audit, store.AuditEntry.IsNote)]
			for _, spoil := range []func(*store.AuditEntry){
				func(e *store.AuditEntry) { e.State = store.Active }, func(e *store.AuditEntry) { e.Version = -1 },
				func(e *store.AuditEntry) { e.Client, e.Version = "", 1 }, func(e *store.AuditEntry) { e.Operation, e.Decision = "", "" },
			} {
				bad := note
				spoil(&bad)
				p.refuses("no entry", store.Batch{Audit: []store.AuditEntry{bad}}, store.ErrState)
			}
		},
	})
}
