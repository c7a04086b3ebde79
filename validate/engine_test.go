package validate_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/validate"
)

var judgedAt = time.Unix(1_700_000_000, 0)

// row makes a rule that reports n violations.
func row(id string, n int) validate.Rule {
	return validate.Rule{
		ID: id, Summary: "holds", Document: validate.DocRequest,
		Citation: validate.Citation{Spec: "Spec 1", Section: "section 2", URL: "https://spec.example/1#2"}, Fix: "mend it",
		Check: func(c *validate.Case) {
			for i := range n {
				c.Report(fmt.Sprintf("/%s/%d", id, i), "is wrong")
			}
		},
	}
}

// with changes a rule.
func with(r validate.Rule, change func(*validate.Rule)) validate.Rule {
	change(&r)
	return r
}

func validator(t testing.TB, rules ...validate.Rule) *validate.Validator {
	t.Helper()
	v, err := validate.New(validate.Config{
		Profile: validate.OBIE33, Policy: validate.DefaultPolicy(validate.OBIE33), Rules: rules,
	})
	require.NoError(t, err)
	return v
}

func someRequest() *validate.Input {
	return &validate.Input{Request: &claims.Request{}, Now: judgedAt}
}

func TestJudgeSortsRulesIntoPassedFailedAndNotApplicable(t *testing.T) {
	v := validator(t,
		row("passes", 0), row("fails", 2),
		with(row("does_not_apply", 1), func(r *validate.Rule) { r.When = func(*validate.Case) bool { return false } }),
		with(row("lacks_its_document", 1), func(r *validate.Rule) { r.Document = validate.DocSSA }),
		with(row("judged_elsewhere", 0), func(r *validate.Rule) { r.External, r.Check = true, nil }),
		with(row("of_another_profile", 1), func(r *validate.Rule) { r.Profiles = []validate.Profile{validate.WSO2} }),
	)
	r := v.Judge(someRequest())
	assert.False(t, r.Valid())
	assert.Equal(t, []string{"passes"}, r.Passed())
	assert.Equal(t, []string{"does_not_apply", "lacks_its_document", "judged_elsewhere"}, r.NotApplicable())
	require.Len(t, r.Violations, 2)
	assert.Equal(t, validate.Violation{
		Rule: "fails", Severity: validate.SeverityError, Basis: validate.BasisPolicy, Pointer: "/fails/1", Document: validate.DocRequest,
		Message:  "is wrong",
		Citation: validate.Citation{Spec: "Spec 1", Section: "section 2", URL: "https://spec.example/1#2"}, Fix: "mend it",
		Code: validate.InvalidClientMetadata, Step: validate.StepValidate,
	}, r.Violations[1])
}

func TestOnlyErrorsMakeInvalid(t *testing.T) {
	for severity, valid := range map[validate.Severity]bool{
		validate.SeverityError: false, validate.SeverityWarning: true, validate.SeverityNotice: true,
	} {
		r := validator(t, with(row("a", 1), func(r *validate.Rule) { r.Severity = severity })).Judge(someRequest())
		assert.Equal(t, valid, r.Valid(), severity)
		assert.Equal(t, valid, r.Wire() == nil, severity)
		assert.Equal(t, 1, r.Count(severity))
	}
}

// A row of somebody else's says at most one of basis and severity.
func TestARowHasDefaults(t *testing.T) {
	for _, c := range []struct {
		given, want validate.Basis
		severity    validate.Severity
	}{
		{"", validate.BasisPolicy, validate.SeverityError},
		{validate.BasisMust, validate.BasisMust, validate.SeverityError},
		{validate.BasisStricter, validate.BasisStricter, validate.SeverityError},
		{validate.BasisShould, validate.BasisShould, validate.SeverityWarning},
		{validate.BasisNotice, validate.BasisNotice, validate.SeverityNotice},
	} {
		v := validator(t, with(row("a", 1), func(r *validate.Rule) { r.Basis = c.given }))
		assert.Equal(t, c.want, v.Rules()[0].Basis, c.given)
		assert.Equal(t, c.severity, v.Rules()[0].Severity, c.given)
		report := v.Judge(someRequest())
		assert.Equal(t, c.want, report.Violations[0].Basis, c.given)
		assert.Equal(t, c.severity, report.Violations[0].Severity, c.given)
	}
}

