package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/store"
)

// fileOfVersionFour makes the file of testdata, as the program left it that knew no audit trail.
func fileOfVersionFour(t *testing.T) string {
	t.Helper()
	dump, err := os.ReadFile("testdata/version4.sql")
	require.NoError(t, err)
	path, err := prepareFile(filepath.Join(t.TempDir(), "clients.db"))
	require.NoError(t, err)
	db, err := connect(path, 1)
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), string(dump))
	require.NoError(t, errors.Join(err, db.Close()))
	return path
}

// content returns all rows of some tables, by the columns that they had in version 4.
func content(t *testing.T, path string) (rows []string) {
	t.Helper()
	db, err := connect(path, 1)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	for _, query := range []string{
		`SELECT quote(id) || quote(version) || quote(state) || quote(since) || quote(issued_at) || quote(environment) || quote(issuer) ||
			quote(software_id) || quote(org_id) || quote(metadata) || quote(software_statement) || quote(application) || quote(unique_key) ||
			quote(secret_hash) || quote(sealed_secret) || quote(reserved) || quote(previous) || quote(client_id) || quote(jwks_address) ||
			quote(subject_dn) || quote(own_subject) || quote(upstream_state) || quote(upstream_members) FROM clients ORDER BY id`,
		"SELECT quote(unique_key) || quote(client_id) FROM unique_keys ORDER BY unique_key",
		"SELECT quote(reservation_key) || quote(ends_at) || quote(client_id) FROM reservations ORDER BY reservation_key",
		"SELECT quote(name) || quote(ends_at) FROM reservation_marks",
	} {
		found, err := collect(scanned[string])(db.QueryContext(t.Context(), query))
		require.NoError(t, err)
		rows = append(rows, found...)
	}
	return rows
}

// TestAFileOfVersionFourIsBroughtUpToDate: each row is what it was, and is found by what the
// file could not be asked for before.
func TestAFileOfVersionFourIsBroughtUpToDate(t *testing.T) {
	path := fileOfVersionFour(t)
	before := content(t, path)
	require.Len(t, before, 9+10+10+1)
	s := openFile(t, path)
	require.Equal(t, before, content(t, path))
	states := map[string]store.State{
		"a": store.Active, "b": store.Creating, "c": store.Updating, "d": store.Deleting, "e": store.PendingCreate,
		"f": store.PendingDelete, "g": store.Creating, "h": store.Updating, "y": store.Active,
	}
	found, err := s.List(t.Context(), "", 100)
	require.NoError(t, err)
	require.Len(t, found, len(states))
	for _, c := range found {
		assert.Equal(t, states[c.ID], c.State, c.ID)
		oldest, err := s.Search(t.Context(), store.Query{State: c.State, IssuedFrom: c.IssuedAt, IssuedBefore: c.IssuedAt.Add(time.Second)}, store.Position{}, 100)
		require.NoError(t, err)
		assert.Contains(t, oldest, c, "it is found by its age")
	}
	entries, err := s.ListAudit(t.Context(), "", 10)
	require.NoError(t, err)
	require.Empty(t, entries, "nobody has kept who did what")
	mark, ok, err := s.Forgotten(t.Context())
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, at(1699996400), mark)
	require.NoError(t, s.Undo(t.Context(), "h", 3, store.Change{Audit: store.Audit{Operation: "delete", Decision: "undone"}}))
	entries, err = s.History(t.Context(), "h", 0, 10)
	require.NoError(t, err)
	require.Len(t, entries, 1)
}

// program is one of version 4 that has the file open: each of its statements, word for word.
type program struct {
	t    *testing.T
	conn *sql.Conn
}

