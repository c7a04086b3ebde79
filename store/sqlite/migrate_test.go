package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/fulltest"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/internal/row"
)

// versionOne fills a file of the first version, in each state that there was then. "u" has
// a Previous in the form of that time.
const versionOne = `
INSERT INTO clients VALUES
	('a', 7, 'active', 1700000000, 1690000000, 'sandbox', 'issuer', 'software', 'org', '{"scope" : "openid"}', 'e30.e30.c2ln',
		'{"name":"App","id":"software","attributes":[]}', 'key of a', x'01ff', x'02fe', NULL, NULL),
	('c', 1, 'creating', 1700000001, 1690000000, 'sandbox', 'issuer', 'software', 'org', '{}', '', '{}', 'key of c', NULL, NULL, x'` + keyOne + `', NULL),
	('d', 3, 'deleting', 1700000002, 1690000000, 'sandbox', 'issuer', 'software', 'org', '{}', '', '{}', 'key of d', NULL, NULL, NULL, NULL),
	('u', 2, 'updating', 1700000003, 1690000000, 'sandbox', 'issuer', 'software', 'new', '{}', '', '{}', '', NULL, NULL, NULL,
		'{"id":"u","version":1,"since":1690000000,"issued_at":1690000000,"environment":"sandbox","issuer":"issuer","software_id":"software","org_id":"old",
		"metadata":"eyJhIiA6IDF9","software_statement":"ZTMwLmUzMC5jMmxu","application":{"name":"App","id":"software","attributes":null},
		"unique_key":"key of u","secret_hash":"Af8=","sealed_secret":null}');
INSERT INTO unique_keys VALUES ('key of a', 'a'), ('key of c', 'c'), ('key of d', 'd'), ('key of u', 'u');
INSERT INTO reservations VALUES (x'` + keyOne + `', 32503680000, 'c');
`

// keyOne is the key of the jti that made "c".
const keyOne = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

// fileOfVersion makes a file with the tables of an earlier version.
func fileOfVersion(t *testing.T, version int64, statements string) string {
	t.Helper()
	path, err := prepareFile(filepath.Join(t.TempDir(), "clients.db"))
	require.NoError(t, err)
	db, err := connect(path, 1)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	files, err := fs.Sub(migrations, "migrations")
	require.NoError(t, err)
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, files, goose.WithDisableGlobalRegistry(true))
	require.NoError(t, err)
	_, err = provider.UpTo(t.Context(), version)
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), statements)
	require.NoError(t, err)
	return path
}

