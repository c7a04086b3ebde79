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

// filesInMemory makes the folders of tests (T.TempDir) lie in memory, where a file need not
// wait for a disk: most of the time of a test that writes many small files is that.
// Where there is not enough memory they stay on the disk.
func filesInMemory() {
	var s syscall.Statfs_t
	if os.Getenv("TMPDIR") != "" || syscall.Statfs(memory, &s) != nil || s.Bavail*uint64(s.Bsize) < enough { //nolint:gosec // it is not negative
		return
	}
	_ = os.Setenv("TMPDIR", memory) // a fault leaves the folders on the disk
}
