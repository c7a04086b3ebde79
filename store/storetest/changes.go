package storetest

import (
	"errors"
	"time"

	"github.com/obdcr/obdcr/store"
)

func uniqueCases() []testCase {
	return []testCase{
		{name: "a unique key is held by one record", why: "a bank that registers each software once relies on the store alone for it",
			do: func(p *probe) {
				p.create(client("a"), jti("1"), nil)
				p.holds("key of a")
				p.absent("holds?")
			}},
		{name: "records without a unique key are not limited", why: "it is off by default; an empty text is no key",
			do: func(p *probe) {
				p.create(store.Client{ID: "a"}, jti("1"), nil)
				p.create(store.Client{ID: "b"}, jti("2"), nil)
				p.update(store.Client{ID: "b", Version: 1}, jti("3"), nil)
			}},
		{name: "unique keys are compared byte by byte", why: "keys that differ only in case may name software of two organisations",
			do: func(p *probe) {
				p.create(client("a"), jti("1"), nil)
				p.vacant("KEY of a")
				p.vacant("key of a ")
			}},
		{name: "Delete frees the unique key", why: "a software that left may come back",
			do: func(p *probe) {
				p.create(client("a"), jti("1"), nil)
				p.delete("a", 1, nil)
				p.vacant("key of a")
			}},
		{name: "Update moves the unique key", why: "the unique key may be the client's name, which a PUT may change",
			do: func(p *probe) {
				p.create(client("a"), jti("1"), nil)
				c := versioned(client("a"), 1)
				c.UniqueKey = "new"
				p.update(c, jti("2"), nil)
				p.vacant("key of a")
				p.holds("new")
				c.UniqueKey = ""
				p.update(versioned(c, 2), jti("3"), nil)
				p.vacant("new")
			}},
		{name: "Update to a unique key of another changes nothing", why: "all or nothing: version, old key and jti stay as they were",
			do: func(p *probe) {
				p.create(client("a"), jti("1"), nil)
				p.create(client("b"), jti("2"), nil)
				c := versioned(client("b"), 1)
				c.UniqueKey = "key of a"
				p.update(c, jti("3"), store.ErrExists)
				p.same(versioned(client("b"), 1))
				p.holds("key of a")
				p.holds("key of b")
				p.free(jti("3"))
			}},
		{name: "Creating and Deleting records hold their unique key", why: "two registrations of one software under way at once are one too many",
			do: func(p *probe) {
				p.create(in(client("a"), store.Creating, issued), jti("1"), nil)
				p.holds("key of a")
				p.create(client("b"), jti("2"), nil)
				p.update(versioned(in(client("b"), store.Deleting, issued), 1), store.Reservation{}, nil)
				p.holds("key of b")
			}},
		{name: "a unique key whose holder is Creating or Deleting is ErrLeaving",
			why: "the sender is told to wait for the end of that change, and not to look for a client it has",
			do:  leavingHolder},
		{name: "an Updating record holds the old unique key and the new", why: "the change may be finished or undone, and either key is in force then",
			do: func(p *probe) {
				p.create(client("a"), jti("1"), nil)
				c := versioned(in(client("a"), store.Updating, issued), 1)
				c.UniqueKey = "new"
				p.update(c, jti("2"), nil)
				p.holds("key of a")
				p.holds("new")
				p.update(versioned(in(c, store.Active, issued), 2), store.Reservation{}, nil)
				p.vacant("key of a")
				p.holds("new")
			}},
	}
}

func leavingHolder(p *probe) {
	taken := store.Client{ID: "b", UniqueKey: "key of a"}
	refused := func(wanted error) {
		p.create(taken, jti("2"), wanted)
		p.update(versioned(store.Client{ID: "c", UniqueKey: "key of a"}, 1), jti("2"), wanted)
	}
	p.create(store.Client{ID: "c"}, store.Reservation{}, nil)
	p.create(client("a"), jti("1"), nil)
	if err := p.Create(p.ctx, taken, request("2")); errors.Is(err, store.ErrLeaving) {
		failf("Create: got error %v, and who holds the key stays", err)
	}
	p.update(versioned(in(client("a"), store.Deleting, issued), 1), store.Reservation{}, nil)
	refused(store.ErrLeaving)
	refused(store.ErrExists)
	p.create(store.Client{ID: "c"}, jti("2"), store.ErrExists)
	p.delete("a", 2, nil)
	p.create(in(client("a"), store.Creating, issued), jti("3"), nil)
	refused(store.ErrLeaving)
	p.update(versioned(in(client("a"), store.Deleting, issued), 1), store.Reservation{}, nil)
	p.delete("a", 2, nil)
	p.create(taken, jti("2"), nil)
}

