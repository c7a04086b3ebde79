package dcr_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/token"
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
}
