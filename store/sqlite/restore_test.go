package sqlite_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/store/sqlite"
)

// killed makes a file of 40 clients, and 10 more that are in its log alone, as a process
// leaves it that is killed. It returns the path and the names.
func killed(t *testing.T) (path string, names []string) {
	t.Helper()
	alive := file(t)
	s, err := sqlite.Open(t.Context(), sqlite.Config{Path: alive})
	require.NoError(t, err)
	register := func(from, to int) {
		for i := from; i < to; i++ {
			names = append(names, fmt.Sprintf("client-%d", i))
			require.NoError(t, s.Create(t.Context(), registration(names[i]), requestOf(names[i])))
		}
	}
	register(0, 40)
	require.NoError(t, s.Close())
	main, err := os.ReadFile(alive)
	require.NoError(t, err)
	s, err = sqlite.Open(t.Context(), sqlite.Config{Path: alive})
	require.NoError(t, err)
	register(40, 50)
	log, err := os.ReadFile(alive + "-wal")
	require.NoError(t, err)
	require.NoError(t, s.Close())
	path = file(t)
	require.NoError(t, os.WriteFile(path, main, 0o600))
	require.NoError(t, os.WriteFile(path+"-wal", log, 0o600))
	return path, names
}

// content is the file with its log.
func content(t *testing.T, path string) (both [2]string) {
	t.Helper()
	for i, name := range []string{path, path + "-wal"} {
		part, err := os.ReadFile(name)
		require.NoError(t, err)
		both[i] = string(part)
	}
	return both
}

// TestARefusedStartLeavesTheFileAsItIs, and its log: what can be saved of either is still
// there.
func TestARefusedStartLeavesTheFileAsItIs(t *testing.T) {
	path, _ := killed(t)
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	info, err := file.Stat()
	require.NoError(t, err)
	_, err = file.WriteAt(make([]byte, 3*4096), info.Size()/2/4096*4096)
	require.NoError(t, err)
	require.NoError(t, file.Close())
	before := content(t, path)
	for range 2 {
		_, err = sqlite.Open(t.Context(), sqlite.Config{Path: path})
		require.ErrorContains(t, err, "is left as it is")
		require.ErrorContains(t, err, path)
		require.Equal(t, before, content(t, path))
	}
}

// TestABackupIsPutInPlaceWithoutTheOldLog: the documented way, after a kill. With the old
// log beside it the backup does not open, but is not destroyed either.
func TestABackupIsPutInPlaceWithoutTheOldLog(t *testing.T) {
	path, names := killed(t)
	s, err := sqlite.Open(t.Context(), sqlite.Config{Path: path})
	require.NoError(t, err)
	backup := filepath.Join(t.TempDir(), "backup.db")
	command(t, path, "VACUUM INTO '"+backup+"'")
	require.NoError(t, s.Close())
	faults, records := faultsAfter(t, path, names)
	require.Empty(t, faults)
	require.Equal(t, len(names), records)

	path, _ = killed(t)
	saved, err := os.ReadFile(backup)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, saved, 0o600))
	_, err = sqlite.Open(t.Context(), sqlite.Config{Path: path})
	require.ErrorContains(t, err, "move the file, -wal, -shm and -open away first")
	require.Equal(t, string(saved), content(t, path)[0], "the refused start has not changed the backup")
	for _, end := range []string{"-wal", "-shm"} {
		require.NoError(t, os.Remove(path+end))
	}
	faults, records = faultsAfter(t, path, names)
	require.Empty(t, faults)
	require.Equal(t, len(names), records)
}
