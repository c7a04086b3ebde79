package validate_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/validate"
)

// A rule about something that RFC 7591 has no code for is answered with its status alone.
func TestAnAnswerMayHaveAStatusAndNoCode(t *testing.T) {
	status := func(n int, step validate.Step) validate.Rule {
		return with(row("status", 1), func(r *validate.Rule) { r.Status, r.Step = n, step })
	}
	report := validator(t, status(401, validate.StepCertificate), row("later", 1)).Judge(someRequest())
	require.Equal(t, &validate.WireError{Status: 401, Description: "is wrong"}, report.Wire())
	require.Empty(t, report.Violations[0].Code)
	require.Equal(t, validate.InvalidClientMetadata, report.Violations[1].Code)

	report = validator(t, status(401, validate.StepCertificate), with(row("earlier", 1), func(r *validate.Rule) { r.Step = validate.StepVerifySSA })).Judge(someRequest())
	require.Equal(t, 400, report.Wire().Status)
	require.Equal(t, validate.InvalidClientMetadata, report.Wire().Error)

	for _, broken := range []validate.Rule{
		status(400, 0), status(200, 0), status(600, 0),
		with(status(401, 0), func(r *validate.Rule) { r.Code = validate.InvalidClientMetadata }),
	} {
		_, err := validate.New(validate.Config{Profile: validate.OBIE33, Policy: validate.DefaultPolicy(validate.OBIE33), Rules: []validate.Rule{broken}})
		require.ErrorIs(t, err, validate.ErrRules)
	}
	all := validate.DefaultPolicy(validate.OBIE33)
	all.ErrorDetail = validate.DetailAll
	v, err := validate.New(validate.Config{Profile: validate.OBIE33, Policy: all, Rules: []validate.Rule{
		with(row("first", 1), func(r *validate.Rule) { r.Step = validate.StepVerifyRequest }), status(401, validate.StepCertificate)}})
	require.NoError(t, err)
	require.NotContains(t, v.Judge(someRequest()).Wire().Description, "status", "another answer is no part of this one")
}

// What a server finds instead decides its answer, whatever the violation that has it.
func TestWhatAServerFindsInsteadDecidesItsAnswer(t *testing.T) {
	v := validator(t, row("kept", 0), with(row("read_over", 0), func(r *validate.Rule) { r.External, r.Check, r.Basis = true, nil, validate.BasisShould }),
		with(row("refused", 0), func(r *validate.Rule) {
			r.External, r.Check, r.Code, r.Step = true, nil, validate.InvalidSoftwareStatement, validate.StepParseSSA
		}))
	judge := func(severity validate.Severity, instead *validate.Violation) *validate.Report {
		in := someRequest()
		in.Extra = []validate.Violation{{Rule: "read_over", Severity: severity, Refused: instead}}
		return v.Judge(in)
	}
	report := judge("", &validate.Violation{Rule: "refused", Message: "no"})
	assert.True(t, report.Valid())
	assert.Equal(t, 1, report.Count(validate.SeverityWarning))
	assert.Equal(t, 0, report.Count(validate.SeverityError))
	assert.Len(t, report.Violations, 1)
	assert.Equal(t, &validate.WireError{Status: 400, Error: validate.InvalidSoftwareStatement, Description: "no (refused)"}, report.Wire())

	assert.Nil(t, judge("", nil).Wire())
	report = judge(validate.SeverityError, &validate.Violation{Rule: "refused", Message: "no"})
	assert.False(t, report.Valid())
	assert.Equal(t, "no (refused)", report.Wire().Description, "in place of the error")
}

func TestACheckMayWarnOfWhatIsNoError(t *testing.T) {
	report := validator(t, with(row("soft", 0), func(r *validate.Rule) {
		r.Check = func(c *validate.Case) { c.Warn("/soft", "got", "want", "is odd") }
	})).Judge(someRequest())
	require.True(t, report.Valid())
	require.Nil(t, report.Wire())
	require.Equal(t, validate.SeverityWarning, report.Violations[0].Severity)
	require.Equal(t, validate.OutcomeFailed, report.Outcome("soft"))
	require.Equal(t, "got", report.Violations[0].Got)
}

// An External rule that the caller has judged has passed, unless it found a violation. Others
// cannot be named as judged.
func TestARuleThatTheCallerHasJudgedHasPassed(t *testing.T) {
	external := func(id string) validate.Rule {
		return with(row(id, 0), func(r *validate.Rule) { r.External, r.Check = true, nil })
	}
	never := with(row("never", 0), func(r *validate.Rule) { r.When = func(*validate.Case) bool { return false } })
	v := validator(t, external("good"), external("bad"), external("open"), never)
	r := v.Judge(&validate.Input{Request: &claims.Request{}, Extra: []validate.Violation{{Rule: "bad"}}, Judged: []string{"good", "bad", "never", "nobody's"}})
	for id, want := range map[string]validate.Outcome{
		"good": validate.OutcomePassed, "bad": validate.OutcomeFailed, "open": validate.OutcomeNotApplicable, "never": validate.OutcomeNotApplicable, "nobody's": validate.OutcomeNone,
	} {
		assert.Equal(t, want, r.Outcome(id), id)
	}
	assert.Equal(t, []string{"good"}, r.Passed())
}
