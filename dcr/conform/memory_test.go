package conform_test

import (
	"io"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/conform"
)

// TestARunKeepsNoMoreOfAnswersThanItsReportHas: each answer has 1 MB, and each registration may have been made. It runs beside
// no other test, since it counts the memory of all.
func TestARunKeepsNoMoreOfAnswersThanItsReportHas(t *testing.T) {
	long := strings.Repeat("ab c", 1<<18-20)
	var count atomic.Int64
	for name, answer := range map[string]func() string{
		"no JSON":      func() string { return strings.Repeat("[", 1<<20) },
		"long secrets": func() string { return `{"client_secret":"` + strconv.FormatInt(count.Add(1), 36) + long + `"}` },
	} {
		var posts atomic.Int32
		_, c := answering(t, func(w http.ResponseWriter, r *http.Request) bool {
			if !registers(r) || posts.Add(1) == 1 { // the plain valid request is taken, else the run ends there
				return false
			}
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, answer())
			return true
		})
		c.Filter, c.CleanUp = []string{"register"}, time.Millisecond
		before := reachable()
		kept := int64(0)
		c.Progress = func(p conform.Progress) {
			if p.CleaningUp > 0 && kept == 0 {
				kept = reachable() - before
			}
		}
		report := run(t, c)
		require.Greater(t, len(report.Left), 30, name)
		require.Less(t, kept, int64(10<<20), name)
	}
}

// reachable is how much memory is in use, in bytes.
func reachable() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
