package tpp_test

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/tpp"
)

// TestAServerWithoutASuiteOfFAPIIsRefusedWithItsReason: the client agrees on TLS 1.2 with the
// suites of FAPI 1.0 Part 2 section 8.5 alone.
func TestAServerWithoutASuiteOfFAPIIsRefusedWithItsReason(t *testing.T) {
	w := newWorld(t)
	certificate, err := w.directory.ServerCertificate("127.0.0.1")
	require.NoError(t, err)
	for suite, taken := range map[uint16]bool{
		tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: true, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: true,
		tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA: false, tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA: false,
		tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: false,
	} {
		t.Run(tls.CipherSuiteName(suite), func(t *testing.T) {
			bank := httptest.NewUnstartedServer(http.NotFoundHandler())
			bank.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{suite}}
			bank.Config.ErrorLog = quiet
			bank.StartTLS()
			defer bank.Close()
			_, err := tpp.Discover(context.Background(), bank.URL, tpp.MutualTLS(w.software.TransportCertificate, w.roots()))
			var lost *tpp.NoAnswerError
			if taken {
				require.NotErrorAs(t, err, &lost, "it answers 404")
				return
			}
			require.ErrorAs(t, err, &lost)
			require.False(t, lost.Sent)
			require.Contains(t, lost.Reason, "no suite of TLS 1.2 that FAPI admits")
		})
	}
}
