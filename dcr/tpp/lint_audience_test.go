package tpp_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/validate"
)

func aud(values ...string) func(*claims.Request) {
	return func(c *claims.Request) {
		if c.Audience = (claims.Optional[claims.StringOrList]{}); len(values) == 0 {
			return
		}
		c.Audience = claims.Some(claims.StringOrList{Values: values, List: len(values) > 1})
	}
}

// Whom aud names is checked by the bank's names alone: those of a policy, or the issuer
// that the bank announces.
func TestTheAudienceIsCheckedByTheNamesOfABank(t *testing.T) {
	w := newWorld(t)
	const issuer, identifier = "https://bank.example", ssatest.DefaultAudience
	m := bankMetadata(t, nil)
	policy := func(change func(*validate.Policy)) *validate.Validator {
		p := validate.DefaultPolicy(validate.OBIE33)
		change(&p)
		v, err := validate.New(validate.Config{Profile: validate.OBIE33, Policy: p})
		require.NoError(t, err)
		return v
	}
	anybody, err := tpp.AnyBank(validate.OBIE33)
	require.NoError(t, err)
	named := policy(func(p *validate.Policy) { p.Audiences = []string{identifier} })
	announced := policy(func(p *validate.Policy) { p.AudienceKinds = append(p.AudienceKinds, validate.AudienceURL) })
	for name, c := range map[string]struct {
		by     *validate.Validator
		m      *tpp.Metadata
		aud    []string
		state  validate.CheckState
		errors []string
	}{
		"the policy's":                {named, nil, []string{identifier}, validate.CheckGood, nil},
		"not the policy's":            {named, nil, []string{"0015800001041REAAY"}, validate.CheckBad, []string{validate.RuleAudIsBank}},
		"of another shape":            {named, nil, []string{issuer}, validate.CheckBad, []string{validate.RuleAudFormat}},
		"none":                        {named, nil, nil, validate.CheckBad, []string{validate.RuleAudRequired}},
		"no bank, an identifier":      {anybody, nil, []string{identifier}, validate.CheckNotChecked, nil},
		"no bank, a URL":              {anybody, nil, []string{issuer}, validate.CheckNotChecked, nil},
		"no bank, neither of both":    {anybody, nil, []string{"my bank"}, validate.CheckBad, []string{validate.RuleAudFormat}},
		"the issuer":                  {announced, m, []string{issuer}, validate.CheckGood, nil},
		"another issuer":              {announced, m, []string{"https://bank.example/"}, validate.CheckBad, []string{validate.RuleAudIsBank}},
		"an identifier, not told":     {announced, m, []string{identifier}, validate.CheckNotChecked, nil},
		"policy and announced issuer": {named, m, []string{identifier}, validate.CheckGood, nil},
	} {
		t.Run(name, func(t *testing.T) {
			result, err := tpp.Lint(t.Context(), tpp.LintInput{Request: w.request(t, aud(c.aud...)), Validator: c.by, Metadata: c.m, Now: w.now})
			require.NoError(t, err)
			assert.Equal(t, c.errors, errorIDs(result.Report))
			assert.Equal(t, c.state, result.Checks.Audience.State)
		})
	}
}

// Who names no bank is warned of a URL, since the data dictionary has an identifier there.
func TestALintThatKnowsNoBankWarnsOfAURL(t *testing.T) {
	w := newWorld(t)
	v, err := tpp.AnyBank(validate.OBIE33)
	require.NoError(t, err)
	result, err := tpp.Lint(t.Context(), tpp.LintInput{Request: w.request(t, aud("https://bank.example")), Validator: v, Now: w.now})
	require.NoError(t, err)
	require.True(t, result.Report.Valid())
	require.Equal(t, 1, result.Report.Count(validate.SeverityWarning))
	require.Equal(t, validate.OutcomeFailed, result.Report.Outcome(validate.RuleAudFormat))
	_, err = tpp.AnyBank("x")
	require.Error(t, err)
}
