package report_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/vectors"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/validate"
	"github.com/obdcr/obdcr/validate/report"
)

// judgedVectors judges each vector by each profile that it is for.
func judgedVectors(t testing.TB) []*report.Result {
	t.Helper()
	results, err := allVectors()
	require.NoError(t, err)
	require.NotEmpty(t, results)
	return slices.Clone(results)
}

var allVectors = sync.OnceValues(func() (results []*report.Result, err error) {
	all, err := vectors.Load()
	if err != nil {
		return nil, err
	}
	validators := map[string]*validate.Validator{} // by profile and policy, which few vectors have of their own
	for i := range all {
		v := &all[i]
		for _, expectation := range v.Expect {
			for _, profile := range expectation.Profiles {
				kind := string(profile) + " " + string(v.Policy)
				if validators[kind] == nil {
					policy, fault := v.PolicyFor(profile)
					validator, err := validate.New(validate.Config{Profile: profile, Policy: policy})
					if err := errors.Join(fault, err); err != nil {
						return nil, fmt.Errorf("%s: %w", v.Name, err)
					}
					validators[kind] = validator
				}
				in, err := v.Input()
				if err != nil {
					return nil, fmt.Errorf("%s: %w", v.Name, err)
				}
				results = append(results, &report.Result{
					Name: v.Name + "." + string(profile) + ".json", Report: validators[kind].Judge(in), Issuer: "OpenBanking Ltd", Source: v.Request, Judged: validate.DocRequest,
					Checks: validate.Checks{Audience: validate.Check{State: validate.CheckNotChecked, Note: "give --aud"}},
					Documents: map[validate.Document][]byte{
						validate.DocHeader: v.Header, validate.DocRequest: v.Request, validate.DocSSAHeader: v.SSAHeader, validate.DocSSA: v.SSA,
					},
				})
			}
		}
	}
	return results, nil
})

func TestWhatEachRuleSaysOfEachVectorFitsATerminal(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range judgedVectors(t) {
		for _, v := range r.Report.Violations {
			seen[v.Rule] = true
			for _, s := range []string{v.Message, v.Fix, v.Want, v.Got} {
				assert.False(t, strings.ContainsFunc(s, unicode.IsControl), "%s: %s: %q", r.Name, v.Rule, s)
			}
			assert.Less(t, len(v.Message), 600, "%s: %s", r.Name, v.Rule)
			assert.Equal(t, v.Message, text.Show(v.Message), "%s: %s", r.Name, v.Rule)
		}
		holdsToWidth(t, r.Name, written(t, in(report.FormatText), r), 80)
	}
	for _, row := range validate.Rules() {
		if row.ID != validate.RuleValidateInput {
			assert.True(t, seen[row.ID], "%s: no vector breaks it", row.ID)
		}
	}
}

func TestEachVectorIsWrittenInEachFormat(t *testing.T) {
	results := judgedVectors(t)
	many := report.WriterOptions{Many: true}
	many.Format = report.FormatJSON
	var read []readJSON
	require.NoError(t, json.Unmarshal([]byte(written(t, many, results...)), &read))
	require.Len(t, read, len(results))
	many.Format = report.FormatSARIF
	require.Len(t, sarifOf(t, many, results...).Runs[0].Artifacts, len(results))
	many.Format = report.FormatConcise
	findings := 0
	for i := range results {
		findings += len(results[i].Report.Violations) + 1
	}
	require.Len(t, strings.Split(strings.TrimSpace(written(t, many, results...)), "\n"), findings)
}
