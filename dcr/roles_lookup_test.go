package dcr_test

import (
	"context"
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
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/roles"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// api is a bank's API behind the middleware, and a client with an access token.
func (b *office) api(t *testing.T, registrar *dcr.Registrar, table, name string) http.Handler {
	t.Helper()
	parsed, err := roles.ParseTable([]byte(table))
	require.NoError(t, err)
	lookup, err := roles.ByToken(registrar, presents(b.certificate(t, b.software)))
	require.NoError(t, err)
	only, err := roles.Require(parsed, name, lookup)
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
	const table = `{"roles": {"accounts": ["AISP"], "funds": ["CBPII"]}, "open": ["status"]}`
	b := newOffice(t, nil, nil)
	id := b.enrol(t, nil).Client.ID
	accounts := b.api(t, b.Registrar, table, "accounts")
	token := b.caller(t, id).Token.Reveal()
	require.Equal(t, 204, call(accounts, "Bearer "+token).Code)
	require.Equal(t, 204, call(b.api(t, b.Registrar, table, "status"), "bearer "+token).Code)
	seen := len(b.events)
	denied := call(b.api(t, b.Registrar, table, "funds"), "Bearer "+token)
	require.Equal(t, 403, denied.Code)
	require.Equal(t, `Bearer error="insufficient_scope"`, denied.Header().Get("WWW-Authenticate"))
	require.Len(t, b.events, seen, "an API call is no operation of the registration")

	const bare, invalid = "Bearer", `Bearer error="invalid_token"`
	strange := b.other(t, ssatest.SoftwareOptions{})
	foreign, err := b.tokens.Issue(context.Background(), id, thumbprint(b.certificate(t, strange)), nil, time.Hour)
	require.NoError(t, err)
	for name, c := range map[string]struct {
		header    []string
		challenge string
	}{
		"no token": {nil, bare}, "another scheme": {[]string{"Basic " + token}, bare}, "no scheme": {[]string{token}, bare},
		"no blank": {[]string{"Bearer" + token}, bare}, "twice": {[]string{"Bearer " + token, "Bearer " + token}, bare},
		"an unknown one":         {[]string{"Bearer x"}, invalid},
		"one of another's":       {[]string{"Bearer " + foreign.Reveal()}, invalid},
		"of a client that never": {[]string{"Bearer " + b.caller(t, "never").Token.Reveal()}, invalid},
	} {
		answer := call(accounts, c.header...)
		require.Equal(t, 401, answer.Code, name)
		require.Equal(t, c.challenge, answer.Header().Get("WWW-Authenticate"), name)
		require.Equal(t, []string{"no-store", "nosniff"}, []string{answer.Header().Get("Cache-Control"), answer.Header().Get("X-Content-Type-Options")}, name)
	}
	out := openOffice(t, b.world, b.records, func(c *dcr.Config) { c.Tokens = brokenTokens{c.Tokens} })
	answer := call(b.api(t, out.Registrar, table, "accounts"), "Bearer "+token)
	require.Equal(t, 503, answer.Code)
	require.Equal(t, "10", answer.Header().Get("Retry-After"))
	require.NoError(t, b.Delete(context.Background(), id, b.caller(t, id)))
	require.Equal(t, 401, call(accounts, "Bearer "+b.caller(t, id).Token.Reveal()).Code)
}

func TestAnAPIWantsACertificateOfTheSoftware(t *testing.T) {
	b := newOffice(t, nil, nil)
	id := b.enrol(t, nil).Client.ID
	strange := b.certificate(t, b.other(t, ssatest.SoftwareOptions{}))
	access, err := b.tokens.Issue(context.Background(), id, thumbprint(strange), nil, time.Hour)
	require.NoError(t, err)
	for name, source := range map[string]cert.Source{
		"none": noCertificate, "of a stranger": presents(strange),
	} {
		lookup, err := roles.ByToken(b.Registrar, source)
		require.NoError(t, err)
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.Header.Set("Authorization", "Bearer "+access.Reveal())
		app, env, err := lookup(r)
		require.Equal(t, 401, refusalOf(t, err).Status, name)
		require.Zero(t, app)
		require.Empty(t, env)
	}
	_, err = roles.ByToken(b.Registrar, nil)
	require.Error(t, err)
	without := openOffice(t, b.world, b.records, func(c *dcr.Config) { c.Tokens = nil })
	_, err = roles.ByToken(without.Registrar, noCertificate)
	require.Error(t, err)
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
		"401 without a challenge":    {&dcr.Error{Status: 401}, 401, "Bearer"},
		"403 with one":               {&dcr.Error{Status: 403, Challenge: "Bearer x=y"}, 403, "Bearer x=y"},
		"of the registrar's own":     {&dcr.Error{Status: 401, Challenge: bareChallenge}, 401, "Bearer"},
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
