package validate

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// allVectors gathers the vectors of every rule.
func allVectors(t *testing.T) map[string]ruleVectors {
	t.Helper()
	all := map[string]ruleVectors{
		memberDN + ".matches_certificate": {
			fail: mtls(goodDN).over(certificateOf(t, "somebody else")),
			pass: mtls(goodDN).over(certificateOf(t, testSoftware)).ptr(),
		},
	}
	for _, part := range []map[string]ruleVectors{
		identityVectors(), redirectVectors(), metadataVectors(), cibaVectors(), statementVectors(),
	} {
		for id, v := range part {
			require.NotContains(t, all, id)
			all[id] = v
		}
	}
	return all
}

func TestEachRuleIsComplete(t *testing.T) {
	id := regexp.MustCompile(`^[a-z0-9_]+(\.[a-z0-9_.]+)+$`)
	seen := map[string]bool{}
	for _, r := range Rules() {
		assert.Regexp(t, id, r.ID)
		assert.False(t, seen[r.ID], "%s stands twice", r.ID)
		seen[r.ID] = true
		assert.NotEmpty(t, r.Summary, r.ID)
		assert.NotEmpty(t, r.Reason, r.ID)
		assert.NotEmpty(t, r.Example, r.ID)
		assert.NotEmpty(t, r.Citation.Spec, r.ID)
		assert.NotEmpty(t, r.Citation.Section, r.ID)
		assert.True(t, strings.HasPrefix(r.Citation.URL, "https://"), r.ID)
		assert.NotEmpty(t, r.Fix, r.ID)
		assert.NotContains(t, r.Fix, "\n", r.ID)
		assert.NotZero(t, r.Step, r.ID)
		assert.NotEmpty(t, r.Code, r.ID)
		assert.NotEmpty(t, r.Document, r.ID)
		assert.True(t, r.Profiles == nil || len(r.Profiles) > 0, "%s has no version", r.ID)
		assert.Equal(t, r.Check == nil, r.External, r.ID)
	}
}

func TestEachRuleHasVectors(t *testing.T) {
	var rules []string
	for _, r := range Rules() {
		if !r.External {
			rules = append(rules, r.ID)
		}
	}
	assert.ElementsMatch(t, rules, slices.Collect(maps.Keys(allVectors(t))))
}

func TestAFaultIsReportedByItsRuleAlone(t *testing.T) {
	for id, v := range allVectors(t) {
		t.Run(id, func(t *testing.T) {
			rule, ok := RuleByID(id)
			require.True(t, ok)
			report := v.fail.judge(t)
			assert.Contains(t, found(report, rule.Severity), id)
			want := v.also
			if rule.Severity == SeverityError {
				want = append([]string{id}, want...)
			}
			assert.ElementsMatch(t, want, found(report, SeverityError))
			pass := vector{profile: v.fail.profile}
			if v.pass != nil {
				pass = *v.pass
			}
			good := pass.judge(t)
			assert.Contains(t, good.Passed(), id, "the passing vector does not reach the rule")
			assert.True(t, good.Valid(), "%v", found(good, SeverityError))
		})
	}
}

func TestTheBaseIsWithoutAnyViolation(t *testing.T) {
	for _, p := range Profiles() {
		assert.Empty(t, vector{profile: p}.judge(t).Violations, p)
	}
}

func TestRulesIsFresh(t *testing.T) {
	a := Rules()
	for i := range a {
		if a[i].Profiles != nil {
			a[i].Profiles[0] = "changed"
		}
		a[i].ID = "changed"
	}
	for _, r := range Rules() {
		assert.NotEqual(t, "changed", r.ID)
		assert.NotContains(t, r.Profiles, Profile("changed"))
	}
	_, ok := RuleByID("no.such.rule")
	assert.False(t, ok)
}

func TestPassingRulesAllocateNothingEach(t *testing.T) {
	judge, err := New(Config{Profile: OBIE33, Policy: DefaultPolicy(OBIE33)})
	require.NoError(t, err)
	in := vector{}.input(t)
	require.Empty(t, judge.Judge(in).Violations)
	assert.LessOrEqual(t, testing.AllocsPerRun(100, func() { judge.Judge(in) }), 20.0, "of more than a hundred rules")
}

func BenchmarkJudge(b *testing.B) {
	judge, err := New(Config{Profile: OBIE33, Policy: DefaultPolicy(OBIE33)})
	require.NoError(b, err)
	in := vector{}.input(b)
	b.ReportAllocs()
	for b.Loop() {
		judge.Judge(in)
	}
}