func openFile(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(t.Context(), Config{Path: path})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func at(second int64) time.Time { return time.Unix(second, 0).UTC() }

// TestAFileOfTheFirstVersionIsReadRight: each record has its ID for a client_id, but for
// the one that was never Active.
func TestAFileOfTheFirstVersionIsReadRight(t *testing.T) {
	s := openFile(t, fileOfVersion(t, 1, versionOne))
	base := store.Client{
		IssuedAt: at(1690000000), Environment: "sandbox", Issuer: "issuer", SoftwareID: "software", OrgID: "org", Metadata: []byte("{}"),
	}
	record := func(id string, version int64, state store.State, since int64) store.Client {
		c := base
		c.ID, c.ClientID, c.Version, c.State, c.Since, c.UniqueKey = id, id, version, state, at(since), "key of "+id
		return c
	}
	a := record("a", 7, store.Active, 1700000000)
	a.Metadata, a.SoftwareStatement, a.SecretHash, a.SealedSecret = []byte(`{"scope" : "openid"}`), "e30.e30.c2ln", []byte("\x01\xff"), []byte("\x02\xfe")
	a.Application = claims.Application{Name: "App", ID: "software", Attributes: []claims.Attribute{}}
	c := record("c", 1, store.Creating, 1700000001)
	c.ClientID, c.Reserved = "", make([]byte, 32)
	for i := range c.Reserved {
		c.Reserved[i] = byte(i)
	}
	d := record("d", 3, store.Deleting, 1700000002)
	u, before := record("u", 2, store.Updating, 1700000003), record("u", 1, store.Active, 1690000000)
	before.OrgID, before.Metadata, before.SoftwareStatement, before.SecretHash = "old", []byte(`{"a" : 1}`), "e30.e30.c2ln", []byte("\x01\xff")
	before.Application = claims.Application{Name: "App", ID: "software"}
	u.OrgID, u.UniqueKey, u.Previous = "new", "", &before

	all, err := s.List(t.Context(), "", 10)
	require.NoError(t, err)
	require.Equal(t, []store.Client{a, c, d, u}, all)
	unfinished, err := s.ListUnfinished(t.Context(), at(1<<40), 10)
	require.NoError(t, err)
	require.Equal(t, []store.Client{c, d, u}, unfinished)
	pending, err := s.ListPending(t.Context(), "", 10)
	require.NoError(t, err)
	require.Empty(t, pending)
	for _, wanted := range []store.Client{a, d, u} {
		got, err := s.GetByClientID(t.Context(), wanted.ID)
		require.NoError(t, err)
		require.Equal(t, wanted, got)
	}
	for _, none := range []string{"c", ""} {
		_, err := s.GetByClientID(t.Context(), none)
		require.ErrorIs(t, err, store.ErrNotFound, none)
	}
}

// TestAChangeOfTheFirstVersionCanBeEnded: a process of before died in it.
func TestAChangeOfTheFirstVersionCanBeEnded(t *testing.T) {
	s := openFile(t, fileOfVersion(t, 1, versionOne))
	require.ErrorIs(t, s.Create(t.Context(), store.Client{ID: "z", UniqueKey: "key of u"}, store.Change{}), store.ErrExists)
	require.ErrorIs(t, s.Create(t.Context(), store.Client{ID: "z", ClientID: "u"}, store.Change{}), store.ErrExists)
	u, err := s.Get(t.Context(), "u")
	require.NoError(t, err)
	u.Since = at(1700000009)
	require.NoError(t, s.Update(t.Context(), u, store.Change{}), "it is taken up again")
	require.NoError(t, s.Undo(t.Context(), "u", 3, store.Change{}))
	want := *u.Previous
	want.Version = 4
	got, err := s.Get(t.Context(), "u")
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.NoError(t, s.Undo(t.Context(), "c", 1, store.Change{}))
	require.NoError(t, s.Delete(t.Context(), "d", 3, store.Change{}))
	var left int
	require.NoError(t, s.read.db.QueryRowContext(t.Context(), "SELECT count(*) FROM reservations").Scan(&left))
	require.Zero(t, left, "the jti of the registration is free")
	require.NoError(t, s.Create(t.Context(), store.Client{ID: "c", UniqueKey: "key of c"}, store.Change{}))
}

// TestManyMayBringAFileUpToDateAtOnce, and none meets tables that are half of each version.
func TestManyMayBringAFileUpToDateAtOnce(t *testing.T) {
	for range fulltest.Rounds(3) {
		path := fileOfVersion(t, 1, versionOne)
		const many = 8
		opened := make(chan error)
		for range many {
			go func() {
				s, err := Open(context.Background(), Config{Path: path})
				if err == nil {
					_, err = s.GetByClientID(context.Background(), "a")
					err = errors.Join(err, s.Close())
				}
				opened <- err
			}()
		}
		for range many {
			require.NoError(t, <-opened)
		}
	}
}

// TestQueriesUseTheirIndexes: a bank with many clients must not read all of them to find
// one, or to see that nothing waits.
func TestQueriesUseTheirIndexes(t *testing.T) {
	s := openForTest(t)
	for query, c := range map[string]struct {
		plan      string
		arguments []any
	}{
		selectClient:        {"SEARCH clients USING INDEX sqlite_autoindex_clients_1 (id=?)", []any{"a"}},
		selectByClientID:    {"SEARCH clients USING INDEX clients_of_client_id (client_id=?)", []any{"a"}},
		selectUnfinished:    {"SEARCH clients USING INDEX clients_unfinished (since<?)", []any{0, 1}},
		selectPending:       {"SEARCH clients USING INDEX clients_pending (id>?)", []any{"a", 1}},
		selectNextEnd:       {"SCAN reservations USING COVERING INDEX reservations_ended", nil},
		selectAfter:         {"SEARCH clients USING INDEX sqlite_autoindex_clients_1 (id>?)", []any{"a", 1}},
		selectHistory:       {"SEARCH audit USING INDEX audit_history (record_id=? AND version>?)", []any{"a", 1, 1}},
		selectAudit:         {"SEARCH audit USING PRIMARY KEY (id>?)", []any{"a", 1}},
		selectAuditedAs:     {"SEARCH audit USING INDEX audit_client_ids (client_id=?)", []any{"a"}},
		selectUser:          {"SEARCH users USING INDEX sqlite_autoindex_users_1 (email=?)", []any{"a"}},
		selectUsers:         {"SEARCH users USING INDEX sqlite_autoindex_users_1 (email>?)", []any{"a", 1}},
		selectSession:       {"SEARCH sessions USING INDEX sqlite_autoindex_sessions_1 (session_key=?)", []any{"a"}},
		selectSubscriptions: {"SEARCH subscriptions USING PRIMARY KEY (record_id=?)", []any{"a"}},
		selectReservations:  {"SEARCH reservations USING PRIMARY KEY (reservation_key>?)", []any{[]byte{}, 1}},
	} {
		assert.Equal(t, []string{c.plan}, plan(t, s, query, c.arguments), "and nothing is sorted: %s", query)
	}
}

// plan returns the steps in which SQLite runs a query.
func plan(t *testing.T, s *Store, query string, arguments []any) []string {
	t.Helper()
	steps, err := collect(func(rows row.Scanner) (step string, err error) {
		var id, parent, unused int
		return step, rows.Scan(&id, &parent, &unused, &step)
	})(s.read.db.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, arguments...))
	require.NoError(t, err)
	return steps
}

