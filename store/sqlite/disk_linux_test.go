package sqlite_test

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/realtest"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/sqlite"
)

// TestARealDiskThatIsFullOrReadOnly mounts a small file system. Changes and probes say why
// they fail, have changed nothing, and work again as soon as there is room. A start names the
// file, and what is wrong.
func TestARealDiskThatIsFullOrReadOnly(t *testing.T) {
	disk := smallDisk(t)
	if disk == "" {
		return
	}
	path := filepath.Join(disk, "clients.db")
	s, err := sqlite.Open(t.Context(), sqlite.Config{Path: path})
	require.NoError(t, err)
	require.NoError(t, s.Create(t.Context(), registration("before"), requestOf("before")))

	filler := filepath.Join(disk, "filler")
	fill(t, filler)
	require.ErrorContains(t, s.Probe(t.Context()), "make room on the disk")
	require.ErrorContains(t, s.Create(t.Context(), registration("full"), requestOf("full")), "make room on the disk")
	_, err = s.Get(t.Context(), "full")
	require.ErrorIs(t, err, store.ErrNotFound)
	require.NoError(t, os.Remove(filler))
	require.NoError(t, s.Probe(t.Context()))
	require.NoError(t, s.Create(t.Context(), registration("full"), requestOf("full")))
	require.NoError(t, s.Close())

	fill(t, filler)
	_, err = sqlite.Open(t.Context(), sqlite.Config{Path: path})
	require.ErrorContains(t, err, path)
	require.ErrorContains(t, err, "full")
	require.NoError(t, os.Remove(filler))
	faults, records := faultsAfter(t, path, []string{"before", "full"})
	require.Empty(t, faults)
	require.Equal(t, 2, records)

	require.NoError(t, syscall.Mount("", disk, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	_, err = sqlite.Open(t.Context(), sqlite.Config{Path: path})
	require.ErrorContains(t, err, path)
	require.ErrorContains(t, err, "read-only")
	require.NoError(t, syscall.Mount("", disk, "", syscall.MS_REMOUNT, ""))
	faults, records = faultsAfter(t, path, []string{"before", "full"})
	require.Empty(t, faults)
	require.Equal(t, 2, records)
}

// smallDisk mounts a file system of 4 MiB, and returns where; "" where that is not allowed.
func smallDisk(t *testing.T) string {
	t.Helper()
	disk := t.TempDir()
	err := syscall.Mount("obdcr-test", disk, "tmpfs", 0, "size=4m")
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) {
		realtest.Missing(t, "root may mount a disk that is full or read-only")
		return ""
	}
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(disk, syscall.MNT_DETACH)) })
	return disk
}

// fill makes a file that takes all that is left of a disk.
func fill(t *testing.T, path string) {
	t.Helper()
	filler, err := os.Create(path)
	require.NoError(t, err)
	for err == nil {
		_, err = filler.Write(make([]byte, 4096))
	}
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.NoError(t, filler.Close())
}

// TestADeletedLogOnAFullDiskDestroysNothing: the log that was deleted holds the last clients,
// and there is no room to save them. Whether a change, a close, or nothing comes before the
// end, the file is that of the last checkpoint, whole. Where the process lives until there is
// room, nothing is lost.
func TestADeletedLogOnAFullDiskDestroysNothing(t *testing.T) {
	post := func(t *testing.T, s *sqlite.Store) {
		for range 2 {
			err := s.Create(t.Context(), registration("late"), requestOf("late"))
			require.ErrorContains(t, err, "do NOT end the bank")
			require.NotContains(t, err.Error(), "by itself")
		}
	}
	stop := func(t *testing.T, s *sqlite.Store) { require.ErrorContains(t, s.Close(), "is not saved") }
	for name, c := range map[string]struct {
		before []func(t *testing.T, s *sqlite.Store)
		lines  int
	}{
		"a change, and a kill":  {[]func(*testing.T, *sqlite.Store){post}, 1},
		"a change, and a close": {[]func(*testing.T, *sqlite.Store){post, stop}, 2},
		"a close":               {[]func(*testing.T, *sqlite.Store){stop}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			disk := smallDisk(t)
			if disk == "" {
				return
			}
			path, names, s, log := fullAndDeleted(t, disk)
			for _, step := range c.before {
				step(t, s)
			}
			require.Equal(t, c.lines, strings.Count(log.String(), "level=ERROR"), log)
			require.NotContains(t, log.String(), "saved in the file")
			whole(t, path, names[:24])
			left, err := filepath.Glob(path + ".saved-*")
			require.NoError(t, err)
			require.Empty(t, left)

			require.NoError(t, os.Remove(filepath.Join(disk, "filler")))
			require.ErrorContains(t, s.Probe(t.Context()), "start the bank again")
			require.Contains(t, log.String(), "is saved in the file")
			require.NoFileExists(t, path+"-open", "the next start misses no log")
			whole(t, path, names)
		})
	}
}

