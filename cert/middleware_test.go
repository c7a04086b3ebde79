package cert_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
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
		Client: func(*http.Request) (cert.Software, error) { return cert.Software{}, nil },
	}
	_, err := cert.Middleware(whole)
	require.NoError(t, err)
	for name, change := range map[string]func(*cert.MiddlewareConfig){
		"source":  func(c *cert.MiddlewareConfig) { c.Source = nil },
		"checker": func(c *cert.MiddlewareConfig) { c.Checker = nil },
		"client":  func(c *cert.MiddlewareConfig) { c.Client = nil },
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
	moved := fmt.Errorf("%w: %w", cert.ErrNoKeySet, &ssa.Error{Kind: ssa.ErrJWKSHost, Detail: "secret detail"})
	_, none := p.checker(t, &keySource{}).Software(cert.Registered{Application: whole, Environment: "test"})
	for _, c := range []visit{
		{name: "the software's certificate", leaf: leaf, app: whole, status: 200},
		{name: "no certificate", app: whole, status: 401, kind: cert.ErrNoCertificate},
		{name: "a source that refuses", leaf: leaf, source: errors.New("peer not listed"), app: whole, status: 401, kind: cert.ErrNoCertificate},
		{name: "another software's certificate", leaf: other, app: whole, status: 401, kind: cert.ErrNotOwned},
		{name: "the other environment's certificate", leaf: p.otherIssuing.transport(t), app: whole, status: 401, kind: cert.ErrUntrusted},
		{name: "an application without a key set", leaf: leaf, app: application(), status: 401, kind: cert.ErrNoKeySet},
		{name: "an application of no environment", leaf: leaf, find: none, status: 503, retry: "10"},
		{name: "an unknown client", leaf: leaf, find: cert.ErrUnknownClient, status: 401, kind: cert.ErrUnknownClient},
		{name: "a client whose keys the directory has moved", leaf: leaf, find: moved, status: 401, kind: cert.ErrNoKeySet},
		{name: "a revoked certificate", leaf: revoked, app: whole, lists: p.lists(t, revoked), status: 401, kind: cert.ErrRevoked},
		{name: "no list to tell", leaf: leaf, app: whole, lists: new(cert.CRLs), status: 503, retry: "60", kind: cert.ErrRevocationUnknown},
		{name: "a key set that is down", leaf: leaf, app: whole, outage: outage, status: 503, retry: "7", kind: ssa.ErrKeySourceUnavailable},
		{name: "a store that is down", leaf: leaf, find: errors.New("connection refused"), status: 503, retry: "10"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, served, heard := c.pay(t, p, &keySource{sets: set, err: c.outage})
			require.Equal(t, c.status, w.Code)
			require.Equal(t, c.status == 200, served)
			require.Equal(t, c.retry, w.Header().Get("Retry-After"))
			if c.status == 200 {
				require.Empty(t, heard)
				return
			}
			require.Len(t, heard, 1)
			denial := heard[0]
			require.Error(t, denial.Err)
			if c.kind != nil {
				require.ErrorIs(t, denial.Err, c.kind)
			}
			require.Equal(t, c.status, denial.Status)
			require.Equal(t, c.retry != "", denial.RetryAfter > 0)
			require.Equal(t, map[int]string{401: "invalid_client", 503: "temporarily_unavailable"}[c.status], denial.Code)
			require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
			require.Equal(t, "application/json", w.Header().Get("Content-Type"))
			var body map[string]string
			require.NoError(t, json.Unmarshal(w.Body.Bytes(), &body))
			require.Equal(t, map[string]string{"error": denial.Code, "error_description": denial.Description}, body)
			require.NotContains(t, denial.Description, "secret")
			require.Regexp(t, `^[ !#-\[\]-~]+$`, denial.Description, "RFC 6749 section 5.2")
		})
	}
}

// visit is a request to a token endpoint behind a middleware, and what comes of it.
type visit struct {
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
}

