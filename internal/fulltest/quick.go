package fulltest

import (
	"flag"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
)

const (
	sideBySide = 4   // parallel tests for each processor
	fewer      = 400 // GOGC, in percent
)

// Quick makes an ordinary run of a package's tests quick: files lie in memory, parallel tests,
// which mostly wait, run four for each processor, and the garbage collector runs less often,
// since the heap of a test is small and would be collected for each 4 MB. The variables TMPDIR
// and GOGC, and the flag -parallel, take precedence. Quick changes nothing in a full run. Call
// it in TestMain, before the flags are parsed.
func Quick() {
	if Asked() {
		return
	}
	filesInMemory()
	_ = flag.Set("test.parallel", strconv.Itoa(sideBySide*runtime.GOMAXPROCS(0))) // a fault leaves one for each
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(fewer)
	}
}
