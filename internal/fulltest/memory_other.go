//go:build !linux

package fulltest

// filesInMemory does nothing here: there is no folder in memory.
func filesInMemory() {}
