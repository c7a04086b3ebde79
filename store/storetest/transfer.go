package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/obdcr/obdcr/store"
)

// exported reads a whole register, in pages of three.
func (p *probe) exported() store.Batch {
	const size = 3
	var b store.Batch
	for after := ""; ; {
		page, err := p.lister.List(p.ctx, after, size)
		if want("List", err, nil); len(page) == 0 {
			break
		}
		b.Clients, after = append(b.Clients, page...), page[len(page)-1].ID
	}
	b.Reservations = p.reservations(size)
	for after := ""; p.auditor != nil; {
		page, err := p.auditor.ListAudit(p.ctx, after, size)
		if want("ListAudit", err, nil); len(page) == 0 {
			break
		}
		b.Audit, after = append(b.Audit, page...), page[len(page)-1].ID
	}
	mark, ok, err := p.transfer.Forgotten(p.ctx)
	if want("Forgotten", err, nil); ok {
		b.Forgotten = mark
	}
	return b
}

// reservations reads all reservations, in pages of that size.
func (p *probe) reservations(size int) []store.HeldReservation {
	var all []store.HeldReservation
	for after := []byte(nil); ; {
		page, err := p.transfer.ListReservations(p.ctx, after, size)
		if want("ListReservations", err, nil); len(page) > size {
			failf("ListReservations gave %d reservations of at most %d", len(page), size)
		}
		if all = append(all, page...); len(page) == 0 || len(all) > 1000 {
			return all
		}
		after = page[len(page)-1].Key[:]
	}
}

// imports checks how much an import writes.
func (p *probe) imports(b store.Batch, wanted store.Imported) {
	got, err := p.transfer.Import(p.ctx, b)
	if want("Import", err, nil); got != wanted {
		failf("Import has written %+v, want %+v", got, wanted)
	}
}

// sizeOf is what an import of the batch into an empty store writes.
func sizeOf(b store.Batch) store.Imported {
	return store.Imported{Clients: len(b.Clients), Reservations: len(b.Reservations), Audit: len(b.Audit)}
}

// moved returns another store that holds what this one does.
func (p *probe) moved() *probe {
	to, b := p.another(), p.exported()
	to.imports(b, sizeOf(b))
	return to
}

// holding checks that the store holds exactly what a batch says.
func (p *probe) holding(wanted store.Batch) {
	got := p.exported()
	if len(got.Clients) != len(wanted.Clients) || len(got.Reservations) != len(wanted.Reservations) {
		failf("the store holds %d records and %d reservations, want %d and %d",
			len(got.Clients), len(got.Reservations), len(wanted.Clients), len(wanted.Reservations))
	}
	for i, c := range got.Clients {
		if diff := difference(c, wanted.Clients[i]); diff != "" || c.ID != wanted.Clients[i].ID {
			failf("record %q: %s", wanted.Clients[i].ID, diff)
		}
	}
	for i, r := range got.Reservations {
		if other := wanted.Reservations[i]; r.Key != other.Key || r.Client != other.Client || !r.Until.Equal(other.Until) {
			failf("reservation %d is %+v, want %+v", i, r, other)
		}
	}
	wantEntries("ListAudit", got.Audit, nil, wanted.Audit)
	if !got.Forgotten.Equal(wanted.Forgotten) {
		failf("the mark is %s, want %s", got.Forgotten, wanted.Forgotten)
	}
}

