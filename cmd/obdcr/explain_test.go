package main

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/validate"
)

// Each code of the wire is explained, by rules that lead to it.
func TestEachCodeIsExplainedByRulesThatLeadToIt(t *testing.T) {
	var names []string
	for _, c := range codes {
		names = append(names, c.name)
		for _, id := range c.likely {
			r, ok := validate.RuleByID(id)
			assert.True(t, ok, id)
			assert.Equal(t, c.name, answered(&r), id)
		}
	}
	for _, r := range validate.Rules() {
		assert.True(t, r.Status != 0 || slices.Contains(names, string(r.Code)), r.ID)
	}
}

// What explain writes fits a terminal, but for addresses.
func TestExplainFitsATerminal(t *testing.T) {
	for _, p := range validate.Profiles() {
		rules, err := rulesIn(p)
		require.NoError(t, err)
		for _, name := range explained() {
			var out bytes.Buffer
			e := explainer{out: &out, profile: p, rules: rules}
			if err := e.explain(name, false); err != nil {
				_, isRule := validate.RuleByID(name)
				assert.False(t, isRule, name)
				continue // a member that this profile has no rule about
			}
			for line := range strings.Lines(out.String()) {
				assert.True(t, len(line) <= columns+1 || strings.Contains(line, "https://"), "%s in %s: %q", name, p, line)
			}
		}
	}
}

// Each rule that leads to a code is named there, once.
func TestACodeNamesEachOfItsRulesOnce(t *testing.T) {
	for _, p := range validate.Profiles() {
		codesNameTheirRules(t, p)
	}
}

func codesNameTheirRules(t *testing.T, p validate.Profile) {
	t.Helper()
	rules, err := rulesIn(p)
	require.NoError(t, err)
	for _, c := range codes {
		var out bytes.Buffer
		e := explainer{out: &out, profile: p, rules: rules}
		require.NoError(t, e.explain(c.name, true))
		var want []string
		for _, r := range rules {
			if answered(&r) == c.name && r.ID != validate.RuleValidateInput { // no sender breaks that one
				want = append(want, r.ID)
			}
		}
		assert.ElementsMatch(t, want, named(strings.ReplaceAll(out.String(), "\n    ", " ")), c.name)
	}
}

// named returns the rules that the text about a code names: alone in a line, or after their
// member.
func named(text string) []string {
	var ids []string
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		member, rest, grouped := strings.Cut(strings.TrimPrefix(line, "  "), ": ")
		switch {
		case strings.HasPrefix(line, "  - "):
		case strings.HasPrefix(line, "  ") && grouped && !strings.Contains(member, " "):
			for _, last := range strings.Split(rest, ", ") {
				ids = append(ids, member+"."+last)
			}
		case line != "" && line[0] != ' ':
			id, _, _ := strings.Cut(line, " ")
			if _, ok := validate.RuleByID(id); ok {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// Examples are broken where JSON has blanks of no meaning.
func TestABrokenExampleStaysJSON(t *testing.T) {
	for _, r := range validate.Rules() {
		for _, example := range []validate.Example{r.Bad, r.Good} {
			lines := brokenAtBlanks(string(example))
			assert.Equal(t, string(example), strings.Join(lines, " "), r.ID)
			if members, without, ok := example.Fragment(); ok && members != "" && without == nil {
				assert.True(t, json.Valid([]byte(strings.Join(lines, "\n"))), "%s: %q", r.ID, lines)
			}
		}
	}
	assert.Empty(t, brokenAtBlanks(""))
}

func TestAnIDIsSplitBeforeItsLastWordAndNotInAVersion(t *testing.T) {
	for id, want := range map[string][2]string{
		validate.RuleTLSClientAuthSubjectDNLength34: {"tls_client_auth_subject_dn", "length_3.4"},
		validate.RuleHeaderMemberType:               {"header.member", "type"},
		validate.RuleSSAAge:                         {"ssa", "age"},
	} {
		member, rest := splitID(id)
		assert.Equal(t, want, [2]string{member, rest}, id)
	}
}

// A member finds the rules about it that have another member for an example.
func TestAMemberFindsTheRulesThatShowAnother(t *testing.T) {
	rules, err := rulesIn(validate.OBIE33)
	require.NoError(t, err)
	response := []string{validate.RuleRequestResponseMember, validate.RuleRequestResponseMemberUpdate}
	for name, ids := range map[string][]string{
		"x5t": {validate.RuleHeaderEmbeddedKey, validate.RuleHeaderMemberType, validate.RuleSSAHeaderEmbeddedKey, validate.RuleSSAHeaderMemberType},
		"x5c": {validate.RuleHeaderEmbeddedKey, validate.RuleSSAHeaderEmbeddedKey}, "client_secret": response, "registration_access_token": response,
	} {
		var out bytes.Buffer
		e := explainer{out: &out, profile: validate.OBIE33, rules: rules}
		require.NoError(t, e.explain(name, false), name)
		assert.Contains(t, explained(), name)
		for _, id := range ids {
			assert.Contains(t, out.String(), "\n"+id+" ", name)
		}
	}
}
