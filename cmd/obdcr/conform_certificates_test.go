package main

import (
	"bytes"
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/conform"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// TestADirectoryThatIssuesNoBadCertificatesLeavesTheirCasesOut: it is told, and the run goes on; an answer that is none
// ends it before it begins. Certificates that no chosen case needs are not asked for.
func TestADirectoryThatIssuesNoBadCertificatesLeavesTheirCasesOut(t *testing.T) {
	t.Parallel()
	directory, err := ssatest.New(ssatest.Options{})
	require.NoError(t, err)
	t.Cleanup(directory.Close)
	software, err := directory.NewSoftware(ssatest.SoftwareOptions{})
	require.NoError(t, err)
	for name, c := range map[string]struct {
		filter, answer string
		status         int
		warns          bool
		code           int
	}{
		"no such path":             {filter: "certificate", status: http.StatusNotFound, answer: "there is nothing here", warns: true},
		"another CA's certificate": {filter: "certificate.expired", status: http.StatusBadRequest, answer: "which this sandbox has issued", warns: true},
		"no case needs one":        {filter: "certificate.own", status: http.StatusTeapot},
		"no JSON":                  {filter: "certificate.expired", status: http.StatusCreated, answer: "<p>", code: exitIO},
		"no certificate":           {filter: "certificate.expired", status: http.StatusCreated, answer: `{"certificate": "x"}`, code: exitIO},
		"no key":                   {filter: "certificate.unpublished", status: http.StatusCreated, answer: `{"certificate": "x", "key": "y"}`, code: exitIO},
		"too long":                 {filter: "certificate.expired", status: http.StatusCreated, answer: string(bytes.Repeat([]byte(" "), maxMinted+1)), code: exitIO},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.answer)
			}))
			t.Cleanup(server.Close)
			cases, err := conform.Select(c.filter)
			require.NoError(t, err)
			said, config := new(bytes.Buffer), &conform.Config{Software: conform.Registrant{Certificate: software.TransportCertificate}}
			d := &testDirectory{address: server.URL, http: server.Client()}
			err = (&app{err: said}).useCertificates(t.Context(), d, config, cases)
			require.Equal(t, map[string]tls.Certificate{}, config.Certificates)
			require.Equal(t, c.warns, bytes.Contains(said.Bytes(), []byte("--test-directory")), said)
			if c.code == exitFine {
				require.NoError(t, err)
				return
			}
			var exit *exitError
			require.ErrorAs(t, err, &exit)
			require.Equal(t, c.code, exit.code)
		})
	}
}
