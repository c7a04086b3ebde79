package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/fulltest"
	"github.com/obdcr/obdcr/store/sqlite"
)

const (
	busyTool       = "OBDCR_BUSY_TOOL" // makes this binary the child that empties the log, with the path of the file
	emptiesAChild  = 30                // before it is killed, or
	timeOfAChild   = 2 * time.Second   // if that is sooner
	pauseForOthers = time.Millisecond  // between two changes
)

// loggedStore opens a store with a log that can be read. It is not closed.
func loggedStore(t *testing.T, path string) (*sqlite.Store, *strings.Builder) {
	t.Helper()
	log := new(strings.Builder)
	s, err := sqlite.Open(t.Context(), sqlite.Config{Path: path, Logger: slog.New(slog.NewTextHandler(log, nil))})
	require.NoError(t, err)
	return s, log
}

// register creates n clients, and returns their names.
func register(t *testing.T, s *sqlite.Store, prefix string, n int) (names []string) {
	t.Helper()
	for i := range n {
		names = append(names, fmt.Sprintf("%s-%d", prefix, i))
		require.NoError(t, s.Create(t.Context(), registration(names[i]), requestOf(names[i])))
	}
	return names
}

func info(t *testing.T, path string) os.FileInfo {
	t.Helper()
	found, err := os.Stat(path)
	require.NoError(t, err)
	return found
}

// afterKill is what a start finds after a kill: the file and its log.
func afterKill(t *testing.T, path string) string {
	t.Helper()
	after := file(t)
	for i, part := range content(t, path) {
		require.NoError(t, os.WriteFile(after+[]string{"", "-wal"}[i], []byte(part), 0o600))
	}
	return after
}

// TestALogThatIsCutEndsTheChanges: what was acknowledged is lost, and each says so. Nothing is
// acknowledged any more, and a Close leaves all as it is.
func TestALogThatIsCutEndsTheChanges(t *testing.T) {
	size := func(t *testing.T, path string) int64 { return info(t, path+"-wal").Size() }
	cut := func(t *testing.T, path string, to int64) { require.NoError(t, os.Truncate(path+"-wal", to)) }
	write := func(t *testing.T, other *sql.DB) {
		_, err := other.Exec("INSERT INTO probes (id, written) VALUES (1, randomblob(50000)) ON CONFLICT (id) DO UPDATE SET written = excluded.written")
		require.NoError(t, err)
	}
	for name, does := range map[string]func(t *testing.T, path string, other *sql.DB){
		"emptied":         func(t *testing.T, path string, _ *sql.DB) { cut(t, path, 0) },
		"its last byte":   func(t *testing.T, path string, _ *sql.DB) { cut(t, path, size(t, path)-1) },
		"half of its end": func(t *testing.T, path string, _ *sql.DB) { cut(t, path, size(t, path)/2) },
		"its last page, and made as long as before": func(t *testing.T, path string, _ *sql.DB) {
			before := size(t, path)
			cut(t, path, before-5000)
			cut(t, path, before)
		},
		"what another process wrote": func(t *testing.T, path string, other *sql.DB) {
			before := size(t, path)
			write(t, other)
			cut(t, path, before)
		},
		"emptied, and another process goes on": func(t *testing.T, path string, other *sql.DB) {
			write(t, other)
			cut(t, path, 0)
			write(t, other)
			require.Greater(t, size(t, path), int64(100_000))
		},
		"half, and another process goes on": func(t *testing.T, path string, other *sql.DB) {
			write(t, other)
			before := size(t, path)
			cut(t, path, before/2)
			write(t, other)
			require.Greater(t, size(t, path), before)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := file(t)
			s, log := loggedStore(t, path)
			register(t, s, "a", 30)
			other, err := rawOpen(path)
			require.NoError(t, err)
			other.SetMaxOpenConns(1)
			write(t, other)
			register(t, s, "b", 1)
			time.Sleep(120 * time.Millisecond) // the store asks SQLite again, whatever the clock of the disk says
			does(t, path, other)
			for range 2 {
				require.ErrorContains(t, s.Create(t.Context(), registration("late"), requestOf("late")), "the -wal was cut")
				require.ErrorContains(t, s.Probe(t.Context()), "may be lost")
			}
			require.Equal(t, 1, strings.Count(log.String(), "level=ERROR"), log)
			require.Contains(t, log.String(), path+"-wal")
			require.Regexp(t, `copy=\S+\.saved-|uncopied=\S`, log.String())
			before := content(t, path)
			require.ErrorContains(t, s.Close(), "the -wal was cut")
			require.Equal(t, before, content(t, path))
			s, _ = loggedStore(t, afterKill(t, path))
			require.NoError(t, s.Close(), "the file is that of the last checkpoint, and what the log has up to the cut")
		})
	}
}

