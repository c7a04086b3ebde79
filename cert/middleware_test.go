package cert_test

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/ssa"
)

func TestMiddlewareNeedsAllItsParts(t *testing.T) {
	p := newPKI(t)
	whole := cert.MiddlewareConfig{
		Source: cert.FromTLS, Checker: p.checker(t, &keySource{}),
		Application: func(*http.Request) (claims.Application, claims.Environment, error) {
			return claims.Application{}, "", nil
		},
	}
	_, err := cert.Middleware(whole)
	require.NoError(t, err)
	for name, change := range map[string]func(*cert.MiddlewareConfig){
		"source":      func(c *cert.MiddlewareConfig) { c.Source = nil },
		"checker":     func(c *cert.MiddlewareConfig) { c.Checker = nil },
		"application": func(c *cert.MiddlewareConfig) { c.Application = nil },
		"keys": func(c *cert.MiddlewareConfig) {
			c.Checker = p.checker(t, nil, func(c *cert.CheckerConfig) { c.Keys = nil })
		},
	} {
		config := whole
		change(&config)
		_, err := cert.Middleware(config)
		require.Error(t, err, name)
	}
}

func TestATokenEndpointBehindTheMiddleware(t *testing.T) {
	p := newPKI(t)
	leaf, other, revoked := p.issuing.transport(t), p.issuing.transport(t), p.issuing.transport(t)
	set := map[string][]ssa.Key{keysAt: {keyOf("a", leaf), keyOf("b", revoked)}}
	whole := application("software_jwks_endpoint_sandbox", keysAt)
	outage := &ssa.KeySourceError{Host: "keystore.example", RetryAfter: 7 * time.Second, Cause: errors.New("secret detail")}
	for _, c := range []struct {
		name   string
		leaf   *x509.Certificate
		source error // of the certificate
		app    claims.Application
		find   error // of the application
		outage error
		lists  *cert.CRLs
		status int
		retry  string
		kind   error
	}{
		{name: "the software's certificate", leaf: leaf, app: whole, status: 200},
		{name: "no certificate", app: whole, status: 401, kind: cert.ErrNoCertificate},
		{name: "a source that refuses", leaf: leaf, source: errors.New("peer not listed"), app: whole, status: 401, kind: cert.ErrNoCertificate},
		{name: "another software's certificate", leaf: other, app: whole, status: 401, kind: cert.ErrNotOwned},
		{name: "the other environment's certificate", leaf: p.otherIssuing.transport(t), app: whole, status: 401, kind: cert.ErrUntrusted},
		{name: "an application without a key set", leaf: leaf, app: application(), status: 401, kind: cert.ErrNoKeySet},
		{name: "an unknown client", leaf: leaf, find: cert.ErrUnknownClient, status: 401, kind: cert.ErrUnknownClient},
		{name: "a revoked certificate", leaf: revoked, app: whole, lists: p.lists(t, revoked), status: 401, kind: cert.ErrRevoked},
		{name: "no list to tell", leaf: leaf, app: whole, lists: new(cert.CRLs), status: 503, retry: "60", kind: cert.ErrRevocationUnknown},
		{name: "a key set that is down", leaf: leaf, app: whole, outage: outage, status: 503, retry: "7", kind: ssa.ErrKeySourceUnavailable},
		{name: "a store that is down", leaf: leaf, find: errors.New("connection refused"), status: 503, retry: "10"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var heard error
			wrap, err := cert.Middleware(cert.MiddlewareConfig{
				Source: func(*http.Request) (*x509.Certificate, error) { return c.leaf, c.source },
				Checker: p.checker(t, &keySource{sets: set, err: c.outage}, func(config *cert.CheckerConfig) {
					if c.lists != nil {
						config.Revocation = c.lists
					}
				}),
				Application: func(r *http.Request) (claims.Application, claims.Environment, error) {
					require.NotNil(t, c.leaf, "nobody without a certificate has a client looked up")
					require.Equal(t, "me", r.FormValue("client_id"))
					return c.app, claims.Sandbox, c.find
				},
				Refused: func(_ *http.Request, err error) { heard = err },
			})
			require.NoError(t, err)
			served := false
			token := wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				served = true
				report, ok := cert.ReportFrom(r.Context())
				require.True(t, ok)
				require.Equal(t, cert.ByPublicKey, report.Binding)
				require.Equal(t, "me", r.FormValue("client_id"), "the body is still there")
			}))
			r := httptest.NewRequest("POST", "/token", strings.NewReader("client_id=me"))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			w := httptest.NewRecorder()
			token.ServeHTTP(w, r)
			require.Equal(t, c.status, w.Code)
			require.Equal(t, c.status == 200, served)
			require.Equal(t, c.retry, w.Header().Get("Retry-After"))
			if c.status == 200 {
				require.NoError(t, heard)
				return
			}
			if c.kind != nil {
				require.ErrorIs(t, heard, c.kind)
			}
			require.Error(t, heard)
			require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
			require.Equal(t, "application/json", w.Header().Get("Content-Type"))
			var body map[string]string
			require.NoError(t, json.Unmarshal(w.Body.Bytes(), &body))
			require.Equal(t, map[int]string{401: "invalid_client", 503: "temporarily_unavailable"}[c.status], body["error"])
			require.NotContains(t, body["error_description"], "secret")
			require.Regexp(t, `^[ !#-\[\]-~]+$`, body["error_description"], "RFC 6749 section 5.2")
		})
	}
}

func TestAnUnknownClientLooksLikeAnothersClient(t *testing.T) {
	p := newPKI(t)
	answer := func(app claims.Application, find error) string {
		wrap, err := cert.Middleware(cert.MiddlewareConfig{
			Source:      func(*http.Request) (*x509.Certificate, error) { return p.issuing.transport(t), nil },
			Checker:     p.checker(t, &keySource{}),
			Application: func(*http.Request) (claims.Application, claims.Environment, error) { return app, claims.Sandbox, find },
		})
		require.NoError(t, err)
		r := httptest.NewRequest("POST", "/token", nil)
		r.SetBasicAuth("me", "guess")
		w := httptest.NewRecorder()
		wrap(http.NotFoundHandler()).ServeHTTP(w, r)
		require.Equal(t, `Basic realm="token"`, w.Header().Get("WWW-Authenticate"))
		return w.Result().Status + w.Body.String()
	}
	anothers := answer(application("software_jwks_endpoint_sandbox", keysAt), nil)
	require.Equal(t, anothers, answer(claims.Application{}, cert.ErrUnknownClient))
	require.Equal(t, anothers, answer(claims.Application{}, nil))
}

func TestNoReportWithoutTheMiddleware(t *testing.T) {
	_, ok := cert.ReportFrom(t.Context())
	require.False(t, ok)
}