// filled makes a register with a record in each state, and one that was removed.
func (p *probe) filled() {
	later := issued.Add(time.Hour)
	rich := func(id string) store.Client { return decided(named(client(id), "client "+id), id) }
	p.creates(rich("active"), audited("1", jti("active")))
	p.creates(in(rich("creating"), store.Creating, later), audited("2", jti("creating")))
	p.creates(in(rich("waiting"), store.PendingCreate, later), audited("3", jti("waiting")))
	p.creates(in(rich("approved"), store.PendingCreate, issued), audited("4", jti("approved")))
	p.updates(versioned(in(rich("approved"), store.Creating, later), 1), by("5"))
	for _, state := range []store.State{store.Updating, store.Deleting, store.PendingDelete} {
		p.creates(rich(string(state)), audited("6", jti(string(state))))
		changed := versioned(in(decided(rich(string(state)), "another"), state, later), 1)
		changed.UniqueKey, changed.SealedSecret = "new key of "+string(state), []byte("sealed anew \x00\xff")
		p.updates(changed, audited("7", jti("then "+string(state))))
	}
	p.creates(client("undecided"), by("8"))
	p.updates(versioned(in(client("undecided"), store.PendingDelete, issued), 1), by("9"))
	p.updates(versioned(in(client("undecided"), store.Updating, later), 2), by("10"))
	p.creates(rich("gone"), audited("11", jti("gone")))
	p.deletes("gone", by("12"))
	p.creates(store.Client{ID: "bare"}, by("13"))
}

func transferCases() []testCase {
	all := []testCase{
		{name: "a register that is moved is the same, whatever is in it",
			why: "a bank that changes its database keeps each client as it was, also those in the middle of a change", do: movedRegister},
		{name: "a change under way goes on after the move, and may be undone", also: []Capability{Unfinished},
			why: "an undo must find what to return to and give back the jti, and no other",
			do:  changesAfterMove},
		{name: "a jti is used once though the register was moved", why: "an eavesdropper must not register again because the bank has another database",
			do: func(p *probe) {
				p.filled()
				to := p.moved()
				for _, id := range []string{"active", "gone", "waiting", "approved", "updating", "then pending_delete", "deleting"} {
					to.final(jti(id))
				}
				to.free(jti("new"))
				for key, wanted := range map[string]error{
					"key of active": store.ErrExists, "new key of updating": store.ErrExists, "key of updating": store.ErrExists, "key of creating": store.ErrLeaving,
					"new key of deleting": store.ErrLeaving, "key of waiting": store.ErrExists, "key of approved": store.ErrExists, "key of gone": nil,
				} {
					want("Create with "+key, to.Create(to.ctx, store.Client{ID: "holder of " + key, UniqueKey: key}, store.Change{}), wanted)
				}
			}},
		{name: "the mark is moved with the register", why: "what one store has forgotten the other does not know either", turns: true, do: movedMark},
		{name: "reservations that have ended are moved or marked", why: "a clock that is ahead while a register is moved must not let a jti in twice", turns: true,
			do: func(p *probe) {
				p.create(client("a"), until("1", 5*time.Minute), nil)
				p.create(client("b"), until("2", 4*time.Minute), nil)
				p.clock.turn(2 * time.Hour)
				to := p.moved()
				to.meanwhile(30)
				to.clock.turn(-2 * time.Hour)
				to.burnt(until("1", 5*time.Minute))
				to.burnt(until("2", 4*time.Minute))
			}},
		{name: "ListReservations walks over all reservations in the order of their keys",
			why: "an export that leaves out a reservation lets its request in again", do: walkedReservations},
		{name: "what comes out of a Transfer, or goes into it, is the caller's", why: "a caller that changes its batch must not change what was moved",
			do: func(p *probe) {
				p.creates(in(client("a"), store.Creating, issued), audited("1", jti("1")))
				p.creates(client("b"), by("2"))
				p.updates(versioned(in(client("b"), store.Updating, issued), 1), audited("3", jti("3")))
				to, wanted, b := p.another(), p.exported(), p.exported()
				to.imports(b, sizeOf(b))
				for _, c := range b.Clients {
					if spoil(c); c.Previous != nil {
						spoil(*c.Previous)
					}
				}
				for _, e := range b.Audit {
					spoilChanges(e.Changes)
				}
				to.holding(wanted)
			}},
		{name: "a context that has ended moves nothing", why: "its caller has given up",
			do: func(p *probe) {
				p.creates(client("a"), audited("1", jti("1")))
				ended, cancel := context.WithCancel(p.ctx)
				cancel()
				to := p.another()
				_, err := to.transfer.Import(ended, p.exported())
				want("Import", err, context.Canceled)
				_, err = p.transfer.ListReservations(ended, nil, 10)
				want("ListReservations", err, context.Canceled)
				_, _, err = p.transfer.Forgotten(ended)
				want("Forgotten", err, context.Canceled)
				to.holding(store.Batch{})
			}},
	}
	return moving(all)
}

