package dcr_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

func TestAStatementAloneRegistersAModestClient(t *testing.T) {
	b := newOffice(t, nil, nil)
	statement := b.statement(t, nil)
	registration, err := b.RegisterFromSSA(context.Background(), statement)
	require.NoError(t, err)
	stored, err := b.records.Get(context.Background(), registration.Client.ID)
	require.NoError(t, err)
	require.Equal(t, stored, registration.Client)
	require.Equal(t, store.Active, stored.State)
	require.Equal(t, b.software.ClientName, stored.Application.Name)
	require.Equal(t, b.software.SoftwareID, stored.SoftwareID)
	require.Equal(t, statement, stored.SoftwareStatement)
	c, err := claims.ParseRequest(stored.Metadata)
	require.NoError(t, err)
	require.Equal(t, b.software.RedirectURIs, c.RedirectURIs.Or(nil))
	require.Equal(t, claims.PrivateKeyJWT, c.TokenEndpointAuthMethod.Or(""))
	require.Equal(t, claims.PS256, c.TokenEndpointAuthSigningAlg.Or(""))
	require.Equal(t, []claims.GrantType{claims.AuthorizationCode, claims.ClientCredentials, claims.RefreshToken}, c.GrantTypes.Or(nil))
	require.Equal(t, []claims.ResponseType{claims.CodeIDToken}, c.ResponseTypes.Or(nil))
	require.Equal(t, "openid accounts payments", c.Scope.Or(claims.Scope{}).String())
	require.Equal(t, claims.Web, c.ApplicationType.Or(""))
	require.False(t, c.Issuer.Present() || c.JWTID.Present())
	require.Equal(t, dcr.OpCreate, registration.Change.Operation)
	require.Equal(t, dcr.Event{Operation: dcr.OpCreate, Outcome: dcr.OutcomeDone, Environment: claims.Sandbox, Actor: dcr.ActorContact}, b.lastEvent())

	got, err := b.Get(context.Background(), stored.ID, b.caller(t, stored.ID))
	require.NoError(t, err, "it is a client like any other")
	require.Equal(t, stored, got.Client)
	_, err = b.Update(context.Background(), stored.ID, b.token(t, nil), b.caller(t, stored.ID))
	require.NoError(t, err)
}

func TestAStatementIsJudgedAsInARequest(t *testing.T) {
	b := newOffice(t, nil, nil)
	foreign, err := b.software.SSAWith(nil, ssatest.Forgery{Key: b.directory.ForgedKey()})
	require.NoError(t, err)
	unsigned, err := b.software.SSAWith(nil, ssatest.Forgery{Algorithm: "none", Unsigned: true})
	require.NoError(t, err)
	for name, c := range map[string]struct {
		statement string
		code      validate.Code
		rule      string
	}{
		"nothing":             {"", validate.InvalidSoftwareStatement, "ssa.jws"},
		"no JWS":              {"hello", validate.InvalidSoftwareStatement, "ssa.jws"},
		"a foreign key":       {foreign, validate.InvalidSoftwareStatement, "ssa.signature"},
		"no signature":        {unsigned, validate.InvalidSoftwareStatement, "ssa.header.alg"},
		"too old":             {b.statement(t, map[string]any{"iat": 1_000_000_000}), validate.InvalidSoftwareStatement, "ssa.age"},
		"an address of keys":  {b.statement(t, map[string]any{"software_jwks_endpoint": "https://elsewhere.example.com/k"}), validate.InvalidSoftwareStatement, "ssa.jwks_endpoint.host"},
		"not active":          {b.statement(t, map[string]any{"org_status": "Withdrawn"}), validate.UnapprovedSoftwareStatement, "ssa.org_status.active"},
		"no fit redirect URI": {b.statement(t, map[string]any{"software_redirect_uris": []string{"https://localhost/cb", "http://tpp.example/cb"}}), validate.InvalidRedirectURI, "redirect_uris.https"},
		"no redirect URI":     {b.statement(t, map[string]any{"software_redirect_uris": nil}), validate.InvalidRedirectURI, "ssa.software_redirect_uris.required"},
	} {
		_, err := b.RegisterFromSSA(context.Background(), c.statement)
		refusal := refusalOf(t, err)
		require.Equal(t, http.StatusBadRequest, refusal.Status, name)
		require.Equal(t, c.code, refusal.Code, "%s: %s", name, refusal.Description)
		require.Contains(t, ruleIDs(refusal.Report), c.rule, name)
		require.Equal(t, "null", everything(t, b.records), name)
	}
}

func TestManualRegistrationFollowsThePolicy(t *testing.T) {
	b := newOffice(t, func(p *validate.Policy) {
		p.AuthMethods = []claims.AuthMethod{claims.TLSClientAuth, claims.ClientSecretBasic}
		p.Widenings = []validate.Widening{validate.WidenClientSecretBasic}
		p.IssuerKinds = []validate.IssuerKind{validate.IssuerOrgID}
		p.AllowedValues = map[string][]string{"grant_types": {"client_credentials", "authorization_code"}, "id_token_signed_response_alg": {"ES256"}}
		p.Registrations = validate.RegistrationsOnePerSoftware
	}, nil)
	registration, err := b.RegisterFromSSA(context.Background(), b.statement(t, nil))
	require.NoError(t, err)
	require.Len(t, registration.Secret.Reveal(), 32)
	c, err := claims.ParseRequest(registration.Client.Metadata)
	require.NoError(t, err)
	require.Equal(t, claims.ClientSecretBasic, c.TokenEndpointAuthMethod.Or(""))
	require.False(t, c.TokenEndpointAuthSigningAlg.Present())
	require.Equal(t, []claims.GrantType{claims.AuthorizationCode, claims.ClientCredentials}, c.GrantTypes.Or(nil))
	require.Equal(t, claims.ES256, c.IDTokenSignedResponseAlg.Or(""))
	_, err = b.RegisterFromSSA(context.Background(), b.statement(t, nil))
	require.Equal(t, validate.InvalidClientMetadata, refusalOf(t, err).Code)

	mtls := newOffice(t, func(p *validate.Policy) { p.AuthMethods = []claims.AuthMethod{claims.TLSClientAuth} }, nil)
	_, err = mtls.RegisterFromSSA(context.Background(), mtls.statement(t, nil))
	require.Equal(t, http.StatusMethodNotAllowed, refusalOf(t, err).Status)
	require.ErrorIs(t, err, dcr.ErrNotOffered)
	require.Equal(t, dcr.OutcomeNotOffered, mtls.lastEvent().Outcome)
	demanding := newOffice(t, func(p *validate.Policy) { p.RequiredMembers = []string{"tls_client_auth_subject_dn"} }, nil)
	_, err = demanding.RegisterFromSSA(context.Background(), demanding.statement(t, nil))
	require.Contains(t, ruleIDs(refusalOf(t, err).Report), "request.required_by_policy")
}

func TestAManualRegistrationMeetsAnOutage(t *testing.T) {
	w, r, _ := remoteWorld(t)
	w.cut(true)
	_, err := r.RegisterFromSSA(context.Background(), w.statement(t, nil))
	require.Equal(t, http.StatusServiceUnavailable, refusalOf(t, err).Status)
}
