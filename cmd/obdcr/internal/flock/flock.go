// Package flock locks files for one process at a time. Call [Try].
package flock

import (
	"errors"
)

// ErrHeld means that another process, or another handle of this one, has the lock.
var ErrHeld = errors.New("flock: another process has the lock")
