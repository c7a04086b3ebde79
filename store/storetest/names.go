package storetest

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/store"
)

// called checks what a search by name finds, with pages of any size, in both directions.
func (p *probe) called(q store.Query, name string, wanted ...string) {
	for range 2 {
		for _, size := range []int{1, 2, len(wanted) + 1, math.MaxInt} {
			var all []store.Client
			for at := (store.Position{}); ; {
				page, err := p.names.SearchName(p.ctx, q, name, at, size)
				if want(fmt.Sprintf("SearchName(%+v, %q)", q, name), err, nil); len(page) > size || len(all) > 1000 {
					failf("SearchName(%+v, %q) gave %d records of at most %d", q, name, len(page), size)
				}
				if len(page) == 0 {
					break
				}
				all = append(all, page...)
				at = page[len(page)-1].Position()
			}
			wantIDs(fmt.Sprintf("SearchName(%+v, %q) in pages of %d", q, name, size), all, nil, wanted)
		}
		q.Newest, wanted = !q.Newest, slices.Clone(wanted)
		slices.Reverse(wanted)
	}
}

// app is a record with a name for people; an hour lies between two of them.
func app(n int, name string) store.Client {
	c := client(fmt.Sprint("id", n))
	roles := claims.Attribute{Name: "software_roles_sandbox", Values: []string{"AISP", "PISP"}, List: true}
	c.Application = claims.Application{Name: name, ID: "sw" + c.ID, Attributes: []claims.Attribute{roles}}
	c.SoftwareID, c.OrgID, c.IssuedAt = "sw"+c.ID, fmt.Sprint("org", n%2), issued.Add(time.Duration(n)*time.Hour)
	return c
}

func nameCases() []testCase {
	all := []testCase{
		{name: "SearchName finds by each name of a record, and each by itself",
			why: "people look for what is on their screen: the application's name, the software's, or an identifier", do: calledByEach},
		{name: "SearchName finds whatever the case and the blanks", why: "nobody types a name as it was registered", do: calledInAnyCase},
		{name: "SearchName takes each character for itself", why: "a search for 100% must not find everything", do: calledByCharacter},
		{name: "SearchName finds what the query wants alone, in its order", why: "a search box of one organisation must not show those of another", do: calledWithin},
		{name: "SearchName finds one among many", why: "a store that looks at the first page alone misses what is further behind", do: calledAmongMany},
		{name: "SearchName sees a record as it is after its last change", why: "who renamed an application looks for its new name",
			do: func(p *probe) {
				c := app(1, "before")
				p.create(c, jti("1"), nil)
				c.Version, c.Application.Name = 1, "behind"
				p.update(c, jti("2"), nil)
				p.called(store.Query{}, "before")
				p.called(store.Query{}, "behind", "id1")
				found, err := p.names.SearchName(p.ctx, store.Query{}, "behind", store.Position{}, 1)
				want("SearchName", err, nil)
				if diff := difference(found[0], p.get("id1")); diff != "" {
					failf("SearchName gives another record than Get: %s", diff)
				}
				p.delete("id1", 2, nil)
				p.called(store.Query{}, "behind")
			}},
		{name: "SearchName gives none where the limit is below 1, or the context has ended", why: "its caller wants none",
			do: func(p *probe) {
				p.create(app(1, "a"), jti("1"), nil)
				for _, limit := range []int{0, -1, math.MinInt} {
					none, err := p.names.SearchName(p.ctx, store.Query{}, "a", store.Position{}, limit)
					wantIDs("SearchName of none", none, err, nil)
				}
				ended, cancel := context.WithCancel(p.ctx)
				cancel()
				_, err := p.names.SearchName(ended, store.Query{}, "a", store.Position{}, 10)
				want("SearchName", err, context.Canceled)
			}},
	}
	for i := range all {
		all[i].needs = NameSearcher
	}
	return all
}

