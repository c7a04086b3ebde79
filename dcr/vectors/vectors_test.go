package vectors_test

import (
	"cmp"
	"encoding/json"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/vectors"
	"github.com/obdcr/obdcr/validate"
)

var loadOnce = sync.OnceValues(vectors.Load)

// load returns the vectors of the process: do not change them.
func load(t testing.TB) []vectors.Vector {
	t.Helper()
	all, err := loadOnce()
	require.NoError(t, err)
	return all
}

// bench judges vectors by one table of rules, nil for the library's own. It makes one validator
// for all vectors of a profile with the same policy.
type bench struct {
	rules      []validate.Rule
	validators map[judged]*validate.Validator
}

// judged is what a validator is made for.
type judged struct {
	profile validate.Profile
	policy  string
}

func newBench(rules []validate.Rule) bench { return bench{rules, map[judged]*validate.Validator{}} }

func (b bench) validator(v *vectors.Vector, p validate.Profile) (*validate.Validator, error) {
	key := judged{p, string(v.Policy)}
	if made := b.validators[key]; made != nil {
		return made, nil
	}
	policy, err := v.PolicyFor(p)
	if err != nil {
		return nil, err
	}
	made, err := validate.New(validate.Config{Profile: p, Policy: policy, Rules: b.rules})
	if err != nil {
		return nil, err
	}
	b.validators[key] = made
	return made, nil
}

// judge returns what the table finds in a vector, as an expectation of one profile.
func (b bench) judge(v *vectors.Vector, p validate.Profile) (vectors.Expectation, error) {
	validator, err := b.validator(v, p)
	if err != nil {
		return vectors.Expectation{}, err
	}
	input, err := v.Input()
	if err != nil {
		return vectors.Expectation{}, err
	}
	report := validator.Judge(input)
	found := vectors.Expectation{
		Profiles: []validate.Profile{p}, Outcome: report.Outcome(v.Rule), Valid: report.Valid(), Violations: []vectors.Finding{},
	}
	if wire := report.Wire(); wire != nil {
		found.Wire = wire.Error
		if wire.Error == "" {
			found.Status = wire.Status
		}
	}
	for _, violation := range report.Violations {
		found.Violations = append(found.Violations, vectors.Finding{
			Rule: violation.Rule, Severity: violation.Severity, Code: violation.Code,
			Document: violation.Document, Pointer: violation.Pointer,
		})
	}
	return found, nil
}

// differs reports whether a judgement is not the expected one.
func differs(want, got vectors.Expectation) bool {
	return want.Outcome != got.Outcome || want.Valid != got.Valid || want.Wire != got.Wire || want.Status != got.Status ||
		!slices.Equal(sorted(want.Violations), sorted(got.Violations))
}

func sorted(list []vectors.Finding) []vectors.Finding {
	return slices.SortedFunc(slices.Values(list), func(a, b vectors.Finding) int {
		return cmp.Or(cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Pointer, b.Pointer), cmp.Compare(a.Document, b.Document),
			cmp.Compare(a.Severity, b.Severity), cmp.Compare(a.Code, b.Code))
	})
}

// inFile writes what was found as a file would hold it.
func inFile(t testing.TB, e vectors.Expectation) string {
	t.Helper()
	text, err := json.MarshalIndent(map[string]any{
		"profiles": e.Profiles, "outcome": outcomes[e.Outcome], "valid": e.Valid, "wire": e.Wire, "status": e.Status, "violations": e.Violations,
	}, "", "  ")
	require.NoError(t, err)
	return string(text)
}

var outcomes = map[validate.Outcome]string{
	validate.OutcomeNone: "none", validate.OutcomePassed: "passed",
	validate.OutcomeNotApplicable: "not_applicable", validate.OutcomeFailed: "failed",
}

func TestEachVectorIsJudgedAsItExpects(t *testing.T) {
	own := newBench(nil)
	for _, v := range load(t) {
		t.Run(v.Name, func(t *testing.T) {
			for _, p := range validate.Profiles() {
				want, named := v.ExpectedIn(p)
				got, err := own.judge(&v, p)
				if !named {
					assert.Error(t, err, "%s has such a policy: say what is expected there", p)
					continue
				}
				require.NoError(t, err)
				if differs(want, got) {
					t.Errorf("%s\nin %s this is expected:\n%s\nand this was found:\n%s", v.Comment, p, inFile(t, want), inFile(t, got))
				}
			}
		})
	}
}

// Each rule has a vector that breaks it and no other rule of weight, and one that
// keeps it in a request that is accepted. A rule that does not always apply has one
// that it does not apply to.
func TestEachRuleHasItsVectors(t *testing.T) {
	type seen struct{ alone, passed, notApplicable bool }
	rules := map[string]*seen{}
	for _, v := range load(t) {
		if v.Rule == "" {
			continue
		}
		s := rules[v.Rule]
		if s == nil {
			s = &seen{}
			rules[v.Rule] = s
		}
		for _, e := range v.Expect {
			others := slices.ContainsFunc(e.Violations, func(f vectors.Finding) bool {
				return f.Severity == validate.SeverityError && f.Rule != v.Rule
			})
			s.alone = s.alone || e.Outcome == validate.OutcomeFailed && !others
			s.passed = s.passed || e.Outcome == validate.OutcomePassed && e.Valid
			s.notApplicable = s.notApplicable || e.Outcome == validate.OutcomeNotApplicable
		}
	}
	known := map[string]bool{}
	for _, r := range validate.Rules() {
		s := rules[r.ID]
		if !assert.NotNil(t, s, "%s has no file", r.ID) {
			continue
		}
		known[r.ID] = true
		assert.True(t, s.alone, "no vector breaks %s alone", r.ID)
		assert.True(t, s.passed || r.External, "no accepted vector keeps %s", r.ID)
		assert.True(t, s.notApplicable || r.When == nil && !r.External, "%s applies to all of its vectors", r.ID)
	}
	for id := range rules {
		assert.True(t, known[id], "%s: a file about a rule that the table does not have", id)
	}
}

// A vector's extra findings stand for steps outside of the table. A rule that the table
// judges is broken by the vector's documents, never by an extra finding.
func TestExtraFindingsAreOfRulesThatTheTableCannotJudge(t *testing.T) {
	for _, v := range load(t) {
		for _, id := range v.Extra {
			row, known := validate.RuleByID(id)
			require.True(t, known, "%s: %s", v.Name, id)
			assert.True(t, row.External, "%s: %s", v.Name, id)
		}
	}
}
