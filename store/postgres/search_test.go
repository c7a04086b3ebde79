package postgres_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/postgres"
)

// TestASearchForOneFieldReadsAnIndex asks the planner about many records, most of which the
// search does not want.
func TestASearchForOneFieldReadsAnIndex(t *testing.T) {
	_, _, dsn, ok := scratch(t)
	if !ok {
		return
	}
	require.NoError(t, opened(t, dsn, false))
	run(t, dsn, `INSERT INTO clients (id, version, state, since, issued_at, environment, issuer, software_id, org_id, software_statement, application,
			unique_key, client_id, jwks_address, subject_dn, own_subject, change_id)
		SELECT 'c' || n, 1, CASE WHEN n % 500 = 0 THEN 'pending_delete' ELSE 'active' END, 0, n, CASE WHEN n % 500 = 0 THEN 'production' ELSE 'sandbox' END,
			'', 's' || n, 'o' || n % 500, '', '{}', '', 'c' || n, '', '', '', '' FROM generate_series(1, 5000) n`)
	run(t, dsn, "ANALYZE clients")
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(t.Context())) }()
	for condition, index := range map[string]string{
		"true":                       "clients_by_age",
		"org_id = 'o1'":              "clients_by_organisation",
		"software_id = 's7'":         "clients_by_software",
		"environment = 'sandbox'":    "clients_by_",
		"environment = 'production'": "clients_by_environment",
		"state = 'active'":           "clients_by_age",
		"state = 'pending_delete' AND state <> 'active'": "clients_by_state",
		"(issued_at, id) > (4000, 'c4000')":              "clients_by_age",
		"org_id = 'o1' AND (issued_at, id) > (400, 'c')": "clients_by_organisation",
	} {
		for _, order := range []string{"issued_at, id", "issued_at DESC, id DESC"} {
			rows, err := conn.Query(t.Context(), "EXPLAIN SELECT * FROM clients WHERE "+condition+" ORDER BY "+order+" LIMIT 10")
			require.NoError(t, err)
			plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
			require.NoError(t, err)
			text := strings.Join(plan, "\n")
			require.Contains(t, text, index, condition)
			require.NotContains(t, text, "Seq Scan", condition)
		}
	}
	for _, newest := range []bool{true, false} {
		q := store.Query{OrgIDs: []string{"o1", "o2", "o3"}, Newest: newest}
		query, arguments := postgres.SearchFor("*", q, 10)
		rows, err := conn.Query(t.Context(), "EXPLAIN "+query, arguments...)
		require.NoError(t, err)
		plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		text := strings.Join(plan, "\n")
		require.Contains(t, text, "clients_by_organisation", "one walk of each organisation")
		require.NotContains(t, text, "Seq Scan")
	}
}