func calledByEach(p *probe) {
	a, b := app(1, "Money Map"), app(2, "Other")
	a.ClientID = "client-7"
	a.Application.Attributes = append(a.Application.Attributes,
		claims.Attribute{Name: "software_client_name_sandbox", Values: []string{"Piggy Bank"}},
		claims.Attribute{Name: "software_client_id_sandbox", Values: []string{"told to nobody"}})
	a.SoftwareID, a.Application.ID = "Software-A", "Software-B"
	p.create(a, jti("1"), nil)
	p.create(b, jti("2"), nil)
	for _, name := range []string{"Money Map", "ney", "Piggy Bank", "ggy b", "client-7", "id1", "Software-A", "Software-B"} {
		p.called(store.Query{}, name, "id1")
	}
	p.called(store.Query{}, "", "id1", "id2")
	p.called(store.Query{}, "swid2", "id2")
	for _, none := range []string{
		"nobody", "AISP", "MapPiggy", "Map Piggy", "Mapid1", "Map client-7", "id1client", "id1 Money", "software_client_name", "org1", "key of", "issuer",
	} {
		p.called(store.Query{}, none)
	}
}

func calledInAnyCase(p *probe) {
	for i, name := range []string{
		"Bank  \t of\n\u00a0Tr\u00e4ume ", "STRASSE \u03a3\u0399\u03a3", "\u212aelvin", "\u0420\u0423\u0411\u041b\u042c", "Stra\u00dfe", "Tra\u0308ume",
	} {
		p.create(app(i, name), jti(name), nil)
	}
	p.called(store.Query{}, "bank of tr\u00c4UME", "id0")
	p.called(store.Query{}, "  BANK   OF  ", "id0")
	p.called(store.Query{}, "\u03c3\u03b9\u03c2", "id1")
	p.called(store.Query{}, "strasse", "id1")
	p.called(store.Query{}, "KELVIN", "id2")
	p.called(store.Query{}, "\u0440\u0443\u0431\u043b\u044c", "id3")
	p.called(store.Query{}, "stra\u1e9ee", "id4")
	p.called(store.Query{}, "traume")
	p.called(store.Query{}, "bankof")
}

func calledByCharacter(p *probe) {
	names := []string{"100% sure", "100 sure", "a_b", "aXb", "back\\slash", "star*", "quo'te\"", "\U0001f512 lock", "[a-z]", "\u202erlo"}
	for i, name := range names {
		p.create(app(i, name), jti(name), nil)
	}
	for _, c := range []struct {
		name string
		ids  []string
	}{
		{"100%", []string{"id0"}}, {"%", []string{"id0"}}, {"_", []string{"id2"}}, {"a_b", []string{"id2"}}, {"\\", []string{"id4"}}, {"\\s", []string{"id4"}},
		{"*", []string{"id5"}}, {"'", []string{"id6"}}, {"\"", []string{"id6"}}, {"\U0001f512", []string{"id7"}}, {"[a-z]", []string{"id8"}}, {".*", nil}, {"?", nil},
		{"\u202e", []string{"id9"}}, {"\x00", nil}, {"100%%", nil},
	} {
		p.called(store.Query{}, c.name, c.ids...)
	}
}

func calledWithin(p *probe) {
	for i := range 8 {
		c := app(7-i, "App")
		if i == 3 {
			c.State = store.PendingCreate
		}
		p.create(c, jti(c.ID), nil)
	}
	p.called(store.Query{OrgID: "org1"}, "app", "id1", "id3", "id5", "id7")
	p.called(store.Query{OrgIDs: []string{"org1", "org2"}}, "app", "id1", "id3", "id5", "id7")
	p.called(store.Query{OrgIDs: []string{"org1", "org0"}, IssuedFrom: issued.Add(5 * time.Hour)}, "app", "id5", "id6", "id7")
	p.called(store.Query{State: store.PendingCreate}, "app", "id4")
	p.called(store.Query{OrgIDs: []string{}}, "app")
	p.called(store.Query{SoftwareID: "swid2"}, "app", "id2")
	p.called(store.Query{SoftwareID: "swid2"}, "id3")
}

func calledAmongMany(p *probe) {
	const many = 450
	for i := range many {
		c := store.Client{ID: fmt.Sprintf("c%03d", i), OrgID: "org", IssuedAt: issued.Add(time.Duration(i/50) * time.Second)}
		c.Application.Name = fmt.Sprintf("App number %03d.", i)
		p.create(c, store.Reservation{}, nil)
	}
	q := store.Query{OrgID: "org"}
	p.called(q, "number 449.", "c449")
	p.called(q, "number 000.", "c000")
	var ends []string
	for i := range many / 10 {
		ends = append(ends, fmt.Sprintf("c%02d7", i))
	}
	p.called(q, "7.", ends...)
	p.called(q, "number 450.")
}