// TestARescueThatStopsHalfWayLeavesACopy: there is room for the copy, and for no more.
func TestARescueThatStopsHalfWayLeavesACopy(t *testing.T) {
	disk := smallDisk(t)
	if disk == "" {
		return
	}
	path, names, s, log := fullAndDeleted(t, disk)
	var left []string
	for step := 1; len(left) == 0; step++ { // a page of room more at a time
		info, err := os.Stat(filepath.Join(disk, "filler"))
		require.NoError(t, err)
		require.NoError(t, os.Truncate(filepath.Join(disk, "filler"), info.Size()-4096))
		require.Error(t, s.Probe(t.Context()))
		left, err = filepath.Glob(path + ".saved-*")
		require.NoError(t, err)
	}
	require.NotContains(t, log.String(), "saved in the file")
	require.Contains(t, log.String(), left[0])
	whole(t, left[0], names)
	require.ErrorContains(t, s.Close(), "is not saved")

	after := file(t) // what a start finds if the bank ends now
	for from, to := range map[string]string{path: after, left[0]: filepath.Join(filepath.Dir(after), filepath.Base(left[0]))} {
		found, err := os.ReadFile(from)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(to, found, 0o600))
	}
	_, err := sqlite.Open(t.Context(), sqlite.Config{Path: after})
	require.ErrorContains(t, err, "the file is damaged")
	require.ErrorContains(t, err, filepath.Base(left[0]))

	require.NoError(t, os.Remove(filepath.Join(disk, "filler")))
	require.ErrorContains(t, s.Close(), "start the bank again")
	whole(t, path, names)
	require.NoFileExists(t, left[0])
}

// fullAndDeleted opens a store with 24 clients in its file and 6 more in its log, fills the
// disk, and deletes the log. The store is not closed.
func fullAndDeleted(t *testing.T, disk string) (path string, names []string, s *sqlite.Store, log *strings.Builder) {
	t.Helper()
	path, log = filepath.Join(disk, "clients.db"), new(strings.Builder)
	for _, n := range []int{24, 30} {
		var err error
		s, err = sqlite.Open(t.Context(), sqlite.Config{Path: path, Logger: slog.New(slog.NewTextHandler(log, nil))})
		require.NoError(t, err)
		for len(names) < n {
			name := fmt.Sprintf("client-%d", len(names))
			require.NoError(t, s.Create(t.Context(), registration(name), requestOf(name)))
			names = append(names, name)
		}
		if n == 24 {
			require.NoError(t, s.Close())
		}
	}
	fill(t, filepath.Join(disk, "filler"))
	require.NoError(t, os.Remove(path+"-wal"))
	return path, names, s, log
}

// whole wants all names in a copy of the file: what a start after a kill would find.
func whole(t *testing.T, path string, names []string) {
	t.Helper()
	found, err := os.ReadFile(path)
	require.NoError(t, err)
	copied := file(t)
	require.NoError(t, os.WriteFile(copied, found, 0o600))
	faults, records := faultsAfter(t, copied, names)
	require.Empty(t, faults)
	require.Equal(t, len(names), records)
}