func changeCases() []testCase {
	return []testCase{
		{name: "Update replaces the whole record and counts Version up", why: "a member that a PUT leaves out is gone: RFC 7592 section 2.2",
			do: func(p *probe) {
				p.create(client("a"), jti("1"), nil)
				p.update(store.Client{ID: "a", Version: 1, OrgID: "other"}, jti("2"), nil)
				p.same(store.Client{ID: "a", Version: 2, OrgID: "other", State: store.Active})
			}},
		{name: "Update of a stale version is ErrConflict and changes nothing", why: "a change that was computed from an older record would undo the newer change",
			do: func(p *probe) {
				p.create(client("a"), jti("1"), nil)
				p.update(versioned(client("a"), 1), jti("2"), nil)
				for _, version := range []int64{0, 1, 3} {
					other := versioned(client("a"), version)
					other.OrgID = "other"
					p.update(other, jti("3"), store.ErrConflict)
				}
				p.same(versioned(client("a"), 2))
				p.free(jti("3"))
			}},
		{name: "Delete of a stale version is ErrConflict and changes nothing", why: "a decision about an older record may be wrong for the newer one",
			do: func(p *probe) {
				p.create(client("a"), jti("1"), nil)
				p.update(versioned(client("a"), 1), jti("2"), nil)
				p.delete("a", 1, store.ErrConflict)
				p.delete("a", 3, store.ErrConflict)
				p.same(versioned(client("a"), 2))
			}},
		{name: "Delete with a reservation is refused and changes nothing",
			why: "no signed request asks for a deletion, and a store that dropped the jti silently would let a replay through",
			do: func(p *probe) {
				p.create(client("a"), jti("1"), nil)
				if p.Delete(p.ctx, "a", 1, request("2")) == nil {
					failf("Delete with a reservation succeeded")
				}
				p.same(versioned(client("a"), 1))
				p.free(jti("2"))
			}},
		{name: "a deleted record is gone", why: "nobody sees it, an update does not bring it back, and it is deleted once",
			do: func(p *probe) {
				p.create(client("a"), jti("1"), nil)
				p.delete("a", 1, nil)
				p.absent("a")
				p.update(versioned(client("a"), 1), jti("2"), store.ErrNotFound)
				p.absent("a")
				p.delete("a", 1, store.ErrNotFound)
				p.free(jti("2"))
			}},
		{name: "a record made anew is a new one", why: "no member of the old record may appear in the new one",
			do: func(p *probe) {
				p.create(client("a"), jti("1"), nil)
				p.update(versioned(client("a"), 1), jti("2"), nil)
				p.delete("a", 2, nil)
				p.create(store.Client{ID: "a"}, jti("3"), nil)
				p.same(store.Client{ID: "a", Version: 1, State: store.Active})
			}},
	}
}

