package tpp_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// built builds a request with options for a bank that announces everything, and returns the
// members as they are signed.
func built(t *testing.T, w *world, o tpp.RequestOptions) map[string]any {
	t.Helper()
	token, err := w.clientOf(t, w.software, w.http, bankMetadata(t, nil)).Build(w.statement(t, nil), o)
	require.NoError(t, err)
	return payload(t, token)
}

func payload(t *testing.T, token string) map[string]any {
	t.Helper()
	request, err := ssa.ParseSigned(token)
	require.NoError(t, err)
	members := map[string]any{}
	require.NoError(t, json.Unmarshal([]byte(request.UnverifiedPayload()), &members))
	return members
}

func TestARequestHasTheDialectOfTheBank(t *testing.T) {
	w := newWorld(t)
	plain := built(t, w, tpp.RequestOptions{})
	assert.Equal(t, "openid accounts payments", plain["scope"])
	assert.NotContains(t, plain, "client_id")
	assert.Equal(t, strings.ToLower(plain["jti"].(string)), plain["jti"])
	assert.Equal(t, []any{"authorization_code", "client_credentials", "refresh_token"}, plain["grant_types"], "refresh_token is announced")

	other := built(t, w, tpp.RequestOptions{
		GrantTypes: []claims.GrantType{claims.ClientCredentials}, ResponseTypes: []claims.ResponseType{claims.Code}, ScopeAsArray: true,
		UpperCaseJTI: true, ClientID: "client-1", IDTokenAlgorithm: claims.ES256,
		Members:  map[string]json.RawMessage{"subject_type": json.RawMessage(`"pairwise"`), "x": json.RawMessage(`{"a":[1]}`)},
		Override: map[string]json.RawMessage{"aud": json.RawMessage(`["a","b"]`), "redirect_uris": json.RawMessage(`"https://a.example/"`), "application_type": nil},
	})
	assert.Equal(t, []any{"client_credentials"}, other["grant_types"])
	assert.Equal(t, []any{"code"}, other["response_types"])
	assert.Equal(t, []any{"openid", "accounts", "payments"}, other["scope"])
	assert.Regexp(t, `^[0-9A-F]{8}-[0-9A-F]{4}-4[0-9A-F]{3}-[89AB][0-9A-F]{3}-[0-9A-F]{12}$`, other["jti"])
	assert.Equal(t, "client-1", other["client_id"])
	assert.Equal(t, "ES256", other["id_token_signed_response_alg"])
	assert.Equal(t, "pairwise", other["subject_type"])
	assert.Equal(t, map[string]any{"a": []any{1.0}}, other["x"])
	assert.Equal(t, []any{"a", "b"}, other["aud"])
	assert.NotContains(t, other, "application_type")
}

func TestAnOverrideMayHaveATypeThatTheSpecificationHasNot(t *testing.T) {
	w := newWorld(t)
	o := tpp.RequestOptions{Override: map[string]json.RawMessage{"redirect_uris": json.RawMessage(`"https://a.example/"`)}}
	assert.Equal(t, "https://a.example/", built(t, w, o)["redirect_uris"])
	o.Now = w.now
	_, err := tpp.BuildFor(bankMetadata(t, nil), w.statement(t, nil), o)
	require.Error(t, err, "claims.Request cannot hold it")
}

func TestAMemberIsNotReplacedUnlessTheCallerSaysSo(t *testing.T) {
	w := newWorld(t)
	statement := w.statement(t, nil)
	for name, o := range map[string]tpp.RequestOptions{
		"a member of the builder": {Members: map[string]json.RawMessage{"scope": json.RawMessage(`"openid"`)}},
		"a member in both": {Members: map[string]json.RawMessage{"x": json.RawMessage(`1`)},
			Override: map[string]json.RawMessage{"x": json.RawMessage(`2`)}},
		"no JSON":                   {Members: map[string]json.RawMessage{"x": json.RawMessage(`pairwise`)}},
		"two values":                {Members: map[string]json.RawMessage{"x": json.RawMessage(`1 2`)}},
		"nothing":                   {Members: map[string]json.RawMessage{"x": nil}},
		"a member twice inside":     {Override: map[string]json.RawMessage{"x": json.RawMessage(`{"a":1,"a":2}`)}},
		"no name":                   {Members: map[string]json.RawMessage{"": json.RawMessage(`1`)}},
		"a name that is no text":    {Members: map[string]json.RawMessage{"\xff": json.RawMessage(`1`)}},
		"a client_id with a break":  {ClientID: "a\nb"},
		"an unannounced algorithm":  {IDTokenAlgorithm: claims.RS256},
		"an unannounced grant type": {GrantTypes: []claims.GrantType{claims.JWTBearer}},
	} {
		o.Now = w.now
		_, err := tpp.BuildFor(bankMetadata(t, nil), statement, o)
		require.Error(t, err, name)
	}
}

func TestRefreshTokenIsAskedForWhereItIsAnnounced(t *testing.T) {
	w := newWorld(t)
	statement := w.statement(t, nil)
	for name, c := range map[string]struct {
		announced any
		want      []claims.GrantType
	}{
		"announced":        {[]string{"client_credentials", "refresh_token"}, []claims.GrantType{claims.ClientCredentials, claims.RefreshToken}},
		"not announced":    {[]string{"client_credentials"}, []claims.GrantType{claims.ClientCredentials}},
		"nothing is known": {nil, []claims.GrantType{claims.AuthorizationCode, claims.ClientCredentials}},
	} {
		m := bankMetadata(t, func(d map[string]any) { d["grant_types_supported"] = c.announced })
		request, err := tpp.BuildFor(m, statement, tpp.RequestOptions{Now: w.now})
		require.NoError(t, err)
		assert.Equal(t, c.want, request.GrantTypes.Or(nil), name)
	}
}

func TestAnUpdateNamesItsClient(t *testing.T) {
	w := newWorld(t)
	client := w.client(t)
	request, err := client.Build(w.statement(t, nil), tpp.RequestOptions{Audience: ssatest.DefaultAudience})
	require.NoError(t, err)
	made, err := client.Register(t.Context(), request)
	require.NoError(t, err)
	token, err := client.AccessToken(t.Context(), made.Credentials())
	require.NoError(t, err)
	request, err = client.BuildUpdate(made.ClientID, w.statement(t, nil), tpp.RequestOptions{Audience: ssatest.DefaultAudience})
	require.NoError(t, err)
	assert.Equal(t, made.ClientID, payload(t, request)["client_id"])
	_, err = client.Update(t.Context(), made.ClientID, request, token)
	require.NoError(t, err)
}
