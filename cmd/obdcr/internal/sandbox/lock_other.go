//go:build !unix || solaris || aix

package sandbox

import (
	"os"
)

// lock opens the file that tells one sandbox from another, where the system has no
// locks that end with the process: two in one folder are not told apart there.
func (f folder) lock() (*os.File, error) {
	file, err := os.OpenFile(f.path(lockFile), os.O_RDWR|os.O_CREATE, private)
	if err != nil {
		return nil, failure("%w", err)
	}
	return file, nil
}
