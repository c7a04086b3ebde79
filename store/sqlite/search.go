package sqlite

import (
	"context"
	"math"
	"strings"

	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/internal/row"
)

var _ store.Searcher = (*Store)(nil)

// Search implements store.Searcher.
func (s *Store) Search(ctx context.Context, q store.Query, after store.Position, limit int) ([]store.Client, error) {
	query, arguments := searchFor(q, after, max(limit, 0))
	found, err := collect(row.Scan)(s.read.db.QueryContext(ctx, query, arguments...))
	if err != nil {
		return nil, s.unread("search", err)
	}
	return found, nil
}

// place is one in the order of Search. The ID "" is before all records of its second.
type place struct {
	issuedAt int64
	id       string
}

func (p place) before(o place) bool {
	return p.issuedAt < o.issuedAt || p.issuedAt == o.issuedAt && p.id < o.id
}

// searchFor returns the statement of Search, which begins and ends inside of one index: that
// of the field that leaves the fewest records. The sign + keeps SQLite from the indexes of the
// other fields.
func searchFor(q store.Query, after store.Position, limit int) (query string, arguments []any) {
	// Both bounds are exclusive. An ID is never "", so a bound without one includes its second.
	from, to := place{issuedAt: math.MinInt64}, place{issuedAt: math.MaxInt64}
	if !q.IssuedFrom.IsZero() {
		from.issuedAt = row.Seconds(q.IssuedFrom)
	}
	if !q.IssuedBefore.IsZero() {
		to.issuedAt = row.Seconds(q.IssuedBefore)
	}
	if !after.IsZero() {
		at := place{after.IssuedAt.Unix(), after.ID}
		if q.Newest && at.before(to) {
			to = at
		} else if !q.Newest && from.before(at) {
			from = at
		}
	}
	var text strings.Builder
	text.WriteString("SELECT " + row.Columns + " FROM clients WHERE ")
	for _, field := range []struct{ column, value string }{
		{"software_id", q.SoftwareID}, {"org_id", q.OrgID}, {"state", string(q.State)}, {"environment", string(q.Environment)},
	} {
		if field.value == "" {
			continue
		}
		if len(arguments) > 0 {
			text.WriteString("+")
		}
		text.WriteString(field.column + " = ? AND ")
		arguments = append(arguments, field.value)
	}
	text.WriteString("id > '' AND (issued_at, id) > (?, ?) AND (issued_at, id) < (?, ?) ORDER BY ")
	if q.Newest {
		text.WriteString("issued_at DESC, id DESC LIMIT ?")
	} else {
		text.WriteString("issued_at, id LIMIT ?")
	}
	return text.String(), append(arguments, from.issuedAt, from.id, to.issuedAt, to.id, limit)
}
