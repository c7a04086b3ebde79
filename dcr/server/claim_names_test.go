package server_test

import (
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/server"
	"github.com/obdcr/obdcr/dcr/token"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/validate"
)

// otherNames are the names of another directory.
func otherNames() map[string]string {
	return map[string]string{"software_jwks_endpoint": "software_jwks_uri", "software_roles": "software_statement_roles"}
}

// renamed is a statement in those names.
func (w *world) renamed(t *testing.T, changes map[string]any) string {
	t.Helper()
	all := map[string]any{"software_jwks_endpoint": nil, "software_jwks_uri": w.software.JWKSURL(), "software_roles": nil,
		"software_statement_roles": json.RawMessage(`[{"role": "AISP", "status": "Active"}, {"role": "PISP", "status": "Inactive"}]`)}
	for name, value := range changes {
		all[name] = value
	}
	statement, err := w.software.SSA(all)
	require.NoError(t, err)
	return statement
}

// tryRenamed registers with the scopes that the roles allow.
func (w *world) tryRenamed(t *testing.T, statement string, scope ...string) error {
	t.Helper()
	client, _, _ := w.serve(t, w.bank(t))
	request := w.software.Request(ssatest.DefaultAudience)
	request.SoftwareStatement, request.Scope = claims.Some(statement), claims.Some(claims.Scope{Words: scope})
	token, err := w.software.Sign(&request)
	require.NoError(t, err)
	_, err = client.Register(t.Context(), token)
	return err
}

func TestABankReadsTheNamesOfItsDirectory(t *testing.T) {
	byPolicy := func(w *world) { w.policy(func(p *validate.Policy) { p.ClaimNames = otherNames() }) }
	byAnchor := func(w *world) { w.config.Anchors[0].ClaimNames = otherNames() }
	for name, arrange := range map[string]func(*world){
		"by the policy": byPolicy, "by the anchor": byAnchor, "by both": func(w *world) { byPolicy(w); byAnchor(w) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			arrange(w)
			require.NoError(t, w.tryRenamed(t, w.renamed(t, nil), "openid", "accounts"))
			err := w.tryRenamed(t, w.renamed(t, nil), "openid", "payments")
			requireAnswer(t, err, 400, validate.RuleScopeWithinRoles)

			err = w.tryRenamed(t, w.renamed(t, map[string]any{"software_statement_roles": nil}), "openid", "accounts")
			require.ErrorContains(t, err, "software_statement /software_statement_roles: ", "the place has the directory's name")
			requireAnswer(t, err, 400, validate.RuleSSASoftwareRolesRequired)

			err = w.tryRenamed(t, w.renamed(t, map[string]any{"software_jwks_uri": "https://elsewhere.example/keys"}), "openid", "accounts")
			require.ErrorContains(t, err, "software_statement /software_jwks_uri: ")
			requireAnswer(t, err, 400, validate.RuleSSAJWKSEndpointHost)
		})
	}
	w := newWorld(t)
	err := w.tryRenamed(t, w.renamed(t, nil), "openid", "accounts")
	requireAnswer(t, err, 400, validate.RuleSSASoftwareRolesRequired)
}

