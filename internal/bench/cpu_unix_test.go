//go:build unix

package bench

import (
	"syscall"
	"time"
)

// processorTime is what the process has used so far, in all of its threads.
func processorTime() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		panic(err) // nothing but a wrong argument fails
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
