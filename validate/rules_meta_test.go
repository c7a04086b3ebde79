package validate

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

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

// The basis says how serious a rule is. A rule that is stricter than the text says what
// the text has.
func TestTheBasisOfEachRuleAgreesWithItsSeverity(t *testing.T) {
	severities := map[Basis]Severity{
		BasisMust: SeverityError, BasisStricter: SeverityError, BasisShould: SeverityWarning, BasisNotice: SeverityNotice,
	}
	seen := map[Basis]bool{}
	for _, r := range Rules() {
		assert.Contains(t, Bases(), r.Basis, r.ID)
		seen[r.Basis] = true
		if want, fixed := severities[r.Basis]; fixed {
			assert.Equal(t, want, r.Severity, r.ID)
		}
		assert.Equal(t, r.Basis == BasisStricter, r.Stricter != "", "%s: Stricter goes with the basis", r.ID)
		if r.Stricter != "" {
			assert.True(t, strings.HasSuffix(r.Stricter, "."), "%s: Stricter is a sentence", r.ID)
		}
	}
	assert.Len(t, seen, len(Bases()), "each basis has its rules")
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