// TestACutLogIsNoticedUnderLoad: the child is in the middle of changes when its log is emptied.
// It goes on with none, and says why.
func TestACutLogIsNoticedUnderLoad(t *testing.T) {
	t.Parallel()
	for range fulltest.Rounds(3) {
		path := file(t)
		names, stop := child(t, crashWriter+"=the store", crashFile+"="+path, crashPrefix+"=c")
		for range 10 {
			<-names
		}
		require.NoError(t, os.Truncate(path+"-wal", 0))
		for more := 0; more < 1000; more++ {
			if _, alive := <-names; !alive {
				break
			}
		}
		require.Regexp(t, "the -wal was cut|disk I/O error|malformed", stop())
	}
}

// child starts this binary, and returns the lines that it prints and a function that kills it,
// waits for its end and returns its complaint.
func child(t *testing.T, environment ...string) (<-chan string, func() string) {
	t.Helper()
	p := startProcess(t, environment...)
	stop := sync.OnceValue(func() string {
		_ = p.cmd.Process.Kill() // it may have ended
		p.reading.Wait()
		_ = p.cmd.Wait()
		return p.complaint.String()
	})
	t.Cleanup(func() { stop() })
	return p.lines, stop
}

// TestTwoIndexesOfOneLogLoseNothing: -shm is deleted, and another process makes one of its
// own. The two would write over each other. The first takes no more changes, and what either
// acknowledged is there.
func TestTwoIndexesOfOneLogLoseNothing(t *testing.T) {
	t.Parallel()
	path := file(t)
	s, log := loggedStore(t, path)
	names := register(t, s, "a", 20)
	require.NoError(t, os.Remove(path+"-shm"))
	written, stop := child(t, crashWriter+"=the store", crashFile+"="+path, crashPrefix+"=b")
	names = append(names, <-written)
	for range 20 {
		name := fmt.Sprint("late-", len(names))
		if s.Create(t.Context(), registration(name), requestOf(name)) == nil {
			names = append(names, name)
		}
		names = append(names, <-written)
	}
	require.Empty(t, stop())
	for name := range written {
		names = append(names, name)
	}
	require.Contains(t, log.String(), "-shm, was deleted or replaced")
	require.ErrorContains(t, s.Close(), "-shm")
	faults, _ := faultsAfter(t, afterKill(t, path), names)
	require.Empty(t, faults)
}

// TestALogThatIsEmptiedRightlyGoesOn, by any way that SQLite has, without a word.
func TestALogThatIsEmptiedRightlyGoesOn(t *testing.T) {
	t.Parallel()
	path := file(t)
	s, log := loggedStore(t, path)
	var names []string
	for i, statement := range []string{
		"PRAGMA wal_checkpoint(TRUNCATE)", "PRAGMA wal_checkpoint(TRUNCATE)", "PRAGMA wal_checkpoint(RESTART)", "PRAGMA wal_checkpoint(FULL)",
		"PRAGMA wal_checkpoint(TRUNCATE)", "VACUUM", "PRAGMA wal_checkpoint(PASSIVE)", "PRAGMA wal_checkpoint(TRUNCATE)", "VACUUM",
		"PRAGMA wal_checkpoint(RESTART); PRAGMA journal_size_limit = 0; INSERT INTO probes (id, written) VALUES (1, 'short'); DELETE FROM probes",
	} {
		names = append(names, register(t, s, fmt.Sprint("a", i), 3)...)
		command(t, path, statement)
		if i%2 == 0 {
			require.NoError(t, s.Probe(t.Context()))
		}
	}
	names = append(names, register(t, s, "long", 9)...)
	long := info(t, path+"-wal").Size()
	command(t, path, "PRAGMA wal_checkpoint(RESTART)")
	names = append(names, register(t, s, "last", 1)...)
	require.Equal(t, long, info(t, path+"-wal").Size())
	require.NoError(t, os.Truncate(path+"-wal", long-4096), "what is left behind the end of the log is nobody's")
	require.NoError(t, s.Probe(t.Context()))
	require.NoError(t, s.Close())
	require.Empty(t, log.String())
	faults, records := faultsAfter(t, path, names)
	require.Empty(t, faults)
	require.Equal(t, len(names), records)
}

