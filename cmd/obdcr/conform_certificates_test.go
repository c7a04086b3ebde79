package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/input"
	"github.com/obdcr/obdcr/dcr/conform"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// TestADirectoryThatIssuesNoBadCertificatesLeavesTheirCasesOut: it is told, and the run goes on; an answer that is none
// ends it before it begins. Certificates that no chosen case needs are not asked for.
func TestADirectoryThatIssuesNoBadCertificatesLeavesTheirCasesOut(t *testing.T) {
	t.Parallel()
	_, software := newSoftwareOf(t, ssatest.Options{})
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
			said, config := new(bytes.Buffer), &conform.Config{Certificates: map[string]tls.Certificate{},
				Software: conform.Registrant{Certificate: software.TransportCertificate}}
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

// TestADirectoryThatIssuesSomeKindsIsAskedForAll: the kinds that it refuses are told, and the others are taken.
func TestADirectoryThatIssuesSomeKindsIsAskedForAll(t *testing.T) {
	t.Parallel()
	_, software := newSoftwareOf(t, ssatest.Options{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if kind := r.URL.Query().Get("kind"); kind == conform.CertificateExpired || kind == conform.CertificateServerOnly {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		good := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: software.TransportCertificate.Certificate[0]})
		_ = json.NewEncoder(w).Encode(map[string]string{"certificate": string(good)})
	}))
	t.Cleanup(server.Close)
	cases, err := conform.Select("certificate")
	require.NoError(t, err)
	said, config := new(bytes.Buffer), &conform.Config{Certificates: map[string]tls.Certificate{},
		Software: conform.Registrant{Certificate: software.TransportCertificate}}
	require.NoError(t, (&app{err: said}).useCertificates(t.Context(), &testDirectory{address: server.URL, http: server.Client()}, config, cases))
	require.ElementsMatch(t, []string{conform.CertificateNotYet, conform.CertificateUnpublished}, slices.Collect(maps.Keys(config.Certificates)))
	require.Contains(t, said.String(), "expired, server-only")
}

// TestBadCertificatesComeFromFilesToo: of the software's own key, or with a key of their own; what is no such certificate
// is wrong usage, and nothing is sent.
func TestBadCertificatesComeFromFilesToo(t *testing.T) {
	t.Parallel()
	directory, software := newSoftwareOf(t, ssatest.Options{})
	dir := t.TempDir()
	write := func(name string, c tls.Certificate, withKey bool) string {
		certificate, key, err := ssatest.PEM(c)
		require.NoError(t, err)
		if withKey {
			certificate = append(certificate, key...)
		}
		file := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(file, certificate, 0o600))
		return file
	}
	expired, err := software.CertificateWith(ssatest.CertificateForgery{NotAfter: time.Now().Add(-time.Hour)})
	require.NoError(t, err)
	later, err := software.CertificateWith(ssatest.CertificateForgery{NotBefore: time.Now().Add(time.Hour)})
	require.NoError(t, err)
	servers, err := software.CertificateWith(ssatest.CertificateForgery{Usage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	require.NoError(t, err)
	stranger, err := software.CertificateWith(ssatest.CertificateForgery{Key: directory.ForgedKey()})
	require.NoError(t, err)
	bare, own, other := write("expired.pem", expired, false), write("own.pem", later, true), write("unpublished.pem", stranger, true)
	keyless, serving, good := write("keyless.pem", stranger, false), write("server.pem", servers, false), write("good.pem", software.TransportCertificate, false)

	reading := &app{files: &input.Reader{Warn: func(string) {}}}
	all, err := reading.badCertificates([]string{"expired=" + bare, "not-yet=" + own, "unpublished=" + other, "server-only=" + serving}, software.TransportCertificate, time.Now())
	require.NoError(t, err)
	require.Equal(t, expired.Certificate, all["expired"].Certificate)
	require.Equal(t, software.TransportCertificate.PrivateKey, all["expired"].PrivateKey)
	require.Equal(t, stranger.Certificate, all["unpublished"].Certificate)
	require.Len(t, all, 4)
	for _, wrong := range [][]string{{"expired"}, {"expired="}, {"good=" + bare}, {"=" + bare}, {"expired=" + bare, "expired=" + bare}, {"unpublished=" + keyless},
		{"expired=" + good}, {"not-yet=" + good}, {"server-only=" + good}, {"unpublished=" + good},
		{"expired=" + filepath.Join(dir, "none.pem")}, {"expired=conform_certificates_test.go"}} {
		_, err := reading.badCertificates(wrong, software.TransportCertificate, time.Now())
		var exit *exitError
		require.ErrorAs(t, err, &exit, "%v", wrong)
		require.Contains(t, []int{exitUsage, exitIO}, exit.code, "%v", wrong)
	}
}
