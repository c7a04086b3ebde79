package token_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/token"
	"github.com/obdcr/obdcr/internal/hangtest"
)

// introspectionServer gives a fixed answer and remembers the form of the last call.
type introspectionServer struct {
	*httptest.Server
	status  int
	media   string
	body    string
	answer  http.HandlerFunc // instead of all of these
	path    string
	form    url.Values
	basic   string
	visited int
}

func newIntrospectionServer(t *testing.T) *introspectionServer {
	t.Helper()
	a := &introspectionServer{status: 200, media: "application/json;charset=UTF-8"}
	a.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.visited++
		body, _ := io.ReadAll(r.Body)
		a.path, a.basic = r.URL.Path, r.Header.Get("Authorization")
		a.form, _ = url.ParseQuery(string(body))
		if a.answer != nil {
			a.answer(w, r)
			return
		}
		w.Header().Set("Content-Type", a.media)
		w.WriteHeader(a.status)
		_, _ = io.WriteString(w, a.body)
	}))
	t.Cleanup(a.Close)
	return a
}

func (a *introspectionServer) tokens(t *testing.T, change func(*token.IntrospectionConfig)) *token.Introspection {
	t.Helper()
	c := token.IntrospectionConfig{IntrospectionURL: a.URL + "/introspect", RevocationURL: a.URL + "/revoke", HTTPClient: a.Client()}
	if change != nil {
		change(&c)
	}
	i, err := token.NewIntrospection(c)
	require.NoError(t, err)
	return i
}

// revoke ends a token of this text.
func revoke(tokens *token.Introspection, text string) error {
	_, err := tokens.Revoke(context.Background(), token.Revocation{Token: claims.NewSecret(text)})
	return err
}

