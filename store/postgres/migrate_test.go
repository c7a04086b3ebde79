package postgres_test

import (
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/realtest"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/postgres"
)

// scratch returns an empty database and its DSN.
func scratch(t *testing.T) (server *realtest.Postgres, name, dsn string, ok bool) {
	t.Helper()
	if server, ok = realtest.SharedPostgres(t); !ok {
		return nil, "", "", false
	}
	name = server.Database(t)
	return server, name, server.DSN(name), true
}

// opened opens a store as a bank does whose administrator makes the tables, and closes it.
func opened(t *testing.T, dsn string, noMigrate bool) error {
	t.Helper()
	s, err := postgres.Open(t.Context(), postgres.Config{DSN: claims.NewSecret(dsn), NoMigrate: noMigrate})
	if err != nil {
		return err
	}
	return s.Close()
}

func run(t *testing.T, dsn, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(t.Context())) }()
	_, err = conn.Exec(t.Context(), sql)
	require.NoError(t, err)
}

func TestManyMayOpenAnEmptyDatabaseAtOnce(t *testing.T) {
	_, _, dsn, ok := scratch(t)
	if !ok {
		return
	}
	const many = 6
	done := make(chan error)
	for range many {
		go func() { done <- opened(t, dsn, false) }()
	}
	var all error
	for range many {
		all = errors.Join(all, <-done)
	}
	require.NoError(t, all)
	status, err := postgres.Status(t.Context(), claims.NewSecret(dsn))
	require.NoError(t, err)
	require.Equal(t, status.Known, status.Version)
}

func TestAnAdministratorMayMakeTheTablesWithAnyTool(t *testing.T) {
	if !realtest.Long(t) {
		return
	}
	server, name, dsn, ok := scratch(t)
	if !ok {
		return
	}
	status, err := postgres.Status(t.Context(), claims.NewSecret(dsn))
	require.NoError(t, err)
	require.Zero(t, status.Version)
	require.ErrorIs(t, opened(t, dsn, true), postgres.ErrOlder)
	script, err := postgres.Script(0)
	require.NoError(t, err)
	server.SQL(t, name, script)
	for _, table := range []string{
		"clients", "unique_keys", "reservations", "reservation_marks", "audit", "leases", "access_tokens", "users", "sessions", "subscriptions", "probes", "schema_compat", "goose_db_version",
	} {
		server.SQL(t, name, "GRANT SELECT, INSERT, UPDATE, DELETE ON "+table+" TO obdcr")
	}
	require.NoError(t, opened(t, dsn, true))
	require.NoError(t, opened(t, dsn, false), "what is up to date needs no right to make tables")
	server.SQL(t, name, "REVOKE INSERT ON audit FROM obdcr")
	require.ErrorContains(t, opened(t, dsn, true), "grant INSERT on audit")
}

func TestTablesOfTheFutureAreUsedWhereTheySaySo(t *testing.T) {
	_, _, dsn, ok := scratch(t)
	if !ok {
		return
	}
	require.NoError(t, opened(t, dsn, false))
	run(t, dsn, "ALTER TABLE clients ADD COLUMN later TEXT; INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true)")
	s := open(t, dsn)
	require.NoError(t, s.Create(t.Context(), registration("a"), store.Change{}))
	run(t, dsn, "UPDATE schema_compat SET oldest = 99999")
	for _, noMigrate := range []bool{true, false} {
		err := opened(t, dsn, noMigrate)
		require.ErrorIs(t, err, postgres.ErrNewer)
	}
	_, err := s.Get(t.Context(), "a")
	require.NoError(t, err, "nothing was changed")
}

func TestAMigrationThatWasRunInPartIsFound(t *testing.T) {
	for name, sql := range map[string]string{
		"a table without a version":       "CREATE TABLE clients (id TEXT)",
		"a version without a table":       "DROP TABLE leases",
		"a version without a column":      "ALTER TABLE clients DROP COLUMN change_id",
		"a version without compatibility": "DELETE FROM schema_compat",
	} {
		t.Run(name, func(t *testing.T) {
			_, _, dsn, ok := scratch(t)
			if !ok {
				return
			}
			if name != "a table without a version" {
				require.NoError(t, opened(t, dsn, false))
			}
			run(t, dsn, sql)
			err := opened(t, dsn, false)
			require.ErrorContains(t, err, "in part")
			assert.NotContains(t, err.Error(), "CREATE")
			assert.NotContains(t, err.Error(), "SELECT")
		})
	}
}
