package dcr_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/dcrtest"
)

// serveTLS serves a handler over mutual TLS, and returns a client that has the
// software's certificate.
func serveTLS(t *testing.T, w *world, h http.Handler) (*httptest.Server, *http.Client) {
	t.Helper()
	cert, err := w.directory.ServerCertificate("127.0.0.1")
	require.NoError(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(w.directory.CA)
	s := httptest.NewUnstartedServer(h)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: pool}
	s.StartTLS()
	t.Cleanup(s.Close)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool,
		Certificates: []tls.Certificate{w.software.TransportCertificate}}}
	t.Cleanup(transport.CloseIdleConnections)
	return s, &http.Client{Transport: transport}
}

func TestTheHandlerAnswersAsTheSpecificationSays(t *testing.T) {
	bank := dcrtest.NewBank(t, dcrtest.WithoutTokens())
	tpp := bank.NewTPP(t)
	good := func() string {
		token, err := tpp.Request()
		require.NoError(t, err)
		return token
	}
	client, plain := tpp.HTTP(), bank.Directory().Client()
	t.Cleanup(plain.CloseIdleConnections)
	cases := []struct {
		name, method, path, media, body string
		client                          *http.Client
		status                          int
		code                            string
	}{
		{"a valid request", "POST", "/register", "application/jwt", good(), client, 201, ""},
		{"application/jose with a parameter", "POST", "/register", "application/jose; charset=utf-8", good(), client, 201, ""},
		{"a broken token", "POST", "/register", "application/jwt", "x", client, 400, "invalid_client_metadata"},
		{"JSON", "POST", "/register", "application/json", "{}", client, 415, ""},
		{"no media type", "POST", "/register", "", "x", client, 415, ""},
		{"too large", "POST", "/register", "application/jwt", strings.Repeat("x", 64<<10+1), client, 413, ""},
		{"no certificate", "POST", "/register", "application/jwt", good(), plain, 401, ""},
		{"another verb", "PATCH", "/register", "", "", client, 405, ""},
		{"another path", "POST", "/elsewhere", "application/jwt", "x", client, 404, ""},
		{"two slashes", "POST", "//register", "application/jwt", "x", client, 404, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			request, err := http.NewRequest(c.method, bank.URL()+c.path, strings.NewReader(c.body))
			require.NoError(t, err)
			if c.media != "" {
				request.Header.Set("Content-Type", c.media)
			}
			response, err := c.client.Do(request)
			require.NoError(t, err)
			body, err := io.ReadAll(response.Body)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			require.Equal(t, c.status, response.StatusCode, string(body))
			require.Equal(t, "no-store", response.Header.Get("Cache-Control"))
			require.Equal(t, "nosniff", response.Header.Get("X-Content-Type-Options"))
			switch {
			case c.status == 405:
				require.Equal(t, "POST", response.Header.Get("Allow"))
			case c.status == 401:
				require.Contains(t, response.Header.Get("WWW-Authenticate"), "MutualTLS")
			case c.code != "":
				var members map[string]string
				require.NoError(t, json.Unmarshal(body, &members))
				require.Len(t, members, 2, "error and error_description alone")
				require.Equal(t, c.code, members["error"])
			}
		})
	}
}

func TestAHandlerRefusesWhatIsMissing(t *testing.T) {
	_, r := newWorld(t, nil)
	for _, c := range []dcr.HandlerConfig{
		{}, {Registrar: r, Path: "/register"}, {Registrar: r, Certificate: cert.FromTLS, Path: "register"},
		{Registrar: r, Certificate: cert.FromTLS, Path: "/r/{x}"}, {Registrar: r, Certificate: cert.FromTLS, Path: "/r/"},
	} {
		_, err := dcr.NewHandler(c)
		require.Error(t, err)
	}
}
