//go:build !unix || solaris || aix

package sandbox

import (
	"os"
)

// lock opens the lock file, but locks nothing: this system has no locks that end with the
// process. It does not notice a second sandbox in the same folder.
func (f folder) lock() (*os.File, error) {
	file, err := os.OpenFile(f.path(lockFile), os.O_RDWR|os.O_CREATE, private)
	if err != nil {
		return nil, failure("%w", err)
	}
	return file, nil
}

// forget does nothing: without a lock it cannot tell a sandbox that runs from one that was
// killed.
func (f folder) forget(string) error { return nil }
