package tpp_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/tpp"
)

// FuzzParseMetadata: whatever is accepted has endpoints that net/url reads as https
// addresses with a host, and no user.
func FuzzParseMetadata(f *testing.F) {
	f.Add([]byte(`{"issuer": "https://bank.example", "registration_endpoint": "https://bank.example/register",
		"token_endpoint": "https://bank.example/token", "token_endpoint_auth_methods_supported": ["private_key_jwt"],
		"request_object_signing_alg_values_supported": ["PS256", "ES256"], "scopes_supported": ["openid", "accounts"],
		"tls_client_certificate_bound_access_tokens": true}`))
	f.Add([]byte(`{"registration_endpoint": "https://a/r", "token_endpoint": "https://a/t", "mtls_endpoint_aliases": {"token_endpoint": "https://b/t"}}`))
	f.Add([]byte(`{"registration_endpoint": "https://a/r", "mtls_endpoint_aliases": {"token_endpoint": "https://b/t"}}`))
	f.Add([]byte(`{"registration_endpoint": "https://@a/", "token_endpoint": "HTTPS://a#"}`))
	f.Fuzz(func(t *testing.T, document []byte) {
		m, err := tpp.ParseMetadata(document)
		if err != nil {
			require.Nil(t, m)
			return
		}
		for _, endpoint := range []string{m.RegistrationEndpoint, m.TokenEndpoint, m.TokenAudience} {
			u, err := url.Parse(endpoint)
			require.NoError(t, err)
			require.Equal(t, "https", u.Scheme)
			require.NotEmpty(t, u.Hostname())
			require.Nil(t, u.User)
		}
	})
}

// FuzzParseClientInformation: whatever is accepted has a client_id that is one segment
// of a path, and does not show its secret.
func FuzzParseClientInformation(f *testing.F) {
	f.Add([]byte(`{"client_id": "x", "client_id_issued_at": 1, "client_secret": "0123456789abcdef", "client_secret_expires_at": 0}`))
	f.Add([]byte(`{"client_id": "../..", "scope": ["a"], "redirect_uris": 7}`))
	f.Add([]byte(`{"client_id": "a", "client_id": "b"}`))
	f.Fuzz(func(t *testing.T, document []byte) {
		i, err := tpp.ParseClientInformation(document)
		if err != nil {
			require.Nil(t, i)
			return
		}
		base, err := url.Parse("https://bank.example/register")
		require.NoError(t, err)
		joined := base.JoinPath(url.PathEscape(i.ClientID))
		require.Equal(t, 2, strings.Count(joined.EscapedPath(), "/"), "%q", i.ClientID)
		if secret := i.Secret.Reveal(); len(secret) > 8 && !strings.Contains(i.ClientID, secret) {
			require.NotContains(t, fmt.Sprintf("%v %+v %#v", i, i, *i), secret)
		}
	})
}
