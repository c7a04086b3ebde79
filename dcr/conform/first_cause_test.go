package conform_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/conform"
	"github.com/obdcr/obdcr/dcr/dcrtest"
	"github.com/obdcr/obdcr/internal/hangtest"
	"github.com/obdcr/obdcr/internal/junit"
)

// misaimed is a bank, and a run whose aud is another bank's. It counts the registrations.
func misaimed(t *testing.T) (conform.Config, *atomic.Int64) {
	t.Helper()
	posts := &atomic.Int64{}
	_, c := withHandler(t, func(bank http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if registers(r) {
				posts.Add(1)
			}
			bank.ServeHTTP(w, r)
		})
	})
	c.Request.Audience, c.Parallel = "0015800001041WRONG", 4
	return c, posts
}

// TestOneWrongSettingIsToldFirst: a refusal that the plain valid request gets too is no passed case, few requests are
// sent, and each form of the report begins with the cause.
func TestOneWrongSettingIsToldFirst(t *testing.T) {
	t.Parallel()
	c, posts := misaimed(t)
	report := run(t, c)
	require.NotNil(t, report.FirstCause)
	require.Equal(t, http.StatusBadRequest, report.FirstCause.Status)
	require.Contains(t, report.FirstCause.Description, "aud")
	require.True(t, strings.HasPrefix(report.FirstCause.Settings[0], "aud"), "%q", report.FirstCause.Settings)
	require.Equal(t, 1, report.Worst())
	assert.Less(t, posts.Load(), int64(220))
	for _, r := range report.Results {
		if r.ID == "register.valid" {
			require.Equal(t, conform.Failed, r.Verdict)
			continue
		}
		assert.NotEqual(t, conform.Failed, r.Verdict, "%s: %s", r.ID, r.Expected)
		if r.Verdict != conform.Passed {
			continue
		}
		for _, x := range r.Exchanges {
			if x.Verb == "register" && x.Received != nil {
				var said struct {
					Error string `json:"error"`
				}
				_ = json.Unmarshal([]byte(x.Received.Body), &said) // an answer without JSON is told apart too
				assert.False(t, x.Received.Status == report.FirstCause.Status && said.Error == report.FirstCause.Code, "%s passed by the same refusal", r.ID)
			}
		}
	}
	var b bytes.Buffer
	require.NoError(t, report.WriteText(&b, conform.TextOptions{}))
	head, _, _ := strings.Cut(b.String(), "\ndiscovery\n")
	require.Contains(t, head, "FIRST CAUSE")
	require.Less(t, strings.Count(b.String(), "\n"), 400)
	b.Reset()
	require.NoError(t, report.WriteHTML(&b))
	require.Less(t, strings.Index(b.String(), `id="cause"`), strings.Index(b.String(), "<h2>Summary"))
	b.Reset()
	require.NoError(t, report.WriteJUnit(&b))
	var suites struct {
		Suites []junit.Suite `xml:"testsuite"`
	}
	require.NoError(t, xml.Unmarshal(b.Bytes(), &suites))
	require.Equal(t, 1, suites.Suites[0].Failures)
	require.Contains(t, suites.Suites[0].Cases[0].Failure.Message, "aud")
	b.Reset()
	require.NoError(t, report.WriteJSON(&b))
	read, err := conform.ReadReport(&b)
	require.NoError(t, err)
	require.Equal(t, report.FirstCause, read.FirstCause)
}

// TestACauseIsFoundWhateverCasesAreChosen: also where the case of the plain valid request is none of them, and a run in
// which nothing else failed does not end well.
func TestACauseIsFoundWhateverCasesAreChosen(t *testing.T) {
	t.Parallel()
	c, posts := misaimed(t)
	c.Filter = []string{"get.own", "register.iss-empty"}
	report := run(t, c)
	require.NotNil(t, report.FirstCause)
	require.Equal(t, 2, report.Counts[conform.NotRun])
	require.Equal(t, 1, report.Worst())
	require.LessOrEqual(t, posts.Load(), int64(2))
	c.Filter = []string{"discovery.*"}
	posts.Store(0)
	require.Nil(t, run(t, c).FirstCause)
	require.Zero(t, posts.Load(), "cases without a client register none")
}

