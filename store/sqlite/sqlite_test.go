package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/fulltest"
	"github.com/obdcr/obdcr/internal/realtest"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/sqlite"
	"github.com/obdcr/obdcr/store/storetest"
)

func open(t testing.TB, path string) *sqlite.Store {
	t.Helper()
	return openAt(t, path, time.Now)
}

func openAt(t testing.TB, path string, clock func() time.Time) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.Config{Path: path, Clock: clock})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func file(t testing.TB) string { return filepath.Join(t.TempDir(), "clients.db") }

// prepared returns an empty store's file, as a process left it that made it and ended.
var prepared = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "prepared")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "clients.db")
	s, err := sqlite.Open(context.Background(), sqlite.Config{Path: path})
	if err != nil {
		return nil, err
	}
	if err := s.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

// emptyFile writes the file of an empty store in a folder, and returns its path. To make the tables
// of each costs more than most cases of the contract. A full run has none there: Open makes them.
func emptyFile(t require.TestingT, dir string) string {
	path := filepath.Join(dir, "clients.db")
	if !fulltest.Asked() {
		content, err := prepared()
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, content, 0o600))
	}
	return path
}

// TestTheStoreKeepsTheContract runs in a full run alone: two stores are more than one.
func TestTheStoreKeepsTheContract(t *testing.T) {
	t.Parallel()
	if !realtest.Long(t) {
		return
	}
	storetest.Run(t, storetest.Config{
		Open:   func(t *testing.T) store.Store { return open(t, file(t)) },
		OpenAt: func(t *testing.T, clock func() time.Time) store.Store { return openAt(t, file(t), clock) },
		Wanted: storetest.All(), Rounds: fulltest.Rounds(10),
	})
}

func TestTwoStoresOnOneFileKeepTheContract(t *testing.T) {
	t.Parallel()
	storetest.Run(t, storetest.Config{
		Open: func(t *testing.T) store.Store {
			path := emptyFile(t, t.TempDir())
			return storetest.Replicas(open(t, path), open(t, path))
		},
		OpenAt: func(t *testing.T, clock func() time.Time) store.Store {
			path := emptyFile(t, t.TempDir())
			return storetest.Replicas(openAt(t, path, clock), openAt(t, path, clock))
		},
		Wanted: storetest.All(), Rounds: fulltest.Rounds(10),
	})
}

func TestOpenRefusesWhatItCannotUse(t *testing.T) {
	dir := t.TempDir()
	other := filepath.Join(dir, "other")
	require.NoError(t, os.WriteFile(other, []byte("this is no database, and longer than the header of one: "+fmt.Sprint(make([]int, 100))), 0o600))
	for name, c := range map[string]sqlite.Config{
		"no path": {}, "memory": {Path: ":memory:", Clock: time.Now},
		"a directory": {Path: dir, Clock: time.Now}, "no directory": {Path: filepath.Join(dir, "none", "clients.db"), Clock: time.Now},
		"another file": {Path: other, Clock: time.Now},
	} {
		_, err := sqlite.Open(t.Context(), c)
		assert.Error(t, err, name)
	}
	_, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(dir, "none", "clients.db")})
	require.ErrorIs(t, err, fs.ErrNotExist)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = sqlite.Open(ended, sqlite.Config{Path: file(t), Clock: time.Now})
	require.ErrorIs(t, err, context.Canceled)
}

func TestNobodyElseMayReadTheFiles(t *testing.T) {
	path := file(t)
	s := open(t, path)
	require.NoError(t, s.Create(t.Context(), registration("a"), requestOf("a")))
	files, err := filepath.Glob(path + "*")
	require.NoError(t, err)
	require.Len(t, files, 4)
	for _, f := range files {
		info, err := os.Stat(f)
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o600), info.Mode().Perm(), f)
	}
}

func TestThePathMayHoldAnyCharacter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a b?mode=memory&x#y%41;\u00e9.db")
	s := open(t, path)
	require.NoError(t, s.Create(t.Context(), registration("a"), requestOf("a")))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.NotZero(t, info.Size())
}

func TestRecordsOutliveTheProcess(t *testing.T) {
	path := file(t)
	first, err := sqlite.Open(t.Context(), sqlite.Config{Path: path, Clock: time.Now})
	require.NoError(t, err)
	require.NoError(t, first.Create(t.Context(), registration("a"), requestOf("a")))
	require.NoError(t, first.Close())
	require.NoError(t, first.Close(), "a second Close does nothing")
	left, err := filepath.Glob(path + "*")
	require.NoError(t, err)
	require.Equal(t, []string{path}, left, "a store that is closed is one file")

	_, err = first.Get(t.Context(), "a")
	require.Error(t, err)
	require.NotErrorIs(t, err, store.ErrNotFound, "a store that is closed does not know")
	err = first.Delete(t.Context(), "a", 1, store.Change{})
	require.Error(t, err)
	require.NotErrorIs(t, err, store.ErrNotFound)

	second := open(t, path)
	got, err := second.Get(t.Context(), "a")
	require.NoError(t, err)
	require.Equal(t, registration("a"), got)
	require.ErrorIs(t, second.Create(t.Context(), registration("b"), requestOf("a")), store.ErrReplayed)
}

func TestManyMayOpenANewFileAtOnce(t *testing.T) {
	for range fulltest.Rounds(3) {
		path := file(t)
		opened := make(chan error)
		const many = 8
		for i := range many {
			go func() {
				s, err := sqlite.Open(t.Context(), sqlite.Config{Path: path, Clock: time.Now})
				if err == nil {
					err = errors.Join(s.Create(t.Context(), registration(fmt.Sprint(i)), requestOf(fmt.Sprint(i))), s.Close())
				}
				opened <- err
			}()
		}
		for range many {
			require.NoError(t, <-opened)
		}
		all, err := open(t, path).List(t.Context(), "", 100)
		require.NoError(t, err)
		require.Len(t, all, many)
	}
}

