package dcr_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/token"
	"github.com/obdcr/obdcr/internal/hangtest"
)

// TestARegistrarWorksWithAnyAuthorizationServer puts a registrar and introspection
// together: a token that the server calls active opens its own client alone, and only
// with its certificate.
func TestARegistrarWorksWithAnyAuthorizationServer(t *testing.T) {
	s := newSite(t, nil)
	var said, path string
	authorizationServer := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/revoke" {
			path = r.URL.Path
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, said)
	}))
	t.Cleanup(authorizationServer.Close)
	tokens, err := token.NewIntrospection(token.IntrospectionConfig{IntrospectionURL: authorizationServer.URL + "/introspect",
		RevocationURL: authorizationServer.URL + "/revoke", HTTPClient: authorizationServer.Client()})
	require.NoError(t, err)
	server := s.start(t, func(c *dcr.Config) { c.Tokens = tokens }, nil)
	id := s.client(t)
	sum := sha256.Sum256(s.certificate(t, s.software).Raw)
	bound := func(thumbprint []byte) map[string]string {
		return map[string]string{"x5t#S256": base64.RawURLEncoding.EncodeToString(thumbprint)}
	}
	get := func(body string) int {
		said, path = body, ""
		return server.send(t, s.request(t, "GET", "/register/"+id, nil)).status
	}
	good := map[string]any{"active": true, "client_id": id, "cnf": bound(sum[:]), "token_type": "Bearer",
		"scope": "openid accounts", "iat": s.now.Unix(), "exp": s.now.Unix() + 60}
	with := func(name string, value any) string {
		changed := maps.Clone(good)
		changed[name] = value
		text, err := json.Marshal(changed)
		require.NoError(t, err)
		return string(text)
	}
	require.Equal(t, 200, get(with("active", true)))
	require.Equal(t, 401, get(with("cnf", bound(make([]byte, 32)))))
	require.Equal(t, 401, get(with("cnf", nil)))
	require.Equal(t, 401, get(with("active", false)))
	require.Equal(t, 503, get("garbage"))
	require.Equal(t, 401, get(with("client_id", "0123456789abcdefghijAB")))
	require.Equal(t, "/revoke", path)
	require.Equal(t, 401, get(with("iat", s.now.Unix()-61)), "older than the client by more than the skew")
	require.Equal(t, "/revoke", path)
	require.Equal(t, 401, get(with("exp", s.now.Unix())), "ended")
	require.Equal(t, 200, get(with("sub", id)))
	require.Equal(t, 401, get(with("sub", "customer")))
	require.Empty(t, path, "a customer's token is not revoked")
	require.Equal(t, 401, get(with("sub", 7)))
	require.Equal(t, 401, get(with("aud", map[string]any{})))
	require.Contains(t, s.log.String(), "the introspection names no certificate")
}

// TestAnAuthorizationServerThatFailsIsAnOutageInTheLog: 503, and a line that says what is
// wrong.
func TestAnAuthorizationServerThatFailsIsAnOutageInTheLog(t *testing.T) {
	s := newSite(t, nil)
	id := s.client(t)
	says := func(status int, media, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", media)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	const js = "application/json"
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		told   string
	}{
		"the secret is wrong": {says(401, js, `{"error":"invalid_client"}`), "refuses the credentials"},
		"it is not allowed":   {says(403, js, `{"error":"access_denied"}`), "does not let it use this endpoint"},
		"it is out":           {says(503, "text/html", "<html>"), "answered 503"},
		"a page":              {says(200, "text/html", "<html>"), "not application/json"},
		"ten megabytes":       {says(200, js, strings.Repeat(" ", 10<<20)+`{"active":true}`), "more than 65536 bytes"},
		"a list":              {says(200, js, `[{"active":true}]`), "no JSON object"},
		"a member twice":      {says(200, js, `{"active":false,"active":true}`), "twice"},
		"slow":                {hangtest.Hang, "deadline"},
	} {
		timeout := time.Minute
		if name == "slow" {
			timeout = 200 * time.Millisecond
		}
		authorizationServer := httptest.NewTLSServer(c.answer)
		t.Cleanup(authorizationServer.Close)
		tokens, err := token.NewIntrospection(token.IntrospectionConfig{IntrospectionURL: authorizationServer.URL, Timeout: timeout,
			Revocation: token.NoRevocation(), HTTPClient: authorizationServer.Client()})
		require.NoError(t, err)
		server := s.start(t, func(c *dcr.Config) { c.Tokens = tokens }, nil)
		before := len(s.log.String())
		a := server.send(t, s.request(t, "GET", "/register/"+id, nil))
		require.Equal(t, 503, a.status, name)
		require.NotEmpty(t, a.header.Get("Retry-After"), name)
		line := s.log.String()[before:]
		require.Contains(t, line, "level=ERROR", name)
		require.Contains(t, line, c.told, name)
		require.Less(t, len(line), 1000, name)
	}
}
