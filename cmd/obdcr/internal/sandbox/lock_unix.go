//go:build unix && !solaris && !aix

package sandbox

import (
	"errors"
	"fmt"
	"os"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/flock"
)

// lock reserves the folder for one sandbox, until the file is closed or the process ends.
// The system releases the lock also after a crash.
func (f folder) lock() (*os.File, error) {
	file, err := os.OpenFile(f.path(lockFile), os.O_RDWR|os.O_CREATE, private)
	if err != nil {
		return nil, failure("%w", err)
	}
	if err := flock.Try(file); err != nil {
		if errors.Is(err, flock.ErrHeld) {
			err = fmt.Errorf("another sandbox runs in %s: stop it, or give --dir another folder", string(f))
		}
		return nil, errors.Join(failure("%w", err), file.Close())
	}
	return file, nil
}

// forget removes a file that a sandbox has left that was killed. It lets the file of a
// sandbox that runs be.
func (f folder) forget(name string) error {
	if _, err := os.Stat(f.path(name)); err != nil {
		return nil // there is nothing to forget
	}
	lock, err := f.lock()
	if err != nil {
		return nil // another sandbox runs, or the folder is none of a sandbox
	}
	return errors.Join(f.remove(name), lock.Close())
}
