package conform_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/conform"
	"github.com/obdcr/obdcr/dcr/dcrtest"
)

// TestARunThatIsOutOfTimeOrInterruptedSaysSo: each case that is left is not run, with the reason.
func TestARunThatIsOutOfTimeOrInterruptedSaysSo(t *testing.T) {
	t.Parallel()
	c := configOf(t, dcrtest.NewBank(t))
	c.Filter, c.Limit = []string{"register"}, time.Nanosecond
	report := run(t, c)
	require.Len(t, report.Results, report.Counts[conform.NotRun])
	require.Contains(t, report.Results[0].Reason, "1ns")
	require.False(t, report.Interrupted)

	ended, end := context.WithCancel(t.Context())
	end()
	c.Limit = 0
	report, err := conform.Run(ended, c)
	require.NoError(t, err)
	require.Len(t, report.Results, report.Counts[conform.NotRun])
	require.True(t, report.Interrupted)
}

// TestCleaningUpIsBounded: the bank registers, and then gives no token by which the client could be deleted.
func TestCleaningUpIsBounded(t *testing.T) {
	t.Parallel()
	_, c := withHandler(t, func(bank http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/token" {
				<-r.Context().Done()
				return
			}
			bank.ServeHTTP(w, r)
		})
	})
	c.Filter, c.CleanUp = []string{"register.valid"}, 300*time.Millisecond
	begun := time.Now()
	report := run(t, c)
	require.Less(t, time.Since(begun), time.Minute)
	require.Len(t, report.Left, 1)
	require.NotEmpty(t, report.Left[0].ClientID)
	require.NotEmpty(t, report.Left[0].Reason)
}

// TestARunNeedsWhatItSays: a configuration that lacks something is an error, and nothing is sent.
func TestARunNeedsWhatItSays(t *testing.T) {
	t.Parallel()
	good := configOf(t, dcrtest.NewBank(t))
	for name, spoil := range map[string]func(*conform.Config){
		"metadata":    func(c *conform.Config) { c.Metadata = nil },
		"statement":   func(c *conform.Config) { c.Software.Statement = "" },
		"signer":      func(c *conform.Config) { c.Software.Signer = nil },
		"certificate": func(c *conform.Config) { c.Software.Certificate.Certificate = nil },
		"second":      func(c *conform.Config) { c.Second = &conform.Registrant{} },
		"times":       func(c *conform.Config) { c.Timeout = -1 },
		"filter":      func(c *conform.Config) { c.Filter = []string{"nothing.at-all"} },
	} {
		c := good
		spoil(&c)
		_, err := conform.Run(t.Context(), c)
		require.Error(t, err, name)
	}
}
