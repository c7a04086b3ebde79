package sqlite

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/store"
)

// openDamaged opens a store that holds an Updating record "a" and a Creating one "b",
// and damages its file by the statements, foreign keys unheeded.
func openDamaged(t *testing.T, statements ...string) *Store {
	t.Helper()
	s := openForTest(t)
	since := time.Unix(1_700_000_000, 0)
	require.NoError(t, s.Create(t.Context(), store.Client{ID: "a", OrgID: "old", UniqueKey: "key of a"}, store.Change{}))
	require.NoError(t, s.Update(t.Context(), store.Client{ID: "a", OrgID: "new", Version: 1, State: store.Updating, Since: since}, store.Change{}))
	require.NoError(t, s.Create(t.Context(), store.Client{ID: "b", State: store.Creating, Since: since}, store.Change{}))
	damage(t, s.path(t), statements...)
	return s
}

// path is where the store's file is.
func (s *Store) path(t *testing.T) string {
	t.Helper()
	var number int
	var name, path string
	require.NoError(t, s.read.db.QueryRowContext(t.Context(), "PRAGMA database_list").Scan(&number, &name, &path))
	return path
}

func damage(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := connect(path, 1)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	for _, statement := range append([]string{"PRAGMA foreign_keys = 0", "PRAGMA writable_schema = 1"}, statements...) {
		_, err := db.ExecContext(t.Context(), statement)
		require.NoError(t, err, statement)
	}
}

// requireDown wants an error that none of the contract's answers is.
func requireDown(t *testing.T, err error, what string) {
	t.Helper()
	require.Error(t, err, what)
	for _, answer := range []error{store.ErrNotFound, store.ErrReplayed, store.ErrExists, store.ErrConflict, store.ErrState} {
		require.NotErrorIs(t, err, answer, what)
	}
}

// TestADamagedRecordIsNeitherShownNorWrittenBack: an Undo would put what can be read
// of the record in force in its place.
func TestADamagedRecordIsNeitherShownNorWrittenBack(t *testing.T) {
	for _, column := range []string{"previous", "application"} {
		t.Run(column, func(t *testing.T) {
			ctx := t.Context()
			s := openDamaged(t, "UPDATE clients SET "+column+" = '{' WHERE id = 'a'")
			_, err := s.Get(ctx, "a")
			requireDown(t, err, "Get")
			requireDown(t, s.Undo(ctx, "a", 2, store.Change{}), "Undo")
			requireDown(t, s.Delete(ctx, "a", 2, store.Change{}), "Delete")
			requireDown(t, s.Update(ctx, store.Client{ID: "a", Version: 2}, store.Change{}), "Update")
			for range readers + 1 {
				_, err = s.List(ctx, "", 10)
				requireDown(t, err, "List")
				_, err = s.ListUnfinished(ctx, time.Unix(1<<40, 0), 10)
				requireDown(t, err, "ListUnfinished")
			}
			require.Zero(t, s.read.db.Stats().InUse, "no list holds on to its connection")
			var kept, org string
			require.NoError(t, s.read.db.QueryRowContext(ctx, "SELECT "+column+", org_id FROM clients WHERE id = 'a'").Scan(&kept, &org))
			require.Equal(t, "{ new", kept+" "+org)
			_, err = s.Get(ctx, "b")
			require.NoError(t, err, "the others are as they were")
		})
	}
}

// TestAUniqueKeyWithoutAHolderIsNoAnswer: the file is damaged then, and nobody is
// registered.
func TestAUniqueKeyWithoutAHolderIsNoAnswer(t *testing.T) {
	s := openDamaged(t, "INSERT INTO unique_keys (unique_key, client_id) VALUES ('stray', 'nobody')")
	requireDown(t, s.Create(t.Context(), store.Client{ID: "c", UniqueKey: "stray"}, store.Change{}), "Create")
	_, err := s.Get(t.Context(), "c")
	require.ErrorIs(t, err, store.ErrNotFound)
}

// unsorted makes the table of clients one that the writer can use and the readers
// cannot: since is compared by an order that does not exist.
var unsorted = []string{
	"DROP INDEX clients_unfinished",
	`UPDATE sqlite_schema SET sql = replace(sql, 'since              BIGINT', 'since BIGINT COLLATE nosuch') WHERE name = 'clients'`,
}

