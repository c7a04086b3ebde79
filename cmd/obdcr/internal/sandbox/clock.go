package sandbox

import (
	"net/http"
	"sync/atomic"
	"time"
)

// The times within which certificates of a Seed or a StartAt are valid, and what StartAt may
// be: the sandbox has a day at either end.
var (
	wideFrom   = time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)
	wideTo     = time.Date(2099, 12, 31, 23, 59, 59, 0, time.UTC)
	firstStart = wideFrom.Add(24 * time.Hour)
	lastStart  = wideTo.Add(-24 * time.Hour)
)

// CheckStart refuses a time at which no clock of a sandbox can start. The error is a
// *UsageError.
func CheckStart(at time.Time) error {
	if !at.Before(firstStart) && !at.After(lastStart) {
		return nil
	}
	return usage("--clock %s: the clock starts from %s to %s, because certificates are valid from 1970 to 2099",
		at.Format(time.RFC3339), firstStart.Format(time.RFC3339), lastStart.Format(time.RFC3339))
}

// wide says that certificates are valid from 1970 to 2099.
func (c *Config) wide() bool { return c.Seed != "" || c.held != nil }

// heldClock stands at a time until it is released, and runs on from there. What is made at a
// start has that very time, however long the start takes.
type heldClock struct {
	at    time.Time
	real  func() time.Time
	since atomic.Pointer[time.Time] // the real time of the release; nil: it stands
}

func (h *heldClock) now() time.Time {
	since := h.since.Load()
	if since == nil {
		return h.at
	}
	return h.at.Add(h.real().Sub(*since))
}

func (h *heldClock) release() {
	now := h.real()
	h.since.Store(&now)
}

// dated has answers tell the time of the sandbox's clock, which a client may go by.
func dated(next http.Handler, clock func() time.Time) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", clock().UTC().Format(http.TimeFormat))
		next.ServeHTTP(w, r)
	})
}
