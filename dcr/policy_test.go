package dcr_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/validate"
)

func TestAnAdjustableMemberIsChangedAndNeverEmptied(t *testing.T) {
	w, r := newWorld(t, func(p *validate.Policy) {
		p.Adjustable = []string{"grant_types", "response_types", "scope"}
		p.AllowedValues = map[string][]string{"grant_types": {"client_credentials", "authorization_code"}}
	})
	ask := func(grants ...claims.GrantType) string {
		return w.token(t, func(c *claims.Request) { c.GrantTypes = claims.Some(grants) })
	}
	registration, refusal := w.register(t, r, ask(claims.AuthorizationCode, claims.ClientCredentials, claims.RefreshToken))
	require.Nil(t, refusal)
	registered, err := claims.ParseRequest(registration.Client.Metadata)
	require.NoError(t, err)
	require.Equal(t, []claims.GrantType{claims.AuthorizationCode, claims.ClientCredentials}, registered.GrantTypes.Or(nil))

	_, refusal = w.register(t, r, ask(claims.RefreshToken))
	require.NotNil(t, refusal, "nothing that is supported is left")
	require.Equal(t, validate.InvalidClientMetadata, refusal.Code)

	_, refusal = w.register(t, r, w.token(t, func(c *claims.Request) {
		c.Scope = claims.Some(claims.Scope{Words: []string{"openid", "fundsconfirmations"}})
	}))
	require.NotNil(t, refusal, "a role is never adjusted away")
	require.Contains(t, ruleIDs(refusal.Report), "scope.within_roles")
}

func TestAnUnapprovedStatementComesBeforeTheRequestsSignature(t *testing.T) {
	w, r := newWorld(t, nil)
	statement, err := w.software.SSA(map[string]any{"org_status": "Revoked"})
	require.NoError(t, err)
	request := w.software.Request(ssatest.DefaultAudience)
	request.SoftwareStatement = claims.Some(statement)
	token, err := w.software.SignWith(&request, ssatest.Forgery{Key: w.directory.ForgedKey()})
	require.NoError(t, err)
	_, refusal := w.register(t, r, token)
	require.Equal(t, validate.UnapprovedSoftwareStatement, refusal.Code)
	require.Equal(t, []string{"ssa.org_status.active", "request.signature"}, ruleIDs(refusal.Report))

	config := w.config
	config.SoftwareKeys = ssa.WithoutRevocationUnsafe(noKeys{})
	r, err = dcr.NewRegistrar(config)
	require.NoError(t, err)
	_, refusal = w.register(t, r, token)
	require.Equal(t, 400, refusal.Status, "an outage of the software's keys does not hide the directory's word")
}

func TestServerAndLintAgreeOnTheWire(t *testing.T) {
	w, r := newWorld(t, nil)
	for name, changes := range map[string]map[string]any{
		"a wrong type":                  {"software_redirect_uris": "https://x.example"},
		"two wrong types":               {"software_redirect_uris": 1, "org_id": 1},
		"milliseconds":                  {"iat": w.now.UnixMilli()},
		"no redirect URIs, and expired": {"software_redirect_uris": nil, "exp": w.now.Unix() - 300},
		"revoked":                       {"org_status": "Revoked", "software_redirect_uris": nil},
		"another environment":           {"software_environment": "production"},
		"a key set without https":       {"software_jwks_endpoint": "http://127.0.0.1/x.jwks"},
	} {
		t.Run(name, func(t *testing.T) {
			statement, err := w.software.SSA(changes)
			require.NoError(t, err)
			token := w.token(t, func(c *claims.Request) { c.SoftwareStatement = claims.Some(statement) })
			_, refusal := w.register(t, r, token)
			require.NotNil(t, refusal)
			result, err := tpp.Lint(t.Context(), tpp.LintInput{Request: token, Environment: claims.Sandbox,
				StatementKey: w.directory.Anchor().Keys, Validator: w.config.Validator, Now: w.now})
			require.NoError(t, err)
			require.Equal(t, refusal.Code, result.Report.Wire().Error)
		})
	}
}

func TestABankThatTellsAllTellsWhatWouldBeRight(t *testing.T) {
	w, r := newWorld(t, func(p *validate.Policy) { p.ErrorDetail = validate.DetailAll })
	_, refusal := w.register(t, r, writing(map[string]string{"iat": `"now"`, "application_type": `"native"`, "id_token_signed_response_alg": `"HS256"`})(t, w))
	require.NotNil(t, refusal)
	for _, part := range []string{
		"/iat: is a string, must be an integer (request.member.type)", "allowed: web, mobile; got native", "allowed: PS256, ES256; got HS256",
	} {
		require.Contains(t, refusal.Description, part)
	}
	require.Regexp(t, `^[ -~]{1,500}$`, refusal.Description)
}
