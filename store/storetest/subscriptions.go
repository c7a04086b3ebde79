package storetest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/obdcr/obdcr/store"
)

// subscription is one with all members, distinct in each.
func subscription(client, api string) store.Subscription {
	return store.Subscription{Client: client, API: api, Role: "AISP", Since: issued, By: client + "@tpp.example for " + api}
}

func (p *probe) subscribes(client, api string, version int64, wanted error) {
	err := p.subs.Subscribe(p.ctx, subscription(client, api), version, store.Change{})
	want(fmt.Sprintf("Subscribe(%q, %q, %d)", client, api, version), err, wanted)
}

func (p *probe) unsubscribes(client, api string, version int64, wanted error) {
	err := p.subs.Unsubscribe(p.ctx, client, api, version, store.Change{})
	want(fmt.Sprintf("Unsubscribe(%q, %q, %d)", client, api, version), err, wanted)
}

// subscribed checks that these are the subscriptions of a record, in this order.
func (p *probe) subscribed(client string, apis ...string) {
	var wanted []store.Subscription
	for _, api := range apis {
		wanted = append(wanted, subscription(client, api))
	}
	p.subscribedAs(client, wanted...)
}

func (p *probe) subscribedAs(client string, wanted ...store.Subscription) {
	got, err := p.subs.ListSubscriptions(p.ctx, client)
	if want(fmt.Sprintf("ListSubscriptions(%q)", client), err, nil); !slices.Equal(got, wanted) {
		failf("ListSubscriptions(%q): %+v, want %+v", client, got, wanted)
	}
}

func subscriptionCases() []testCase {
	all := slices.Concat(keptSubscriptions(), endedSubscriptions(), movedSubscriptions())
	for i := range all {
		all[i].needs = Subscriptions
	}
	return all
}

func keptSubscriptions() []testCase {
	return []testCase{
		{name: "a subscription comes back as it was written, and counts the record's Version up",
			why: "a gateway is told the name of the API as it stands, and a change that began before meets a Version of its own", do: keptSubscription},
		{name: "Subscribe is refused for a stale version, a record in another state, and one that is subscribed",
			why: "an application that was suspended or renewed meanwhile may have lost the role that opens the API", do: refusedSubscriptions},
		{name: "subscriptions are told apart by the bytes of their API", why: "accounts and Accounts are two APIs where a bank says so",
			do: func(p *probe) {
				p.create(client("a"), jti("1"), nil)
				p.create(client("A"), jti("2"), nil)
				inOrder := []string{"%", "A", "_", "a", "a ", "a.b", "ab", "\u00e4", "\U0001f512"}
				for i := range inOrder {
					p.subscribes("a", inOrder[i*5%len(inOrder)], int64(1+i), nil)
				}
				p.subscribed("a", inOrder...)
				p.subscribed("A")
				p.subscribed("")
				p.subscribed("a\x00")
				p.unsubscribes("a", "A", 10, nil)
				p.subscribed("a", slices.DeleteFunc(inOrder, func(api string) bool { return api == "A" })...)
				p.unsubscribes("a", "a\x00", 11, store.ErrNotFound)
			}},
		{name: "a subscription that no store can have is refused", why: "what one store takes and another does not breaks the move to that one",
			do: func(p *probe) {
				p.create(client("a"), jti("1"), nil)
				for what, spoil := range map[string]func(*store.Subscription){
					"no API":                func(s *store.Subscription) { s.API = "" },
					"a long API":            func(s *store.Subscription) { s.API = strings.Repeat("a", 201) },
					"a NUL in the API":      func(s *store.Subscription) { s.API = "a\x00" },
					"a Role of no UTF-8":    func(s *store.Subscription) { s.Role = "\xff" },
					"a NUL in who did it":   func(s *store.Subscription) { s.By = "\x00" },
					"no time since when":    func(s *store.Subscription) { s.Since = time.Time{} },
					"no API and no version": func(s *store.Subscription) { s.API, s.Since = "", time.Time{} },
				} {
					s := subscription("a", "api")
					if spoil(&s); p.subs.Subscribe(p.ctx, s, 1, store.Change{}) == nil {
						failf("Subscribe takes a subscription with %s", what)
					}
				}
				if p.subs.Subscribe(p.ctx, subscription("a", "api"), 1, request("2")) == nil {
					failf("Subscribe takes a reservation")
				}
				p.free(jti("2"))
				p.subscribed("a")
				p.same(versioned(client("a"), 1))
				p.subscribes("a", strings.Repeat("a", 200), 1, nil)
			}},
		{name: "a subscription leaves its entry", why: "the audit trail tells who opened which API to whom", also: []Capability{Auditor},
			do: func(p *probe) {
				made := p.creates(client("a"), by("1"))
				want("Subscribe", p.subs.Subscribe(p.ctx, subscription("a", "api"), 1, by("2")), nil)
				begun := entryOf(p.get("a"), false, by("2"))
				want("Subscribe", p.subs.Subscribe(p.ctx, subscription("a", "api"), 2, by("3")), store.ErrExists)
				want("Subscribe", p.subs.Subscribe(p.ctx, subscription("a", "other"), 1, by("3")), store.ErrConflict)
				want("Unsubscribe", p.subs.Unsubscribe(p.ctx, "a", "other", 2, by("4")), store.ErrNotFound)
				want("Unsubscribe", p.subs.Unsubscribe(p.ctx, "a", "api", 2, by("5")), nil)
				p.history("a", made, begun, entryOf(p.get("a"), false, by("5")))
				p.subscribes("a", "api", 3, nil)
				if entries := p.trail(); len(entries) != 3 {
					failf("the trail has %d entries, want 3", len(entries))
				}
			}},
		{name: "a context that has ended subscribes nobody", why: "its caller has given up, and says so",
			do: func(p *probe) {
				p.create(client("a"), jti("1"), nil)
				p.subscribes("a", "api", 1, nil)
				ended, cancel := context.WithCancel(p.ctx)
				cancel()
				want("Subscribe", p.subs.Subscribe(ended, subscription("a", "b"), 2, store.Change{}), context.Canceled)
				want("Unsubscribe", p.subs.Unsubscribe(ended, "a", "api", 2, store.Change{}), context.Canceled)
				_, err := p.subs.ListSubscriptions(ended, "a")
				want("ListSubscriptions", err, context.Canceled)
				p.subscribed("a", "api")
				p.same(versioned(client("a"), 2))
			}},
	}
}

