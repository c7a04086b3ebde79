package sandbox

import (
	"net/http"
	"slices"
	"time"

	"github.com/obdcr/obdcr/internal/text"
)

// The shares of the answers that chaos refuses and delays, and the bounds of the delay.
const (
	chaosRefused  = 0.03
	chaosDelayed  = 0.03
	chaosMinDelay = 200 * time.Millisecond
	chaosMaxDelay = 3 * time.Second
)

// chaos refuses and delays a few percent of all answers. It spares the paths by which a
// supervisor judges the process: it would restart the sandbox. random returns numbers
// within [0, 1).
func chaos(next http.Handler, random func() float64) http.Handler {
	spared := []string{healthPath, readyPath, "/metrics"}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if slices.Contains(spared, r.URL.Path) {
			next.ServeHTTP(w, r)
			return
		}
		switch n := random(); {
		case n < chaosRefused:
			text.RetryAfter(w.Header(), time.Second)
			complain(w, http.StatusServiceUnavailable, "refused by --chaos")
			return
		case n < chaosRefused+chaosDelayed:
			spread := float64(chaosMaxDelay - chaosMinDelay)
			wait(w, r, chaosMinDelay+time.Duration(random()*spread))
		}
		next.ServeHTTP(w, r)
	})
}
