package storetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/obdcr/obdcr/store"
)

// underWayCases need Unfinished: no other store has changes that are under way for long.
func underWayCases() []testCase {
	all := []testCase{
		{name: "the jti of a registration under way is ErrUnderWay",
			why: "the sender is told to try again, and not that the jti is used: the registration may yet be undone",
			do: func(p *probe) {
				c := in(client("a"), store.Creating, issued)
				p.create(c, jti("1"), nil)
				p.underWay(jti("1"))
				p.create(c, jti("1"), store.ErrUnderWay)
				p.create(client("b"), jti("2"), nil)
				p.update(versioned(client("b"), 1), jti("1"), store.ErrUnderWay)
				p.update(versioned(in(client("a"), store.Creating, issued.Add(time.Hour)), 1), store.Reservation{}, nil)
				p.underWay(jti("1"))
				p.same(versioned(client("b"), 1))
				p.update(versioned(client("a"), 2), store.Reservation{}, nil)
				p.final(jti("1"))
			}},
		{name: "the jti of a change under way is ErrUnderWay",
			why: "the same for a PUT; the jti that the client was made with is used for good",
			do: func(p *probe) {
				p.create(client("a"), jti("1"), nil)
				changed := changing(p, "a", jti("2"))
				p.underWay(jti("2"))
				p.update(changed, jti("2"), store.ErrUnderWay)
				p.final(jti("1"))
				p.update(in(changed, store.Active, issued), store.Reservation{}, nil)
				p.final(jti("2"))
			}},
		{name: "a jti is used for good once its change ends in a deletion",
			why: "the change is finished then, and a replay must not register the client again",
			do: func(p *probe) {
				p.create(in(client("a"), store.Creating, issued), jti("1"), nil)
				p.update(versioned(in(client("a"), store.Deleting, issued), 1), store.Reservation{}, nil)
				p.final(jti("1"))
				p.create(client("b"), jti("2"), nil)
				changed := changing(p, "b", jti("3"))
				p.update(in(changed, store.Deleting, issued), store.Reservation{}, nil)
				p.final(jti("3"))
				p.delete("b", 3, nil)
				p.final(jti("3"))
				p.create(in(client("c"), store.Creating, issued), jti("4"), nil)
				p.delete("c", 1, nil)
				p.final(jti("4"))
			}},
		{name: "the jti of an undone change is free", why: "its sender was told to try again",
			do: func(p *probe) {
				p.create(in(client("a"), store.Creating, issued), jti("1"), nil)
				p.underWay(jti("1"))
				p.undo("a", 1, nil)
				p.create(in(client("a"), store.Creating, issued), jti("1"), nil)
				p.underWay(jti("1"))
			}},
	}
	for i := range all {
		all[i].needs = Unfinished
	}
	return all
}

// final checks that a jti is refused for good.
func (p *probe) final(r store.Reservation) {
	wantFinal("Create", p.Create(p.ctx, store.Client{ID: "final?"}, store.Change{Reservation: r}))
}

// followers are the states that may follow a state.
var followers = map[store.State][]store.State{
	store.Active:        {store.Active, store.Updating, store.Deleting, store.PendingDelete},
	store.Creating:      {store.Creating, store.Active, store.Deleting, store.PendingCreate},
	store.Updating:      {store.Updating, store.Active, store.Deleting},
	store.Deleting:      {store.Deleting},
	store.PendingCreate: {store.PendingCreate, store.Creating, store.Active, store.Deleting},
	store.PendingDelete: {store.PendingDelete, store.Active, store.Deleting, store.Updating},
}

// brought creates a record in any state and returns it.
func (p *probe) brought(id string, state store.State) store.Client {
	switch c := in(client(id), state, issued); state {
	case store.Active, store.Creating, store.PendingCreate:
		p.create(c, store.Reservation{}, nil)
	default:
		p.create(client(id), store.Reservation{}, nil)
		p.update(versioned(c, 1), store.Reservation{}, nil)
	}
	return p.get(id)
}

func pendingCases() []testCase {
	all := append(waitingCases(), reconcilerCases()...)
	for i := range all {
		all[i].needs = Pending
	}
	return all
}

