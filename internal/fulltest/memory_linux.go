package fulltest

import (
	"os"
	"syscall"
)

// memory is where Linux keeps files in memory, and enough of it.
const (
	memory = "/dev/shm"
	enough = 2 << 30 // bytes
)

// FilesInMemory makes the folders of tests (T.TempDir) lie in memory, where a file need not
// wait for a disk: most of the time of a test that writes many small files is that. A full run
// writes to the disk, and so does each where there is not enough memory for it. Call it in
// TestMain.
func FilesInMemory() {
	var s syscall.Statfs_t
	if Asked() || os.Getenv("TMPDIR") != "" || syscall.Statfs(memory, &s) != nil || s.Bavail*uint64(s.Bsize) < enough { //nolint:gosec // it is not negative
		return
	}
	_ = os.Setenv("TMPDIR", memory) // a fault leaves the folders on the disk
}
