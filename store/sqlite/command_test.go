package sqlite_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/sqlite"
)

// command runs a statement as another program does that has the file open, and returns the
// first column of what it answers.
func command(t *testing.T, path, statement string) (answers []string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	rows, err := db.QueryContext(t.Context(), statement)
	require.NoError(t, err, statement)
	defer func() { require.NoError(t, rows.Close()) }()
	columns, err := rows.Columns()
	require.NoError(t, err)
	for rows.Next() {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(sql.NullString)
		}
		require.NoError(t, rows.Scan(values...))
		answers = append(answers, values[0].(*sql.NullString).String)
	}
	require.NoError(t, rows.Err())
	return answers
}

// TestTheStatementsOfTheOperatorDoWhatTheDocumentSays: each is in docs/operations.md word for
// word.
func TestTheStatementsOfTheOperatorDoWhatTheDocumentSays(t *testing.T) {
	document, err := os.ReadFile("../../docs/operations.md")
	require.NoError(t, err)
	documented := func(statement string) string {
		require.Contains(t, string(document), statement)
		return statement
	}
	now := time.Unix(1_700_000_000, 0)
	path := file(t)
	reopen := func() *sqlite.Store {
		s, err := sqlite.Open(t.Context(), sqlite.Config{Path: path, Clock: func() time.Time { return now }})
		require.NoError(t, err)
		return s
	}
	until := func(jti string, end time.Time) store.Change {
		return store.Change{Reservation: store.Reservation{Namespace: "request", Issuer: "tpp", JTI: jti, Until: end}}
	}
	s := reopen()
	first := now.Add(time.Minute)
	require.NoError(t, s.Create(t.Context(), registration("active"), until("first", first)))
	half := registration("half")
	half.State, half.Since = store.Creating, now
	require.NoError(t, s.Create(t.Context(), half, until("second", now.Add(time.Hour))))

	require.Equal(t, []string{"half"}, command(t, path, documented("SELECT id, client_id, state, datetime(since, 'unixepoch') FROM clients "+
		"WHERE state IN ('creating', 'updating', 'deleting')")))

	backup := filepath.Join(t.TempDir(), "backup.db")
	t.Chdir(filepath.Dir(backup))
	require.Empty(t, command(t, path, documented("VACUUM INTO 'backup.db'")))
	b, err := sqlite.Open(t.Context(), sqlite.Config{Path: backup})
	require.NoError(t, err)
	kept, err := b.List(t.Context(), "", 10)
	require.NoError(t, err)
	require.Len(t, kept, 2)
	require.NoError(t, b.Close())

	now = now.Add(2 * time.Minute)
	require.NoError(t, s.Create(t.Context(), registration("third"), until("third", now.Add(time.Hour))), "forgets the first jti")
	require.Equal(t, []string{first.UTC().Format(time.DateTime)}, command(t, path, documented("SELECT datetime(ends_at, 'unixepoch') FROM reservation_marks")))
	require.ErrorIs(t, s.Create(t.Context(), registration("old"), until("old", first)), store.ErrForgotten)
	require.NoError(t, s.Close())
	require.Empty(t, command(t, path, documented("DELETE FROM reservation_marks")))
	s = reopen()
	require.NoError(t, s.Create(t.Context(), registration("old"), until("old", first)))
	require.NoError(t, s.Close())
}
