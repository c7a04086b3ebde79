package conform_test

import (
	"bytes"
	"context"
	"encoding/xml"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/conform"
	"github.com/obdcr/obdcr/dcr/dcrtest"
	"github.com/obdcr/obdcr/internal/hangtest"
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
	requireUnfinished(t, report)

	ended, end := context.WithCancel(t.Context())
	end()
	c.Limit = 0
	report, err := conform.Run(ended, c)
	require.NoError(t, err)
	require.Len(t, report.Results, report.Counts[conform.NotRun])
	require.True(t, report.Interrupted)
	require.False(t, report.OutOfTime)
}

// requireUnfinished: a pipeline sees by the exit code, and by each form of the report, that cases were left for want of time.
func requireUnfinished(t *testing.T, report *conform.Report) {
	t.Helper()
	require.True(t, report.OutOfTime)
	require.Equal(t, 3, report.Worst())
	for name, write := range map[string]func(io.Writer) error{"html": report.WriteHTML,
		"text": func(w io.Writer) error { return report.WriteText(w, conform.TextOptions{}) }} {
		var b strings.Builder
		require.NoError(t, write(&b), name)
		require.Contains(t, b.String(), "Unfinished", name)
	}
	var b bytes.Buffer
	require.NoError(t, report.WriteJUnit(&b))
	var suites struct {
		Suites []struct {
			Errors int `xml:"errors,attr"`
		} `xml:"testsuite"`
	}
	require.NoError(t, xml.Unmarshal(b.Bytes(), &suites))
	require.Equal(t, 1, suites.Suites[0].Errors)
	b.Reset()
	require.NoError(t, report.WriteJSON(&b))
	read, err := conform.ReadReport(&b)
	require.NoError(t, err)
	require.True(t, read.OutOfTime)
	require.NotEmpty(t, conform.Compare(sampleReport(), read).Notes)
	failed := *report
	failed.Counts = map[conform.Verdict]int{conform.Failed: 1}
	require.Equal(t, 1, failed.Worst(), "a case that failed counts more")
}

// TestARunThatIsOutOfTimeDeletesItsClients: the limit passes while a client is there.
func TestARunThatIsOutOfTimeDeletesItsClients(t *testing.T) {
	t.Parallel()
	var made, deleted atomic.Int32
	_, c := withHandler(t, func(bank http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			bank.ServeHTTP(w, r)
			switch r.Method {
			case http.MethodPost:
				if strings.HasSuffix(r.URL.Path, "/register") {
					made.Add(1)
					time.Sleep(time.Second)
				}
			case http.MethodDelete:
				deleted.Add(1)
			}
		})
	})
	c.Filter, c.Limit, c.Parallel = []string{"register.valid", "get.*"}, time.Second, 1
	report := run(t, c)
	require.True(t, report.OutOfTime)
	require.NotZero(t, report.Counts[conform.NotRun])
	require.Empty(t, report.Left)
	require.Equal(t, made.Load(), deleted.Load())
}

// TestCleaningUpIsBounded: the bank registers, and then gives no token by which the client could be deleted.
func TestCleaningUpIsBounded(t *testing.T) {
	t.Parallel()
	_, c := withHandler(t, func(bank http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/token" {
				hangtest.Hang(w, r)
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
