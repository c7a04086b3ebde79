package main

import "os"

// wantsColor reports whether a result on f may be coloured: only on a terminal, and never
// if NO_COLOR is set (no-color.org).
func wantsColor(f *os.File) bool {
	if os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return false
	}
	return isTerminal(f)
}

// isTerminal reports whether f is a terminal, and not a file or a pipe.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// showsProgress reports whether a picture on f may be drawn over: f is a terminal that
// knows the carriage return.
func showsProgress(f *os.File) bool { return os.Getenv("TERM") != "dumb" && isTerminal(f) }