func waitingCases() []testCase {
	return []testCase{
		{name: "all states follow one another as documented",
			why: "a decision is made once: what was refused or carried out does not wait again",
			do:  everyTransition},
		{name: "a registration that waits is seen by nobody",
			why: "a person has yet to decide whether there is such a client, and the software must not ask twice",
			do: func(p *probe) {
				p.create(in(client("a"), store.PendingCreate, time.Time{}), jti("1"), store.ErrState)
				p.create(in(client("a"), store.PendingCreate, issued), jti("1"), nil)
				p.same(versioned(in(client("a"), store.PendingCreate, issued), 1))
				if seen, ok := p.get("a").Visible(); ok {
					failf("Visible is %+v", seen)
				}
				p.holds("key of a")
				p.final(jti("1"))
				p.update(versioned(in(client("a"), store.PendingCreate, issued), 1), jti("2"), store.ErrState)
				p.update(versioned(in(client("a"), store.Creating, issued), 1), jti("2"), store.ErrState)
				p.free(jti("2"))
			}},
		{name: "the jti of a registration that was refused stays used", why: "the same request must not come before a person again",
			do: func(p *probe) {
				p.create(in(client("a"), store.PendingCreate, issued), jti("1"), nil)
				p.delete("a", 2, store.ErrConflict)
				p.delete("a", 1, nil)
				p.absent("a")
				p.final(jti("1"))
				p.vacant("key of a")
			}},
		{name: "a registration that was approved at once is Active", why: "without a second system there is nothing to wait for",
			do: func(p *probe) {
				p.create(in(client("a"), store.PendingCreate, issued), jti("1"), nil)
				p.update(versioned(client("a"), 1), store.Reservation{}, nil)
				p.same(versioned(client("a"), 2))
				p.final(jti("1"))
			}},
		{name: "a client whose deletion waits is in force as it is",
			why: "its tokens stay good until somebody decides; a decision is no request, and takes none",
			do: func(p *probe) {
				p.create(client("a"), jti("1"), nil)
				c := versioned(in(client("a"), store.PendingDelete, issued.Add(time.Hour)), 1)
				p.update(c, store.Reservation{}, nil)
				c.Version = 2
				p.same(c)
				if seen, ok := p.get("a").Visible(); !ok || difference(seen, c) != "" {
					failf("Visible is %t %+v, want the record", ok, seen)
				}
				p.holds("key of a")
				p.update(versioned(client("a"), 2), jti("2"), store.ErrState)
				p.update(versioned(client("a"), 2), store.Reservation{}, nil)
				p.same(versioned(client("a"), 3))
				p.free(jti("2"))
			}},
		{name: "a record that waits keeps no reservation",
			why: "a person may take days: the sender is told that the jti is used, and not to try again at once",
			do: func(p *probe) {
				p.create(client("a"), jti("1"), nil)
				p.update(versioned(in(client("a"), store.PendingDelete, issued), 1), jti("2"), nil)
				p.same(versioned(in(client("a"), store.PendingDelete, issued), 2))
				p.final(jti("2"))
				p.create(in(client("b"), store.Creating, issued), jti("3"), nil)
				p.update(versioned(in(client("b"), store.PendingCreate, issued), 1), store.Reservation{}, nil)
				p.same(versioned(in(client("b"), store.PendingCreate, issued), 2))
				p.final(jti("3"))
			}},
		{name: "a record that waits is found by its client_id, if it has one",
			why:  "the tokens of a client whose deletion waits are good",
			also: []Capability{ClientIDs}, do: func(p *probe) {
				p.create(in(client("a"), store.PendingCreate, issued), jti("1"), nil)
				p.isNamed("a", "")
				p.unfound("a")
				p.unfound("")
				p.create(named(client("b"), "x"), jti("2"), nil)
				p.update(versioned(in(client("b"), store.PendingDelete, issued), 1), store.Reservation{}, nil)
				p.found("x", "b")
			}},
	}
}

// reconcilerCases are about Unfinished and what waits.
func reconcilerCases() []testCase {
	return []testCase{
		{name: "Undo of an approved registration leaves it waiting",
			why:  "the approval could not be carried out, and the authorization server has nothing of it any more",
			also: []Capability{Unfinished}, do: undoneApproval},
		{name: "Undo takes back no change that waits", why: "nothing was begun; who decides refuses it instead",
			also: []Capability{Unfinished}, do: func(p *probe) {
				p.brought("a", store.PendingCreate)
				p.undo("a", 1, store.ErrState)
				p.same(versioned(in(client("a"), store.PendingCreate, issued), 1))
				p.brought("b", store.PendingDelete)
				p.undo("b", 2, store.ErrState)
				p.same(versioned(in(client("b"), store.PendingDelete, issued), 2))
			}},
		{name: "ListUnfinished leaves out what waits", why: "a reconciler would take back what a person has yet to decide on",
			also: []Capability{Unfinished}, do: func(p *probe) {
				for _, state := range []store.State{store.PendingCreate, store.PendingDelete, store.Creating, store.Updating} {
					p.brought(string(state), state)
				}
				found, err := p.unfinished.ListUnfinished(p.ctx, farAhead, 10)
				wantIDs("ListUnfinished", found, err, []string{"creating", "updating"})
			}},
	}
}

