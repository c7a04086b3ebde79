//go:build !unix

package bench

import "time"

var began = time.Now()

// processorTime is the time that has passed, for want of a better guess: only on Unix is
// the system asked for the processor time.
func processorTime() time.Duration { return time.Since(began) }