func (c *visit) pay(t *testing.T, p *pki, keys *keySource) (w *httptest.ResponseRecorder, served bool, heard []cert.Denial) {
	t.Helper()
	checker := p.checker(t, keys, func(config *cert.CheckerConfig) {
		if c.lists != nil {
			config.Revocation = c.lists
		}
	})
	wrap, err := cert.Middleware(cert.MiddlewareConfig{
		Source:  func(*http.Request) (*x509.Certificate, error) { return c.leaf, c.source },
		Checker: checker,
		Client: func(r *http.Request) (cert.Software, error) {
			require.NotNil(t, c.leaf, "nobody without a certificate has a client looked up")
			require.Equal(t, "me", r.FormValue("client_id"))
			if c.find != nil {
				return cert.Software{Environment: "test"}, c.find
			}
			return checker.Software(registered(c.app))
		},
		Refused: func(_ *http.Request, d cert.Denial) { heard = append(heard, d) },
	})
	require.NoError(t, err)
	token := wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		served = true
		accepted, ok := cert.AcceptanceFrom(r.Context())
		require.True(t, ok)
		require.Equal(t, cert.ByPublicKey, accepted.Binding)
		require.Same(t, c.leaf, accepted.Certificate)
		require.Equal(t, keysAt, accepted.Software.Keys.Address)
		require.Equal(t, "me", r.FormValue("client_id"), "the body is still there")
	}))
	r := httptest.NewRequest("POST", "/token", strings.NewReader("client_id=me"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w = httptest.NewRecorder()
	token.ServeHTTP(w, r)
	return w, served, heard
}

// door is a middleware before clients that are known, and what it answers for one.
type door struct {
	leaf   *x509.Certificate
	source keySource
	lists  cert.RevocationChecker
	known  map[string]cert.Registered
	asked  int // how often a client was looked up
}

func (d *door) open(t *testing.T, p *pki) (ask func(client string) string) {
	t.Helper()
	checker := p.checker(t, &d.source, func(c *cert.CheckerConfig) { c.Revocation = d.lists })
	wrap, err := cert.Middleware(cert.MiddlewareConfig{
		Source:  func(*http.Request) (*x509.Certificate, error) { return d.leaf, nil },
		Checker: checker,
		Client: func(r *http.Request) (cert.Software, error) {
			d.asked++
			name, _, _ := r.BasicAuth()
			client, ok := d.known[name]
			if !ok {
				return cert.Software{}, cert.ErrUnknownClient
			}
			return checker.Software(client)
		},
	})
	require.NoError(t, err)
	return func(client string) string {
		r := httptest.NewRequest("POST", "/token", nil)
		r.SetBasicAuth(client, "guess")
		w := httptest.NewRecorder()
		wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("a token")) })).ServeHTTP(w, r)
		var whole strings.Builder
		require.NoError(t, w.Result().Write(&whole))
		return whole.String()
	}
}

func TestAnswersDoNotTellWhichClientsThereAre(t *testing.T) {
	p := newPKI(t)
	good, withdrawn, revoked := p.issuing.transport(t), p.issuing.transport(t), p.issuing.transport(t)
	clients := map[string]cert.Registered{
		"known":            registered(application("software_jwks_endpoint_sandbox", keysAt, "org_jwks_revoked_endpoint_sandbox", orgRevoked)),
		"without keys":     registered(application()),
		"without a word":   {Application: application("software_jwks_endpoint_sandbox", keysAt), Environment: claims.Sandbox},
		"of another world": {Application: application("software_jwks_endpoint_production", keysAt), Environment: claims.Production},
	}
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	for _, c := range []struct {
		name   string
		leaf   *x509.Certificate
		status string
		early  bool // refused before the client is looked up
	}{
		{"none", nil, "401", true},
		{"expired", p.issuing.transport(t, func(c *x509.Certificate) { c.NotAfter = noon.Add(-time.Second) }), "401", true},
		{"for servers", p.issuing.transport(t, func(c *x509.Certificate) { c.ExtKeyUsage = c.ExtKeyUsage[:1] }), "401", true},
		{"weak", p.issuing.sign(t, &x509.Certificate{KeyUsage: x509.KeyUsageDigitalSignature}, weak.Public()), "401", true},
		{"of no CA", newRoot(t, "Stranger").transport(t), "401", true},
		{"revoked", revoked, "401", true},
		{"of which nobody knows whether it is revoked", p.otherIssuing.transport(t), "503", true},
		{"another's", p.issuing.transport(t), "401", false},
		{"withdrawn", withdrawn, "401", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := &door{leaf: c.leaf, known: clients, lists: p.lists(t, revoked), source: keySource{
				sets:    map[string][]ssa.Key{keysAt: {keyOf("a", good), keyOf("b", withdrawn)}},
				revoked: map[string]ssa.KeySet{orgRevoked: {Skipped: []ssa.SkippedKey{{ID: "b"}}}}}}
			ask := d.open(t, p)
			unknown := ask("unknown")
			require.Contains(t, unknown, " "+c.status+" ")
			for client := range clients {
				require.Equal(t, unknown, ask(client), client)
			}
			require.Equal(t, unknown, ask("unknown"))
			require.Equal(t, c.early, d.asked == 0)
			require.Equal(t, c.status == "401", strings.Contains(unknown, `Basic realm="token"`))
			d.leaf = good
			require.Contains(t, ask("known"), "a token")
		})
	}
}

