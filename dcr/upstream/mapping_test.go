package upstream_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/upstream"
)

// with returns the mapping as a change of a Config.
func with(m upstream.Mapping) func(*upstream.Config) {
	return func(c *upstream.Config) { c.Mapping = m }
}

func TestAMappingIsData(t *testing.T) {
	f := newFake(t)
	e := f.endpoint(t, with(upstream.Mapping{
		Rename:     map[string]string{"jwks_uri": "keys", "scope": "scopes"},
		Drop:       []string{"software_id", "application_type"},
		Const:      map[string]json.RawMessage{"id_token_signed_response_alg": json.RawMessage(`"ES256"`)},
		Ensure:     map[string]json.RawMessage{"subject_type": json.RawMessage(`"public"`), "client_name": json.RawMessage(`"nobody"`)},
		DropScopes: []string{"openid"}, ImplicitGrant: true, RecordID: "reference",
	}))
	f.alter = func(c map[string]any) { delete(c, "reference") } // a server need not show it
	_, err := e.Provision(t.Context(), newClient())
	require.NoError(t, err)
	got := f.clients["as-1"]
	require.Equal(t, "https://keys.example/software.jwks", got["keys"])
	require.Equal(t, "accounts", got["scopes"])
	require.Equal(t, "ES256", got["id_token_signed_response_alg"])
	require.Equal(t, "public", got["subject_type"])
	require.Equal(t, "Test TPP", got["client_name"])
	require.Equal(t, []any{"client_credentials", "authorization_code", "implicit"}, got["grant_types"])
	require.Equal(t, "record", got["reference"])
	for _, name := range []string{"software_id", "application_type", "jwks_uri", "scope", "extension", "software_statement"} {
		require.NotContains(t, got, name)
	}
}

func TestWhatTheServerMayChooseGoesIntoTheAnswer(t *testing.T) {
	f := newFake(t)
	e := f.endpoint(t, with(upstream.Mapping{Rename: map[string]string{"scope": "scopes"}, Chosen: []string{"scopes", "request_object_signing_alg", "client_name"}}))
	f.alter = func(c map[string]any) {
		c["scopes"], c["client_name"] = "openid", "another name"
		delete(c, "request_object_signing_alg")
	}
	made, err := e.Provision(t.Context(), newClient())
	require.NoError(t, err)
	require.JSONEq(t, `{"scope":"openid"}`, string(made.Members), "by the name here; nothing of the bank's own members")
}

func TestASetMayBeWidenedButNotNarrowed(t *testing.T) {
	f := newFake(t)
	e := f.endpoint(t, with(upstream.Mapping{Widened: []string{"response_types", "grant_types"}}))
	f.alter = func(c map[string]any) { c["response_types"] = []any{"none", "id_token code", "code"} }
	made, err := e.Provision(t.Context(), newClient())
	require.NoError(t, err)
	require.Nil(t, made.Members)
	f.alter = func(c map[string]any) { c["response_types"] = []any{"code"} }
	_, err = e.Provision(t.Context(), newClient())
	var refusal *dcr.Refusal
	require.ErrorAs(t, err, &refusal)
	f.alter = func(c map[string]any) { c["redirect_uris"] = append(c["redirect_uris"].([]any), "https://x.example/") }
	_, err = e.Provision(t.Context(), newClient())
	require.ErrorAs(t, err, &refusal)
}

func TestAClientThatAuthenticatesByCertificateIsRegisteredByItsSubject(t *testing.T) {
	for name, c := range map[string]struct{ certificate, sent, want string }{
		"the certificate's": {"CN=a,OU=b,O=OpenBanking,C=GB", "CN=a, ou=b, o=openbanking, c=gb", "CN=a,OU=b,O=OpenBanking,C=GB"},
		"the request's":     {"", "cn=a, ou=b,O=OpenBanking,C=GB", "CN=a,OU=b,O=OpenBanking,C=GB"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			p := newClient()
			set(t, &p, "token_endpoint_auth_method", "tls_client_auth")
			set(t, &p, "tls_client_auth_subject_dn", c.sent)
			p.Client.SubjectDN = c.certificate
			_, err := f.endpoint(t, nil).Provision(t.Context(), p)
			require.NoError(t, err)
			require.Equal(t, c.want, f.clients["as-1"]["tls_client_auth_subject_dn"])
			require.NotContains(t, f.clients["as-1"], "token_endpoint_auth_signing_alg")
		})
	}
}

func TestAMobileApplicationIsNative(t *testing.T) {
	f := newFake(t)
	p := newClient()
	set(t, &p, "application_type", "mobile")
	_, err := f.endpoint(t, nil).Provision(t.Context(), p)
	require.NoError(t, err)
	require.Equal(t, "native", f.clients["as-1"]["application_type"])
}

func TestASecretOfTheBanksCannotBeRegistered(t *testing.T) {
	f := newFake(t)
	e := f.endpoint(t, nil)
	p := newClient()
	set(t, &p, "token_endpoint_auth_method", "client_secret_basic")
	done, err := e.Provision(t.Context(), p)
	var refusal *dcr.Refusal
	require.ErrorAs(t, err, &refusal)
	require.Empty(t, f.calls)
	require.True(t, done.Unchanged)
}
