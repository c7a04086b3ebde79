package storetest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/store"
)

// searched walks with pages of that size, and returns all that it found.
func (p *probe) searched(q store.Query, size int) []store.Client {
	var all []store.Client
	for after := (store.Position{}); ; {
		page, err := p.searcher.Search(p.ctx, q, after, size)
		if want(fmt.Sprintf("Search(%+v)", q), err, nil); len(page) > size {
			failf("Search(%+v) gave %d records of at most %d", q, len(page), size)
		}
		if all = append(all, page...); len(page) == 0 || len(all) > 1000 {
			return all
		}
		after = page[len(page)-1].Position()
	}
}

// finds checks that pages of any size hold the records wanted, in this order, and in the
// other one where the newest come first. Half of the sizes do where few rounds are asked for.
func (p *probe) finds(q store.Query, wanted []string) {
	for range 2 {
		sizes := []int{math.MaxInt, 1, 3, 2, 7, len(wanted) + 1}
		if p.rounds < usualRounds {
			sizes = sizes[:3]
		}
		for _, size := range sizes {
			wantIDs(fmt.Sprintf("Search(%+v) in pages of %d", q, size), p.searched(q, size), nil, wanted)
		}
		q.Newest, wanted = !q.Newest, slices.Clone(wanted)
		slices.Reverse(wanted)
	}
}

func searchCases() []testCase {
	all := []testCase{
		{name: "Search finds by each field, and by all of them together",
			why: "a portal that shows the records of another organisation tells one competitor of the other", do: searchedByFields},
		{name: "Search compares bytes, and an empty field asks for nothing",
			why: "a store that folds case, trims or takes % for anything finds what was not asked for", do: searchedByBytes},
		{name: "Search finds the records of any of the organisations and issuers",
			why: "a person who acts for several organisations sees the applications of these, and of no other", do: searchedByLists},
		{name: "Search of several organisations is in one order",
			why: "pages that go through one organisation after the other have yesterday's application behind last year's", do: searchedAcross},
		{name: "Search of none of the organisations or issuers finds none",
			why: "a person whose organisations were all taken away would see everybody's", do: searchedByNone},
		{name: "Search is in the order of IssuedAt, then of the bytes of the ID",
			why: "many clients are issued in one second; where their order is not the same on each page, one is missed", do: searchedInOrder},
		{name: "Search has IssuedFrom and leaves out IssuedBefore", why: "pages of one day each have every record once", do: searchedByAge},
		{name: "a walk of Search meets each lasting record once",
			why: "records come and go while somebody reads: a cursor that counts records skips one for each that is removed", do: walkWhileChanging},
		{name: "Search goes on after a record that is gone, or was never there", why: "a cursor is a place and not a record", do: searchedAfterNone},
		{name: "Search sees a record as it is after its last change", why: "an index that is not in the transaction of the change finds what is gone",
			do: searchedAfterChanges},
		{name: "Search gives whole records", why: "a record that is found is the one that Get returns, and belongs to the caller",
			do: func(p *probe) {
				a := func() store.Client { return in(decided(named(client("a"), "x"), "1"), store.PendingCreate, issued) }
				p.create(a(), jti("1"), nil)
				p.create(client("b"), jti("2"), nil)
				changing(p, "b", jti("3"))
				for range 2 {
					found := p.searched(store.Query{}, 10)
					wantIDs("Search", found, nil, []string{"a", "b"})
					if diff := difference(found[0], versioned(a(), 1)); diff != "" {
						failf("record \"a\": %s", diff)
					}
					if diff := difference(found[1], p.get("b")); diff != "" {
						failf("record \"b\": %s", diff)
					}
					spoil(found[0])
				}
			}},
		{name: "Search gives none where the limit is below 1, or the context has ended", why: "its caller wants none",
			do: func(p *probe) {
				p.create(client("a"), jti("1"), nil)
				for _, limit := range []int{0, -1, math.MinInt} {
					none, err := p.searcher.Search(p.ctx, store.Query{}, store.Position{}, limit)
					wantIDs("Search of none", none, err, nil)
				}
				ended, cancel := context.WithCancel(p.ctx)
				cancel()
				_, err := p.searcher.Search(ended, store.Query{}, store.Position{}, 10)
				want("Search", err, context.Canceled)
			}},
		{name: "walks beside changes meet each lasting record once", why: "the register changes all day", do: walksBesideChanges},
	}
	for i := range all {
		all[i].needs = Searcher
	}
	return all
}

