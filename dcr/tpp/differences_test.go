package tpp_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// differences compares the world's usual request, after a change, with what a bank answers.
// The answer has the members of the request, after another change.
func differences(t *testing.T, w *world, ask func(*claims.Request), register map[string]any) []tpp.Difference {
	t.Helper()
	request := w.request(t, ask)
	answer := payload(t, request)
	for _, own := range []string{"iss", "iat", "exp", "aud", "jti"} {
		delete(answer, own)
	}
	answer["client_id"], answer["client_id_issued_at"], answer["client_secret"] = "id", 1, "secret"
	answer["software_client_name"], answer["org_id"] = "flattened", "x"
	for name, value := range register {
		if answer[name] = value; value == nil {
			delete(answer, name)
		}
	}
	document, err := json.Marshal(answer)
	require.NoError(t, err)
	information, err := tpp.ParseClientInformation(document)
	require.NoError(t, err)
	found, err := tpp.Differences(request, information)
	require.NoError(t, err)
	return found
}

func TestWhatTheBankRegisteredOtherwiseIsListed(t *testing.T) {
	w := newWorld(t)
	const dn = "CN=x,OU=y,O=OpenBanking,C=GB"
	uris := w.software.RedirectURIs
	require.Len(t, uris, 2, "the cases below need two")
	type m = map[string]any
	same := func(*claims.Request) {}
	for name, c := range map[string]struct {
		ask      func(*claims.Request)
		register m
		want     []tpp.Difference
	}{
		"nothing":                        {same, nil, nil},
		"the order of lists":             {same, m{"redirect_uris": []string{uris[1], uris[0]}, "grant_types": []string{"refresh_token", "client_credentials", "authorization_code"}}, nil},
		"the order of words":             {same, m{"scope": "payments accounts  openid", "response_types": []string{"id_token code"}}, nil},
		"a scope as an array":            {same, m{"scope": []string{"payments", "openid", "accounts"}}, nil},
		"a value twice":                  {same, m{"redirect_uris": append(uris, uris[0])}, nil},
		"what nobody asked for":          {same, m{"x_vendor": "y", "org_name": "z"}, nil},
		"fewer words":                    {same, m{"scope": "openid accounts"}, []tpp.Difference{{Member: "scope", Asked: `"openid accounts payments"`, Registered: `"openid accounts"`}}},
		"other methods":                  {same, m{"token_endpoint_auth_method": "tls_client_auth"}, []tpp.Difference{{Member: "token_endpoint_auth_method", Asked: `"private_key_jwt"`, Registered: `"tls_client_auth"`}}},
		"a member that is left out":      {same, m{"application_type": nil}, []tpp.Difference{{Member: "application_type", Asked: `"web"`}}},
		"a member that is null":          {same, m{"application_type": json.RawMessage("null")}, []tpp.Difference{{Member: "application_type", Asked: `"web"`}}},
		"another type":                   {same, m{"redirect_uris": uris[0]}, []tpp.Difference{{Member: "redirect_uris", Asked: `["` + uris[0] + `","` + uris[1] + `"]`, Registered: `"` + uris[0] + `"`}}},
		"a list of other things":         {same, m{"grant_types": []int{1}}, []tpp.Difference{{Member: "grant_types", Asked: `["client_credentials","authorization_code","refresh_token"]`, Registered: `[1]`}}},
		"in the order of the dictionary": {same, m{"scope": "openid", "redirect_uris": uris[:1]}, []tpp.Difference{{Member: "redirect_uris", Asked: `["` + uris[0] + `","` + uris[1] + `"]`, Registered: `["` + uris[0] + `"]`}, {Member: "scope", Asked: `"openid accounts payments"`, Registered: `"openid"`}}},
		"a name spelled otherwise": {func(r *claims.Request) { r.TLSClientAuthSubjectDN = claims.Some(dn) },
			m{"tls_client_auth_subject_dn": "C=GB, O=OpenBanking, OU=y, CN=x"}, nil},
		"another name": {func(r *claims.Request) { r.TLSClientAuthSubjectDN = claims.Some(dn) },
			m{"tls_client_auth_subject_dn": "CN=z"}, []tpp.Difference{{Member: "tls_client_auth_subject_dn", Asked: `"` + dn + `"`, Registered: `"CN=z"`}}},
		"the statement's URIs by default": {func(r *claims.Request) { r.RedirectURIs = claims.Optional[[]string]{} }, m{"redirect_uris": uris}, nil},
		"the dictionary's response types": {func(r *claims.Request) { r.ResponseTypes = claims.Optional[[]claims.ResponseType]{} },
			m{"response_types": []string{"code id_token"}}, nil},
		"other than the default": {func(r *claims.Request) { r.ResponseTypes = claims.Optional[[]claims.ResponseType]{} },
			m{"response_types": []string{"code"}}, []tpp.Difference{{Member: "response_types", Asked: `["code id_token"]`, Default: true, Registered: `["code"]`}}},
		"the statement's software":      {func(r *claims.Request) { r.SoftwareID = claims.Optional[string]{} }, m{"software_id": w.software.SoftwareID}, nil},
		"neither names it":              {func(r *claims.Request) { r.ResponseTypes = claims.Optional[[]claims.ResponseType]{} }, nil, nil},
		"an unasked member of OBIE DCR": {same, m{"backchannel_token_delivery_mode": "poll"}, []tpp.Difference{{Member: "backchannel_token_delivery_mode", Registered: `"poll"`}}},
		"a further member": {func(r *claims.Request) {
			r.Unknown = []claims.Member{{Name: "subject_type", Raw: json.RawMessage(`"pairwise"`)}, {Name: "x", Raw: json.RawMessage(`{"a":1,"b":[2.0]}`)}}
		}, m{"subject_type": "public", "x": json.RawMessage(`{"b": [2], "a": 1}`)}, []tpp.Difference{{Member: "subject_type", Asked: `"pairwise"`, Registered: `"public"`}}},
	} {
		t.Run(name, func(t *testing.T) {
			found := differences(t, w, c.ask, c.register)
			assert.Equal(t, c.want, found)
			for _, d := range found {
				assert.Contains(t, d.String(), d.Member)
			}
		})
	}
}

func TestDifferencesAreHarmlessOnATerminal(t *testing.T) {
	w := newWorld(t)
	found := differences(t, w, func(*claims.Request) {}, map[string]any{"scope": "openid \x1b[31m\u202e"})
	require.Len(t, found, 1)
	for _, shown := range []string{found[0].Registered, found[0].String()} {
		assert.NotContains(t, shown, "\x1b")
		assert.NotContains(t, shown, "\u202e")
	}
}

func TestABankThatRegistersAsAskedHasNoDifference(t *testing.T) {
	w := newWorld(t)
	client := w.client(t)
	for _, method := range everyMethod {
		request, err := client.Build(w.statement(t, nil), tpp.RequestOptions{Audience: ssatest.DefaultAudience, AuthMethod: method})
		require.NoError(t, err)
		made, err := client.Register(t.Context(), request)
		require.NoError(t, err)
		found, err := tpp.Differences(request, made)
		require.NoError(t, err)
		assert.Empty(t, found, method)
	}
	information, err := tpp.ParseClientInformation([]byte(`{"client_id": "x", "scope": "a", "scope": "b"}`))
	require.NoError(t, err)
	_, err = tpp.Differences(w.request(t, func(*claims.Request) {}), information)
	require.Error(t, err, "the answer is no strict JSON")
	_, err = tpp.Differences("x", information)
	require.Error(t, err, "the request is none")
}
