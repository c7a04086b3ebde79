package sqlite

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/store"
)

const lostLog = "its log is not there"

// opened opens a store, and returns it with what it has logged so far.
func opened(t *testing.T, path string) (*Store, string) {
	t.Helper()
	log := &bytes.Buffer{}
	s, err := Open(t.Context(), Config{Path: path, Logger: slog.New(slog.NewTextHandler(log, nil))})
	require.NoError(t, err)
	return s, log.String()
}

// left makes a folder as a process leaves it that is killed: the files are copied while the
// store is open.
func left(t *testing.T) string {
	t.Helper()
	s, said := opened(t, filepath.Join(t.TempDir(), "clients.db"))
	require.Empty(t, said)
	require.NoError(t, s.Create(t.Context(), store.Client{ID: "a"}, store.Change{}))
	path := filepath.Join(t.TempDir(), "clients.db")
	for _, suffix := range []string{"", "-wal", "-open"} {
		data, err := os.ReadFile(s.write.guard.path + suffix)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path+suffix, data, 0o600))
	}
	require.NoError(t, s.Close())
	return path
}

func TestALogThatWasDeletedWhileTheBankWasDownIsMissed(t *testing.T) {
	t.Parallel()
	path := left(t)
	require.NoError(t, os.Remove(path+"-wal"))
	s, said := opened(t, path)
	require.Contains(t, said, "level=ERROR")
	require.Contains(t, said, lostLog)
	require.Contains(t, said, path)
	require.NoError(t, s.Create(t.Context(), store.Client{ID: "b"}, store.Change{}), "the store goes on with what the file has")
	require.NoError(t, s.Close())
	s, said = opened(t, path)
	require.Empty(t, said, "it is said once")
	require.NoError(t, s.Close())
}

// A tool that is first to open the file is told, and so is the bank after it.
func TestALogThatAToolMissesIsMissedByTheBankToo(t *testing.T) {
	t.Parallel()
	path := left(t)
	require.NoError(t, os.Remove(path+"-wal"))
	for range 2 {
		log := &bytes.Buffer{}
		s, err := Open(t.Context(), Config{Path: path, Beside: true, Logger: slog.New(slog.NewTextHandler(log, nil))})
		require.NoError(t, err)
		require.Contains(t, log.String(), lostLog)
		require.NoError(t, s.Close())
	}
	s, said := opened(t, path)
	require.Contains(t, said, lostLog)
	require.NoError(t, s.Close())
	tool, err := Open(t.Context(), Config{Path: path, Beside: true})
	require.NoError(t, err)
	require.NoError(t, tool.Close())
	require.NoFileExists(t, path+"-open")
	s, said = opened(t, path)
	require.Empty(t, said)
	require.NoError(t, s.Close())
}

// A tool that is killed leaves a log of its own, and one that goes on keeps it: the bank hears of the lost one all the same.
func TestALostLogIsToldThoughAToolHasMadeAnother(t *testing.T) {
	t.Parallel()
	path := left(t)
	require.NoError(t, os.Remove(path+"-wal"))
	tool, err := Open(t.Context(), Config{Path: path, Beside: true})
	require.NoError(t, err)
	second, err := Open(t.Context(), Config{Path: path, Beside: true})
	require.NoError(t, err)
	require.NoError(t, second.Close())
	require.FileExists(t, path+"-wal")
	bank, said := opened(t, path)
	require.Contains(t, said, lostLog)
	again, said := opened(t, path)
	require.Empty(t, said, "the bank has been told")
	require.NoError(t, again.Close())
	require.NoError(t, bank.Close())
	require.NoError(t, tool.Close())
	require.NoFileExists(t, path+"-open")
}

// A copy that is not whole yet has another name, and what is beside an opened copy is none.
func TestOnlyWholeCopiesAreNamed(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "clients.db")
	for i, name := range []string{".saving-1", ".saved-7", ".saved-3", ".saved-3-wal", ".saved-3-open"} {
		require.NoError(t, os.WriteFile(path+name, nil, 0o600))
		at := time.Unix(int64(1_790_000_000+i), 0)
		require.NoError(t, os.Chtimes(path+name, at, at))
	}
	require.Equal(t, []string{"clients.db.saved-3", "clients.db.saved-7"}, copiesOf(path))
}

// A bank that somebody starts again after its log was replaced lacks what is in the copy.
func TestEachStartTellsOfACopyBesideTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "clients.db")
	s, _ := opened(t, path)
	require.NoError(t, s.Create(t.Context(), store.Client{ID: "a"}, store.Change{}))
	aside, err := s.write.copyAside(t.Context())
	require.NoError(t, err)
	require.NoError(t, s.Close())
	require.NoError(t, os.Remove(path))
	for range 2 {
		again, said := opened(t, path)
		require.Contains(t, said, "level=ERROR")
		require.Contains(t, said, filepath.Base(aside))
		_, err = again.Get(t.Context(), "a")
		require.ErrorIs(t, err, store.ErrNotFound, "it is in the copy alone")
		require.NoError(t, again.Close())
	}
	require.NoError(t, os.Rename(aside, path))
	s, said := opened(t, path)
	require.Empty(t, said)
	_, err = s.Get(t.Context(), "a")
	require.NoError(t, err)
	require.NoError(t, s.Close())
}

func TestNoLogIsMissedWhereNoneIsMissing(t *testing.T) {
	path := left(t)
	s, said := opened(t, path)
	require.Empty(t, said, "after a kill the log is there")
	_, err := s.Get(t.Context(), "a")
	require.NoError(t, err)
	info, err := os.Stat(path + "-open")
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	second, said := opened(t, path)
	require.Empty(t, said, "another process may open the file")
	require.NoError(t, s.Close())
	require.FileExists(t, path+"-open", "the other one has it open")
	copied := filepath.Join(t.TempDir(), "copy.db")
	_, err = second.write.conn.ExecContext(t.Context(), "VACUUM INTO ?", copied)
	require.NoError(t, err)
	require.NoError(t, second.Close())
	require.NoFileExists(t, path+"-open")
	require.NoFileExists(t, path+"-wal")

	for _, name := range []string{path, copied} {
		s, said = opened(t, name)
		require.Empty(t, said, "%s was closed, or is a copy", name)
		require.NoError(t, s.Close())
	}
}