// TestOpenRefusesAFileWhoseTablesAreNotItsOwn, and leaves nothing open: the log of a
// file goes with its last connection.
func TestOpenRefusesAFileWhoseTablesAreNotItsOwn(t *testing.T) {
	for name, statements := range map[string][]string{
		"no table of clients":                 {"DROP TABLE clients"},
		"no table of reservations":            {"DROP TABLE reservations"},
		"a table that the readers cannot use": unsorted,
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "clients.db")
			s, err := Open(t.Context(), Config{Path: path})
			require.NoError(t, err)
			require.NoError(t, s.Close())
			damage(t, path, statements...)
			s, err = Open(t.Context(), Config{Path: path})
			require.Error(t, err)
			require.Nil(t, s)
			require.NoFileExists(t, path+"-wal")
			require.NoFileExists(t, path+"-shm")
		})
	}
	path := filepath.Join(t.TempDir(), "clients.db")
	s, err := Open(t.Context(), Config{Path: path})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	damage(t, path, unsorted...)
	w, err := newWriter(t.Context(), path)
	require.NoError(t, err, "it is the readers who refuse")
	require.NoError(t, w.close())
	r, err := newReader(t.Context(), path)
	require.Error(t, err)
	require.Nil(t, r)
}

// TestOnlyATakenClientIDIsErrExists: another constraint that a change breaks is a fault of
// the file.
func TestOnlyATakenClientIDIsErrExists(t *testing.T) {
	s := openDamaged(t, "CREATE TRIGGER stop BEFORE UPDATE ON clients BEGIN SELECT RAISE(ABORT, 'stop'); END")
	requireDown(t, s.Update(t.Context(), store.Client{ID: "a", Version: 2}, store.Change{}), "Update")
	requireDown(t, s.Undo(t.Context(), "a", 2, store.Change{}), "Undo")
	damage(t, s.path(t), "DROP TRIGGER stop")
	require.NoError(t, s.Create(t.Context(), store.Client{ID: "c", ClientID: "x"}, store.Change{}))
	require.ErrorIs(t, s.Update(t.Context(), store.Client{ID: "a", ClientID: "x", Version: 2}, store.Change{}), store.ErrExists)
	require.NoError(t, s.Undo(t.Context(), "a", 2, store.Change{}), "the refused change has left nothing behind")
}

// TestAUsedJTIIsNoAnswerWhereItsRecordCannotBeRead: ErrReplayed would tell the sender of a
// change that is under way that it is finished. Both answers come from the transaction
// that would have reserved the jti, and leave no part of it.
func TestAUsedJTIIsNoAnswerWhereItsRecordCannotBeRead(t *testing.T) {
	s := openForTest(t)
	change := func(jti string) store.Change {
		return store.Change{Reservation: store.Reservation{Namespace: "request", JTI: jti, Until: time.Now().Add(time.Hour)}}
	}
	since := time.Unix(1_700_000_000, 0)
	require.NoError(t, s.Create(t.Context(), store.Client{ID: "a"}, change("1")))
	require.NoError(t, s.Create(t.Context(), store.Client{ID: "b", State: store.Creating, Since: since}, change("2")))
	for range 2 {
		err := s.Create(t.Context(), store.Client{ID: "c"}, change("1"))
		require.ErrorIs(t, err, store.ErrReplayed)
		require.NotErrorIs(t, err, store.ErrUnderWay)
		require.ErrorIs(t, s.Create(t.Context(), store.Client{ID: "c"}, change("2")), store.ErrUnderWay)
		require.ErrorIs(t, s.Update(t.Context(), store.Client{ID: "a", Version: 1}, change("2")), store.ErrUnderWay)
	}
	damage(t, s.path(t), "ALTER TABLE clients RENAME COLUMN reserved TO lost")
	requireDown(t, s.Create(t.Context(), store.Client{ID: "c"}, change("1")), "Create")
	requireDown(t, s.Create(t.Context(), store.Client{ID: "c"}, change("2")), "Create")
	damage(t, s.path(t), "ALTER TABLE clients RENAME COLUMN lost TO reserved")
	require.NoError(t, s.Create(t.Context(), store.Client{ID: "c"}, change("3")))
	require.NoError(t, s.Undo(t.Context(), "b", 1, store.Change{}))
	require.NoError(t, s.Create(t.Context(), store.Client{ID: "d"}, change("2")))
}