func stateCases() []testCase {
	return []testCase{
		{name: "a new record is Active or Creating", why: "an Updating one would have nothing in force, and a Deleting one nothing to delete",
			do: func(p *probe) {
				for _, s := range []store.State{store.Updating, store.Deleting, "other"} {
					p.create(in(client("a"), s, issued), jti("1"), store.ErrState)
				}
				p.absent("a")
				p.create(in(client("a"), store.Creating, time.Time{}), jti("1"), store.ErrState)
				p.create(in(client("a"), store.Creating, issued), jti("1"), nil)
				p.burnt(jti("1"))
			}},
		{name: "an Updating record keeps what is in force", why: "readers see that until the change is made everywhere, and Undo needs it whole",
			do: func(p *probe) {
				p.create(client("a"), jti("1"), nil)
				changed := changing(p, "a", jti("2"))
				p.same(changed)
				if seen, ok := p.get("a").Visible(); !ok || difference(seen, versioned(client("a"), 1)) != "" {
					failf("Visible is %t %+v, want the record as it was", ok, seen)
				}
			}},
		{name: "Previous is the store's", why: "Undo writes Previous, so no caller may choose it",
			do: func(p *probe) {
				p.create(client("a"), jti("1"), nil)
				c, other := versioned(in(client("a"), store.Updating, issued), 1), client("other")
				c.Previous = &other
				p.update(c, store.Reservation{}, nil)
				c.Version = 2
				p.update(c, store.Reservation{}, nil)
				wanted, previous := versioned(c, 3), versioned(client("a"), 1)
				wanted.Previous = &previous
				p.same(wanted)
			}},
		{name: "a finished change leaves no trace of it", why: "an Active record has no Previous",
			do: func(p *probe) {
				p.create(client("a"), jti("1"), nil)
				changed := changing(p, "a", jti("2"))
				p.update(in(changed, store.Active, issued), store.Reservation{}, nil)
				wanted := versioned(in(changed, store.Active, issued), 3)
				wanted.Previous, wanted.Reserved = nil, nil
				p.same(wanted)
				p.create(in(client("b"), store.Creating, issued), jti("3"), nil)
				p.update(versioned(client("b"), 1), store.Reservation{}, nil)
				p.same(versioned(client("b"), 2))
				p.burnt(jti("2"))
				p.burnt(jti("3"))
			}},
		{name: "a record that is Deleting stays so", why: "nobody sees it any more, and other systems may have removed it already",
			do: func(p *probe) {
				p.create(client("a"), jti("1"), nil)
				c := versioned(in(client("a"), store.Deleting, issued), 1)
				p.update(c, store.Reservation{}, nil)
				for _, s := range []store.State{store.Active, store.Creating, store.Updating} {
					p.update(versioned(in(c, s, issued), 2), store.Reservation{}, store.ErrState)
				}
				p.update(versioned(in(c, store.Deleting, issued.Add(time.Hour)), 2), store.Reservation{}, nil)
				p.delete("a", 3, nil)
			}},
		{name: "states follow one another as documented", why: "a Creating record has nothing in force to go back to, and an Active one is not created again",
			do: func(p *probe) {
				p.create(in(client("a"), store.Creating, issued), jti("1"), nil)
				p.update(versioned(in(client("a"), store.Updating, issued), 1), store.Reservation{}, store.ErrState)
				p.update(versioned(client("a"), 1), store.Reservation{}, nil)
				p.update(versioned(in(client("a"), store.Creating, issued), 2), store.Reservation{}, store.ErrState)
				p.update(versioned(in(client("a"), store.Deleting, time.Time{}), 2), store.Reservation{}, store.ErrState)
				p.same(versioned(client("a"), 2))
			}},
		{name: "a change under way takes no other request", why: "Undo forgets one reservation, so a second one would stay burnt",
			do: func(p *probe) {
				p.create(client("a"), jti("1"), nil)
				changed := changing(p, "a", jti("2"))
				p.update(changed, jti("3"), store.ErrState)
				p.update(in(changed, store.Active, issued), jti("3"), store.ErrState)
				p.same(changed)
				p.free(jti("3"))
			}},
	}
}

// changing brings an Active record at Version 1 into Updating, and returns the record
// that the store now has.
func changing(p *probe, id string, r store.Reservation) store.Client {
	previous := p.get(id)
	c := in(previous, store.Updating, issued.Add(time.Minute))
	c.Issuer, c.OrgID, c.Metadata, c.UniqueKey, c.SecretHash = "new issuer", "new org", []byte(`{"new" : true}`), "new key of "+id, nil
	p.update(c, r, nil)
	c.Version, c.Previous = 2, &previous
	if !r.IsZero() {
		key := r.Key()
		c.Reserved = key[:]
	}
	return c
}
