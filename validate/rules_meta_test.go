package validate

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestEachRuleIsComplete(t *testing.T) {
	id := regexp.MustCompile(`^[a-z0-9_]+(\.[a-z0-9_.]+)+$`)
	seen := map[string][]Profile{}
	for _, r := range Rules() {
		assert.Regexp(t, id, r.ID)
		for _, p := range Profiles() {
			if r.in(p) {
				assert.NotContains(t, seen[r.ID], p, "%s stands twice", r.ID)
				seen[r.ID] = append(seen[r.ID], p)
			}
		}
		assert.NotEmpty(t, r.Summary, r.ID)
		assert.NotEmpty(t, r.Reason, r.ID)
		assert.NotEmpty(t, r.Bad, r.ID)
		assert.NotEmpty(t, r.Good, r.ID)
		assert.NotEqual(t, r.Bad, r.Good, r.ID)
		assert.NotEmpty(t, r.Citation.Spec, r.ID)
		assert.NotEmpty(t, r.Citation.Section, r.ID)
		assert.True(t, strings.HasPrefix(r.Citation.URL, "https://"), r.ID)
		assert.NotEmpty(t, r.Fix, r.ID)
		assert.NotContains(t, r.Fix, "\n", r.ID)
		assert.NotZero(t, r.Step, r.ID)
		assert.Equal(t, r.Status != 0, r.Code == "", "%s: an answer with a status of its own has no code", r.ID)
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

// A citation names a public text and a place in it. The texts for people know no word that
// a public reader does not know.
func TestCitationsNamePublicTexts(t *testing.T) {
	fragments := map[string]string{ // how each text names its places
		"https://openbankinguk.github.io/dcr-docs-pub/":                          "#[a-z-]+",
		"https://www.rfc-editor.org/rfc/":                                        `#section-[0-9.]+`,
		"https://openid.net/specs/":                                              `#rfc\.section\.[0-9.]+`,
		"https://github.com/OpenBankingUK/directory-api-specs/blob/":             "",
		"https://github.com/OpenBankingUK/client-registration-api-specs/blob/v3": "",
		urlWSO2: "",
	}
	sections := map[string]bool{ // of the pages that have no fragments of their own
		"SSA Payload": true, "SSA Header": true, "Request Validation": true, "SSA Lifetime": true,
		"claims of the request": true, "OpenAPI document": true,
	}
	for _, r := range Rules() {
		for _, p := range Profiles() {
			c := r.Citation.citedIn(p)
			known := false
			for prefix, fragment := range fragments {
				if rest, ok := strings.CutPrefix(c.URL, prefix); ok {
					known = true
					assert.Regexp(t, fragment+"$", rest, "%s in %s", r.ID, p)
					section, _, _ := strings.Cut(c.Section, ", ")
					assert.True(t, fragment != "" || sections[section], "%s: there is no section %q", r.ID, section)
				}
			}
			assert.True(t, known, "%s in %s cites %s", r.ID, p, c.URL)
		}
		for _, text := range []string{r.Summary, r.Reason, r.Stricter, r.Fix, r.Citation.String()} {
			assert.NotContains(t, text, "seed", r.ID)
			assert.NotContains(t, text, "JOSE header", r.ID)
			assert.NotContains(t, text, "FAPI-RW", r.ID)
		}
	}
}

// The text asks for redirect_uris in the vendor's profile alone. Elsewhere the bank does.
func TestRedirectURIsAreRequiredByTheTextInTheVendorsProfileAlone(t *testing.T) {
	bases := map[Profile]Basis{}
	for _, p := range Profiles() {
		v, err := New(Config{Profile: p, Policy: DefaultPolicy(p)})
		assert.NoError(t, err)
		bases[p] = v.rules[v.byID[RuleRedirectURIsRequired]].Basis
	}
	assert.Equal(t, map[Profile]Basis{OBIE32: BasisPolicy, OBIE33: BasisPolicy, OBIE34: BasisPolicy, WSO2: BasisMust}, bases)
}

// The vendor's document says what holds in the vendor's profile alone.
func TestTheVendorsDocumentIsCitedInItsProfileAlone(t *testing.T) {
	row, ok := RuleByID("redirect_uris.required")
	assert.True(t, ok)
	assert.Equal(t, specWSO2, row.Citation.citedIn(WSO2).Spec)
	assert.Equal(t, "OBIE DCR 3.4, data dictionary, redirect_uris", row.Citation.citedIn(OBIE34).String())
	assert.Equal(t, "OBIE DCR 3.2, data dictionary, redirect_uris", dictionary("redirect_uris").citedIn(WSO2).String())
}

func TestAnExampleIsReadAsItSaysOfItself(t *testing.T) {
	for example, want := range map[Example]struct {
		members string
		without []string
		ok      bool
	}{
		`{"a": 1}`:                         {`{"a": 1}`, nil, true},
		`without a`:                        {"", []string{"a"}, true},
		`{"a": {"b": 2}} without c, d`:     {`{"a": {"b": 2}}`, []string{"c", "d"}, true},
		`{"a": "x{3}y"}`:                   {`{"a": "xxxy"}`, nil, true},
		`{"a": "x{3}y{2}", "b": {"c": 1}}`: {`{"a": "xxxyy", "b": {"c": 1}}`, nil, true},
		`{"a": "{3}", "b": "{x}"}`:         {`{"a": """", "b": "{x}"}`, nil, true},
		`{"a": "{"`:                        {`{"a": "{"`, nil, true},
		`{3}`:                              {`{3}`, nil, true},
		`a statement without words`:        {"", nil, false},
		``:                                 {"", nil, false},
	} {
		members, without, ok := example.Fragment()
		assert.Equal(t, want.members, members, example)
		assert.Equal(t, want.without, without, example)
		assert.Equal(t, want.ok, ok, example)
	}
}

// What is given is data that the judge reads.
func TestWhatIsGivenToExamplesIsUsable(t *testing.T) {
	for _, r := range Rules() {
		g := r.Given
		assert.True(t, g.Profile == "" || r.in(g.Profile), r.ID)
		for _, p := range Profiles() {
			if g.Policy != "" && r.in(p) && (g.Profile == "" || g.Profile == p) {
				_, err := ParsePolicy([]byte(g.Policy), p)
				assert.NoError(t, err, "%s in %s", r.ID, p)
			}
		}
		assert.Equal(t, g == Given{}, g.String() == "", r.ID)
		_, _, fragment := r.Bad.Fragment()
		assert.True(t, fragment || r.External, "%s is told in words", r.ID)
	}
}
