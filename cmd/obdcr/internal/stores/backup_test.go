package stores_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/stores"
	"github.com/obdcr/obdcr/internal/realtest"
	"github.com/obdcr/obdcr/store"
)

// run runs a program as an operator does.
func run(t *testing.T, name string, args ...string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	require.NoError(t, err, "%s %v: %s", name, args, out)
}

// busy registers clients until the function that it returns is called, which returns how many
// there are.
func busy(t *testing.T, s store.Store) (acknowledged func() int, stop func() int) {
	t.Helper()
	var done atomic.Int64
	var ending atomic.Bool
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for n := 10_000; !ending.Load(); n++ {
			if !assert.NoError(t, s.Create(t.Context(), record(n), change(n, "create"))) {
				return
			}
			done.Add(1)
		}
	}()
	acknowledged = func() int { return int(done.Load()) }
	for acknowledged() == 0 {
		time.Sleep(time.Millisecond)
	}
	return acknowledged, func() int { ending.Store(true); <-ended; return acknowledged() }
}

// restored demands that a store that was put back has what was acknowledged before the backup
// began, and nothing by half: each client is whole and its jti is used.
func restored(t *testing.T, s stores.Opened, before int) {
	t.Helper()
	for i := range before {
		c, err := s.Get(t.Context(), record(10_000+i).ID)
		require.NoError(t, err)
		require.True(t, store.SameRecord(withVersion(record(10_000+i)), c))
	}
	all, err := s.List(t.Context(), "client-1", 1<<20)
	require.NoError(t, err)
	for i := range all {
		require.ErrorIs(t, s.Create(t.Context(), record(70_000+i), change(10_000+i, "create")), store.ErrReplayed)
		entries, err := s.History(t.Context(), all[i].ID, 0, 10)
		require.NoError(t, err)
		require.Len(t, entries, 1)
	}
	require.NoError(t, s.Create(t.Context(), record(90_000), change(90_000, "create")), "it takes changes")
}

// A database is dumped while clients register, and put back into another one.
func TestADumpOfPostgreSQLIsPutBack(t *testing.T) {
	t.Parallel()
	server, ok := realtest.SharedPostgres(t)
	if !ok {
		return
	}
	dump, ok := realtest.Tool(t, "pg_dump")
	if !ok {
		return
	}
	put, ok := realtest.Tool(t, "pg_restore")
	if !ok {
		return
	}
	from := open(t, server.DSN(server.Database(t)))
	name := server.Database(t)
	s := open(t, server.DSN(name))
	fill(t, s, 12)
	acknowledged, stop := busy(t, s)
	before := acknowledged()
	file := filepath.Join(t.TempDir(), "obdcr.dump")
	run(t, dump, "--format=custom", "--file="+file, server.DSN(name))
	after := stop()
	require.Positive(t, before)
	empty := server.Database(t)
	run(t, put, "--exit-on-error", "--no-owner", "--dbname="+server.DSN(empty), file)
	back := open(t, server.DSN(empty))
	restored(t, back, before)
	t.Logf("%d clients before the dump, %d after it", before, after)

	// Without changes meanwhile the dump has the register as it is, and so has an export.
	again := server.Database(t)
	run(t, dump, "--format=custom", "--file="+file, server.DSN(name))
	run(t, put, "--exit-on-error", "--no-owner", "--dbname="+server.DSN(again), file)
	want := exported(t, s)
	require.Equal(t, want, exported(t, open(t, server.DSN(again))))
	imported(t, from, want)
	require.Equal(t, want, exported(t, from))
}

// A file is copied while clients register, and put back without its log.
func TestABackupOfSQLiteIsPutBack(t *testing.T) {
	shell, ok := realtest.Tool(t, "sqlite3")
	if !ok {
		return
	}
	folder := t.TempDir()
	path, backup := filepath.Join(folder, "clients.db"), filepath.Join(folder, "backup.db")
	s, err := stores.Open(t.Context(), claims.NewSecret(path), stores.Options{Clock: func() time.Time { return start }})
	require.NoError(t, err)
	fill(t, s, 12)
	acknowledged, stop := busy(t, s)
	before := acknowledged()
	run(t, shell, path, "VACUUM INTO '"+backup+"'")
	stop()
	want := exported(t, s)
	require.NoError(t, s.Close())
	for _, old := range []string{path, path + "-wal", path + "-shm", path + "-open"} {
		if err := os.Rename(old, old+".old"); !os.IsNotExist(err) {
			require.NoError(t, err)
		}
	}
	content, err := os.ReadFile(backup)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, content, 0o600))
	restored(t, open(t, path), before)
	other := open(t, file(t))
	imported(t, other, want)
	require.Equal(t, want, exported(t, other), "an export is a backup too")
}
