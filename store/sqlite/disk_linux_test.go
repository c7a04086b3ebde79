package sqlite_test

import (
	"errors"
	"os"
	"path/filepath"
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
	disk := t.TempDir()
	err := syscall.Mount("obdcr-test", disk, "tmpfs", 0, "size=1m")
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) {
		realtest.Missing(t, "root may mount a disk that is full or read-only")
		return
	}
	require.NoError(t, err)
	defer func() { require.NoError(t, syscall.Unmount(disk, syscall.MNT_DETACH)) }()
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