// TestEachSearchBeginsAndEndsInsideOfItsIndex, in both directions and at each position.
func TestEachSearchBeginsAndEndsInsideOfItsIndex(t *testing.T) {
	s := openForTest(t)
	within := "(issued_at,id)>(?,?) AND (issued_at,id)<(?,?))"
	byAge := "SEARCH clients USING COVERING INDEX clients_by_age (environment=? AND state=? AND " + within
	for _, newest := range []bool{false, true} {
		for query, c := range map[*store.Query]struct {
			plan  string
			times int
		}{
			{}:                                       {byAge, 12},
			{IssuedFrom: at(1), IssuedBefore: at(9)}: {byAge, 12},
			{State: store.Active}:                    {byAge, 2},
			{Environment: "sandbox"}:                 {byAge, 6},
			{Environment: "sandbox", State: "active"}: {strings.Replace(byAge, "COVERING ", "", 1), 1},
			{OrgID: "o"}: {"SEARCH clients USING INDEX clients_by_org (org_id=? AND " + within, 1},
			{OrgIDs: []string{"o", "p", "q"}, Issuers: []string{"i", "j"}, State: "active"}: {"SEARCH clients USING INDEX clients_by_org (org_id=? AND " + within, 3},
			{OrgIDs: []string{"o", "p", "q"}}:                                               {"SEARCH clients USING COVERING INDEX clients_by_org (org_id=? AND " + within, 3},
			{OrgIDs: []string{"o", "p"}, SoftwareID: "s"}:                                   {"SEARCH clients USING INDEX clients_by_software (software_id=? AND " + within, 1},
			{SoftwareID: "s"}: {"SEARCH clients USING INDEX clients_by_software (software_id=? AND " + within, 1},
			{OrgID: "o", State: "active", Environment: "sandbox", IssuedFrom: at(1)}: {"SEARCH clients USING INDEX clients_by_org (org_id=? AND " + within, 1},
			{OrgID: "o", SoftwareID: "s", State: "active", Environment: "sandbox"}:   {"SEARCH clients USING INDEX clients_by_software (software_id=? AND " + within, 1},
		} {
			query.Newest = newest
			environments := []string{"sandbox", "production"}
			if query.Environment != "" {
				environments = environments[:1]
			}
			for _, after := range []store.Position{{}, {IssuedAt: at(5), ID: "a"}} {
				form, none, err := store.ForSearch(*query)
				require.NoError(t, err)
				require.False(t, none)
				text, arguments := searchFor(row.Columns, form, environments, after, 10)
				steps := plan(t, s, text, arguments)
				assert.Equal(t, c.times, strings.Count(strings.Join(steps, "\n"), c.plan), "%+v: %q", query, steps)
				assert.NotContains(t, strings.Join(steps, "\n"), "SCAN clients")
				if c.times == 1 && c.plan != byAge {
					assert.NotContains(t, strings.Join(steps, "\n"), "TEMP B-TREE")
				}
			}
		}
	}
	require.NotContains(t, strings.Join(plan(t, s, selectEnvironments, nil), "\n"), "SCAN clients USING COVERING INDEX clients_by_age (")
}

