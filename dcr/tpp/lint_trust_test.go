package tpp_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/validate"
)

// What a bank trusts of a directory is judged with its keys and without them, and gets the
// bank's answer in both cases.
func TestWhatTheAnchorTrustsIsJudgedAlsoWithoutKeys(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct {
		changes map[string]any
		rule    string
	}{
		"a good one":          {nil, ""},
		"another issuer":      {map[string]any{"iss": "Another"}, validate.RuleSSAIssuerTrusted},
		"another host":        {map[string]any{"software_jwks_endpoint": "https://elsewhere.example/keys.jwks"}, validate.RuleSSAJWKSEndpointHost},
		"another environment": {map[string]any{"software_environment": "production"}, validate.RuleSSAEnvironment},
	} {
		request := w.request(t, func(r *claims.Request) { r.SoftwareStatement = claims.Some(w.statement(t, c.changes)) })
		answer, code := w.post(t, request)
		for _, keys := range []ssa.KeyResolver{w.directory.Anchor().Keys, nil} {
			anchor := w.directory.Anchor()
			anchor.Keys = keys
			result := w.lint(t, tpp.LintInput{Request: request, Anchor: &anchor, SoftwareKeys: w.directory.Resolver()})
			if c.rule == "" {
				require.True(t, result.Report.Valid(), "%s: %v", name, errorIDs(result.Report))
				continue
			}
			assert.Equal(t, []string{c.rule}, errorIDs(result.Report), name)
			assert.Equal(t, answer, result.Report.Wire().Status, name)
			assert.Equal(t, code, string(result.Report.Wire().Error), name)
			require.NoError(t, result.Unavailable)
		}
	}
}

func TestWithoutAnAnchorAnIssuerThatNobodyKnowsIsAWarning(t *testing.T) {
	w := newWorld(t)
	result := w.lint(t, tpp.LintInput{Statement: w.statement(t, map[string]any{"iss": "Another"}), StatementKey: w.directory.Anchor().Keys})
	require.True(t, result.Report.Valid(), errorIDs(result.Report))
	require.Equal(t, validate.OutcomeFailed, result.Report.Outcome(validate.RuleSSAIssuerTrusted))
	result = w.lint(t, tpp.LintInput{Statement: w.statement(t, nil)})
	require.Zero(t, result.Report.Count(validate.SeverityWarning))
}

// unlooked are keys whose withdrawn ones nobody looks at.
type unlooked struct{ ssa.KeyResolver }

func (unlooked) ResolveRevokedKeys(context.Context, string) (ssa.KeySet, error) {
	return ssa.KeySet{}, tpp.ErrNotLookedAt
}

// revokes withdraws fixed keys.
type revokes ssa.KeySet

func (r revokes) ResolveRevokedKeys(context.Context, string) (ssa.KeySet, error) {
	return ssa.KeySet(r), nil
}

func TestWithdrawnKeysAreLookedAtOrItIsSaid(t *testing.T) {
	w := newWorld(t)
	all, err := ssa.ParseJWKS(w.software.JWKS())
	require.NoError(t, err)
	named := w.request(t, func(*claims.Request) {})
	unnamed := w.request(t, func(r *claims.Request) {
		r.SoftwareStatement = claims.Some(w.statement(t, map[string]any{"software_jwks_revoked_endpoint": nil, "org_jwks_revoked_endpoint": nil}))
	})
	for name, c := range map[string]struct {
		request string
		revoked ssa.RevokedKeyResolver
		state   validate.CheckState
		unread  bool
	}{
		"not looked at":                      {named, nil, validate.CheckGood, true},
		"the statement names no address":     {unnamed, nil, validate.CheckGood, false},
		"none is withdrawn":                  {named, revokes{}, validate.CheckGood, false},
		"all are withdrawn":                  {named, revokes(all), validate.CheckBad, false},
		"all are withdrawn, and it is given": {unnamed, revokes(all), validate.CheckBad, false},
	} {
		result := w.lint(t, tpp.LintInput{Request: c.request, SoftwareKeys: unlooked{w.directory.Resolver()}, RevokedKeys: c.revoked,
			Certificate: w.software.TransportCertificate.Leaf})
		assert.Equal(t, c.state, result.Checks.RequestSignature.State, name)
		assert.Equal(t, c.state, result.Checks.Certificate.State, name)
		assert.Equal(t, c.unread, result.RevokedUnread, name)
		if c.state == validate.CheckBad {
			assert.Equal(t, validate.OutcomeFailed, result.Report.Outcome(validate.RuleRequestKeyRevoked), name)
		}
	}
}

// A key set at an address reads withdrawn keys on its own host alone.
func TestASoftwareKeySetReadsWithdrawnKeysOnItsOwnHost(t *testing.T) {
	d, err := ssatest.New(ssatest.Options{})
	require.NoError(t, err)
	t.Cleanup(d.Close)
	s, err := d.NewSoftware(ssatest.SoftwareOptions{})
	require.NoError(t, err)
	d.Publish("/software.jwks", s.JWKS())
	keys, err := tpp.SoftwareKeySet(d.URL()+"/software.jwks", d.Client())
	require.NoError(t, err)
	set, err := keys.ResolveRevokedKeys(t.Context(), d.URL()+"/software.jwks")
	require.NoError(t, err)
	require.NotEmpty(t, set.Keys)
	set, err = keys.ResolveRevokedKeys(t.Context(), d.URL()+"/missing.jwks")
	require.NoError(t, err)
	require.Empty(t, set.Keys)
	_, err = keys.ResolveRevokedKeys(t.Context(), "https://elsewhere.example/x.jwks")
	require.ErrorIs(t, err, tpp.ErrNotLookedAt)
	revoked, err := tpp.RevokedKeySet(d.URL()+"/software.jwks", d.Client())
	require.NoError(t, err)
	set, err = revoked.ResolveRevokedKeys(t.Context(), "https://elsewhere.example/x.jwks")
	require.NoError(t, err)
	require.NotEmpty(t, set.Keys)
	_, err = tpp.SoftwareKeySet("http://elsewhere.example", nil)
	require.Error(t, err)
}

// A policy that takes older statements than the anchor does by itself lets lint go on to
// what a bank looks at next.
func TestTheAgesOfTheAnchorAreThoseOfThePolicy(t *testing.T) {
	w := newWorld(t)
	policy := w.bank.Policy()
	policy.SSAMaxAge, policy.SSAMaxAgeWithExp = 50*24*time.Hour, 60*24*time.Hour
	v, err := validate.New(validate.Config{Profile: validate.OBIE33, Policy: policy})
	require.NoError(t, err)
	for _, changes := range []map[string]any{{}, {"exp": w.now.Add(time.Hour).Unix()}} {
		changes["iat"], changes["software_jwks_endpoint"] = w.now.Add(-40*24*time.Hour).Unix(), "https://elsewhere.example/keys.jwks"
		anchor := w.directory.Anchor()
		result, err := tpp.Lint(t.Context(), tpp.LintInput{Statement: w.statement(t, changes), Anchor: &anchor, Validator: v, Now: w.now})
		require.NoError(t, err)
		require.Equal(t, []string{validate.RuleSSAJWKSEndpointHost}, errorIDs(result.Report))
	}
}
