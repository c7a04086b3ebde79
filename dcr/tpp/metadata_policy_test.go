package tpp_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/validate"
)

// announcing returns the metadata of a bank that supports everything, with other lists.
func announcing(t *testing.T, lists map[string][]string) *tpp.Metadata {
	t.Helper()
	return bankMetadata(t, func(d map[string]any) {
		for name, list := range lists {
			if d[name] = list; list == nil {
				delete(d, name)
			}
		}
	})
}

// A request that build makes of what a bank announces is valid for a lint that knows the
// same, in each profile and by each method: the two never disagree.
func TestBuildAndLintOfTheSameSourcesNeverDisagree(t *testing.T) {
	w := newWorld(t)
	everything := map[string][]string{}
	discoveries := map[string]map[string][]string{
		"everything": everything,
		"nothing": {"token_endpoint_auth_methods_supported": nil, "token_endpoint_auth_signing_alg_values_supported": nil,
			"request_object_signing_alg_values_supported": nil, "id_token_signing_alg_values_supported": nil, "response_types_supported": nil,
			"grant_types_supported": nil, "scopes_supported": nil},
		"no openid":           {"scopes_supported": {"accounts", "payments"}},
		"one scope":           {"scopes_supported": {"openid", "payments"}},
		"scopes of its own":   {"scopes_supported": {"openid", "accounts", "profile", "offline_access"}},
		"one response type":   {"response_types_supported": {"code"}},
		"the hybrid flow":     {"response_types_supported": {"code id_token", "token"}},
		"no refresh token":    {"grant_types_supported": {"authorization_code", "client_credentials"}},
		"one grant":           {"grant_types_supported": {"authorization_code"}},
		"grants of its own":   {"grant_types_supported": {"authorization_code", "client_credentials", "urn:openid:params:grant-type:ciba", "implicit"}},
		"RS256 besides":       {"id_token_signing_alg_values_supported": {"RS256", "PS256"}, "request_object_signing_alg_values_supported": {"RS256", "PS256", "none"}},
		"ES256 for ID tokens": {"id_token_signing_alg_values_supported": {"ES256"}},
	}
	built, statement := 0, w.statement(t, nil)
	for name, lists := range discoveries {
		m := announcing(t, lists)
		client := w.clientOf(t, w.software, w.http, m)
		for _, profile := range validate.Profiles() {
			policy, err := m.Policy(profile)
			require.NoError(t, err, name)
			v, err := validate.New(validate.Config{Profile: profile, Policy: policy})
			require.NoError(t, err, name)
			for _, method := range everyMethod {
				request, err := client.Build(statement, tpp.RequestOptions{AuthMethod: method, Certificate: w.software.TransportCertificate.Leaf})
				require.NoError(t, err, "%s, %s", name, method)
				built++
				in := w.known(tpp.LintInput{Request: request, Metadata: m, Validator: v, Now: w.now})
				result, err := tpp.Lint(t.Context(), in)
				require.NoError(t, err)
				assert.Empty(t, errorIDs(result.Report), "%s, %s, %s", name, profile, method)
				assert.True(t, result.Checks.Complete(), "%s, %s, %s: %+v", name, profile, method, result.Checks)
			}
		}
	}
	require.Equal(t, len(discoveries)*len(validate.Profiles())*len(everyMethod), built)
}

// What a bank does not announce is not taken, by a policy of the bank's own too.
func TestAPolicyIsNarrowedToWhatTheBankAnnounces(t *testing.T) {
	m := announcing(t, map[string][]string{
		"token_endpoint_auth_methods_supported":       {"client_secret_basic", "tls_client_auth", "none"},
		"grant_types_supported":                       {"authorization_code", "client_credentials"},
		"response_types_supported":                    {"code"},
		"scopes_supported":                            {"accounts"},
		"id_token_signing_alg_values_supported":       {"RS256", "ES256"},
		"request_object_signing_alg_values_supported": {"PS256"},
	})
	p, err := m.Policy(validate.OBIE33)
	require.NoError(t, err)
	require.ElementsMatch(t, []claims.AuthMethod{claims.TLSClientAuth, claims.ClientSecretBasic}, p.AuthMethods)
	require.ElementsMatch(t, []claims.GrantType{claims.AuthorizationCode, claims.ClientCredentials}, p.GrantTypes)
	require.Equal(t, []claims.ResponseType{claims.Code}, p.ResponseTypes)
	require.ElementsMatch(t, []string{"openid", "accounts"}, p.Scopes)
	require.ElementsMatch(t, []string{"openid", "accounts"}, p.DefaultScopes)
	require.ElementsMatch(t, []claims.Algorithm{claims.ES256, claims.RS256}, p.MemberAlgorithms.IDToken)
	require.Equal(t, []claims.Algorithm{claims.PS256}, p.MemberAlgorithms.RequestObject)
	require.ElementsMatch(t, []validate.Widening{validate.WidenRS256, validate.WidenClientSecretBasic}, p.Widenings)
	require.Empty(t, p.Audiences)

	own := validate.DefaultPolicy(validate.OBIE33)
	own.AllowedValues = map[string][]string{"response_types": {"code id_token", "code"}, "scope": {"openid", "payments"}, "redirect_uris": {"https://a.example/"}}
	p, err = m.Narrow(own)
	require.NoError(t, err)
	require.Equal(t, []claims.AuthMethod{claims.TLSClientAuth}, p.AuthMethods, "the bank's own policy is narrower")
	require.Equal(t, map[string][]string{"response_types": {"code"}, "scope": {"openid"}, "redirect_uris": {"https://a.example/"}}, p.AllowedValues)
	require.Equal(t, []claims.Algorithm{claims.ES256}, p.MemberAlgorithms.IDToken)
	require.Equal(t, own.AudienceKinds, p.AudienceKinds)
	_, err = validate.New(validate.Config{Profile: validate.OBIE33, Policy: p})
	require.NoError(t, err)
	require.Equal(t, []string{"code id_token", "code"}, own.AllowedValues["response_types"], "it is not changed")

	_, err = announcing(t, map[string][]string{"grant_types_supported": {"implicit"}}).Policy(validate.OBIE33)
	require.Error(t, err)
}

// Two banks that announce the hybrid flow in either order of its words take the same
// requests: the order means nothing (RFC 6749 section 3.1.1).
func TestTheOrderOfTheWordsOfAResponseTypeMeansNothing(t *testing.T) {
	t.Parallel()
	for _, announced := range []string{"code id_token", "id_token code", " id_token  code "} {
		m := announcing(t, map[string][]string{"response_types_supported": {announced}})
		p, err := m.Policy(validate.OBIE33)
		require.NoError(t, err)
		require.Equal(t, []claims.ResponseType{claims.CodeIDToken}, p.ResponseTypes, announced)
		require.Contains(t, p.GrantTypes, claims.AuthorizationCode, announced)
	}
}