// TestAFileOfTheSecondVersionKeepsItsReservations, and from then on what it has forgotten.
func TestAFileOfTheSecondVersionKeepsItsReservations(t *testing.T) {
	used := store.Reservation{Namespace: "request", JTI: "used", Until: time.Now().Add(time.Hour)}
	ended := store.Reservation{Namespace: "request", JTI: "ended", Until: at(1690000000)}
	row := "INSERT INTO reservations VALUES (x'%x', %d, 'gone');"
	s := openFile(t, fileOfVersion(t, 2, fmt.Sprintf(row+row, used.Key(), used.Until.Unix(), ended.Key(), ended.Until.Unix())))
	create := func(id string, r store.Reservation) error {
		return s.Create(t.Context(), store.Client{ID: id}, store.Change{Reservation: r})
	}
	for _, known := range []store.Reservation{used, ended} {
		require.ErrorIs(t, create("a", known), store.ErrReplayed)
		require.NotErrorIs(t, create("a", known), store.ErrForgotten, "the store knows that it was used")
	}
	require.NoError(t, create("b", store.Reservation{Namespace: "request", JTI: "new", Until: used.Until}))
	require.ErrorIs(t, create("c", ended), store.ErrForgotten)
	earlier := store.Reservation{Namespace: "request", JTI: "earlier", Until: ended.Until.Add(-time.Second)}
	require.ErrorIs(t, create("c", earlier), store.ErrForgotten)
}

// TestThePurgeCostsNothingUntilSomethingHasEnded: no statement runs before.
func TestThePurgeCostsNothingUntilSomethingHasEnded(t *testing.T) {
	now := at(1700000000)
	s, err := Open(t.Context(), Config{Path: filepath.Join(t.TempDir(), "clients.db"), Clock: func() time.Time { return now }})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	create := func(id string, lasts time.Duration) error {
		r := store.Reservation{Namespace: "request", JTI: id, Until: now.Add(lasts)}
		return s.Create(t.Context(), store.Client{ID: id}, store.Change{Reservation: r})
	}
	require.NoError(t, create("a", time.Hour), "it looks once for what an earlier process left")
	require.NoError(t, s.write.purge.Close())
	require.NoError(t, create("b", 2*time.Hour))
	require.NoError(t, create("c", time.Minute))
	now = now.Add(time.Minute - time.Second)
	require.NoError(t, create("d", time.Hour))
	now = now.Add(time.Second)
	require.Error(t, create("e", time.Hour), "c has ended, and the statement was closed")
}