func TestACertificateOfAnotherEnvironmentDoesNotTellWhichClientsThereAre(t *testing.T) {
	p := newPKI(t)
	d := &door{leaf: p.otherIssuing.transport(t), known: map[string]cert.Registered{
		"known": registered(application("software_jwks_endpoint_sandbox", keysAt)),
	}}
	d.source.sets = map[string][]ssa.Key{keysAt: {keyOf("a", d.leaf)}}
	ask := d.open(t, p)
	require.Contains(t, ask("known"), " 401 ")
	require.Equal(t, ask("known"), ask("unknown"))
}

func TestAnUnknownClientSharesTheOutageOfTheLastKnown(t *testing.T) {
	p := newPKI(t)
	d := &door{leaf: p.issuing.transport(t), known: map[string]cert.Registered{
		"known":        registered(application("software_jwks_endpoint_sandbox", keysAt)),
		"without keys": registered(application()),
	}}
	d.source.err = &ssa.KeySourceError{Host: "keystore.example", RetryAfter: 7 * time.Second, Cause: errors.New("timeout")}
	ask := d.open(t, p)
	require.Contains(t, ask("unknown"), " 401 ", "no client is known yet")
	known := ask("known")
	require.Contains(t, known, " 503 ")
	require.Contains(t, known, "Retry-After: 7")
	require.Equal(t, known, ask("without keys"))
	require.Equal(t, known, ask("unknown"))
	d.source.err = nil
	d.source.sets = map[string][]ssa.Key{keysAt: {keyOf("a", d.leaf)}}
	require.Contains(t, ask("known"), "a token")
	require.Contains(t, ask("unknown"), " 401 ", "what lets the last client in lets nobody else in")
}

func TestASoftwareOfNoEnvironmentIsAnOutageOfTheBanks(t *testing.T) {
	p := newPKI(t)
	wrap, err := cert.Middleware(cert.MiddlewareConfig{
		Source:  func(*http.Request) (*x509.Certificate, error) { return p.issuing.transport(t), nil },
		Checker: p.checker(t, &keySource{}),
		Client:  func(*http.Request) (cert.Software, error) { return cert.Software{Environment: "test"}, nil },
	})
	require.NoError(t, err)
	w := httptest.NewRecorder()
	wrap(http.NotFoundHandler()).ServeHTTP(w, httptest.NewRequest("POST", "/token", nil))
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
}

func TestNoAcceptanceWithoutTheMiddleware(t *testing.T) {
	_, ok := cert.AcceptanceFrom(t.Context())
	require.False(t, ok)
}

func TestADenialAsksForTheSchemeOfATokenEndpoint(t *testing.T) {
	for name, c := range map[string]struct {
		status         int
		authorizations []string
		asks           bool
	}{
		"no Authorization":      {http.StatusUnauthorized, nil, false},
		"Basic":                 {http.StatusUnauthorized, []string{"Basic YTpi"}, true},
		"Basic in another case": {http.StatusUnauthorized, []string{"bAsIc YTpi"}, true},
		"another scheme":        {http.StatusUnauthorized, []string{"Bearer a"}, true},
		"an empty one":          {http.StatusUnauthorized, []string{""}, true},
		"two":                   {http.StatusUnauthorized, []string{"Bearer a", "Basic YTpi"}, true},
		"another answer":        {http.StatusBadRequest, []string{"Basic YTpi"}, false},
		"an outage of the bank": {http.StatusServiceUnavailable, []string{"Basic YTpi"}, false},
	} {
		w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/token", nil)
		r.Header["Authorization"] = c.authorizations
		d := cert.Denial{Status: c.status, Code: "some_code", Description: "why", Err: errors.New("a secret of the bank")}
		d.Write(w, r)
		require.Equal(t, c.status, w.Code, name)
		require.Equal(t, c.asks, w.Header().Get("WWW-Authenticate") == `Basic realm="token"`, name)
		require.Equal(t, "no-store", w.Header().Get("Cache-Control"), name)
		require.Empty(t, w.Header().Get("Retry-After"), name)
		require.JSONEq(t, `{"error": "some_code", "error_description": "why"}`, w.Body.String(), name)
	}
}