const (
	fourColumns = `id, version, state, since, issued_at, environment, issuer, software_id, org_id,
	metadata, software_statement, application, unique_key, secret_hash, sealed_secret, reserved, previous,
	client_id, jwks_address, subject_dn, own_subject, upstream_state, upstream_members`
	fourPlaceholders = "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?"

	fourInsert  = "INSERT INTO clients (" + fourColumns + ") VALUES (" + fourPlaceholders + ") ON CONFLICT DO NOTHING"
	fourUpdate  = "UPDATE clients SET (" + fourColumns + ") = (" + fourPlaceholders + ") WHERE id = ?"
	fourDelete  = "DELETE FROM clients WHERE id = ?"
	fourHold    = "INSERT INTO unique_keys (unique_key, client_id) VALUES (?, ?) ON CONFLICT DO NOTHING"
	fourLetGo   = "DELETE FROM unique_keys WHERE client_id = ?"
	fourHolder  = "SELECT state FROM clients JOIN unique_keys ON unique_keys.client_id = clients.id WHERE unique_keys.unique_key = ?"
	fourReserve = `INSERT INTO reservations (reservation_key, ends_at, client_id)
		SELECT ?, ?, ? WHERE NOT EXISTS (SELECT 1 FROM reservation_marks WHERE ends_at >= ?) ON CONFLICT DO NOTHING`
	fourReserved = "SELECT ends_at FROM reservations WHERE reservation_key = ?"
	fourUnderWay = `SELECT count(*) FROM reservations JOIN clients ON reservations.client_id = clients.id AND reserved = reservation_key
		WHERE reservation_key = ?`
	fourDrop   = "DELETE FROM reservations WHERE reservation_key = ?"
	fourForget = "DELETE FROM reservations WHERE reservation_key = ? AND client_id = ?"
	fourPurge  = `DELETE FROM reservations WHERE reservation_key IN
		(SELECT reservation_key FROM reservations WHERE ends_at <= ? ORDER BY ends_at LIMIT ?) RETURNING ends_at`
	fourNextEnd = "SELECT ends_at FROM reservations ORDER BY ends_at LIMIT 1"
	fourRaise   = `INSERT INTO reservation_marks (name, ends_at) VALUES ('forgotten', ?)
		ON CONFLICT (name) DO UPDATE SET ends_at = excluded.ends_at WHERE reservation_marks.ends_at < excluded.ends_at`
	fourUnfinished = "SELECT id FROM clients WHERE state IN ('creating', 'updating', 'deleting') AND since < ? ORDER BY since, id LIMIT ?"
	fourPending    = "SELECT id FROM clients WHERE state IN ('pending_create', 'pending_delete') AND id > ? ORDER BY id LIMIT ?"
	fourProbe      = "INSERT INTO probes (id, written) VALUES (1, randomblob(8192)) ON CONFLICT (id) DO UPDATE SET written = excluded.written"
	fourUnprobe    = "DELETE FROM probes"
)

// does runs a statement, which has to change so many rows.
func (p program) does(rows int, statement string, arguments ...any) {
	p.t.Helper()
	n, err := changed(p.conn.ExecContext(context.Background(), statement, arguments...))
	require.NoError(p.t, err, statement)
	require.Equal(p.t, rows, n, statement)
}

// finds runs a query, and returns its first column.
func (p program) finds(query string, arguments ...any) []string {
	p.t.Helper()
	found, err := collect(scanned[string])(p.conn.QueryContext(context.Background(), query, arguments...))
	require.NoError(p.t, err, query)
	return found
}

// row returns what the program writes for a record.
func (p program) row(id, org string, version int) []any {
	return []any{
		id, version, "active", 1700000000, 1700000000, "sandbox", "issuer", "software", org, []byte("{}"), []byte("e30.e30.c2ln"),
		`{"name":"","id":"","attributes":null}`, "", nil, nil, nil, nil, id, "", "", "", nil, nil,
	}
}