func TestNothingToJudgeIsNotValid(t *testing.T) {
	var none *validate.Validator
	var noReport *validate.Report
	v := validator(t, row("a", 0))
	for name, r := range map[string]*validate.Report{
		"nil validator": none.Judge(someRequest()), "zero validator": new(validate.Validator).Judge(someRequest()),
		"nil input": v.Judge(nil), "empty input": v.Judge(&validate.Input{}),
		"zero report": {}, "nil report": noReport,
	} {
		assert.False(t, r.Valid(), name)
		require.NotNil(t, r.Wire(), name)
		assert.Equal(t, validate.InvalidClientMetadata, r.Wire().Error, name)
	}
}

func TestNewRefusesBrokenRules(t *testing.T) {
	for name, rules := range map[string][]validate.Rule{
		"no rules":              {},
		"none of the profile":   {with(row("a", 0), func(r *validate.Rule) { r.Profiles = []validate.Profile{validate.WSO2} })},
		"no ID":                 {row("", 0)},
		"an ID twice":           {row("a", 0), row("a", 0)},
		"neither check":         {with(row("a", 0), func(r *validate.Rule) { r.Check = nil })},
		"external with a check": {with(row("a", 0), func(r *validate.Rule) { r.External = true })},
		"no document":           {with(row("a", 0), func(r *validate.Rule) { r.Document = "" })},
		"unknown basis":         {with(row("a", 0), func(r *validate.Rule) { r.Basis = "may" })},
		"unknown severity":      {with(row("a", 0), func(r *validate.Rule) { r.Severity = "fatal" })},
		"unknown code":          {with(row("a", 0), func(r *validate.Rule) { r.Code = "invalid_request" })},
		"unknown step":          {with(row("a", 0), func(r *validate.Rule) { r.Step = 99 })},
	} {
		t.Run(name, func(t *testing.T) {
			v, err := validate.New(validate.Config{
				Profile: validate.OBIE33, Policy: validate.DefaultPolicy(validate.OBIE33), Rules: rules,
			})
			require.ErrorIs(t, err, validate.ErrRules)
			assert.Nil(t, v)
		})
	}
	_, err := validate.New(validate.Config{Profile: "obie-9", Policy: validate.DefaultPolicy(validate.OBIE33)})
	require.ErrorContains(t, err, "obie-9")
}

func TestTheTableWorksForEveryProfile(t *testing.T) {
	for _, p := range validate.Profiles() {
		v, err := validate.New(validate.Config{Profile: p, Policy: validate.DefaultPolicy(p)})
		require.NoError(t, err, p)
		assert.NotEmpty(t, v.Rules())
		assert.False(t, v.Judge(someRequest()).Valid())
		assert.Equal(t, p, v.Profile())
	}
}

func TestValidatorDoesNotSeeLaterChanges(t *testing.T) {
	policy := validate.DefaultPolicy(validate.OBIE33)
	v, err := validate.New(validate.Config{Profile: validate.OBIE33, Policy: policy})
	require.NoError(t, err)
	policy.Scopes[0] = "changed"
	policy.RoleScopes[claims.AISP][0] = "changed"
	got := v.Policy()
	assert.Equal(t, validate.DefaultPolicy(validate.OBIE33), got)
	got.AuthMethods[0] = "changed"
	assert.Equal(t, validate.DefaultPolicy(validate.OBIE33), v.Policy())
}

func TestExtraViolationsEnterTheReport(t *testing.T) {
	v := validator(t,
		with(row("ssa.signature", 0), func(r *validate.Rule) {
			r.External, r.Check = true, nil
			r.Document, r.Code, r.Step = validate.DocSSA, validate.InvalidSoftwareStatement, validate.StepVerifySSA
		}),
		row("reported_twice", 1), row("passes_here", 0),
	)
	in := someRequest()
	in.Extra = []validate.Violation{
		{Rule: "reported_twice", Message: "again"},
		{Rule: "ssa.signature", Message: "is invalid"},
		{Rule: "passes_here", Message: "but not there"},
		{Rule: "unknown", Message: "x", Got: strings.Repeat("g", 100)},
	}
	r := v.Judge(in)
	var rules []string
	for _, violation := range r.Violations {
		rules = append(rules, violation.Rule)
	}
	assert.Equal(t, []string{"ssa.signature", "reported_twice", "passes_here", "unknown"}, rules, "the earliest step first")
	assert.Equal(t, "mend it", r.Violations[0].Fix, "filled in from the rule")
	assert.Equal(t, validate.DocSSA, r.Violations[0].Document)
	assert.Equal(t, validate.InvalidSoftwareStatement, r.Wire().Error)
	assert.Equal(t, validate.SeverityError, r.Violations[3].Severity)
	assert.Len(t, r.Violations[3].Got, 64)
	assert.Empty(t, r.Passed())
	assert.Empty(t, r.NotApplicable())
}

