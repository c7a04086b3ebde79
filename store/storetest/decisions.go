package storetest

import (
	"errors"
	"time"

	"github.com/obdcr/obdcr/store"
)

// decisionCases are about what the authorization server decides. It is a Provisioner that
// reports it, and a registrar with one needs Unfinished.
func decisionCases() []testCase {
	all := []testCase{
		{name: "what the authorization server decided comes back as it was written",
			why: "its state is sealed, so one byte of difference makes the client unmanageable; its members are part of each answer",
			do: func(p *probe) {
				c := decided(client("a"), "a")
				p.create(c, jti("1"), nil)
				spoil(c)
				p.same(versioned(decided(client("a"), "a"), 1))
				spoil(p.get("a"))
				p.same(versioned(decided(client("a"), "a"), 1))
				p.update(versioned(decided(client("a"), "b"), 1), jti("2"), nil)
				p.same(versioned(decided(client("a"), "b"), 2))
				p.update(versioned(client("a"), 2), jti("3"), nil)
				p.same(versioned(client("a"), 3))
			}},
		{name: "what is in force keeps what the authorization server decided",
			why: "while a change is under way the client is answered and managed by what was before",
			do: func(p *probe) {
				before := decided(client("a"), "a")
				before.SubjectDN, before.JWKSAddress = "CN=a", "https://keystore.example/a.jwks"
				p.create(before, jti("1"), nil)
				before = p.get("a")
				c := versioned(in(decided(client("a"), "b"), store.Updating, issued.Add(time.Minute)), 1)
				p.update(c, store.Reservation{}, nil)
				c.Version, c.Previous = 2, &before
				p.same(c)
				spoil(*p.get("a").Previous)
				p.same(c)
			}},
		{name: "Undo of an Updating record keeps what the authorization server decided last",
			why: "a registration access token may work once only: the one of before the change may be worth nothing",
			do: func(p *probe) {
				p.create(decided(client("a"), "a"), jti("1"), nil)
				c := versioned(in(decided(client("a"), "b"), store.Updating, issued), 1)
				c.OrgID = "new org"
				p.update(c, store.Reservation{}, nil)
				p.update(versioned(decided(c, "c"), 2), store.Reservation{}, nil)
				p.undo("a", 3, nil)
				p.same(versioned(decided(client("a"), "c"), 4))
			}},
	}
	for i := range all {
		all[i].needs = Unfinished
	}
	return all
}

// found checks that a record is found by its client_id, and unfound that none is.
func (p *probe) found(clientID, id string) {
	c, err := p.clientIDs.GetByClientID(p.ctx, clientID)
	want("GetByClientID("+clientID+")", err, nil)
	if c.ClientID != clientID {
		failf("GetByClientID(%q): got the record of client_id %q", clientID, c.ClientID)
	}
	if diff := difference(c, p.get(id)); diff != "" {
		failf("GetByClientID(%q) is not what Get(%q) returns: %s", clientID, id, diff)
	}
}

func (p *probe) unfound(clientID string) {
	_, err := p.clientIDs.GetByClientID(p.ctx, clientID)
	want("GetByClientID("+clientID+")", err, store.ErrNotFound)
}

// isNamed checks the ClientID that the store has written.
func (p *probe) isNamed(id, clientID string) {
	if got := p.get(id).ClientID; got != clientID {
		failf("the ClientID of %q is %q, want %q", id, got, clientID)
	}
}

func clientIDCases() []testCase {
	all := append(lookUpCases(), clientIDChangeCases()...)
	for i := range all {
		all[i].needs = ClientIDs
	}
	return all
}

func lookUpCases() []testCase {
	return []testCase{
		{name: "a record is found by its client_id", why: "a token names its client by the client_id, whatever the bank's own ID is",
			do: func(p *probe) {
				p.create(named(client("a"), "client of a"), jti("1"), nil)
				p.create(client("b"), jti("2"), nil)
				p.found("client of a", "a")
				p.found("b", "b")
				p.unfound("a")
				p.unfound("c")
				p.update(versioned(in(named(client("a"), "client of a"), store.Updating, issued), 1), jti("3"), nil)
				p.found("client of a", "a")
				p.update(versioned(in(named(client("a"), "client of a"), store.Deleting, issued), 2), store.Reservation{}, nil)
				p.found("client of a", "a")
				c, err := p.clientIDs.GetByClientID(p.ctx, "b")
				want("GetByClientID", err, nil)
				spoil(c)
				p.same(versioned(client("b"), 1))
			}},
		{name: "no record is found by an empty client_id",
			why: "a registration that is not finished has none: a request without a client_id must not meet it",
			do: func(p *probe) {
				p.unfound("")
				p.create(in(client("a"), store.Creating, issued), jti("1"), nil)
				p.create(in(client("b"), store.Creating, issued), jti("2"), nil)
				p.unfound("")
				p.unfound("a")
			}},
		{name: "the client_id of an Active record is its ID unless it has another",
			why: "most authorization servers take the client_id that they are given",
			do: func(p *probe) {
				p.create(client("a"), jti("1"), nil)
				p.isNamed("a", "a")
				for i, chosen := range []string{"", "chosen"} {
					id := name("c", i)
					p.create(in(client(id), store.Creating, issued), jti(id), nil)
					p.isNamed(id, "")
					p.update(versioned(named(client(id), chosen), 1), store.Reservation{}, nil)
				}
				p.isNamed("c0", "c0")
				p.isNamed("c1", "chosen")
				p.found("chosen", "c1")
				p.unfound("c1")
			}},
		{name: "a client_id is compared byte by byte",
			why: "a store that folds case or trims gives one client's token the record of another",
			do: func(p *probe) {
				for _, clientID := range []string{"abc", "ABC", "abc_", "abc-"} {
					p.create(named(client("of "+clientID), clientID), store.Reservation{}, nil)
				}
				for _, clientID := range []string{"abc", "ABC", "abc_", "abc-"} {
					p.found(clientID, "of "+clientID)
				}
				p.unfound("Abc")
				p.unfound("abc ")
				p.unfound("ab%")
			}},
		{name: "a client_id belongs to one record", why: "two records of one client_id are two owners of one token",
			do: takenClientID},
		{name: "a client_id that is taken is no ErrLeaving",
			why: "an authorization server gives each client_id once, so to wait for a deletion is of no use",
			do:  takenByLeaver},
	}
}

