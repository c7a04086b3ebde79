package token_test

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
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
	a.body = active(map[string]string{"username": `"x"`, "aud": `["y"]`})
	access, err := a.tokens(t, nil).Introspect(context.Background(), claims.NewSecret("a.b-c_d~e+f/g=="))
	require.NoError(t, err)
	require.Equal(t, token.AccessToken{ClientID: "abc", CertificateSHA256: sha256.Sum256([]byte("certificate")),
		IssuedAt: time.Unix(1_790_000_000, 0).UTC(), Expiry: time.Unix(1_790_000_300, 0).UTC(), Scope: []string{"openid", "accounts"}}, access)
	require.Equal(t, "/introspect", a.path)
	require.Equal(t, url.Values{"token": {"a.b-c_d~e+f/g=="}, "token_type_hint": {"access_token"}}, a.form)
	require.Empty(t, a.basic)

	a.body = active(map[string]string{"exp": "", "scope": "", "token_type": ""})
	access, err = a.tokens(t, nil).Introspect(context.Background(), claims.NewSecret("x"))
	require.NoError(t, err)
	require.Zero(t, access.Expiry)
	require.Empty(t, access.Scope)
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
	} {
		a.body = body
		_, err := tokens.Introspect(context.Background(), claims.NewSecret("x"))
		require.ErrorIs(t, err, token.ErrInvalid, name)
	}
	visited := a.visited
	for _, text := range []string{"", "a b", "a\nb", "ü", "a\"b", strings.Repeat("x", 100_000)} {
		_, err := tokens.Introspect(context.Background(), claims.NewSecret(text))
		require.ErrorIs(t, err, token.ErrInvalid)
		require.NoError(t, revoke(tokens, text))
	}
	require.Equal(t, visited, a.visited, "what cannot be a token is not sent")
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
		"never": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"stops half-way": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"active":`)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
			panic(http.ErrAbortHandler) // or the server would end the answer in good order
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

func TestATokenIsRevoked(t *testing.T) {
	a := newIntrospectionServer(t)
	tokens := a.tokens(t, nil)
	require.NoError(t, revoke(tokens, "x"))
	require.Equal(t, "/revoke", a.path)
	require.Equal(t, url.Values{"token": {"x"}, "token_type_hint": {"access_token"}}, a.form)
	for _, status := range []int{503, 400, 401, 302, 204} {
		a.status = status
		require.Error(t, revoke(tokens, "x"), status)
	}
	visited := a.visited
	require.NoError(t, tokens.RevokeClient(context.Background(), "abc"), "RFC 7009 cannot, and the look-up of the client does it")
	require.Equal(t, visited, a.visited)
}

func TestTheCallsAuthenticate(t *testing.T) {
	a := newIntrospectionServer(t)
	a.body = active(nil)
	secret := a.tokens(t, func(c *token.IntrospectionConfig) { c.ClientID, c.ClientSecret = "bank id", claims.NewSecret("a:b%") })
	_, err := secret.Introspect(context.Background(), claims.NewSecret("x"))
	require.NoError(t, err)
	require.Equal(t, "Basic "+base64.StdEncoding.EncodeToString([]byte("bank+id:a%3Ab%25")), a.basic)
	require.NotContains(t, a.form, "client_id")
	certificate := a.tokens(t, func(c *token.IntrospectionConfig) { c.ClientID = "bank" })
	require.NoError(t, revoke(certificate, "x"))
	require.Empty(t, a.basic)
	require.Equal(t, "bank", a.form.Get("client_id"))
}

func TestIntrospectionRefusesAConfigurationThatContradictsItself(t *testing.T) {
	for name, change := range map[string]func(*token.IntrospectionConfig){
		"no introspection":       func(c *token.IntrospectionConfig) { c.IntrospectionURL = "" },
		"no revocation":          func(c *token.IntrospectionConfig) { c.RevocationURL = "" },
		"tokens in the clear":    func(c *token.IntrospectionConfig) { c.IntrospectionURL = "http://as.example/introspect" },
		"userinfo":               func(c *token.IntrospectionConfig) { c.RevocationURL = "https://a:b@as.example/" },
		"nothing authenticates":  func(c *token.IntrospectionConfig) { c.HTTPClient = nil },
		"an identifier alone":    func(c *token.IntrospectionConfig) { c.HTTPClient, c.ClientID = nil, "bank" },
		"a secret without an ID": func(c *token.IntrospectionConfig) { c.ClientSecret = claims.NewSecret("x") },
		"a negative timeout":     func(c *token.IntrospectionConfig) { c.Timeout = -1 },
	} {
		c := token.IntrospectionConfig{IntrospectionURL: "https://as.example/introspect", RevocationURL: "https://as.example/revoke",
			HTTPClient: &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{}}}}
		_, err := token.NewIntrospection(c)
		require.NoError(t, err)
		change(&c)
		_, err = token.NewIntrospection(c)
		require.Error(t, err, name)
	}
}