// active makes an answer about a good token. The given members replace its own; "" leaves
// one out.
func active(members map[string]string) string {
	sum := sha256.Sum256([]byte("certificate"))
	all := map[string]string{
		"active": "true", "client_id": `"abc"`, "iat": "1790000000", "exp": "1790000300", "scope": `"openid accounts"`,
		"token_type": `"Bearer"`, "cnf": `{"x5t#S256":"` + base64.RawURLEncoding.EncodeToString(sum[:]) + `"}`,
	}
	for name, value := range members {
		all[name] = value
	}
	var parts []string
	for name, value := range all {
		if value != "" {
			parts = append(parts, fmt.Sprintf("%q:%s", name, value))
		}
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func TestIntrospectionTellsWhoseATokenIs(t *testing.T) {
	a := newIntrospectionServer(t)
	a.body = active(map[string]string{"username": `"x"`, "sub": `"customer"`, "aud": `["y", "z"]`})
	access, err := a.tokens(t, nil).Introspect(context.Background(), claims.NewSecret("a.b-c_d~e+f/g=="))
	require.NoError(t, err)
	require.Equal(t, token.AccessToken{ClientID: "abc", CertificateSHA256: sha256.Sum256([]byte("certificate")),
		IssuedAt: time.Unix(1_790_000_000, 0).UTC(), Expiry: time.Unix(1_790_000_300, 0).UTC(), Scope: []string{"openid", "accounts"},
		Subject: "customer", Audience: []string{"y", "z"}}, access)
	require.Equal(t, "/introspect", a.path)
	require.Equal(t, url.Values{"token": {"a.b-c_d~e+f/g=="}, "token_type_hint": {"access_token"}}, a.form)
	require.Empty(t, a.basic)

	a.body = active(map[string]string{"exp": "", "scope": "", "token_type": ""})
	access, err = a.tokens(t, nil).Introspect(context.Background(), claims.NewSecret("x"))
	require.NoError(t, err)
	require.Zero(t, access.Expiry)
	require.Empty(t, access.Scope)
	require.Empty(t, access.Subject)
	require.Empty(t, access.Audience)

	a.body = active(map[string]string{"sub": `""`, "aud": `"one"`})
	access, err = a.tokens(t, nil).Introspect(context.Background(), claims.NewSecret("x"))
	require.NoError(t, err)
	require.Empty(t, access.Subject)
	require.Equal(t, []string{"one"}, access.Audience)
	a.body = active(map[string]string{"aud": `[]`})
	access, err = a.tokens(t, nil).Introspect(context.Background(), claims.NewSecret("x"))
	require.NoError(t, err)
	require.Empty(t, access.Audience)
}

func TestATokenThatIsBoundToNobodyIsNotValid(t *testing.T) {
	a := newIntrospectionServer(t)
	tokens := a.tokens(t, nil)
	thumbprint := base64.RawURLEncoding.EncodeToString(make([]byte, 32))
	for name, body := range map[string]string{
		"not active":               `{"active":false}`,
		"not active, yet detailed": active(map[string]string{"active": "false"}),
		"no client_id":             active(map[string]string{"client_id": ""}),
		"an empty client_id":       active(map[string]string{"client_id": `""`}),
		"client_id is a number":    active(map[string]string{"client_id": "1"}),
		"no cnf":                   active(map[string]string{"cnf": ""}),
		"cnf is null":              active(map[string]string{"cnf": "null"}),
		"cnf is a string":          active(map[string]string{"cnf": `"x"`}),
		"cnf has another method":   active(map[string]string{"cnf": `{"jkt":"x"}`}),
		"thumbprint in hex":        active(map[string]string{"cnf": `{"x5t#S256":"` + strings.Repeat("ab", 32) + `"}`}),
		"thumbprint padded":        active(map[string]string{"cnf": `{"x5t#S256":"` + thumbprint + `="}`}),
		"thumbprint broken":        active(map[string]string{"cnf": `{"x5t#S256":"` + thumbprint + `\n"}`}),
		"thumbprint not canonical": active(map[string]string{"cnf": `{"x5t#S256":"` + thumbprint[:42] + `B"}`}),
		"thumbprint too short":     active(map[string]string{"cnf": `{"x5t#S256":"AAAA"}`}),
		"no iat":                   active(map[string]string{"iat": ""}),
		"iat is a string":          active(map[string]string{"iat": `"1790000000"`}),
		"iat is a fraction":        active(map[string]string{"iat": "1790000000.5"}),
		"iat is zero":              active(map[string]string{"iat": "0"}),
		"exp is a string":          active(map[string]string{"exp": `"1790000000"`}),
		"a refresh token":          active(map[string]string{"token_type": `"Refresh"`}),
		"a type that is no text":   active(map[string]string{"token_type": `5`}),
		"a DPoP token":             active(map[string]string{"token_type": `"DPoP"`}),
		"sub is a number":          active(map[string]string{"sub": "7"}),
		"sub is null":              active(map[string]string{"sub": "null"}),
		"sub is a list":            active(map[string]string{"sub": `["abc"]`}),
		"sub has half a character": active(map[string]string{"sub": `"\ud800"`}),
		"aud is a number":          active(map[string]string{"aud": "7"}),
		"aud is null":              active(map[string]string{"aud": "null"}),
		"aud is an object":         active(map[string]string{"aud": `{"a":"b"}`}),
		"aud has a number":         active(map[string]string{"aud": `["a",7]`}),
		"aud has a list":           active(map[string]string{"aud": `[["a"]]`}),
	} {
		a.body = body
		access, err := tokens.Introspect(context.Background(), claims.NewSecret("x"))
		require.ErrorIs(t, err, token.ErrInvalid, name)
		require.Zero(t, access, name)
	}
	visited := a.visited
	for _, text := range []string{"", "a b", "a\nb", "ü", "a\"b", strings.Repeat("x", 100_000)} {
		_, err := tokens.Introspect(context.Background(), claims.NewSecret(text))
		require.ErrorIs(t, err, token.ErrInvalid)
		require.NoError(t, revoke(tokens, text))
	}
	require.Equal(t, visited, a.visited, "what cannot be a token is not sent")
}

func TestATokenWithoutACertificateIsUnbound(t *testing.T) {
	a := newIntrospectionServer(t)
	tokens := a.tokens(t, nil)
	for name, c := range map[string]struct {
		members map[string]string
		unbound bool
	}{
		"no cnf":                    {map[string]string{"cnf": ""}, true},
		"cnf is null":               {map[string]string{"cnf": "null"}, true},
		"cnf has another method":    {map[string]string{"cnf": `{"jkt":"x"}`}, true},
		"no cnf, and no client":     {map[string]string{"cnf": "", "client_id": ""}, true},
		"no cnf, and not active":    {map[string]string{"cnf": "", "active": "false"}, false},
		"a thumbprint of no use":    {map[string]string{"cnf": `{"x5t#S256":"AAAA"}`}, false},
		"a thumbprint, no client":   {map[string]string{"client_id": ""}, false},
		"a thumbprint and no issue": {map[string]string{"iat": ""}, false},
	} {
		a.body = active(c.members)
		_, err := tokens.Introspect(context.Background(), claims.NewSecret("x"))
		require.ErrorIs(t, err, token.ErrInvalid, name)
		require.Equal(t, c.unbound, errors.Is(err, token.ErrUnbound), name)
	}
}

func TestAServerThatDoesNotKnowTheBankSaysSo(t *testing.T) {
	a := newIntrospectionServer(t)
	tokens := a.tokens(t, nil)
	for name, c := range map[string]struct {
		status      int
		media, body string
		refused     bool
	}{
		"401":                   {401, "text/html", "<html>", true},
		"401 without a body":    {401, "", "", true},
		"400 invalid_client":    {400, "application/json", `{"error":"invalid_client"}`, true},
		"400 invalid_request":   {400, "application/json", `{"error":"invalid_request"}`, false},
		"403":                   {403, "application/json", `{"error":"access_denied"}`, false},
		"400 with a long error": {400, "application/json", `{"error":"` + strings.Repeat("x", 5000) + `"}`, false},
		"400 and a control":     {400, "application/json", `{"error":"a\u001bb"}`, false},
		"503":                   {503, "application/json", `{"error":"temporarily_unavailable"}`, false},
	} {
		a.status, a.media, a.body = c.status, c.media, c.body
		_, err := tokens.Introspect(context.Background(), claims.NewSecret("secret-token"))
		require.Error(t, err, name)
		require.NotErrorIs(t, err, token.ErrInvalid, name)
		require.Equal(t, c.refused, errors.Is(err, token.ErrUnauthenticated), name)
		require.Regexp(t, `^[ -~]{1,300}$`, err.Error(), name)
		require.NotContains(t, err.Error(), "secret-token", name)
	}
}

func TestAnAnswerThatSaysNothingIsAnOutage(t *testing.T) {
	a := newIntrospectionServer(t)
	tokens := a.tokens(t, nil)
	good := active(nil)
	for name, c := range map[string]struct {
		status      int
		media, body string
	}{
		"500":                     {500, "application/json", good},
		"401":                     {401, "application/json", `{"active":false}`},
		"403":                     {403, "application/json", `{"active":false}`},
		"201":                     {201, "application/json", good},
		"204":                     {204, "application/json", ""},
		"redirect":                {302, "application/json", good},
		"HTML":                    {200, "text/html", good},
		"no media type":           {200, "", good},
		"nothing":                 {200, "application/json", ""},
		"no JSON":                 {200, "application/json", "<html>"},
		"an array":                {200, "application/json", "[" + good + "]"},
		"two objects":             {200, "application/json", good + good},
		"active is missing":       {200, "application/json", active(map[string]string{"active": ""})},
		"active is a string":      {200, "application/json", active(map[string]string{"active": `"true"`})},
		"active is a number":      {200, "application/json", active(map[string]string{"active": "1"})},
		"active in capitals":      {200, "application/json", active(map[string]string{"active": "", "Active": "true"})},
		"active twice":            {200, "application/json", `{"active":false,` + good[1:]},
		"client_id twice":         {200, "application/json", `{"client_id":"x",` + good[1:]},
		"broken UTF-8":            {200, "application/json", active(map[string]string{"x": "\"\xff\""})},
		"too long":                {200, "application/json", active(map[string]string{"x": `"` + strings.Repeat("x", 64<<10) + `"`})},
		"ten megabytes":           {200, "application/json", strings.Repeat(" ", 10<<20) + good},
		"endless depth":           {200, "application/json", active(map[string]string{"x": strings.Repeat("[", 1000) + strings.Repeat("]", 1000)})},
		"an error, RFC 6749 5.2.": {400, "application/json", `{"error":"invalid_client"}`},
	} {
		a.status, a.media, a.body = c.status, c.media, c.body
		_, err := tokens.Introspect(context.Background(), claims.NewSecret("secret-token"))
		require.Error(t, err, name)
		require.NotErrorIs(t, err, token.ErrInvalid, name)
		require.NotContains(t, err.Error(), "secret-token", name)
	}
}

func TestATokenIsNotCarriedToAnotherAddress(t *testing.T) {
	a, elsewhere := newIntrospectionServer(t), newIntrospectionServer(t)
	elsewhere.body = active(nil)
	a.answer = func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
	}
	_, err := a.tokens(t, nil).Introspect(context.Background(), claims.NewSecret("x"))
	require.Error(t, err)
	require.NotErrorIs(t, err, token.ErrInvalid)
	require.Error(t, revoke(a.tokens(t, nil), "x"))
	require.Zero(t, elsewhere.visited)
}

func TestAServerThatDoesNotAnswerIsAnOutage(t *testing.T) {
	soon := func(c *token.IntrospectionConfig) { c.Timeout = 20 * time.Millisecond }
	for name, answer := range map[string]http.HandlerFunc{
		"never": hangtest.Hang,
		"stops half-way": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"active":`)
			_ = http.NewResponseController(w).Flush()
			hangtest.Hang(w, r)
		},
	} {
		a := newIntrospectionServer(t)
		a.answer = answer
		_, err := a.tokens(t, soon).Introspect(context.Background(), claims.NewSecret("secret-token"))
		require.ErrorIs(t, err, context.DeadlineExceeded, name)
		require.NotErrorIs(t, err, token.ErrInvalid, name)
		require.NotContains(t, err.Error(), "secret-token", name)
	}
	a := newIntrospectionServer(t)
	tokens := a.tokens(t, soon)
	a.Close()
	_, err := tokens.Introspect(context.Background(), claims.NewSecret("secret-token"))
	require.Error(t, err)
	require.NotErrorIs(t, err, token.ErrInvalid)
	require.NotContains(t, err.Error(), "secret-token")
	err = revoke(tokens, "secret-token")
	require.Error(t, err)
	require.NotContains(t, err.Error(), "secret-token")
}
