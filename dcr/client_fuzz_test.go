package dcr_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr"
)

// FuzzParseMetadata: whatever is accepted has endpoints that net/url reads as https
// addresses with a host, and no user.
func FuzzParseMetadata(f *testing.F) {
	f.Add([]byte(discoveryOf("https://bank.example")))
	f.Add([]byte(`{"registration_endpoint": "https://a/r", "token_endpoint": "https://a/t", "mtls_endpoint_aliases": {"token_endpoint": "https://b/t"}}`))
	f.Add([]byte(`{"registration_endpoint": "https://a/r", "mtls_endpoint_aliases": {"token_endpoint": "https://b/t"}}`))
	f.Add([]byte(`{"registration_endpoint": "https://@a/", "token_endpoint": "HTTPS://a#"}`))
	f.Fuzz(func(t *testing.T, document []byte) {
		m, err := dcr.ParseMetadata(document)
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
		i, err := dcr.ParseClientInformation(document)
		if err != nil {
			require.Nil(t, i)
			return
		}
		base, err := url.Parse("https://bank.example/register")
		require.NoError(t, err)
		joined := base.JoinPath(url.PathEscape(i.ClientID))
		require.Equal(t, 2, strings.Count(joined.EscapedPath(), "/"), "%q", i.ClientID)
		if len(i.Secret) > 8 && !strings.Contains(i.ClientID, i.Secret) {
			require.NotContains(t, fmt.Sprintf("%v %+v %#v", i, i, *i), i.Secret)
		}
	})
}