// moving are cases that read what they move by Lister.
func moving(all []testCase) []testCase {
	for i := range all {
		all[i].needs, all[i].also = Transfer, append(all[i].also, Lister)
	}
	return all
}

func movedRegister(p *probe) {
	p.filled()
	whole := p.exported()
	to := p.another()
	to.holding(store.Batch{})
	to.imports(store.Batch{}, store.Imported{})
	to.imports(whole, sizeOf(whole))
	to.holding(whole)
	for _, id := range []string{"active", "updating", "approved"} {
		to.same(p.get(id))
		if to.auditor != nil {
			history, err := p.auditor.History(p.ctx, id, 0, 10)
			want("History", err, nil)
			to.history(id, history...)
			if to.clientIDs != nil {
				to.wasAs("client "+id, id)
				to.wasAs("client gone", "gone")
			}
		}
	}
	updating := decided(named(client("updating"), "client updating"), "updating")
	if c := to.get("updating"); c.Previous == nil || difference(*c.Previous, versioned(updating, 1)) != "" {
		failf("the Previous of an Updating record is %+v", c.Previous)
	}
	if to.clientIDs != nil {
		to.found("client creating", "creating")
	}
	to.listing(p)
	byPages := p.another()
	for _, c := range whole.Clients {
		byPages.imports(store.Batch{Clients: []store.Client{c}}, store.Imported{Clients: 1})
	}
	for _, e := range whole.Audit {
		byPages.imports(store.Batch{Audit: []store.AuditEntry{e}}, store.Imported{Audit: 1})
	}
	for _, r := range whole.Reservations {
		byPages.imports(store.Batch{Reservations: []store.HeldReservation{r}}, store.Imported{Reservations: 1})
	}
	byPages.holding(whole)
}

// listing checks that the store lists and finds what the other one does.
func (p *probe) listing(other *probe) {
	if p.searcher != nil {
		all := other.searched(store.Query{Newest: true}, math.MaxInt)
		wantIDs("Search", p.searched(store.Query{Newest: true}, 3), nil, idsOf(all))
		for _, c := range all {
			for _, q := range []store.Query{{OrgID: c.OrgID}, {SoftwareID: c.SoftwareID}, {Environment: c.Environment}, {State: c.State}} {
				wantIDs(fmt.Sprintf("Search(%+v)", q), p.searched(q, 3), nil, idsOf(other.searched(q, math.MaxInt)))
			}
		}
	}
	if p.unfinished != nil {
		wanted, err := other.unfinished.ListUnfinished(p.ctx, farAhead, math.MaxInt)
		want("ListUnfinished", err, nil)
		got, err := p.unfinished.ListUnfinished(p.ctx, farAhead, math.MaxInt)
		wantIDs("ListUnfinished", got, err, idsOf(wanted))
	}
	if p.pending != nil {
		wanted, err := other.pending.ListPending(p.ctx, "", math.MaxInt)
		want("ListPending", err, nil)
		got, err := p.pending.ListPending(p.ctx, "", math.MaxInt)
		wantIDs("ListPending", got, err, idsOf(wanted))
	}
}

