package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/obdcr/obdcr/claims"
)

// Query says which records Search wants: those that are as each of its fields says. Values are
// compared byte by byte. A field that is empty asks for nothing, but for a list that is not nil:
// no record is one of none. So a person without an organisation finds nothing, if the one who
// asks for them makes a list that is not nil.
type Query struct {
	OrgID        string
	SoftwareID   string
	OrgIDs       []string // the record's OrgID is one of these, at most 100, and not ""
	Issuers      []string // the record's Issuer is one of these, at most 100, and not ""
	Environment  claims.Environment
	State        State
	IssuedFrom   time.Time // IssuedAt is not before it, also where it has parts of a second
	IssuedBefore time.Time // IssuedAt is before it
	Newest       bool      // the newest first; else the oldest
}

// maxListed is how many values a list of a Query has at most: a store makes as many walks.
const maxListed = 100

// ForSearch returns the query in the form in which a store answers it: OrgIDs and Issuers have
// no value twice, are in the order of their bytes, and are nil where they ask for nothing.
// OrgID is "" then: it is one of the OrgIDs. None says that no record is as the query says. The
// error is about a list with more than 100 values.
func ForSearch(q Query) (form Query, none bool, err error) {
	if q.OrgIDs, err = listed("organisations", q.OrgIDs); err != nil {
		return Query{}, false, err
	}
	if q.Issuers, err = listed("issuers", q.Issuers); err != nil {
		return Query{}, false, err
	}
	if q.OrgID != "" {
		if q.OrgIDs != nil && !slices.Contains(q.OrgIDs, q.OrgID) {
			return Query{}, true, nil
		}
		q.OrgIDs, q.OrgID = []string{q.OrgID}, ""
	}
	return q, q.OrgIDs != nil && len(q.OrgIDs) == 0 || q.Issuers != nil && len(q.Issuers) == 0, nil
}

func listed(what string, values []string) ([]string, error) {
	if values == nil {
		return nil, nil
	}
	values = slices.DeleteFunc(slices.Clone(values), func(value string) bool { return value == "" })
	slices.Sort(values)
	if values = slices.Compact(values); len(values) > maxListed {
		return nil, fmt.Errorf("store: a query has %d %s, and %d are the most", len(values), what, maxListed)
	}
	return values, nil
}

// wants reports whether the query, in the form of ForSearch, wants a record.
func (q Query) wants(c Client) bool {
	return (q.OrgIDs == nil || slices.Contains(q.OrgIDs, c.OrgID)) && (q.Issuers == nil || slices.Contains(q.Issuers, c.Issuer)) &&
		(q.SoftwareID == "" || c.SoftwareID == q.SoftwareID) &&
		(q.Environment == "" || c.Environment == q.Environment) && (q.State == "" || c.State == q.State) &&
		(q.IssuedFrom.IsZero() || !c.IssuedAt.Before(q.IssuedFrom)) && (q.IssuedBefore.IsZero() || c.IssuedAt.Before(q.IssuedBefore))
}

// Position is the place of a record in the order of Search: by IssuedAt, and by the bytes
// of the ID where that is the same. Newest turns both around. The zero Position is before the
// first record, in either direction. A Position need not be that of a record that is there.
type Position struct {
	IssuedAt time.Time // whole seconds
	ID       string
}

// IsZero reports whether it is the position before the first record.
func (p Position) IsZero() bool { return p.ID == "" && p.IssuedAt.IsZero() }

// compare orders positions, the oldest first.
func (p Position) compare(other Position) int {
	return cmp.Or(p.IssuedAt.Compare(other.IssuedAt), cmp.Compare(p.ID, other.ID))
}

// Position returns the place of the record in the order of Search.
func (c Client) Position() Position { return Position{IssuedAt: c.IssuedAt, ID: c.ID} }

// Searcher finds records by what they say, a page at a time, for portals and operators. A
// store has an index for each field of a Query but Issuers, so that the first page of any one
// of these does not read all records. Of several organisations it reads a page of each at most.
type Searcher interface {
	// Search returns at most limit records, in any state, that are as the query says and come
	// after the position in its order. A walk begins with the zero Position and goes on with
	// that of the last record that it got. A record that is there during the whole walk, and
	// whose IssuedAt stays, is met exactly once. It returns none where limit is below 1. A query
	// that ForSearch refuses is an error.
	Search(ctx context.Context, q Query, after Position, limit int) ([]Client, error)
}