func TestANewerFileIsLeftAlone(t *testing.T) {
	path := file(t)
	s := open(t, path)
	require.NoError(t, s.Create(t.Context(), registration("a"), requestOf("a")))
	raw, err := rawOpen(path)
	require.NoError(t, err)
	defer func() { require.NoError(t, raw.Close()) }()
	_, err = raw.Exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, 1)")
	require.NoError(t, err)
	_, err = sqlite.Open(t.Context(), sqlite.Config{Path: path, Clock: time.Now})
	require.ErrorIs(t, err, sqlite.ErrNewer)
	got, err := s.Get(t.Context(), "a")
	require.NoError(t, err)
	require.Equal(t, registration("a"), got)
}

func TestEndedReservationsAreForgotten(t *testing.T) {
	var now atomic.Int64
	now.Store(1000)
	path := file(t)
	s, err := sqlite.Open(t.Context(), sqlite.Config{Path: path, Clock: func() time.Time { return time.Unix(now.Load(), 0) }})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	reserve := func(name string, until int64) error {
		return s.Create(t.Context(), store.Client{ID: name}, store.Change{Reservation: store.Reservation{Namespace: "request", JTI: name, Until: time.Unix(until, 0)}})
	}
	for i := range 300 {
		require.NoError(t, reserve(fmt.Sprint(i), 2000))
	}
	require.NoError(t, reserve("long", 5000))
	now.Store(1999)
	require.ErrorIs(t, reserve("7", 9000), store.ErrReplayed)
	now.Store(2000)
	for i := range 160 {
		require.NoError(t, reserve(fmt.Sprint("later", i), 9000))
	}
	raw, err := rawOpen(path)
	require.NoError(t, err)
	defer func() { require.NoError(t, raw.Close()) }()
	var left int
	require.NoError(t, raw.QueryRow("SELECT count(*) FROM reservations WHERE ends_at <= 2000").Scan(&left))
	require.Zero(t, left)
	require.ErrorIs(t, reserve("long", 9000), store.ErrReplayed)
}

// TestAnotherWriterIsWaitedFor: another process holds the file for writing.
func TestAnotherWriterIsWaitedFor(t *testing.T) {
	path := file(t)
	s := open(t, path)
	require.NoError(t, s.Create(t.Context(), registration("a"), requestOf("a")))
	raw, err := rawOpen(path)
	require.NoError(t, err)
	defer func() { require.NoError(t, raw.Close()) }()
	conn, err := raw.Conn(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	_, err = conn.ExecContext(t.Context(), "BEGIN IMMEDIATE")
	require.NoError(t, err)

	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, s.Create(short, registration("b"), requestOf("b")), context.DeadlineExceeded, "the context ends the waiting")
	got, err := s.Get(t.Context(), "a")
	require.NoError(t, err, "readers do not wait")
	require.Equal(t, registration("a"), got)

	done := make(chan error)
	go func() { done <- s.Create(t.Context(), registration("b"), requestOf("b")) }()
	select {
	case err := <-done:
		require.Fail(t, "it was not waited for", "%v", err)
	case <-time.After(150 * time.Millisecond): // longer than SQLite waits by itself
	}
	_, err = conn.ExecContext(t.Context(), "ROLLBACK")
	require.NoError(t, err)
	require.NoError(t, <-done)
}

func TestAContextThatEndsInTheMiddleChangesNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s, err := sqlite.Open(t.Context(), sqlite.Config{Path: file(t), Clock: func() time.Time {
		cancel() // the clock is asked inside of the transaction
		return time.Now()
	}})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	require.ErrorIs(t, s.Create(ctx, registration("a"), requestOf("a")), context.Canceled)
	_, err = s.Get(t.Context(), "a")
	require.ErrorIs(t, err, store.ErrNotFound)
	require.NoError(t, s.Create(t.Context(), registration("a"), requestOf("a")), "the jti is not burnt")
}

// TestALinkLeadsToTheFile: two stores open one file, one of them by a link, and each sees
// what the other registers. The guard of the log looks beside the file, not beside the link.
func TestALinkLeadsToTheFile(t *testing.T) {
	for name, linked := range map[string]func(t *testing.T, path string) (link string){
		"absolute": func(t *testing.T, path string) string {
			link := file(t)
			require.NoError(t, os.Symlink(path, link))
			return link
		},
		"relative, of a link": func(t *testing.T, path string) string {
			require.NoError(t, os.Symlink(filepath.Base(path), path+".one"))
			require.NoError(t, os.Symlink(filepath.Base(path)+".one", path+".two"))
			return path + ".two"
		},
		"to the folder": func(t *testing.T, path string) string {
			folder := filepath.Join(t.TempDir(), "folder")
			require.NoError(t, os.Symlink(filepath.Dir(path), folder))
			return filepath.Join(folder, filepath.Base(path))
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := file(t)
			link := linked(t, path)
			byLink := open(t, link) // makes the file
			byName := open(t, path)
			info, err := os.Stat(path)
			require.NoError(t, err)
			require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
			for i, s := range []*sqlite.Store{byLink, byName} {
				id := fmt.Sprint(i)
				require.NoError(t, s.Create(t.Context(), registration(id), requestOf(id)))
				for _, reader := range []*sqlite.Store{byLink, byName} {
					_, err := reader.Get(t.Context(), id)
					require.NoError(t, err)
				}
			}
		})
	}
	circle := file(t)
	require.NoError(t, os.Symlink(circle, circle))
	_, err := sqlite.Open(t.Context(), sqlite.Config{Path: circle})
	require.ErrorContains(t, err, "too many links")
}