func changesAfterMove(p *probe) {
	p.filled()
	to := p.moved()
	to.underWay(jti("creating"))
	to.underWay(jti("then updating"))
	to.undo("updating", 1, store.ErrConflict)
	to.undo("updating", 2, nil)
	if c := to.get("updating"); c.State != store.Active || c.UniqueKey != "key of updating" || c.Version != 3 {
		failf("the record that was undone is %s, of version %d, with the key %q", c.State, c.Version, c.UniqueKey)
	}
	to.vacant("new key of updating")
	to.free(jti("then updating"))
	to.final(jti("updating"))
	to.undo("creating", 1, nil)
	to.absent("creating")
	to.free(jti("creating"))
	to.undo("approved", 2, nil)
	if c := to.get("approved"); c.State != store.PendingCreate {
		failf("an approval that was undone leaves the record %s", c.State)
	}
	to.final(jti("approved"))
	to.undo("undecided", 3, nil)
	if c := to.get("undecided"); c.State != store.PendingDelete {
		failf("a deletion that waited is %s after an undo", c.State)
	}
	to.delete("deleting", 2, nil)
	if to.auditor != nil {
		gone := to.deletes("updating", by("the end"))
		before, err := p.auditor.History(p.ctx, "updating", 0, 10)
		want("History", err, nil)
		to.history("updating", append(before, gone)...)
	}
}

func movedMark(p *probe) {
	if _, ok, err := p.transfer.Forgotten(p.ctx); ok || err != nil {
		failf("Forgotten of an empty store: %t, %v", ok, err)
	}
	p.create(client("a"), until("1", 5*time.Minute), nil)
	p.clock.turn(2 * time.Hour)
	p.meanwhile(60)
	p.clock.turn(-2 * time.Hour)
	mark, ok, err := p.transfer.Forgotten(p.ctx)
	if want("Forgotten", err, nil); !ok || !mark.Equal(issued.Add(5*time.Minute)) {
		failf("Forgotten is %s, %t, want %s", mark, ok, issued.Add(5*time.Minute))
	}
	to := p.moved()
	forgets := func(free string) {
		to.create(client("b"), until("1", 5*time.Minute), store.ErrForgotten)
		to.create(client("b"), until("of nobody", 5*time.Minute), store.ErrForgotten)
		to.free(until(free, 5*time.Minute+time.Second))
	}
	forgets("first")
	to.imports(store.Batch{Forgotten: issued.Add(time.Minute)}, store.Imported{})
	to.imports(store.Batch{}, store.Imported{})
	forgets("second")
	to.imports(store.Batch{Forgotten: issued.Add(10 * time.Minute)}, store.Imported{})
	to.create(client("b"), until("4", 10*time.Minute), store.ErrForgotten)
	to.free(until("4", 10*time.Minute+time.Second))
	if mark, ok, err := to.transfer.Forgotten(to.ctx); !ok || err != nil || !mark.Equal(issued.Add(10*time.Minute)) {
		failf("Forgotten is %s, %t, %v, want %s", mark, ok, err, issued.Add(10*time.Minute))
	}
}

func walkedReservations(p *probe) {
	wanted := map[[32]byte]store.HeldReservation{}
	for i := range 9 {
		r, id := jti(fmt.Sprint(i)), fmt.Sprint("c", i)
		r.Until = farAhead.Add(time.Duration(i) * time.Hour)
		p.create(client(id), r, nil)
		wanted[r.Key()] = store.HeldReservation{Key: r.Key(), Until: r.Until, Client: id}
	}
	p.delete("c3", 1, nil)
	p.create(client("by the bank"), store.Reservation{}, nil)
	for _, size := range []int{1, 2, 4, 9, 10, math.MaxInt} {
		all := p.reservations(size)
		if len(all) != len(wanted) {
			failf("ListReservations in pages of %d gave %d, want %d", size, len(all), len(wanted))
		}
		for i, r := range all {
			if i > 0 && bytes.Compare(all[i-1].Key[:], r.Key[:]) >= 0 {
				failf("ListReservations gives keys in another order than that of their bytes")
			}
			if other := wanted[r.Key]; r.Client != other.Client || !r.Until.Equal(other.Until) {
				failf("a reservation is %+v, want %+v", r, other)
			}
		}
	}
	for _, limit := range []int{0, -1, math.MinInt} {
		if none, err := p.transfer.ListReservations(p.ctx, nil, limit); err != nil || len(none) > 0 {
			failf("ListReservations of none: %d, %v", len(none), err)
		}
	}
	if errors.Is(p.Create(p.ctx, client("new"), request("new")), store.ErrForgotten) {
		failf("reading reservations has forgotten some")
	}
}
