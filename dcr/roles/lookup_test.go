package roles_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/roles"
	"github.com/obdcr/obdcr/dcr/token"
)

// presents is a source of the same certificate for each request; nil: none.
func presents(leaf *x509.Certificate) cert.Source {
	return func(*http.Request) (*x509.Certificate, error) { return leaf, nil }
}

// brokenTokens is an authorization server that is down.
type brokenTokens struct{ token.Tokens }

func (brokenTokens) Introspect(context.Context, claims.Secret) (token.AccessToken, error) {
	return token.AccessToken{}, errOut
}

// api is a bank's API behind the middleware.
func (w *world) api(t *testing.T, registrar *dcr.Registrar, name string) http.Handler {
	t.Helper()
	table, err := roles.ParseTable([]byte(`{"roles": {"accounts": ["AISP"], "funds": ["CBPII"]}, "open": ["status"]}`))
	require.NoError(t, err)
	lookup, err := roles.ByToken(registrar, presents(w.leaf))
	require.NoError(t, err)
	only, err := roles.Require(table, name, lookup)
	require.NoError(t, err)
	return only(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
}

func call(h http.Handler, authorization ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/accounts", nil)
	r.Header["Authorization"] = authorization
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, r)
	return answer
}

func TestAnAPIFindsTheApplicationOfAToken(t *testing.T) {
	w := newWorld(t)
	accounts := w.api(t, w.registrar, "accounts")
	access := w.issue(t, w.id, w.leaf).Reveal()
	seen := w.events
	require.Equal(t, 204, call(accounts, "Bearer "+access).Code)
	require.Equal(t, 204, call(w.api(t, w.registrar, "status"), "bearer "+access).Code)
	denied := call(w.api(t, w.registrar, "funds"), "Bearer "+access)
	require.Equal(t, 403, denied.Code)
	require.Equal(t, `Bearer error="insufficient_scope"`, denied.Header().Get("WWW-Authenticate"))
	require.Equal(t, seen, w.events, "an API call is no operation of the registration")

	const bare, invalid = "Bearer", `Bearer error="invalid_token"`
	for name, c := range map[string]struct {
		header    []string
		challenge string
	}{
		"no token": {nil, bare}, "another scheme": {[]string{"Basic " + access}, bare}, "no scheme": {[]string{access}, bare},
		"no blank": {[]string{"Bearer" + access}, bare}, "twice": {[]string{"Bearer " + access, "Bearer " + access}, bare},
		"an unknown one":         {[]string{"Bearer x"}, invalid},
		"one of another's":       {[]string{"Bearer " + w.issue(t, w.id, w.stranger(t)).Reveal()}, invalid},
		"of a client that never": {[]string{"Bearer " + w.issue(t, "never", w.leaf).Reveal()}, invalid},
	} {
		answer := call(accounts, c.header...)
		require.Equal(t, 401, answer.Code, name)
		require.Equal(t, c.challenge, answer.Header().Get("WWW-Authenticate"), name)
		require.Equal(t, []string{"no-store", "nosniff"}, []string{answer.Header().Get("Cache-Control"), answer.Header().Get("X-Content-Type-Options")}, name)
	}
	out := w.open(t, brokenTokens{w.tokens})
	answer := call(w.api(t, out, "accounts"), "Bearer "+access)
	require.Equal(t, 503, answer.Code)
	require.Equal(t, "10", answer.Header().Get("Retry-After"))
	require.NoError(t, w.registrar.Delete(t.Context(), w.id, dcr.Caller{Token: w.issue(t, w.id, w.leaf), Certificate: w.leaf}))
	require.Equal(t, 401, call(accounts, "Bearer "+w.issue(t, w.id, w.leaf).Reveal()).Code)
}

func TestAnAPIWantsACertificateOfTheSoftware(t *testing.T) {
	w := newWorld(t)
	stranger := w.stranger(t)
	access := w.issue(t, w.id, stranger)
	for name, source := range map[string]cert.Source{"none": presents(nil), "of a stranger": presents(stranger)} {
		lookup, err := roles.ByToken(w.registrar, source)
		require.NoError(t, err)
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.Header.Set("Authorization", "Bearer "+access.Reveal())
		app, env, err := lookup(r)
		var refusal *dcr.Error
		require.ErrorAs(t, err, &refusal, name)
		require.Equal(t, 401, refusal.Status, name)
		require.Zero(t, app)
		require.Empty(t, env)
	}
	_, err := roles.ByToken(w.registrar, nil)
	require.Error(t, err)
	_, err = roles.ByToken(nil, presents(w.leaf))
	require.Error(t, err)
	_, err = roles.ByToken(w.open(t, nil), presents(w.leaf))
	require.Error(t, err, "it has no Tokens")
}

func TestTheMiddlewareAnswersOddErrorsAsOutages(t *testing.T) {
	table := roles.Table{Open: []string{"status"}}
	var none *dcr.Error
	for name, c := range map[string]struct {
		err       error
		status    int
		challenge string
	}{
		"no status": {&dcr.Error{}, 503, ""}, "no HTTP status": {&dcr.Error{Status: 7}, 503, ""}, "a large one": {&dcr.Error{Status: 1000}, 503, ""},
		"a success": {&dcr.Error{Status: 200}, 503, ""}, "a redirect": {&dcr.Error{Status: 302}, 503, ""},
		"no error in an error": {none, 503, ""}, "wrapped": {fmt.Errorf("x: %w", none), 503, ""}, "joined": {errors.Join(none, errOut), 503, ""},
		"401 without a code":         {&dcr.Error{Status: 401}, 401, "Bearer"},
		"401 with one":               {&dcr.Error{Status: 401, BearerError: "invalid_token"}, 401, `Bearer error="invalid_token"`},
		"403 without a code":         {&dcr.Error{Status: 403}, 403, ""},
		"403 with one":               {&dcr.Error{Status: 403, BearerError: "insufficient_scope"}, 403, `Bearer error="insufficient_scope"`},
		"with nothing to say at all": {&dcr.Error{Status: 404}, 404, ""},
	} {
		only, err := roles.Require(table, "status", func(*http.Request) (claims.Application, claims.Environment, error) {
			return claims.Application{}, "", c.err
		})
		require.NoError(t, err)
		answer := call(only(http.NotFoundHandler()))
		require.Equal(t, c.status, answer.Code, name)
		require.Equal(t, c.challenge, answer.Header().Get("WWW-Authenticate"), name)
		require.Equal(t, c.status == 503, answer.Header().Get("Retry-After") == "10", name)
		require.Equal(t, "no-store", answer.Header().Get("Cache-Control"), name)
		require.Equal(t, "nosniff", answer.Header().Get("X-Content-Type-Options"), name)
		require.NotEmpty(t, strings.TrimSpace(answer.Body.String()), name)
		require.NotContains(t, answer.Body.String(), errOut.Error(), name)
	}
}
