package store

import (
	"cmp"
	"context"
	"time"

	"github.com/obdcr/obdcr/claims"
)

// Query says which records Search wants: those that are as each of its fields says. Values are
// compared byte by byte. A field that is empty asks for nothing.
type Query struct {
	OrgID        string
	SoftwareID   string
	Environment  claims.Environment
	State        State
	IssuedFrom   time.Time // IssuedAt is not before it, also where it has parts of a second
	IssuedBefore time.Time // IssuedAt is before it
	Newest       bool      // the newest first; else the oldest
}

// wants reports whether the query wants a record.
func (q Query) wants(c Client) bool {
	return (q.OrgID == "" || c.OrgID == q.OrgID) && (q.SoftwareID == "" || c.SoftwareID == q.SoftwareID) &&
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
// store has an index for each field of a Query, so that the first page of any one field does
// not read all records.
type Searcher interface {
	// Search returns at most limit records, in any state, that are as the query says and come
	// after the position in its order. A walk begins with the zero Position and goes on with
	// that of the last record that it got. A record that is there during the whole walk, and
	// whose IssuedAt stays, is met exactly once. It returns none where limit is below 1.
	Search(ctx context.Context, q Query, after Position, limit int) ([]Client, error)
}

// NameSearcher finds records by a part of what people call them. It is for a search box: a store
// has no index for it, and reads the records that the query wants in their order until it has
// enough.
type NameSearcher interface {
	// SearchName is Search, of the records whose search text contains the given text. Both are
	// compared in the form of FoldName. "" is contained in each.
	SearchName(ctx context.Context, q Query, name string, after Position, limit int) ([]Client, error)
}