// TestABankThatBreaksDownGetsNoFurtherRequests: each might leave a client there.
func TestABankThatBreaksDownGetsNoFurtherRequests(t *testing.T) {
	t.Parallel()
	posts := &atomic.Int64{}
	c := instead(t, func(w http.ResponseWriter, _ *http.Request) {
		posts.Add(1)
		w.WriteHeader(http.StatusInternalServerError)
	})
	c.Filter = []string{"register.*", "get.*", "jose.*", "discovery.*"}
	c.CleanUp = time.Second
	report := run(t, c)
	require.Equal(t, http.StatusInternalServerError, report.FirstCause.Status)
	require.Equal(t, 1, report.Counts[conform.Failed])
	require.NotZero(t, report.Counts[conform.Passed], "the document is judged")
	require.Len(t, report.Left, 1)
	for _, r := range report.Results {
		require.True(t, r.ID == "register.valid" || r.Group == "discovery" || r.Verdict == conform.NotRun, r.ID)
	}
	require.Less(t, posts.Load(), int64(10), "the request itself, and again to learn what became of it")
}

// TestABankThatCannotAnswerNowIsNoFirstCause: maintenance is an error and no failure, and the bank is soon given up.
func TestABankThatCannotAnswerNowIsNoFirstCause(t *testing.T) {
	t.Parallel()
	posts := &atomic.Int64{}
	c := instead(t, func(w http.ResponseWriter, _ *http.Request) {
		posts.Add(1)
		w.Header().Set("Retry-After", "60")
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	c.Filter, c.CleanUp = []string{"register.*", "get.*", "jose.*"}, time.Second
	report := run(t, c)
	require.Nil(t, report.FirstCause)
	require.Equal(t, 3, report.Worst())
	require.Less(t, report.Counts[conform.Errored], 10)
	require.Less(t, posts.Load(), int64(30))
}

// TestAnInterruptedFirstRequestIsNoFirstCause: nobody waited for its answer.
func TestAnInterruptedFirstRequestIsNoFirstCause(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	c := instead(t, func(w http.ResponseWriter, r *http.Request) {
		interrupt()
		hangtest.Hang(w, r)
	})
	c.Filter, c.CleanUp = []string{"register.valid"}, 300*time.Millisecond
	report, err := conform.Run(ctx, c)
	require.NoError(t, err)
	require.Nil(t, report.FirstCause)
	require.Len(t, report.Left, 1)
}

// TestALongErrorCodeIsToldInShort: and without what is signed.
func TestALongErrorCodeIsToldInShort(t *testing.T) {
	t.Parallel()
	bad := func(w http.ResponseWriter, body []byte) {
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]string{"error": string(body) + strings.Repeat(" x", 100<<10)})
	}
	signatures := &signatures{all: map[string]bool{}}
	c := instead(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		signatures.hear(string(body))
		bad(w, body)
	})
	c.Filter = []string{"register.valid"}
	report := run(t, c)
	require.Less(t, len(report.FirstCause.Code), 100)
	for one := range signatures.all {
		require.NotContains(t, report.FirstCause.String(), one[:40])
	}
	_, c = withHandler(t, func(bank http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/token" {
				bad(w, nil)
				return
			}
			bank.ServeHTTP(w, r)
		})
	})
	c.Filter = []string{"register.valid"}
	report = run(t, c)
	require.Len(t, report.Left, 1)
	require.Less(t, len(report.Left[0].Reason), 200)
}

// TestABadCertificateIsTold: also where the caller has not read it.
func TestABadCertificateIsTold(t *testing.T) {
	t.Parallel()
	c := configOf(t, dcrtest.NewBank(t))
	c.Certificates = map[string]tls.Certificate{"expired": {Certificate: c.Second.Certificate.Certificate, PrivateKey: c.Second.Certificate.PrivateKey}}
	c.Filter = []string{"certificate.expired"}
	exchanges := run(t, c).Results[0].Exchanges
	require.NotEmpty(t, exchanges[len(exchanges)-1].Sent.Certificate)
	require.Nil(t, c.Certificates["expired"].Leaf, "the caller's own stays as it is")
	c.Certificates = map[string]tls.Certificate{"expired": {}}
	_, err := conform.Run(t.Context(), c)
	require.ErrorContains(t, err, "expired")
}