// A bank that changes its claim names reads another address in the statements that it has
// stored. Nobody with a key from there is the client, at the token endpoint or in management;
// with the names of before the client goes on.
func TestOtherClaimNamesOpenNoClientToAnotherKeySet(t *testing.T) {
	w := newWorld(t)
	thief, _ := w.stranger(t)
	statement, err := w.software.SSA(map[string]any{"software_jwks_uri": thief.JWKSURL()})
	require.NoError(t, err)
	client, owner, address := w.serve(t, w.bank(t))
	request, err := client.Build(statement, tpp.RequestOptions{Audience: ssatest.DefaultAudience, AuthMethod: claims.PrivateKeyJWT, Lifetime: 5 * time.Minute})
	require.NoError(t, err)
	made, err := client.Register(t.Context(), request)
	require.NoError(t, err)
	status := func(by *ssatest.EnrolledSoftware, transport *http.Client, address string) int {
		form, basic := tries(t, by, made.ClientID, claims.Secret{})[claims.PrivateKeyJWT]()
		return ask(t, transport, address, form, basic).status
	}
	require.Equal(t, http.StatusOK, status(w.software, owner, address))

	tokens := token.NewMemory(nil, nil)
	w.config.Anchors[0].ClaimNames = map[string]string{"software_jwks_endpoint": "software_jwks_uri"}
	_, _, address = w.serve(t, w.bank(t))
	require.Equal(t, http.StatusUnauthorized, status(thief, w.transport(t, thief.TransportCertificate), address))
	require.Equal(t, http.StatusUnauthorized, status(w.software, owner, address))
	w.config.TokenEndpoint, w.config.Tokens, w.config.Discovery.TokenEndpoint = false, tokens, "https://as.example/token"
	_, _, address = w.serve(t, w.bank(t))
	manage := func(by *ssatest.EnrolledSoftware) int {
		access, err := tokens.Issue(t.Context(), made.ClientID, sha256.Sum256(by.TransportCertificate.Certificate[0]), nil, time.Hour)
		require.NoError(t, err)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address+"/register/"+made.ClientID, http.NoBody)
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer "+access.Reveal())
		answer, err := w.transport(t, by.TransportCertificate).Do(r)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		return answer.StatusCode
	}
	require.Equal(t, http.StatusUnauthorized, manage(thief))
	require.Equal(t, http.StatusUnauthorized, manage(w.software))

	w.config.Anchors[0].ClaimNames = nil
	_, _, address = w.serve(t, w.bank(t))
	require.Equal(t, http.StatusOK, manage(w.software))
	require.Equal(t, http.StatusUnauthorized, manage(thief))
}

// What waits for approval was judged in the names of the registration. In other names it is
// not approved; with those of before it is.
func TestOtherClaimNamesApproveNothing(t *testing.T) {
	w := newWorld(t)
	thief, _ := w.stranger(t)
	w.policy(func(p *validate.Policy) { p.PendingChanges = []validate.PendingChange{validate.PendingCreate} })
	statement, err := w.software.SSA(map[string]any{"software_jwks_uri": thief.JWKSURL()})
	require.NoError(t, err)
	_, _, err = w.trySSA(t, statement)
	var waits *tpp.PendingError
	require.ErrorAs(t, err, &waits)
	w.config.Anchors[0].ClaimNames = map[string]string{"software_jwks_endpoint": "software_jwks_uri"}
	_, err = w.bank(t).Registrar().ApprovePending(t.Context(), waits.ClientID)
	var failed *dcr.Error
	require.ErrorAs(t, err, &failed)
	require.ErrorContains(t, failed.Err, "another key set")
	w.config.Anchors[0].ClaimNames = nil
	made, err := w.bank(t).Registrar().ApprovePending(t.Context(), waits.ClientID)
	require.NoError(t, err)
	require.Equal(t, w.software.JWKSURL(), made.Client.JWKSAddress)
}

func TestNamesOfClaimsMustNotContradictEachOther(t *testing.T) {
	w := newWorld(t)
	w.policy(func(p *validate.Policy) { p.ClaimNames = otherNames() })
	w.config.Anchors[0].ClaimNames = map[string]string{"software_jwks_endpoint": "jwks_uri"}
	_, err := server.New(w.config)
	require.ErrorContains(t, err, "ClaimNames of Anchors[0] and claim_names")

	validator, err := validate.New(validate.Config{Profile: validate.OBIE33, Policy: *w.config.Policy})
	require.NoError(t, err)
	_, err = tpp.Lint(t.Context(), tpp.LintInput{Validator: validator, Statement: "{}", Anchor: &w.config.Anchors[0]})
	require.Error(t, err)
}