func keptSubscription(p *probe) {
	rich := func() store.Client { return decided(named(client("a"), "x"), "1") }
	p.create(rich(), jti("1"), nil)
	p.create(client("b"), jti("2"), nil)
	s := subscription("a", "\u202eAPI \U0001f512 <&>")
	s.Since = issued.Add(999 * time.Millisecond).In(time.FixedZone("", 3600))
	want("Subscribe", p.subs.Subscribe(p.ctx, s, 1, store.Change{}), nil)
	s.Since = issued
	p.subscribedAs("a", s)
	p.same(versioned(rich(), 2))
	p.subscribed("b")
	p.same(versioned(client("b"), 1))
	bare := store.Subscription{Client: "b", API: "c", Since: time.Unix(-1, 0).UTC()}
	want("Subscribe", p.subs.Subscribe(p.ctx, bare, 1, store.Change{}), nil)
	p.subscribedAs("b", bare)
	p.subscribedAs("a", s)
	p.burnt(jti("1"))
	p.holds("key of a")
	p.unsubscribes("a", s.API, 2, nil)
	p.subscribed("a")
	p.same(versioned(rich(), 3))
	p.subscribedAs("b", bare)
}

func refusedSubscriptions(p *probe) {
	p.subscribes("a", "api", 1, store.ErrNotFound)
	p.subscribes("a\x00", "api", 1, store.ErrNotFound)
	p.unsubscribes("a", "api", 1, store.ErrNotFound)
	p.create(client("a"), jti("1"), nil)
	p.subscribes("a", "api", 1, nil)
	for _, version := range []int64{0, 1, 3} {
		p.subscribes("a", "api", version, store.ErrConflict)
		p.subscribes("a", "other", version, store.ErrConflict)
		p.unsubscribes("a", "api", version, store.ErrConflict)
		p.unsubscribes("a", "other", version, store.ErrConflict)
	}
	p.subscribes("a", "api", 2, store.ErrExists)
	p.unsubscribes("a", "other", 2, store.ErrNotFound)
	p.same(versioned(client("a"), 2))
	version := int64(2)
	for _, state := range []store.State{store.PendingDelete, store.Updating, store.Deleting} {
		p.update(versioned(in(client("a"), state, issued), version), store.Reservation{}, nil)
		version++
		p.subscribes("a", "api", version, store.ErrState)
		p.subscribes("a", "other", version, store.ErrState)
		p.unsubscribes("a", "api", version, store.ErrState)
		p.subscribed("a", "api")
	}
	for _, state := range []store.State{store.Creating, store.PendingCreate} {
		p.create(in(client(string(state)), state, issued), jti(string(state)), nil)
		p.subscribes(string(state), "api", 1, store.ErrState)
		p.subscribed(string(state))
	}
}

