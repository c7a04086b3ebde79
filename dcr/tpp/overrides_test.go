package tpp_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/tpp"
)

func TestAnEndpointThatTheDocumentLacksIsGivenByTheUser(t *testing.T) {
	over := tpp.Overrides{Issuer: "https://own.example", RegistrationEndpoint: "https://own.example/r", TokenEndpoint: "https://own.example/t"}
	for name, document := range map[string]string{
		"an empty document": `{}`,
		"other endpoints": `{"issuer": "https://b.example", "registration_endpoint": "https://b.example/r", "token_endpoint": "https://b.example/t",
			"mtls_endpoint_aliases": {"registration_endpoint": "https://m.example/r", "token_endpoint": "https://m.example/t"}}`,
		"members of a wrong type": `{"issuer": 1, "registration_endpoint": 2, "token_endpoint": ["x"], "mtls_endpoint_aliases": "x"}`,
		"endpoints without TLS":   `{"registration_endpoint": "http://b.example/r", "token_endpoint": "http://b.example/t"}`,
	} {
		m, err := tpp.ParseMetadata([]byte(document), over)
		require.NoError(t, err, name)
		assert.Empty(t, m.Faults, name)
		assert.Equal(t, over, tpp.Overrides{Issuer: m.Issuer, RegistrationEndpoint: m.RegistrationEndpoint, TokenEndpoint: m.TokenEndpoint}, name)
		assert.Equal(t, over.TokenEndpoint, m.TokenAudience, name)
	}
	m, err := tpp.ParseMetadata([]byte(`{"token_endpoint": "https://b.example/t"}`), tpp.Overrides{RegistrationEndpoint: "https://first.example/r"},
		tpp.Overrides{RegistrationEndpoint: "https://b.example/r", TokenAudience: "https://b.example"})
	require.NoError(t, err)
	assert.Equal(t, "https://b.example/r", m.RegistrationEndpoint)
	assert.Equal(t, "https://b.example/t", m.TokenEndpoint)
	assert.Equal(t, "https://b.example", m.TokenAudience)
}

func TestADocumentWithoutRegistrationEndpointNamesTheWayOut(t *testing.T) {
	for name, document := range map[string]string{
		"none":               `{"token_endpoint": "https://b.example/t"}`,
		"of a wrong type":    `{"registration_endpoint": 7, "token_endpoint": "https://b.example/t"}`,
		"no https address":   `{"registration_endpoint": "http://b.example/r", "token_endpoint": "https://b.example/t"}`,
		"no token endpoint":  `{"registration_endpoint": "https://b.example/r"}`,
		"an alias of a type": `{"registration_endpoint": "https://b.example/r", "token_endpoint": "https://b.example/t", "mtls_endpoint_aliases": {"token_endpoint": 1}}`,
	} {
		_, err := tpp.ParseMetadata([]byte(document))
		require.ErrorContains(t, err, "override", name)
	}
	for _, over := range []tpp.Overrides{{RegistrationEndpoint: "http://b.example/r"}, {TokenEndpoint: "b.example"}} {
		_, err := tpp.ParseMetadata([]byte(`{"registration_endpoint": "https://b.example/r", "token_endpoint": "https://b.example/t"}`), over)
		require.Error(t, err, "%v", over)
	}
}

func TestAListThatCannotBeReadIsOnlyAFault(t *testing.T) {
	w := newWorld(t)
	statement := w.statement(t, nil)
	for member, c := range map[string]struct {
		value any
		named tpp.RequestOptions // names what the list would have told
	}{
		"scopes_supported":                      {"openid", tpp.RequestOptions{Scopes: []string{"openid"}}},
		"grant_types_supported":                 {[]any{1}, tpp.RequestOptions{GrantTypes: []claims.GrantType{claims.ClientCredentials}}},
		"response_types_supported":              {map[string]any{}, tpp.RequestOptions{ResponseTypes: []claims.ResponseType{claims.Code}}},
		"id_token_signing_alg_values_supported": {true, tpp.RequestOptions{IDTokenAlgorithm: claims.ES256}},
		"token_endpoint_auth_methods_supported": {"private_key_jwt", tpp.RequestOptions{AuthMethod: claims.TLSClientAuth, SubjectDN: "CN=x"}},
	} {
		m := bankMetadata(t, func(d map[string]any) { d[member] = c.value })
		require.Len(t, m.Faults, 1, member)
		assert.Equal(t, member, m.Faults[0].Member)
		_, err := tpp.BuildFor(m, statement, tpp.RequestOptions{Now: w.now})
		require.Error(t, err, "%s: it is needed to choose a value", member)
		c.named.Now = w.now
		_, err = tpp.BuildFor(m, statement, c.named)
		require.NoError(t, err, member)
	}
	m := bankMetadata(t, func(d map[string]any) { d["issuer"] = 7 })
	require.Len(t, m.Faults, 1)
	assert.Empty(t, m.Issuer)
}
