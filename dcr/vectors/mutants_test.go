package vectors_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/vectors"
	"github.com/obdcr/obdcr/validate"
)

// mutant is a row of the table with one thing wrong.
type mutant struct {
	what string
	row  validate.Rule
}

// mutants makes every mutant of a row: another severity, another code, a profile
// dropped or added, a When that always holds, a Check that finds nothing.
func mutants(row validate.Rule) []mutant {
	var all []mutant
	add := func(what string, change func(*validate.Rule)) {
		m := mutant{what, row}
		change(&m.row)
		all = append(all, m)
	}
	for _, s := range []validate.Severity{validate.SeverityError, validate.SeverityWarning, validate.SeverityNotice} {
		if s != row.Severity {
			add("severity "+string(s), func(r *validate.Rule) { r.Severity = s })
		}
	}
	for _, c := range []validate.Code{
		validate.InvalidRedirectURI, validate.InvalidClientMetadata, validate.InvalidSoftwareStatement, validate.UnapprovedSoftwareStatement,
	} {
		if c != row.Code {
			add("code "+string(c), func(r *validate.Rule) { r.Code = c })
		}
	}
	has := row.Profiles
	if has == nil {
		has = validate.Profiles()
	}
	for _, p := range validate.Profiles() {
		if slices.Contains(has, p) {
			add("without profile "+string(p), func(r *validate.Rule) {
				r.Profiles = slices.DeleteFunc(slices.Clone(has), func(q validate.Profile) bool { return q == p })
			})
		} else {
			add("with profile "+string(p), func(r *validate.Rule) { r.Profiles = append(slices.Clone(has), p) })
		}
	}
	if row.When != nil {
		add("When always holds", func(r *validate.Rule) { r.When = nil })
	}
	if row.Check != nil {
		add("Check finds nothing", func(r *validate.Rule) { r.Check = func(*validate.Case) {} })
	}
	return all
}

// noticed reports whether one of the vectors is judged otherwise than it expects. A
// table that cannot be used, or that panics, is noticed too.
func noticed(list []*vectors.Vector, rules []validate.Rule) (yes bool) {
	defer func() { yes = recover() != nil || yes }()
	b := newBench(rules)
	for _, v := range list {
		for _, want := range v.Expect {
			for _, p := range want.Profiles {
				if got, err := b.judge(v, p); err != nil || differs(want, got) {
					return true
				}
			}
		}
	}
	return false
}

// A change of a row's severity, code or profiles, and a row that applies where it should
// not, fails a vector of the row's own file.
func TestEachMutantOfARowIsNoticedByItsVectors(t *testing.T) {
	all := load(t)
	of := map[string][]*vectors.Vector{}
	for i := range all {
		of[all[i].Rule] = append(of[all[i].Rule], &all[i])
	}
	table := validate.Rules()
	tried, survived := map[string]int{}, 0
	for i, row := range table {
		require.False(t, noticed(of[row.ID], table), "%s: the table as it is", row.ID)
		for _, m := range mutants(row) {
			rules := slices.Clone(table)
			rules[i] = m.row
			kind := m.what[:slices.Index([]byte(m.what+" "), ' ')]
			tried[kind]++
			if !assert.True(t, noticed(of[row.ID], rules), "%s, %s: no vector notices", row.ID, m.what) {
				survived++
			}
		}
	}
	for _, kind := range []string{"severity", "code", "without", "with", "When", "Check"} {
		assert.NotZero(t, tried[kind], kind)
	}
	t.Log(fmt.Sprint(tried), "survived:", survived)
}