func endedSubscriptions() []testCase {
	return []testCase{
		{name: "subscriptions outlive updates", why: "an application that renews its statement keeps its APIs",
			do: func(p *probe) {
				p.create(client("a"), jti("1"), nil)
				p.subscribes("a", "x", 1, nil)
				p.subscribes("a", "y", 2, nil)
				p.update(versioned(client("a"), 3), jti("2"), nil)
				p.update(versioned(in(client("a"), store.Updating, issued), 4), jti("3"), nil)
				p.subscribed("a", "x", "y")
				p.update(versioned(client("a"), 5), store.Reservation{}, nil)
				p.subscribed("a", "x", "y")
			}},
		{name: "subscriptions outlive an Undo", why: "what the authorization server refused changes nothing here", also: []Capability{Unfinished},
			do: func(p *probe) {
				p.create(client("a"), jti("1"), nil)
				p.subscribes("a", "x", 1, nil)
				p.update(versioned(in(client("a"), store.Updating, issued), 2), jti("2"), nil)
				p.undo("a", 3, nil)
				p.subscribed("a", "x")
				p.subscribes("a", "y", 4, nil)
				p.subscribed("a", "x", "y")
			}},
		{name: "an Update ends the subscriptions that it names", why: "a role that was lost closes its APIs in the same moment",
			do: func(p *probe) {
				for i, id := range []string{"a", "b"} {
					p.create(client(id), jti(fmt.Sprint(i)), nil)
					for j, api := range []string{"w", "x", "y", "z"} {
						p.subscribes(id, api, int64(1+j), nil)
					}
				}
				with := store.Change{Unsubscribe: []string{"z", "x", "none", "x", "\x00"}}
				want("Update", p.Update(p.ctx, versioned(client("a"), 4), with), store.ErrConflict)
				p.subscribed("a", "w", "x", "y", "z")
				want("Update", p.Update(p.ctx, versioned(client("a"), 5), with), nil)
				p.subscribed("a", "w", "y")
				p.subscribed("b", "w", "x", "y", "z")
				p.same(versioned(client("a"), 6))
				p.subscribes("a", "x", 6, nil)
				with.Unsubscribe[0] = "changed by the caller"
				p.subscribed("a", "w", "x", "y")
			}},
		{name: "a record that is removed takes its subscriptions with it", why: "the next record of that ID would find APIs open that nobody gave it",
			do: func(p *probe) {
				p.create(client("a"), jti("1"), nil)
				p.create(client("b"), jti("2"), nil)
				p.subscribes("a", "x", 1, nil)
				p.subscribes("a", "y", 2, nil)
				p.subscribes("b", "x", 1, nil)
				p.delete("a", 2, store.ErrConflict)
				p.subscribed("a", "x", "y")
				p.delete("a", 3, nil)
				p.subscribed("a")
				p.create(client("a"), jti("3"), nil)
				p.subscribed("a")
				p.subscribed("b", "x")
				p.subscribes("a", "x", 1, nil)
			}},
	}
}

