//go:build !linux

package fulltest

// FilesInMemory does nothing here: there is no folder in memory.
func FilesInMemory() {}
