// Package alloctest measures what a function allocates, for tests of the bound on
// what a document of a given length may cost.
package alloctest

import "runtime"

// Bytes returns how many bytes f allocates: the least of up to five runs, since other
// goroutines may allocate during a run, and nothing makes f allocate less than it needs.
// It stops at the first run that keeps within the bound.
func Bytes(bound uint64, f func()) uint64 {
	least := ^uint64(0)
	for range 5 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f()
		runtime.ReadMemStats(&after)
		least = min(least, after.TotalAlloc-before.TotalAlloc)
		if least <= bound {
			break
		}
	}
	return least
}
