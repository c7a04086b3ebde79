package report_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/validate"
	"github.com/obdcr/obdcr/validate/report"
)

// GitHub shows ten annotations of a step: all valid files share one.
func TestValidFilesShareOneNotice(t *testing.T) {
	good := func(i int) *report.Result {
		return named(fmt.Sprintf("good%d.jwt", i), validator(t, passing()...).Judge(shownInput()))
	}
	bad := named("bad.jwt", validator(t, many(1, validate.SeverityError)).Judge(shownInput()))
	results := []*report.Result{bad}
	for i := range 30 {
		results = append(results, good(i))
	}
	lines := strings.Split(strings.TrimSpace(written(t, report.WriterOptions{Format: report.FormatGitHub, Many: true}, results...)), "\n")
	require.Len(t, lines, 3, "a finding, the notice of its file, and one of all")
	assert.True(t, strings.HasPrefix(lines[0], "::error file=bad.jwt,"))
	assert.True(t, strings.HasPrefix(lines[1], "::notice file=bad.jwt,"))
	assert.True(t, strings.HasPrefix(lines[2], "::notice title="))
	for _, told := range []string{"31 files", "good0.jwt", "good19.jwt", "10 more"} {
		assert.Contains(t, lines[2], told)
	}
	assert.NotContains(t, lines[2], "good20.jwt")
	assert.NotContains(t, lines[2], "bad.jwt")

	alone := strings.TrimSpace(written(t, report.WriterOptions{Format: report.FormatGitHub}, good(1)))
	assert.True(t, strings.HasPrefix(alone, "::notice file=good1.jwt,"), alone)
}

// What is about the file as it is, or about the certificate, has no place in a payload.
func TestWhatIsAboutNoDocumentHasNoLineOfIt(t *testing.T) {
	v, err := validate.New(validate.Config{Profile: validate.OBIE33, Policy: validate.DefaultPolicy(validate.OBIE33)})
	require.NoError(t, err)
	for rule, subject := range map[string]string{
		validate.RuleRequestSize: "file", validate.RuleInputEncoding: "file", validate.RuleCertificateBinding: "certificate", validate.RuleRequestJWS: "request",
	} {
		r := judged(t, shownRequest)
		r.Report = v.Judge(&validate.Input{Now: time.Unix(1, 0), Extra: []validate.Violation{{Rule: rule, Message: "this is wrong"}}})
		sarif := written(t, report.WriterOptions{Format: report.FormatSARIF}, r)
		assert.Contains(t, sarif, `"`+subject+`: this is wrong`, rule)
		if subject != "request" {
			assert.NotContains(t, sarif, `"lineOf"`, rule)
			assert.NotContains(t, written(t, report.WriterOptions{Format: report.FormatJSON}, r), `"line_of"`, rule)
		}
	}
}
