package judge_test

import (
	"context"
	"io/fs"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/dcr/vectors/signed"
	"github.com/obdcr/obdcr/dcr/vectors/signed/judge"
	"github.com/obdcr/obdcr/validate"
)

var loadOnce = sync.OnceValues(signed.Load)

// load returns the vectors of the process: do not change them.
func load(t testing.TB) []signed.Vector {
	t.Helper()
	all, err := loadOnce()
	require.NoError(t, err)
	return all
}

func embeddedKeys() *judge.Judge {
	return judge.New(func(name string) ([]byte, error) { return fs.ReadFile(signed.Files(), name) })
}

func rulesOf(r *validate.Report, of validate.Severity) []string {
	ids := []string{}
	for _, v := range r.Violations {
		if v.Severity == of {
			ids = append(ids, v.Rule)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// found is what a lint found, as an expectation has it.
func found(v *signed.Vector, r *tpp.LintResult) signed.Expect {
	e := v.Expect
	e.Valid, e.Rules, e.Warnings = r.Report.Valid(), rulesOf(r.Report, validate.SeverityError), rulesOf(r.Report, validate.SeverityWarning)
	if wire := r.Report.Wire(); wire != nil {
		e.Wire, e.Status = wire.Error, wire.Status
	}
	return e
}

func TestTheLibraryJudgesEachVectorAsItExpects(t *testing.T) {
	j := embeddedKeys()
	for _, v := range load(t) {
		t.Run(v.Name, func(t *testing.T) {
			result, err := j.Lint(context.Background(), &v)
			require.NoError(t, err)
			assert.Equal(t, v.Expect, found(&v, result), v.Comment)
			assert.True(t, !result.Report.Valid() || v.Kind == signed.Statement || result.Checks.Complete(), "not all was checked: %+v", result.Checks)
		})
	}
}