// as reports whether the record is as the query says.
func as(q store.Query, c store.Client) bool {
	return (q.OrgIDs == nil || slices.Contains(q.OrgIDs, c.OrgID)) && (q.Issuers == nil || slices.Contains(q.Issuers, c.Issuer)) &&
		(q.OrgID == "" || q.OrgID == c.OrgID) && (q.SoftwareID == "" || q.SoftwareID == c.SoftwareID) &&
		(q.Environment == "" || q.Environment == c.Environment) && (q.State == "" || q.State == c.State) &&
		(q.IssuedFrom.IsZero() || !c.IssuedAt.Before(q.IssuedFrom)) && (q.IssuedBefore.IsZero() || c.IssuedAt.Before(q.IssuedBefore))
}

func searchedByFields(p *probe) {
	var all []store.Client
	for i := range 32 {
		c := client(fmt.Sprintf("c%02d", i))
		c.OrgID, c.SoftwareID = fmt.Sprint("org ", i&1), fmt.Sprint("software ", i>>1&1)
		c.Environment = []claims.Environment{"sandbox", "production"}[i>>2&1]
		c.State, c.IssuedAt = []store.State{store.Active, store.Creating}[i>>3&1], issued.Add(time.Duration(i>>4)*time.Hour)
		p.create(c, store.Reservation{}, nil)
		all = append(all, c)
	}
	for asked := range 64 {
		var q store.Query
		for i, ask := range []func(){
			func() { q.OrgID = "org 1" }, func() { q.SoftwareID = "software 0" }, func() { q.Environment = "production" },
			func() { q.State = store.Creating }, func() { q.IssuedFrom = issued.Add(time.Hour) }, func() { q.IssuedBefore = issued.Add(time.Hour) },
		} {
			if asked>>i&1 == 1 {
				ask()
			}
		}
		var wanted []string
		for _, c := range all {
			if as(q, c) {
				wanted = append(wanted, c.ID)
			}
		}
		for _, size := range []int{math.MaxInt, 3} {
			wantIDs(fmt.Sprintf("Search(%+v) in pages of %d", q, size), p.searched(q, size), nil, wanted)
		}
		q.Newest = true
		slices.Reverse(wanted)
		wantIDs(fmt.Sprintf("Search(%+v)", q), p.searched(q, 5), nil, wanted)
	}
}

func searchedByBytes(p *probe) {
	values := []string{"org", "ORG", "org ", " org", "org%", "org_", "%", "\u00f6rg", "o", "org0"}
	for i, value := range values {
		c := client(fmt.Sprint("c", i))
		c.OrgID, c.SoftwareID, c.Environment = value, value, claims.Environment(value)
		p.create(c, store.Reservation{}, nil)
	}
	none := store.Client{ID: "none", IssuedAt: issued.Add(time.Hour)}
	p.create(none, store.Reservation{}, nil)
	for i, value := range values {
		wanted := []string{fmt.Sprint("c", i)}
		wantIDs("Search by OrgID", p.searched(store.Query{OrgID: value}, 3), nil, wanted)
		wantIDs("Search by SoftwareID", p.searched(store.Query{SoftwareID: value}, 3), nil, wanted)
		wantIDs("Search by Environment", p.searched(store.Query{Environment: claims.Environment(value)}, 3), nil, wanted)
	}
	wantIDs("Search by OrgID", p.searched(store.Query{OrgID: "or"}, 3), nil, nil)
	if found := p.searched(store.Query{}, 100); len(found) != len(values)+1 || found[len(values)].ID != "none" {
		failf("Search of all found %d records, want %d", len(found), len(values)+1)
	}
}

