package server_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/server"
	"github.com/obdcr/obdcr/dcr/token"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

// try registers the software at a bank of the config.
func (w *world) try(t *testing.T) (*tpp.ClientInformation, *tpp.Client, error) {
	t.Helper()
	statement, err := w.software.SSA(nil)
	require.NoError(t, err)
	return w.trySSA(t, statement)
}

func (w *world) trySSA(t *testing.T, statement string) (*tpp.ClientInformation, *tpp.Client, error) {
	t.Helper()
	client, _, _ := w.serve(t, w.bank(t))
	request, err := client.Build(statement, tpp.RequestOptions{Audience: ssatest.DefaultAudience, AuthMethod: claims.PrivateKeyJWT})
	require.NoError(t, err)
	made, err := client.Register(t.Context(), request)
	return made, client, err
}

// refused requires the answer of a bank to a registration.
func (w *world) refused(t *testing.T, status int, broken ...string) {
	t.Helper()
	_, _, err := w.try(t)
	requireAnswer(t, err, status, broken...)
}

func requireAnswer(t *testing.T, err error, status int, broken ...string) {
	t.Helper()
	var e *tpp.ResponseError
	require.ErrorAs(t, err, &e)
	require.Equal(t, status, e.Status)
	require.Equal(t, broken, rules(e))
}

func (w *world) policy(change func(*validate.Policy)) {
	policy := validate.DefaultPolicy(validate.OBIE33)
	change(&policy)
	w.config.Policy = &policy
}

// get asks a bank without a certificate and without TLS.
func get(b *server.Bank, method, path string) *httptest.ResponseRecorder {
	answer := httptest.NewRecorder()
	b.Handler().ServeHTTP(answer, httptest.NewRequest(method, path, nil))
	return answer
}

// calls counts what a part of the bank was asked.
type calls struct {
	mu  sync.Mutex
	all []string
}

func (c *calls) add(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, name)
}

// list is a copy: servers go on calling.
func (c *calls) list() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.all)
}

func (c *calls) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = nil
}

func (c *calls) require(t *testing.T, names ...string) {
	t.Helper()
	require.Equal(t, names, c.list())
}

type countedReplay struct {
	store.Replay
	*calls
}

func (c countedReplay) Confirm(ctx context.Context, r store.Reservation) error {
	c.add(r.Namespace)
	return c.Replay.Confirm(ctx, r)
}

type countedTokens struct {
	token.Tokens
	*calls
}

func (c countedTokens) Introspect(ctx context.Context, t claims.Secret) (token.AccessToken, error) {
	c.add("introspect " + t.Reveal())
	return c.Tokens.Introspect(ctx, t)
}

type counted struct{ *calls }

func (c counted) Provision(context.Context, dcr.Provisioning) (dcr.Provisioned, error) {
	c.add("provision")
	return dcr.Provisioned{}, nil
}
func (c counted) Deprovision(context.Context, dcr.Deprovisioning) error { return nil }

type closedLimiter struct{}

func (closedLimiter) Allow(string) (time.Duration, bool) { return time.Second, false }

// fetchKeys makes the bank fetch key sets.
func (w *world) fetchKeys() {
	w.config.Anchors, w.config.Directories = nil, []ssa.KnownDirectory{w.directory.Known()}
	w.config.Keys = server.KeyConfig{Sources: []ssa.RemoteSource{w.directory.RemoteSource()}}
}

// presentsItself lets a proxy say that each request has the software's certificate.
func (w *world) presentsItself(t *testing.T) {
	t.Helper()
	leaf, err := x509.ParseCertificate(w.software.TransportCertificate.Certificate[0])
	require.NoError(t, err)
	w.config.Clients.Proxy = func(*http.Request) (*x509.Certificate, error) { return leaf, nil }
}

// bare registers nothing, without TLS, and returns the status.
func (w *world) bare(t *testing.T, b *server.Bank) int {
	t.Helper()
	answer := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodPost, "/register", strings.NewReader("a.b.c"))
	r.Header.Set("Content-Type", "application/jwt")
	b.Handler().ServeHTTP(answer, r)
	return answer.Code
}

// withdrawTransportKey takes the key of the transport certificate out of the key set.
func (w *world) withdrawTransportKey(t *testing.T) {
	t.Helper()
	var set struct {
		Keys []map[string]any `json:"keys"`
	}
	require.NoError(t, json.Unmarshal(w.software.JWKS(), &set))
	set.Keys = slices.DeleteFunc(set.Keys, func(k map[string]any) bool { return k["kid"] == w.software.TransportKeyID })
	content, err := json.Marshal(set)
	require.NoError(t, err)
	address, err := url.Parse(w.software.JWKSURL())
	require.NoError(t, err)
	w.directory.Publish(address.Path, content)
}
