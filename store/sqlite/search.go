package sqlite

import (
	"context"
	"math"
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

var _ store.Searcher = (*Store)(nil)

// Search implements store.Searcher.
func (s *Store) Search(ctx context.Context, q store.Query, after store.Position, limit int) ([]store.Client, error) {
	environments := []string{string(q.Environment)}
	if q.SoftwareID == "" && q.OrgID == "" && q.Environment == "" {
		var err error
		if environments, err = collect(scanned[string])(s.read.environments.QueryContext(ctx)); err != nil {
			return nil, s.unread("search", err)
		}
	}
	if limit < 1 || len(environments) == 0 {
		return nil, nil
	}
	query, arguments := searchFor(q, environments, after, limit)
	found, err := collect(row.Scan)(s.read.db.QueryContext(ctx, query, arguments...))
	if err != nil {
		return nil, s.unread("search", err)
	}
	return found, nil
}

// searchFor returns the statement of Search, which begins and ends inside of one index: that
// of the software, of the organisation, or else of each environment and state together. In the
// last case it takes the first records of each, and of these the first. The environments are
// all those that the query may mean.
func searchFor(q store.Query, environments []string, after store.Position, limit int) (query string, arguments []any) {
	s := search{limit: limit}
	s.bounds(q, after)
	if q.SoftwareID != "" || q.OrgID != "" || len(environments) > maxEnvironments {
		s.WriteString("SELECT " + row.Columns)
		s.of(field{"software_id", q.SoftwareID}, field{"org_id", q.OrgID}, field{"state", string(q.State)}, field{"environment", string(q.Environment)})
		return s.String(), s.arguments
	}
	states := allStates
	if q.State != "" {
		states = []store.State{q.State}
	}
	s.WriteString("SELECT " + row.Columns + " FROM clients WHERE rowid IN (SELECT rowid FROM (")
	union := ""
	for _, environment := range environments {
		for _, state := range states {
			s.WriteString(union + "SELECT * FROM (SELECT rowid, issued_at, id")
			s.of(field{"state", string(state)}, field{"environment", environment})
			s.WriteString(")")
			union = " UNION ALL "
		}
	}
	s.inOrder()
	s.WriteString("))")
	s.inOrder()
	return s.String(), s.arguments
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

// field is a column and what it must be; "" for anything.
type field struct{ column, value string }

// of adds the records that have these fields, the first ones in order.
func (s *search) of(fields ...field) {
	s.WriteString(" FROM clients WHERE ")
	for _, f := range fields {
		if f.value != "" {
			s.WriteString(f.column + " = ? AND ")
			s.arguments = append(s.arguments, f.value)
		}
	}
	s.WriteString("(issued_at, id) > (?, ?) AND (issued_at, id) < (?, ?)")
	s.arguments = append(s.arguments, s.from.issuedAt, s.from.id, s.to.issuedAt, s.to.id)
	s.inOrder()
}

func (s *search) inOrder() {
	s.WriteString(" ORDER BY issued_at" + s.direction + ", id" + s.direction + " LIMIT ?")
	s.arguments = append(s.arguments, s.limit)
}