func searchedInOrder(p *probe) {
	inOrder := []string{"A", "B-", "Ba", "a", "a ", "ab", "b", "\u00e4", "\U0001f512"}
	for i := range inOrder {
		p.create(client(inOrder[(i*5)%len(inOrder)]), store.Reservation{}, nil)
	}
	for i, at := range []time.Time{issued.Add(-time.Second), issued.Add(time.Second), time.Unix(-1, 0), {}, time.Unix(0, 0)} {
		c := client(fmt.Sprint("at ", i))
		c.IssuedAt = at
		p.create(c, store.Reservation{}, nil)
	}
	wanted := slices.Concat([]string{"at 3", "at 2", "at 4", "at 0"}, inOrder, []string{"at 1"})
	p.finds(store.Query{}, wanted)
	p.finds(store.Query{State: store.Active}, wanted)
	p.finds(store.Query{IssuedBefore: issued}, wanted[:4])
	p.finds(store.Query{Environment: "sandbox", IssuedFrom: issued}, wanted[4:])
}

func searchedByAge(p *probe) {
	at := func(seconds float64) time.Time { return issued.Add(time.Duration(seconds * float64(time.Second))) }
	for i, second := range []float64{2, 0, 3, 1} {
		c := client(string(rune('a' + i)))
		c.IssuedAt = at(second)
		p.create(c, store.Reservation{}, nil)
	}
	for _, asked := range []struct {
		from, before time.Time
		wanted       []string
	}{
		{at(1), at(3), []string{"d", "a"}}, {at(0), at(1), []string{"b"}}, {at(1), time.Time{}, []string{"d", "a", "c"}},
		{time.Time{}, at(1), []string{"b"}}, {at(1), at(1), nil}, {at(2), at(1), nil}, {at(4), time.Time{}, nil}, {time.Time{}, at(0), nil},
		{at(0.5), time.Time{}, []string{"d", "a", "c"}}, {time.Time{}, at(0.5), []string{"b"}}, {at(0.5), at(1.5), []string{"d"}},
		{at(1).In(time.FixedZone("", 3600)), at(2).In(time.FixedZone("", -3600)), []string{"d"}},
		{longAgo, farAhead, []string{"b", "d", "a", "c"}}, {farAhead, time.Time{}, nil}, {time.Time{}, longAgo, nil},
	} {
		p.finds(store.Query{IssuedFrom: asked.from, IssuedBefore: asked.before}, asked.wanted)
	}
}

func walkWhileChanging(p *probe) {
	const each = 24
	for _, newest := range []bool{false, true} {
		org := fmt.Sprint("newest: ", newest)
		id := func(kind string, i int) string { return fmt.Sprintf("%s %02d, %s", kind, i, org) }
		add := func(kind string, i int) {
			p.create(store.Client{ID: id(kind, i), IssuedAt: issued.Add(time.Duration(i/4) * time.Second), OrgID: org}, store.Reservation{}, nil)
		}
		var lasting, met []string
		for i := range each {
			add("lasting", i)
			add("leaving", i)
			lasting = append(lasting, id("lasting", i))
		}
		if newest {
			slices.Reverse(lasting)
		}
		after := store.Position{}
		for turn := 0; ; turn++ {
			page, err := p.searcher.Search(p.ctx, store.Query{OrgID: org, Newest: newest}, after, 5)
			if want("Search", err, nil); len(page) == 0 {
				break
			}
			for _, c := range page {
				if slices.Contains(lasting, c.ID) {
					met = append(met, c.ID)
				}
			}
			if after = page[len(page)-1].Position(); 4*turn >= each {
				continue
			}
			for _, i := range []int{2 * turn, 2*turn + 1, each - 1 - 2*turn, each - 2 - 2*turn} { // from either end
				p.delete(id("leaving", i), 1, nil)
				add("coming", i)
			}
		}
		if !slices.Equal(met, lasting) {
			failf("a walk beside changes met %q, want %q", met, lasting)
		}
	}
}

