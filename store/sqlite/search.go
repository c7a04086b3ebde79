package sqlite

import (
	"context"
	"math"
	"strconv"
	"strings"

	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/internal/row"
)

const (
	// selectEnvironments goes from one environment to the next in the index. It does not read
	// the records of each.
	selectEnvironments = `WITH RECURSIVE known(name) AS (SELECT min(environment) FROM clients
		UNION ALL SELECT (SELECT min(environment) FROM clients WHERE environment > name) FROM known WHERE name IS NOT NULL)
		SELECT name FROM known WHERE name IS NOT NULL`

	// maxEnvironments is how many environments Search merges. SQLite takes 500 parts of a query.
	maxEnvironments = 50
)

// allStates are those that a record may be in.
var allStates = []store.State{store.Active, store.Creating, store.Updating, store.Deleting, store.PendingCreate, store.PendingDelete}

var (
	_ store.Searcher     = (*Store)(nil)
	_ store.NameSearcher = (*Store)(nil)
)

// Search implements store.Searcher.
func (s *Store) Search(ctx context.Context, q store.Query, after store.Position, limit int) ([]store.Client, error) {
	return s.search(ctx, row.Columns, row.Scan, q, after, limit)
}

// SearchName implements store.NameSearcher.
func (s *Store) SearchName(ctx context.Context, q store.Query, name string, after store.Position, limit int) ([]store.Client, error) {
	return store.ForSearchName(ctx, q, name, after, limit,
		func(ctx context.Context, q store.Query, after store.Position, limit int) ([]store.Client, error) {
			return s.search(ctx, row.NameColumns, row.ScanNames, q, after, limit)
		}, s.Get)
}

func (s *Store) search(
	ctx context.Context, columns string, scan func(row.Scanner) (store.Client, error), q store.Query, after store.Position, limit int,
) ([]store.Client, error) {
	q, none, err := store.ForSearch(q)
	if err != nil || none {
		return nil, err
	}
	environments := []string{string(q.Environment)}
	if q.SoftwareID == "" && q.OrgIDs == nil && q.Environment == "" {
		if environments, err = collect(scanned[string])(s.read.environments.QueryContext(ctx)); err != nil {
			return nil, s.unread("search", err)
		}
	}
	if limit < 1 || len(environments) == 0 {
		return nil, ctx.Err()
	}
	query, arguments := searchFor(columns, q, environments, after, limit)
	found, err := collect(scan)(s.read.db.QueryContext(ctx, query, arguments...))
	if err != nil {
		return nil, s.unread("search", err)
	}
	return found, nil
}

// searchFor returns the statement of Search, which begins and ends inside of one index: that
// of the software, of each organisation, or else of each environment and state together. Where
// these are several, it takes the first records of each, and of these the first. The query is in
// the form of store.ForSearch, and the environments are all those that it may mean.
func searchFor(columns string, q store.Query, environments []string, after store.Position, limit int) (query string, arguments []any) {
	s := search{limit: limit}
	s.bounds(q, after)
	parts := s.parts(q, environments)
	s.WriteString("SELECT " + columns)
	if len(parts) == 1 {
		s.of(parts[0]...)
		return s.String(), s.arguments
	}
	s.WriteString(" FROM clients WHERE rowid IN (SELECT rowid FROM (")
	for i, fields := range parts {
		if i > 0 {
			s.WriteString(" UNION ALL ")
		}
		s.WriteString("SELECT * FROM (SELECT rowid, issued_at, id")
		s.of(fields...)
		s.WriteString(")")
	}
	s.inOrder()
	s.WriteString("))")
	s.inOrder()
	return s.String(), s.arguments
}

// parts returns what the records of each walk are to be. All walks together have each record once
// that the query wants.
func (s *search) parts(q store.Query, environments []string) (parts [][]field) {
	environment, state := oneOf("environment", string(q.Environment)), oneOf("state", string(q.State))
	issuers := field{"issuer", q.Issuers}
	switch {
	case q.SoftwareID != "":
		// The plus keeps SQLite from the index of the organisations.
		return [][]field{{oneOf("software_id", q.SoftwareID), field{"+org_id", q.OrgIDs}, state, environment, issuers}}
	case q.OrgIDs != nil:
		for _, id := range q.OrgIDs {
			parts = append(parts, []field{oneOf("org_id", id), state, environment, issuers})
		}
		return parts
	case len(environments) > maxEnvironments:
		return [][]field{{state, environment, issuers}}
	}
	states := allStates
	if q.State != "" {
		states = []store.State{q.State}
	}
	for _, name := range environments {
		for _, one := range states {
			parts = append(parts, []field{oneOf("state", string(one)), {"environment", []string{name}}, issuers})
		}
	}
	return parts
}

// search is the statement of Search as it grows.
type search struct {
	strings.Builder
	arguments []any
	from, to  place
	direction string
	limit     int
}

// place is one in the order of Search.
type place struct {
	issuedAt int64
	id       string
}

func (p place) before(o place) bool {
	return p.issuedAt < o.issuedAt || p.issuedAt == o.issuedAt && p.id < o.id
}

// bounds sets from and to. Both are exclusive: an ID is never "", so a bound without one
// includes the records of its second.
func (s *search) bounds(q store.Query, after store.Position) {
	s.from, s.to = place{issuedAt: math.MinInt64}, place{issuedAt: math.MaxInt64}
	if !q.IssuedFrom.IsZero() {
		s.from.issuedAt = row.Seconds(q.IssuedFrom)
	}
	if !q.IssuedBefore.IsZero() {
		s.to.issuedAt = row.Seconds(q.IssuedBefore)
	}
	if q.Newest {
		s.direction = " DESC"
	}
	if after.IsZero() {
		return
	}
	at := place{after.IssuedAt.Unix(), after.ID}
	if q.Newest && at.before(s.to) {
		s.to = at
	} else if !q.Newest && s.from.before(at) {
		s.from = at
	}
}

// field is a column, or what is like one, and what it may be; none for anything.
type field struct {
	column string
	values []string
}

// oneOf returns the field that has the value; "" for any.
func oneOf(column, value string) field {
	if value == "" {
		return field{column: column}
	}
	return field{column, []string{value}}
}

// of adds the records that have these fields, the first ones in order.
func (s *search) of(fields ...field) {
	s.WriteString(" FROM clients WHERE ")
	for _, f := range fields {
		if len(f.values) == 0 {
			continue
		}
		s.WriteString(f.column + " IN (?" + strings.Repeat(", ?", len(f.values)-1) + ") AND ")
		for _, value := range f.values {
			s.arguments = append(s.arguments, value)
		}
	}
	s.WriteString("(issued_at, id) > (?, ?) AND (issued_at, id) < (?, ?)")
	s.arguments = append(s.arguments, s.from.issuedAt, s.from.id, s.to.issuedAt, s.to.id)
	s.inOrder()
}

// inOrder ends a walk. The limit stands in the statement: SQLite prepares a statement again when
// an argument becomes its LIMIT, and Search would be prepared twice.
func (s *search) inOrder() {
	s.WriteString(" ORDER BY issued_at" + s.direction + ", id" + s.direction + " LIMIT " + strconv.Itoa(s.limit))
}