// TestAProgramOfVersionFourGoesOnBesideThis: it has the file open while a later one brings it up
// to date, and both change the same register.
func TestAProgramOfVersionFourGoesOnBesideThis(t *testing.T) {
	path := fileOfVersionFour(t)
	db, err := connect(path, 1)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	conn, err := db.Conn(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	old, key, later := program{t, conn}, make([]byte, 32), time.Now().Add(time.Hour).Unix()
	old.does(1, fourReserve, key, later, "1", later)
	old.does(1, fourInsert, old.row("1", "org", 1)...)

	s := openFile(t, path)
	audited := store.Change{Audit: store.Audit{Actor: "operator", Operation: "update", Decision: "done"}}
	for i := range 3 {
		id := fmt.Sprint("new", i)
		require.NoError(t, s.Create(t.Context(), store.Client{ID: id, UniqueKey: "key of " + id, IssuedAt: at(1700000000), OrgID: "org"}, audited))
	}
	key[0] = 1
	old.does(1, fourReserve, key, later, "2", later)
	old.does(1, fourInsert, old.row("2", "org", 1)...)
	old.does(0, fourInsert, old.row("new0", "org", 1)...)
	old.does(1, fourHold, "software", "2")
	old.does(0, fourHold, "key of new1", "2")
	require.Equal(t, []string{"active"}, old.finds(fourHolder, "key of new1"))
	old.does(1, fourUpdate, append(old.row("new0", "other", 2), "new0")...)
	old.does(1, fourLetGo, "new2")
	old.does(1, fourDelete, "new2")
	require.Equal(t, []string{fmt.Sprint(later)}, old.finds(fourReserved, key))
	require.Equal(t, []string{"0"}, old.finds(fourUnderWay, key))
	old.does(1, fourForget, key, "2")
	old.does(0, fourDrop, key)
	require.Equal(t, []string{"1700003600"}, old.finds(fourNextEnd))
	require.Equal(t, []string{"1700003600"}, old.finds(fourPurge, 1700003600, 3))
	old.does(1, fourRaise, 1700003600)
	require.Equal(t, []string{"b", "c", "d", "g", "h"}, old.finds(fourUnfinished, later, 10))
	require.Equal(t, []string{"e", "f"}, old.finds(fourPending, "", 10))
	old.does(1, fourProbe)
	old.does(1, fourUnprobe)

	found, err := s.Search(t.Context(), store.Query{OrgID: "org"}, store.Position{}, 10)
	require.NoError(t, err)
	ids := map[string]bool{}
	for _, c := range found {
		ids[c.ID] = true
	}
	require.Equal(t, map[string]bool{"1": true, "2": true, "new1": true}, ids, "what the program of version 4 wrote is found")
	changed, err := s.Get(t.Context(), "new0")
	require.NoError(t, err)
	require.EqualValues(t, 2, changed.Version)
	changed.OrgID = "third"
	require.NoError(t, s.Update(t.Context(), changed, audited), "and changed")
	history, err := s.History(t.Context(), "new0", 0, 10)
	require.NoError(t, err)
	require.Len(t, history, 2, "the change of the other program is not in the trail")
	require.EqualValues(t, 3, history[1].Version)
	mark, _, err := s.Forgotten(t.Context())
	require.NoError(t, err)
	require.Equal(t, at(1700003600), mark)
	require.NoError(t, s.Probe(t.Context()))
}

// TestAFileThatCannotBeBroughtUpToDateIsLeftAsItIs, and the error says what to do.
func TestAFileThatCannotBeBroughtUpToDateIsLeftAsItIs(t *testing.T) {
	for name, c := range map[string]struct {
		does func(t *testing.T, path string)
		says string
	}{
		"half of the next version, made by hand": {func(t *testing.T, path string) { damage(t, path, "CREATE TABLE audit (id TEXT)") }, "nothing of that step is left"},
		"a version of the future": {func(t *testing.T, path string) {
			damage(t, path, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, 1)")
		}, "newer than this program"},
		"a file that is cut off": {func(t *testing.T, path string) {
			info, err := os.Stat(path)
			require.NoError(t, err)
			require.NoError(t, os.Truncate(path, info.Size()-10_000))
		}, "put a backup in its place"},
	} {
		t.Run(name, func(t *testing.T) {
			path := fileOfVersionFour(t)
			c.does(t, path)
			before, err := os.ReadFile(path)
			require.NoError(t, err)
			_, err = Open(t.Context(), Config{Path: path})
			require.ErrorContains(t, err, c.says)
			require.ErrorContains(t, err, path)
			after, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, before, after)
		})
	}
}
