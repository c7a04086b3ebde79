package validate_test

import (
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/validate"
)

// ruleSetOf makes a Validator, changed, and returns what it judges by.
func ruleSetOf(t *testing.T, p validate.Profile, change func(*validate.Config)) string {
	t.Helper()
	config := validate.Config{Profile: p, Policy: validate.DefaultPolicy(p), Rules: validate.Rules()}
	if change != nil {
		change(&config)
	}
	v, err := validate.New(config)
	require.NoError(t, err)
	set := v.RuleSet()
	require.Equal(t, set, v.RuleSet())
	require.Regexp(t, regexp.MustCompile(`^`+string(p)+` rules:[0-9a-f]{12} policy:[0-9a-f]{12}$`), set)
	return set
}

func TestARuleSetIsAnotherWhereAnythingIsJudgedOtherwise(t *testing.T) {
	seen := map[string]string{}
	add := func(name, set string) {
		assert.Empty(t, seen[set], "%s is %s", name, set)
		seen[set] = name
	}
	for _, p := range validate.Profiles() {
		add(string(p), ruleSetOf(t, p, nil))
		require.Equal(t, ruleSetOf(t, p, nil), ruleSetOf(t, p, func(c *validate.Config) { c.Rules = nil }))
	}
	add("another audience", ruleSetOf(t, validate.OBIE33, func(c *validate.Config) { c.Policy.Audiences = []string{"a"} }))
	add("another skew", ruleSetOf(t, validate.OBIE33, func(c *validate.Config) { c.Policy.ClockSkew += time.Second }))
	add("a rule less", ruleSetOf(t, validate.OBIE33, func(c *validate.Config) { c.Rules = c.Rules[1:] }))
	add("a rule more", ruleSetOf(t, validate.OBIE33, func(c *validate.Config) {
		c.Rules = append(c.Rules, validate.Rule{ID: "bank.own", Document: validate.DocRequest, Check: func(*validate.Case) {}})
	}))
	add("another severity", ruleSetOf(t, validate.OBIE33, func(c *validate.Config) { c.Rules[0].Severity = validate.SeverityNotice }))
}