func everyTransition(p *probe) {
	for from, may := range followers {
		for to := range followers {
			id := fmt.Sprint(from, " to ", to)
			old := p.brought(id, from)
			c := versioned(in(client(id), to, issued.Add(time.Minute)), old.Version)
			if !slices.Contains(may, to) {
				p.update(c, store.Reservation{}, store.ErrState)
				p.same(old)
				continue
			}
			p.update(c, store.Reservation{}, nil)
			if got := p.get(id); got.State != to || got.Version != old.Version+1 {
				failf("%s: the record is %s at version %d", id, got.State, got.Version)
			}
		}
	}
}

func undoneApproval(p *probe) {
	p.create(in(client("a"), store.PendingCreate, issued), jti("1"), nil)
	waits := p.get("a")
	c := versioned(in(client("a"), store.Creating, issued.Add(time.Hour)), 1)
	c.UniqueKey = "new key of a"
	p.update(c, store.Reservation{}, nil)
	made := versioned(decided(named(c, "x"), "a"), 2)
	p.update(made, store.Reservation{}, nil)
	made.Version, made.Previous = 3, &waits
	if p.clientIDs == nil {
		made.ClientID = p.get("a").ClientID // such a store need not keep it
	}
	p.same(made)
	p.holds("key of a")
	p.holds("new key of a")
	p.undo("a", 3, nil)
	p.same(versioned(waits, 4))
	p.holds("key of a")
	p.vacant("new key of a")
	p.final(jti("1"))
	if p.clientIDs != nil {
		p.isNamed("a", "")
		p.unfound("x")
	}
	found, err := p.pending.ListPending(p.ctx, "", 10)
	wantIDs("ListPending", found, err, []string{"a"})
	p.update(versioned(c, 4), store.Reservation{}, nil)
	p.update(versioned(in(c, store.Active, issued), 5), store.Reservation{}, nil)
	p.same(versioned(in(c, store.Active, issued), 6))
}

func listPendingCases() []testCase {
	return []testCase{
		{name: "ListPending walks over what waits", needs: Pending,
			why: "an operator decides on each once, in the order of the bytes of the IDs and for any page size",
			do: func(p *probe) {
				wanted := []string{"A", "B-", "Ba", "a", "a ", "ab", "b", "\u00e4"}
				for i := range wanted {
					state := []store.State{store.PendingCreate, store.PendingDelete}[i%2]
					p.brought(wanted[(i*5)%len(wanted)], state)
				}
				for i, state := range []store.State{store.Active, store.Creating, store.Updating, store.Deleting} {
					p.brought(name("a", i), state)
				}
				p.walk("ListPending", p.pending.ListPending, wanted)
			}},
		{name: "ListPending gives whole records", needs: Pending, why: "a listed record is the one that Get returns, and belongs to the caller",
			do: func(p *probe) {
				wanted := decided(client("a"), "a")
				p.create(wanted, jti("1"), nil)
				wanted = versioned(in(wanted, store.PendingDelete, issued.Add(time.Hour)), 1)
				p.update(wanted, store.Reservation{}, nil)
				wanted.Version = 2
				found, err := p.pending.ListPending(p.ctx, "", 5)
				wantIDs("ListPending", found, err, []string{"a"})
				if diff := difference(found[0], wanted); diff != "" {
					failf("record \"a\": %s", diff)
				}
				spoil(found[0])
				p.same(wanted)
			}},
		{name: "a change that was decided on waits no more", needs: Pending, why: "nobody decides twice",
			do: func(p *probe) {
				for _, id := range []string{"a", "b", "c"} {
					p.brought(id, store.PendingCreate)
					p.brought("d"+id, store.PendingDelete)
				}
				p.update(versioned(in(client("a"), store.Creating, issued), 1), store.Reservation{}, nil)
				p.delete("b", 1, nil)
				p.update(versioned(client("da"), 2), store.Reservation{}, nil)
				p.update(versioned(in(client("db"), store.Deleting, issued), 2), store.Reservation{}, nil)
				found, err := p.pending.ListPending(p.ctx, "", 10)
				wantIDs("ListPending", found, err, []string{"c", "dc"})
			}},
	}
}
