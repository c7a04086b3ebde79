package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/internal/row"
)

// Search implements store.Searcher.
func (s *Store) Search(ctx context.Context, q store.Query, after store.Position, limit int) ([]store.Client, error) {
	return s.search(ctx, row.Columns, scanClient, q, after, limit)
}

// SearchName implements store.NameSearcher.
func (s *Store) SearchName(ctx context.Context, q store.Query, name string, after store.Position, limit int) ([]store.Client, error) {
	return store.ForSearchName(ctx, q, name, after, limit,
		func(ctx context.Context, q store.Query, after store.Position, limit int) ([]store.Client, error) {
			return s.search(ctx, row.NameColumns, func(r pgx.Row) (store.Client, error) { return row.ScanNames(r) }, q, after, limit)
		}, s.Get)
}

func (s *Store) search(
	ctx context.Context, columns string, scan func(pgx.Row) (store.Client, error), q store.Query, after store.Position, limit int,
) ([]store.Client, error) {
	q, none, err := store.ForSearch(q)
	if err != nil || none || !findable(&q) {
		return nil, err
	}
	query, arguments := searchFor(columns, q, after, max(limit, 0))
	return list(ctx, s, "search", scan, query, arguments...)
}

// findable takes what no record can have out of the lists of a query, which the database would refuse. It
// reports whether a record can be as the query says.
func findable(q *store.Query) bool {
	for _, list := range []*[]string{&q.OrgIDs, &q.Issuers} {
		if *list != nil {
			*list = slices.DeleteFunc(*list, func(value string) bool { return !keepable(value) })
			if len(*list) == 0 {
				return false
			}
		}
	}
	return keepable(q.SoftwareID) && keepable(string(q.Environment)) && keepable(string(q.State))
}

// searchFor returns the statement of Search for a query in the form of store.ForSearch. Of several
// organisations it takes the first records of each by an index, and of these the first.
func searchFor(columns string, q store.Query, after store.Position, limit int) (query string, arguments []any) {
	n := &search{}
	orgs := ""
	switch several := len(q.OrgIDs) > 1; {
	case len(q.OrgIDs) == 1:
		n.where("org_id = ?", q.OrgIDs[0])
	case several && q.SoftwareID != "":
		n.where("org_id = ANY (?::text[])", q.OrgIDs)
	case several:
		orgs = n.place(q.OrgIDs)
		n.where(`org_id = o.org COLLATE "C"`)
	}
	n.fields(q)
	than, order := ">", " ORDER BY issued_at, id"
	if q.Newest {
		than, order = "<", " ORDER BY issued_at DESC, id DESC"
	}
	if !after.IsZero() {
		n.where("(issued_at, id) "+than+" (?, ?)", after.IssuedAt.Unix(), after.ID)
	}
	order += " LIMIT " + n.place(limit)
	if orgs == "" {
		return "SELECT " + columns + " FROM clients WHERE true" + n.conditions + order, n.arguments
	}
	return "SELECT " + columns + " FROM clients WHERE id IN (SELECT f.id FROM unnest(" + orgs + "::text[]) AS o (org) CROSS JOIN LATERAL" +
		" (SELECT id, issued_at FROM clients WHERE true" + n.conditions + order + ") AS f" + order + ")" + order, n.arguments
}

// search is the statement of Search as it grows.
type search struct {
	conditions string
	arguments  []any
}

// place adds an argument, and returns its place in the statement.
func (n *search) place(argument any) string {
	n.arguments = append(n.arguments, argument)
	return fmt.Sprint("$", len(n.arguments))
}

func (n *search) where(condition string, values ...any) {
	for _, value := range values {
		condition = strings.Replace(condition, "?", n.place(value), 1)
	}
	n.conditions += " AND " + condition
}

// fields adds what the query says of a record, but for its organisation.
func (n *search) fields(q store.Query) {
	if q.SoftwareID != "" {
		n.where("software_id = ?", q.SoftwareID)
	}
	if q.Environment != "" {
		n.where("environment = ?", string(q.Environment))
	}
	if q.Issuers != nil {
		n.where("issuer = ANY (?::text[])", q.Issuers)
	}
	switch q.State {
	case "":
	case store.Active:
		n.where("state = 'active'")
	default: // said to the planner, which must know that the index by state has it
		n.where("state = ? AND state <> 'active'", string(q.State))
	}
	if !q.IssuedFrom.IsZero() {
		n.where("issued_at >= ?", row.Seconds(q.IssuedFrom))
	}
	if !q.IssuedBefore.IsZero() {
		n.where("issued_at < ?", row.Seconds(q.IssuedBefore))
	}
}