func searchedAfterNone(p *probe) {
	for _, id := range []string{"b", "d", "f"} {
		p.create(client(id), store.Reservation{}, nil)
	}
	p.delete("d", 1, nil)
	for _, asked := range []struct {
		after  store.Position
		newest bool
		wanted []string
	}{
		{store.Position{IssuedAt: issued, ID: "d"}, false, []string{"f"}}, {store.Position{IssuedAt: issued, ID: "d"}, true, []string{"b"}},
		{store.Position{IssuedAt: issued, ID: ""}, false, []string{"b", "f"}}, {store.Position{IssuedAt: issued, ID: ""}, true, nil},
		{store.Position{IssuedAt: issued.Add(-time.Second), ID: "z"}, false, []string{"b", "f"}},
		{store.Position{IssuedAt: issued.Add(time.Second), ID: "a"}, true, []string{"f", "b"}},
		{store.Position{IssuedAt: issued.Add(time.Second), ID: "a"}, false, nil}, {store.Position{IssuedAt: issued, ID: "f"}, false, nil},
	} {
		got, err := p.searcher.Search(p.ctx, store.Query{Newest: asked.newest}, asked.after, 10)
		wantIDs(fmt.Sprintf("Search after %+v, newest first: %t", asked.after, asked.newest), got, err, asked.wanted)
	}
}

func searchedAfterChanges(p *probe) {
	p.create(client("a"), jti("1"), nil)
	p.create(in(client("b"), store.Creating, issued), jti("2"), nil)
	p.finds(store.Query{State: store.Active}, []string{"a"})
	p.finds(store.Query{State: store.Creating}, []string{"b"})
	moved := versioned(in(client("a"), store.Updating, issued), 1)
	moved.OrgID, moved.SoftwareID, moved.Environment, moved.IssuedAt = "other org", "other software", "other", issued.Add(time.Hour)
	p.update(moved, jti("3"), nil)
	for _, q := range []store.Query{
		{OrgID: "other org"}, {SoftwareID: "other software"}, {Environment: "other"}, {State: store.Updating}, {IssuedFrom: issued.Add(time.Hour)},
	} {
		p.finds(q, []string{"a"})
	}
	for _, q := range []store.Query{{OrgID: "org of a"}, {SoftwareID: "software of a"}, {State: store.Active}} {
		p.finds(q, nil)
	}
	p.finds(store.Query{}, []string{"b", "a"})
	if p.unfinished != nil {
		p.undo("a", 2, nil)
		p.finds(store.Query{OrgID: "org of a"}, []string{"a"})
		p.finds(store.Query{OrgID: "other org"}, nil)
		p.undo("b", 1, nil)
	} else {
		p.delete("b", 1, nil)
	}
	p.delete("a", p.get("a").Version, nil)
	p.finds(store.Query{}, nil)
	p.finds(store.Query{State: store.Creating}, nil)
}

func walksBesideChanges(p *probe) {
	const lasting = 20
	var wanted []string
	for i := range lasting {
		c := store.Client{ID: fmt.Sprintf("lasting %02d", i), IssuedAt: issued.Add(time.Duration(i/5) * time.Second)}
		p.create(c, store.Reservation{}, nil)
		wanted = append(wanted, c.ID)
	}
	var walking atomic.Int32
	walking.Store(few / 2)
	errs := together(few, func(i int) error {
		if i < few/2 {
			defer walking.Add(-1)
			return p.walkLasting(store.Query{Newest: i%2 == 1}, wanted)
		}
		for n := 0; walking.Load() > 0; n++ {
			c := store.Client{ID: fmt.Sprint("coming ", i, " ", n), IssuedAt: issued.Add(time.Duration(n%6) * time.Second)}
			if err := cmp.Or(p.Create(p.ctx, c, store.Change{}), p.Delete(p.ctx, c.ID, 1, store.Change{})); err != nil {
				return err
			}
		}
		return nil
	})
	want("walking and changing together", errors.Join(errs...), nil)
}

// walkLasting walks, and returns an error unless it meets each of the lasting records once.
func (p *probe) walkLasting(q store.Query, lasting []string) error {
	for range min(p.rounds, 5) {
		met := map[string]int{}
		for after := (store.Position{}); ; {
			page, err := p.searcher.Search(p.ctx, q, after, 3)
			if err != nil {
				return err
			}
			if len(page) == 0 {
				break
			}
			for _, c := range page {
				met[c.ID]++
			}
			after = page[len(page)-1].Position()
		}
		for _, id := range lasting {
			if met[id] != 1 {
				return fmt.Errorf("a walk beside changes met %q %d times", id, met[id])
			}
		}
	}
	return nil
}