func clientIDChangeCases() []testCase {
	return []testCase{
		{name: "Update moves the client_id, and keeps it where it has none",
			why: "an authorization server that lost a client makes it anew under another client_id",
			do: func(p *probe) {
				p.create(named(client("a"), "first"), jti("1"), nil)
				p.update(versioned(named(client("a"), "second"), 1), store.Reservation{}, nil)
				p.unfound("first")
				p.found("second", "a")
				p.update(versioned(client("a"), 2), jti("2"), nil)
				p.found("second", "a")
				p.create(named(client("b"), "first"), jti("3"), nil)
				p.update(versioned(in(client("a"), store.Updating, issued), 3), store.Reservation{}, nil)
				p.found("second", "a")
			}},
		{name: "Delete frees the client_id",
			why: "whoever holds a client_id for ever fills the index, and a restored authorization server may give it again",
			do: func(p *probe) {
				p.create(named(client("a"), "x"), jti("1"), nil)
				p.delete("a", 1, nil)
				p.unfound("x")
				p.create(named(client("b"), "x"), jti("2"), nil)
				p.found("x", "b")
			}},
		{name: "Undo frees the client_id of a registration", why: "the registration never happened",
			also: []Capability{Unfinished}, do: func(p *probe) {
				p.create(named(in(client("a"), store.Creating, issued), "x"), jti("1"), nil)
				p.found("x", "a")
				p.undo("a", 1, nil)
				p.unfound("x")
				p.create(named(client("b"), "x"), jti("1"), nil)
				p.found("x", "b")
			}},
		{name: "Undo of an Updating record keeps the last client_id",
			why:  "the authorization server has the client under that one, and no longer under the one of before",
			also: []Capability{Unfinished}, do: func(p *probe) {
				p.create(named(client("a"), "first"), jti("1"), nil)
				p.update(versioned(in(named(client("a"), "first"), store.Updating, issued), 1), jti("2"), nil)
				p.update(versioned(in(named(client("a"), "second"), store.Updating, issued), 2), store.Reservation{}, nil)
				p.undo("a", 3, nil)
				p.same(versioned(named(client("a"), "second"), 4))
				p.found("second", "a")
				p.unfound("first")
			}},
	}
}

func takenClientID(p *probe) {
	p.create(named(client("a"), "x"), jti("1"), nil)
	p.create(client("y"), jti("2"), nil)
	p.create(named(client("b"), "x"), jti("3"), store.ErrExists)
	p.create(named(client("b"), "y"), jti("3"), store.ErrExists)
	p.absent("b")
	p.create(client("x"), jti("3"), store.ErrExists) // its client_id would be its ID
	p.absent("x")
	p.vacant("key of b")
	p.update(versioned(named(client("y"), "x"), 1), jti("3"), store.ErrExists)
	p.same(versioned(named(client("y"), "y"), 1))
	p.found("x", "a")
	p.found("y", "y")
	// A registration may have another's client_id as its ID until it gets one of its own.
	p.create(in(client("x"), store.Creating, issued), jti("3"), nil)
	p.update(versioned(client("x"), 1), store.Reservation{}, store.ErrExists)
	p.burnt(jti("3"))
	p.isNamed("x", "")
	p.update(versioned(named(client("x"), "z"), 1), store.Reservation{}, nil)
	p.found("x", "a")
	p.found("z", "x")
}

func takenByLeaver(p *probe) {
	refused := func(verb string, err error) {
		if want(verb, err, store.ErrExists); errors.Is(err, store.ErrLeaving) {
			failf("%s: got error %v, want one that does not say so", verb, err)
		}
	}
	p.create(named(client("a"), "x"), jti("1"), nil)
	p.create(client("b"), jti("2"), nil)
	p.update(versioned(in(named(client("a"), "x"), store.Deleting, issued), 1), store.Reservation{}, nil)
	for _, key := range []string{"", "key of a"} { // the second is ErrLeaving by itself
		c := store.Client{ID: "c", ClientID: "x", UniqueKey: key}
		refused("Create", p.Create(p.ctx, c, store.Change{}))
		c.ID, c.Version = "b", 1
		refused("Update", p.Update(p.ctx, c, store.Change{}))
	}
	p.same(versioned(client("b"), 1))
	p.holds("key of b")
	p.holds("key of a")
}
