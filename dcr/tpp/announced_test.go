package tpp_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/tpp"
)

func TestAnOverrideGoesBeforeWhatABankAnnounces(t *testing.T) {
	w := newWorld(t)
	m := bankMetadata(t, nil)
	m.RequestObjectAlgorithms = []claims.Algorithm{claims.ES256}
	m.AuthMethods = []claims.AuthMethod{claims.PrivateKeyJWT}
	m.GrantTypes = []claims.GrantType{claims.AuthorizationCode}
	override := map[string]json.RawMessage{}
	for _, want := range []tpp.NotAnnouncedError{
		{Member: "token_endpoint_auth_method", List: "token_endpoint_auth_methods_supported", Asked: []string{"tls_client_auth"}, Value: "tls_client_auth"},
		{Member: "request_object_signing_alg", List: "request_object_signing_alg_values_supported", Asked: []string{"PS256"}, Value: "PS256"},
		{Member: "grant_types", List: "grant_types_supported", Asked: []string{"authorization_code", "refresh_token"}, Value: "refresh_token"},
	} {
		o := tpp.RequestOptions{Now: w.now, AuthMethod: claims.TLSClientAuth, SubjectDN: "CN=x", Override: override,
			GrantTypes: []claims.GrantType{claims.AuthorizationCode, claims.RefreshToken}}
		_, err := tpp.BuildPayload(m, w.statement(t, nil), o)
		var got *tpp.NotAnnouncedError
		require.ErrorAs(t, err, &got, want.Member)
		want.Near = got.Near
		assert.Equal(t, want, *got)
		override[want.Member] = json.RawMessage(`"any"`)
	}
	_, err := tpp.BuildPayload(m, w.statement(t, nil), tpp.RequestOptions{Now: w.now, AuthMethod: claims.TLSClientAuth, SubjectDN: "CN=x", Override: override})
	require.NoError(t, err)
}
