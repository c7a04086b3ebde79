package tpp_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/validate"
)

// discovery draws a discovery document: each list is left out, of a wrong type, empty, or has
// some of the values that banks announce.
func discovery(r *rapid.T) []byte {
	d := map[string]any{"registration_endpoint": "https://bank.example/register", "token_endpoint": "https://bank.example/token"}
	if issuer := rapid.SampledFrom([]any{nil, "https://bank.example", "https://bank.example/", "http://bank.example", "bank", "0015800001041REAAY",
		"0015800001041REAAYtoo-long", "https://bank.example/#a", "", 5}).Draw(r, "issuer"); issuer != nil {
		d["issuer"] = issuer
	}
	for _, list := range []struct {
		name   string
		values []string
	}{
		{"token_endpoint_auth_methods_supported", []string{"private_key_jwt", "tls_client_auth", "client_secret_basic", "client_secret_post", "client_secret_jwt", "none"}},
		{"token_endpoint_auth_signing_alg_values_supported", []string{"PS256", "ES256", "RS256", "HS256", "none"}},
		{"request_object_signing_alg_values_supported", []string{"PS256", "ES256", "RS256", "none"}},
		{"id_token_signing_alg_values_supported", []string{"PS256", "ES256", "RS256", "HS256", "none"}},
		{"response_types_supported", []string{"code", "code id_token", "token", "id_token", "code token"}},
		{"grant_types_supported", []string{"authorization_code", "client_credentials", "refresh_token", "implicit", "urn:openid:params:grant-type:ciba"}},
		{"scopes_supported", []string{"openid", "accounts", "payments", "fundsconfirmations", "profile"}},
	} {
		switch rapid.IntRange(0, 19).Draw(r, list.name) {
		case 0, 1, 2, 3:
		case 4:
			d[list.name] = "text"
		case 5:
			d[list.name] = []string{}
		case 6, 7, 8, 9, 10, 11:
			d[list.name] = list.values
		default:
			d[list.name] = rapid.SliceOfNDistinct(rapid.SampledFrom(list.values), 1, len(list.values), rapid.ID).Draw(r, list.name)
		}
	}
	document, err := json.Marshal(d)
	if err != nil {
		r.Fatal(err)
	}
	return document
}

// Whatever a bank announces, what build makes of it is valid for a lint that knows the same,
// and what leaves lint without a policy is refused by build.
func TestBuildAndLintOfTheSameSourcesNeverDisagreeWhateverABankAnnounces(t *testing.T) {
	w := newWorld(t)
	statement := w.statement(t, nil)
	built, refused := 0, 0
	rapid.Check(t, func(r *rapid.T) {
		document := discovery(r)
		m, err := tpp.ParseMetadata(document)
		require.NoError(r, err, string(document))
		o := tpp.RequestOptions{Certificate: w.software.TransportCertificate.Leaf,
			AuthMethod: rapid.SampledFrom(append([]claims.AuthMethod{""}, everyMethod...)).Draw(r, "method")}
		if rapid.Bool().Draw(r, "audience") {
			o.Audience = "0015800001041REAAY"
		}
		if rapid.Bool().Draw(r, "other grants") {
			o.GrantTypes = []claims.GrantType{claims.ClientCredentials}
		}
		request, err := w.clientOf(t, w.software, w.http, m).Build(statement, o)
		if err != nil {
			refused++
			return
		}
		built++
		profile := rapid.SampledFrom(validate.Profiles()).Draw(r, "profile")
		policy, err := m.Policy(profile)
		require.NoError(r, err, string(document))
		v, err := validate.New(validate.Config{Profile: profile, Policy: policy})
		require.NoError(r, err, string(document))
		result, err := tpp.Lint(t.Context(), w.known(tpp.LintInput{Request: request, Metadata: m, Validator: v, Now: w.now}))
		require.NoError(r, err)
		require.Empty(r, errorIDs(result.Report), "%s, %s", profile, document)
	})
	require.NotZero(t, built)
	require.NotZero(t, refused)
}

func TestAClientWithoutTheCodeGrantHasNoResponseTypes(t *testing.T) {
	w := newWorld(t)
	m := announcing(t, map[string][]string{"grant_types_supported": {"client_credentials"}, "response_types_supported": {"token"}})
	request, err := tpp.BuildFor(m, w.statement(t, nil), tpp.RequestOptions{Now: w.now})
	require.NoError(t, err)
	require.False(t, request.ResponseTypes.Present())
	m = announcing(t, map[string][]string{"grant_types_supported": {"client_credentials"}})
	request, err = tpp.BuildFor(m, w.statement(t, nil), tpp.RequestOptions{Now: w.now, ResponseTypes: []claims.ResponseType{claims.Code}})
	require.NoError(t, err)
	require.Equal(t, []claims.ResponseType{claims.Code}, request.ResponseTypes.Or(nil), "who asks for some gets them")
}

func TestAnIssuerThatIsNoHTTPSURLIsNoAudience(t *testing.T) {
	w := newWorld(t)
	m := bankMetadata(t, func(d map[string]any) { d["issuer"] = "http://bank.example" })
	_, err := tpp.BuildFor(m, w.statement(t, nil), tpp.RequestOptions{Now: w.now})
	require.Error(t, err)
	_, err = tpp.BuildFor(m, w.statement(t, nil), tpp.RequestOptions{Now: w.now, Audience: "0015800001041REAAY"})
	require.NoError(t, err)
}

// A list without values is none (RFC 8414 section 3.2), and is told as a fault.
func TestAnEmptyListCountsAsNotAnnounced(t *testing.T) {
	w := newWorld(t)
	m := announcing(t, map[string][]string{"token_endpoint_auth_signing_alg_values_supported": {}})
	require.Len(t, m.Faults, 1)
	request, err := tpp.BuildFor(m, w.statement(t, nil), tpp.RequestOptions{Now: w.now})
	require.NoError(t, err)
	require.Equal(t, claims.PS256, request.TokenEndpointAuthSigningAlg.Or(""))
	_, err = m.Policy(validate.OBIE33)
	require.NoError(t, err)
	m = announcing(t, map[string][]string{"token_endpoint_auth_signing_alg_values_supported": {"HS256"}})
	policy, err := m.Policy(validate.OBIE33)
	require.NoError(t, err)
	require.NotContains(t, policy.AuthMethods, claims.PrivateKeyJWT)
}