func movedSubscriptions() []testCase {
	return []testCase{
		{name: "subscriptions are moved with the register",
			why: "an application that moved to another store would have no APIs there", also: []Capability{Transfer, Lister},
			do: func(p *probe) {
				b := p.withSubscriptions()
				to := p.another()
				to.imports(b, store.Imported{Clients: 2, Subscriptions: 3})
				to.subscribed("a", "x", "y")
				to.subscribed("b", "x")
				to.imports(b, store.Imported{})
				to.imports(store.Batch{Subscriptions: append(b.Subscriptions, b.Subscriptions...)}, store.Imported{})
				more := subscription("a", "z")
				more.Since = issued.Add(999 * time.Millisecond)
				to.imports(store.Batch{Subscriptions: []store.Subscription{more, more}}, store.Imported{Subscriptions: 1})
				to.subscribed("a", "x", "y", "z")
				to.same(p.get("a"))
				to.delete("a", p.get("a").Version, nil)
				to.subscribed("a")
			}},
		{name: "an import of another subscription, or of one without a record, changes nothing",
			why: "two registers that differ are not mixed", also: []Capability{Transfer, Lister}, do: refusedImports},
	}
}

// withSubscriptions makes two records with three subscriptions, and returns all of it.
func (p *probe) withSubscriptions() store.Batch {
	p.create(client("a"), store.Reservation{}, nil)
	p.create(client("b"), store.Reservation{}, nil)
	p.subscribes("a", "x", 1, nil)
	p.subscribes("a", "y", 2, nil)
	p.subscribes("b", "x", 1, nil)
	b := store.Batch{Subscriptions: []store.Subscription{subscription("a", "x"), subscription("a", "y"), subscription("b", "x")}}
	var err error
	b.Clients, err = p.lister.List(p.ctx, "", 10)
	want("List", err, nil)
	return b
}

func refusedImports(p *probe) {
	b := p.withSubscriptions()
	other := subscription("a", "x")
	other.By = "another"
	for what, c := range map[string]struct {
		with   store.Subscription
		wanted error
	}{
		"another content": {other, store.ErrExists}, "no record": {subscription("none", "x"), store.ErrNotFound},
		"no API": {subscription("a", ""), store.ErrState}, "no client": {subscription("", "x"), store.ErrState},
	} {
		batch := store.Batch{Clients: []store.Client{versioned(client("new"), 1)}}
		batch.Subscriptions = []store.Subscription{subscription("new", "x"), subscription("b", "y"), c.with}
		_, err := p.transfer.Import(p.ctx, batch)
		want("Import of a subscription with "+what, err, c.wanted)
		p.absent("new")
		p.subscribed("new")
		p.subscribed("a", "x", "y")
		p.subscribed("b", "x")
	}
	p.imports(b, store.Imported{})
}

func subscriptionRaces() []testCase {
	ended := func(p *probe, round string, do func(c store.Client) error) {
		p.create(store.Client{ID: round}, store.Reservation{}, nil)
		c := p.get(round)
		won := winner(together(few, func(i int) error {
			if i%2 == 0 {
				return p.subs.Subscribe(p.ctx, subscription(round, fmt.Sprint(i)), c.Version, store.Change{})
			}
			return do(c)
		}), store.ErrConflict, store.ErrNotFound)
		switch {
		case won%2 == 0:
			p.subscribed(round, fmt.Sprint(won))
			p.same(versioned(c, 2))
		default:
			p.subscribed(round)
		}
	}
	return []testCase{
		race("of 16 that subscribe at once one wins", "a person with two windows builds on what they saw", Subscriptions,
			func(p *probe, round string) {
				p.create(store.Client{ID: round}, store.Reservation{}, nil)
				won := winner(together(few, func(i int) error {
					return p.subs.Subscribe(p.ctx, subscription(round, fmt.Sprint(i)), 1, store.Change{})
				}), store.ErrConflict)
				p.subscribed(round, fmt.Sprint(won))
			}),
		race("of 16 that subscribe or update one wins", "a newer statement without the role must not pass a subscription by it", Subscriptions,
			func(p *probe, round string) {
				ended(p, round, func(c store.Client) error { return p.Update(p.ctx, c, store.Change{}) })
			}),
		race("of 16 that subscribe or delete one wins", "no subscription is left of a record that is gone", Subscriptions,
			func(p *probe, round string) {
				ended(p, round, func(c store.Client) error { return p.Delete(p.ctx, c.ID, c.Version, store.Change{}) })
			}),
	}
}
