package storetest

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/store"
)

// among makes records of four organisations and three issuers, several in each second, and
// returns them in the order of a search.
func (p *probe) among() []store.Client {
	var all []store.Client
	for i := range 36 {
		c := client(fmt.Sprintf("c%02d", i*7%36))
		c.OrgID, c.Issuer = fmt.Sprint("org ", i%4), fmt.Sprint("issuer ", i%3)
		c.SoftwareID, c.Environment = fmt.Sprint("software ", i/18), []claims.Environment{"sandbox", "production"}[i/9%2]
		c.State, c.IssuedAt = []store.State{store.Active, store.PendingCreate}[i/6%2], issued.Add(time.Duration(i/5)*time.Second)
		p.create(c, store.Reservation{}, nil)
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b store.Client) int {
		if order := a.IssuedAt.Compare(b.IssuedAt); order != 0 {
			return order
		}
		return strings.Compare(a.ID, b.ID)
	})
	return all
}

// wanted returns the IDs of the records that a query wants.
func wanted(q store.Query, of []store.Client) (ids []string) {
	for _, c := range of {
		if as(q, c) {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

func searchedByLists(p *probe) {
	all := p.among()
	for _, orgs := range [][]string{
		nil, {"org 1"}, {"org 3", "org 0", "org 3"}, {"org 2", "ORG 1", "org", ""}, {"nobody's"}, {"org 0", "org 1", "org 2", "org 3"},
	} {
		for _, issuers := range [][]string{nil, {"issuer 0"}, {"issuer 2", "issuer 1", "issuer 1", ""}, {"issuer"}} {
			for _, q := range []store.Query{
				{}, {SoftwareID: "software 1"}, {Environment: "production", State: store.Active}, {OrgID: "org 3"},
				{IssuedFrom: issued.Add(time.Second), IssuedBefore: issued.Add(5 * time.Second)},
			} {
				q.OrgIDs, q.Issuers = slices.Clone(orgs), slices.Clone(issuers)
				found := wanted(q, all)
				wantIDs(fmt.Sprintf("Search(%+v)", q), p.searched(q, 4), nil, found)
				q.Newest = true
				slices.Reverse(found)
				wantIDs(fmt.Sprintf("Search(%+v)", q), p.searched(q, math.MaxInt), nil, found)
				if !slices.Equal(q.OrgIDs, orgs) || !slices.Equal(q.Issuers, issuers) {
					failf("Search has changed the lists of its caller: %q, %q", q.OrgIDs, q.Issuers)
				}
			}
		}
	}
}

func searchedAcross(p *probe) {
	all := p.among()
	several := store.Query{OrgIDs: []string{"org 2", "org 0", "org 3"}}
	p.finds(several, wanted(several, all))
	// A place between two records, and one at a record of another organisation.
	for _, at := range []store.Position{{IssuedAt: issued.Add(3 * time.Second), ID: "c1"}, {IssuedAt: issued.Add(2 * time.Second), ID: all[11].ID}} {
		found, err := p.searcher.Search(p.ctx, several, at, 5)
		behind := slices.DeleteFunc(slices.Clone(all), func(c store.Client) bool {
			return c.IssuedAt.Before(at.IssuedAt) || c.IssuedAt.Equal(at.IssuedAt) && c.ID <= at.ID
		})
		wantIDs(fmt.Sprintf("Search after %v", at), found, err, wanted(several, behind)[:5])
	}
	many := store.Query{OrgIDs: []string{"org 1"}, Issuers: []string{"issuer 1"}}
	for i := range 99 {
		many.OrgIDs, many.Issuers = append(many.OrgIDs, fmt.Sprint("other ", i)), append(many.Issuers, fmt.Sprint("other ", i))
	}
	p.finds(many, wanted(many, all))
	p.finds(store.Query{OrgIDs: slices.Repeat([]string{"org 1"}, 101)}, wanted(store.Query{OrgID: "org 1"}, all))
	for _, more := range []store.Query{
		{OrgIDs: append(slices.Clone(many.OrgIDs), "one more")}, {Issuers: append(slices.Clone(many.Issuers), "one more")},
	} {
		if _, err := p.searcher.Search(p.ctx, more, store.Position{}, 10); err == nil {
			failf("Search of 101 values in a list gives no error")
		}
	}
}

func searchedByNone(p *probe) {
	all := p.among()
	none := client("of nobody")
	none.OrgID, none.Issuer, none.IssuedAt = "", "", issued.Add(time.Hour)
	p.create(none, store.Reservation{}, nil)
	for _, q := range []store.Query{
		{OrgIDs: []string{}}, {Issuers: []string{}}, {OrgIDs: []string{""}}, {Issuers: []string{""}}, {OrgIDs: []string{"org 1"}, Issuers: []string{}},
		{OrgIDs: []string{}, OrgID: "org 1"}, {OrgIDs: []string{"org 1"}, OrgID: "org 2"}, {OrgIDs: []string{}, SoftwareID: "software 1"},
	} {
		wantIDs(fmt.Sprintf("Search(%#v)", q), p.searched(q, 10), nil, nil)
	}
	for _, value := range []string{"a\x00", "\xff"} { // no database has to keep such a text
		for _, q := range []store.Query{
			{OrgID: value}, {OrgIDs: []string{value}}, {Issuers: []string{value}}, {SoftwareID: value}, {Environment: claims.Environment(value)},
			{State: store.State(value)},
		} {
			wantIDs(fmt.Sprintf("Search(%#v)", q), p.searched(q, 10), nil, nil)
		}
		q := store.Query{OrgIDs: []string{value, "org 1"}, Issuers: []string{"issuer 1", value}}
		wantIDs(fmt.Sprintf("Search(%#v)", q), p.searched(q, 100), nil, wanted(store.Query{OrgIDs: []string{"org 1"}, Issuers: []string{"issuer 1"}}, all))
	}
	wantIDs("Search of any", p.searched(store.Query{}, 100), nil, append(wanted(store.Query{}, all), none.ID))
}