func TestAReportHoldsTwoHundredViolations(t *testing.T) {
	late := with(row("late", 1), func(r *validate.Rule) {
		r.Step, r.Code = validate.StepParseSSA, validate.InvalidSoftwareStatement
	})
	r := validator(t, with(row("many", 250), func(r *validate.Rule) { r.Severity = validate.SeverityNotice }), late).Judge(someRequest())
	assert.Len(t, r.Violations, validate.MaxViolations)
	assert.Equal(t, 51, r.More)
	assert.False(t, r.Valid(), "an error that is not shown still counts")
	assert.Equal(t, validate.InvalidSoftwareStatement, r.Wire().Error)
	assert.Contains(t, r.Wire().Description, "late")
}

func TestJudgeRunsOnManyGoroutines(t *testing.T) {
	v := validator(t, row("a", 0), row("b", 3))
	in := someRequest()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				if r := v.Judge(in); len(r.Violations) != 3 {
					t.Error("violations differ")
				}
			}
		})
	}
	wg.Wait()
}

func TestCaseShowsTheInput(t *testing.T) {
	in := &validate.Input{
		Header: &claims.Header{}, Request: &claims.Request{}, SSAHeader: &claims.Header{}, SSA: &claims.SSA{},
		HeaderFaults: []claims.Fault{{Pointer: "/h"}}, RequestFaults: []claims.Fault{{Pointer: "/r"}},
		SSAHeaderFaults: []claims.Fault{{Pointer: "/sh"}}, SSAFaults: []claims.Fault{{Pointer: "/s"}},
		Environment: claims.Sandbox, Certificate: &validate.Certificate{RawSubject: []byte{1}}, Now: judgedAt,
	}
	seen := false
	v := validator(t, with(row("a", 0), func(r *validate.Rule) {
		r.Check = func(c *validate.Case) {
			seen = true
			assert.Same(t, in.Header, c.Header())
			assert.Same(t, in.Request, c.Req())
			assert.Same(t, in.SSAHeader, c.SSAHeader())
			assert.Same(t, in.SSA, c.SSA())
			assert.Same(t, in.Certificate, c.Cert())
			assert.Equal(t, claims.Sandbox, c.Environment())
			assert.Equal(t, judgedAt.Unix(), c.Now())
			assert.Equal(t, validate.OBIE33, c.Profile())
			assert.Equal(t, validate.DefaultPolicy(validate.OBIE33), *c.Policy())
			for d, pointer := range map[validate.Document]string{
				validate.DocHeader: "/h", validate.DocRequest: "/r", validate.DocSSAHeader: "/sh", validate.DocSSA: "/s",
			} {
				assert.Equal(t, pointer, c.Faults(d)[0].Pointer)
			}
			assert.Nil(t, c.Faults("other"))
		}
	}))
	assert.True(t, v.Judge(in).Valid())
	assert.True(t, seen)
}

func TestPolicyErrorsShowAtNew(t *testing.T) {
	_, err := validate.New(validate.Config{Profile: validate.OBIE33})
	var policyError *validate.PolicyError
	require.True(t, errors.As(err, &policyError), "the zero policy is refused")
}

func TestJudgeHeadersLooksAtHeadersAlone(t *testing.T) {
	v := validator(t, row("claims", 1), with(row("header", 1), func(r *validate.Rule) { r.Document = validate.DocHeader }))
	in := someRequest()
	assert.False(t, v.JudgeHeaders(nil).Valid())
	assert.False(t, v.JudgeHeaders(in).Valid(), "no header is nothing to judge")
	in.Header = &claims.Header{}
	r := v.JudgeHeaders(in)
	require.Len(t, r.Violations, 1)
	assert.Equal(t, "header", r.Violations[0].Rule)
	assert.Equal(t, []string{"claims"}, r.NotApplicable())
}