// emptyAgainAndAgain is the child: it does to the file of a store what operators and tools do,
// nearly as fast as it can, and says each time that the log was empty.
func emptyAgainAndAgain(path string) error {
	raw, err := rawOpen(path)
	if err != nil {
		return err
	}
	for round := 0; ; round++ {
		time.Sleep(pauseForOthers)
		_, err = raw.Exec("INSERT INTO probes (id, written) VALUES (1, randomblob(20000)) ON CONFLICT (id) DO UPDATE SET written = excluded.written")
		var busy, inLog, copied int
		err = errors.Join(err, raw.QueryRow("PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &inLog, &copied))
		if err == nil && busy == 0 {
			fmt.Println("empty")
		}
		if round%20 == 10 {
			err = errors.Join(err, useAsATool(path, raw))
		}
		if err != nil && !strings.Contains(err.Error(), "locked") { // by the store, which may
			return err
		}
	}
}

// useAsATool opens and closes the file as commands do.
func useAsATool(path string, raw *sql.DB) error {
	s, err := sqlite.Open(context.Background(), sqlite.Config{Path: path, Beside: true})
	if err != nil {
		return err
	}
	backup := filepath.Join(filepath.Dir(path), "backup.db")
	err = os.RemoveAll(backup) // of a child that was killed amid its VACUUM INTO
	_, vacuumErr := raw.Exec("VACUUM")
	_, backupErr := raw.Exec("VACUUM INTO ?", backup)
	return errors.Join(err, s.Close(), vacuumErr, backupErr, os.RemoveAll(backup))
}

// received counts lines, up to n of them, for a while.
func received(lines <-chan string, n int, within time.Duration) (got int) {
	for late := time.After(within); got < n; got++ {
		select {
		case _, alive := <-lines:
			if !alive {
				return got
			}
		case <-late:
			return got
		}
	}
	return got
}

// TestAnotherProcessThatEmptiesTheLogIsNoCut: the store goes on, and says nothing, however
// often the log is emptied under it, and whoever does so is killed.
func TestAnotherProcessThatEmptiesTheLogIsNoCut(t *testing.T) {
	t.Parallel()
	path := file(t)
	s, log := loggedStore(t, path)
	var writers sync.WaitGroup
	var ended atomic.Bool
	var changes atomic.Int64
	for w := range 2 {
		writers.Go(func() {
			for i := 0; !ended.Load(); i++ {
				name := fmt.Sprintf("c-%d-%d", w, i)
				began := time.Now()
				err := s.Create(t.Context(), registration(name), requestOf(name))
				if err == nil {
					changes.Add(1)
					time.Sleep(pauseForOthers + time.Since(began))
					continue
				}
				assert.ErrorContains(t, err, "could not begin within", "the other process may be too busy, and nothing else")
			}
		})
	}
	emptied := 0
	for range fulltest.Rounds(4) {
		lines, stop := child(t, busyTool+"="+path)
		emptied += received(lines, emptiesAChild, timeOfAChild)
		assert.Empty(t, stop())
	}
	ended.Store(true)
	writers.Wait()
	require.NotZero(t, emptied)
	require.NotZero(t, changes.Load())
	require.NoError(t, s.Probe(t.Context()))
	require.NoError(t, s.Close())
	require.Empty(t, log.String())
	t.Logf("%d changes, and the log was emptied %d times", changes.Load(), emptied)
}

// TestALogThatIsCutOnceTheFileHasItAllLosesNothing: the store goes on, or says that it does not.
func TestALogThatIsCutOnceTheFileHasItAllLosesNothing(t *testing.T) {
	for name, held := range map[string]bool{"nobody reads": false, "beside a reader": true} {
		t.Run(name, func(t *testing.T) {
			path := file(t)
			s, log := loggedStore(t, path)
			names := register(t, s, "before", 5)
			other, err := sql.Open("sqlite", "file:"+path)
			require.NoError(t, err)
			defer func() { require.NoError(t, other.Close()) }()
			var busy, count, copied int
			require.NoError(t, other.QueryRow("PRAGMA wal_checkpoint(FULL)").Scan(&busy, &count, &copied))
			require.Positive(t, count)
			require.Equal(t, count, copied)
			if held {
				reader, err := other.Begin()
				require.NoError(t, err)
				defer func() { _ = reader.Rollback() }()
				require.NoError(t, reader.QueryRow("SELECT count(*) FROM clients").Scan(&count))
			}
			require.NoError(t, os.Truncate(path+"-wal", 0))
			for i := range 30 {
				id := fmt.Sprint("after-", i)
				if s.Create(t.Context(), registration(id), requestOf(id)) == nil {
					names = append(names, id)
				}
			}
			require.NotContains(t, log.String(), "level=ERROR")
			require.Len(t, names, 35)
			again, err := sqlite.Open(t.Context(), sqlite.Config{Path: afterKill(t, path)})
			require.NoError(t, err)
			defer func() { require.NoError(t, again.Close()) }()
			for _, id := range names {
				_, err := again.Get(t.Context(), id)
				require.NoError(t, err, id)
			}
			require.NoError(t, s.Close())
		})
	}
}
