package validate_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/validate"
)

func TestWireTellsTheEarliestStepThenPrecedence(t *testing.T) {
	type violation struct {
		step validate.Step
		code validate.Code
	}
	for name, c := range map[string]struct {
		found []violation
		want  validate.Code
	}{
		"unapproved before invalid statement": {
			[]violation{{validate.StepVerifySSA, validate.InvalidSoftwareStatement}, {validate.StepVerifySSA, validate.UnapprovedSoftwareStatement}},
			validate.UnapprovedSoftwareStatement,
		},
		"redirect URI before metadata": {
			[]violation{{validate.StepValidate, validate.InvalidClientMetadata}, {validate.StepValidate, validate.InvalidRedirectURI}},
			validate.InvalidRedirectURI,
		},
		"statement before redirect URI": {
			[]violation{{validate.StepValidate, validate.InvalidRedirectURI}, {validate.StepValidate, validate.InvalidSoftwareStatement}},
			validate.InvalidSoftwareStatement,
		},
		"an earlier step before all": {
			[]violation{{validate.StepVerifySSA, validate.UnapprovedSoftwareStatement}, {validate.StepParseRequest, validate.InvalidClientMetadata}},
			validate.InvalidClientMetadata,
		},
		"replay last": {
			[]violation{{validate.StepReplay, validate.UnapprovedSoftwareStatement}, {validate.StepValidate, validate.InvalidRedirectURI}},
			validate.InvalidRedirectURI,
		},
	} {
		t.Run(name, func(t *testing.T) {
			var rules []validate.Rule
			for i, f := range c.found {
				rules = append(rules, with(row(string(rune('a'+i)), 1), func(r *validate.Rule) { r.Step, r.Code = f.step, f.code }))
			}
			assert.Equal(t, c.want, validator(t, rules...).Judge(someRequest()).Wire().Error)
		})
	}
}

func TestWireDescriptionIsFitForTheWire(t *testing.T) {
	nasty := strings.Repeat("\"\\ä\x00\x1b[31m\u202e", 200)
	saying := func(pointer, message string) *validate.Validator {
		return validator(t, with(row("nasty.rule", 0), func(r *validate.Rule) {
			r.Check = func(c *validate.Case) { c.ReportValue(pointer, nasty, nasty, message) }
		}))
	}
	for name, v := range map[string]*validate.Validator{
		"message": saying("", nasty), "pointer": saying("/"+nasty, "is wrong"), "both": saying("/"+nasty, nasty),
		"no message": saying("", ""),
	} {
		t.Run(name, func(t *testing.T) {
			d := v.Judge(someRequest()).Wire().Description
			assert.NotEmpty(t, d)
			assert.LessOrEqual(t, len(d), validate.MaxDescription)
			assert.Contains(t, d, "(nasty.rule)")
			for _, c := range d {
				assert.True(t, c >= ' ' && c <= '~' && c != '"' && c != '\\', "%q", c)
			}
		})
	}
}

func TestWireDescription(t *testing.T) {
	policy := validate.DefaultPolicy(validate.OBIE33)
	rules := []validate.Rule{
		row("a", 2),
		with(row("w", 1), func(r *validate.Rule) { r.Severity = validate.SeverityWarning }),
		with(row("s", 1), func(r *validate.Rule) {
			r.Document, r.Step, r.Code = validate.DocSSA, validate.StepParseSSA, validate.InvalidSoftwareStatement
		}),
	}
	in := someRequest()
	in.SSA = &claims.SSA{}
	judge := func(rules ...validate.Rule) *validate.WireError {
		v, err := validate.New(validate.Config{Profile: validate.OBIE33, Policy: policy, Rules: rules})
		require.NoError(t, err)
		return v.Judge(in).Wire()
	}
	assert.Equal(t, &validate.WireError{
		Status: 400, Error: validate.InvalidSoftwareStatement, Description: "software_statement /s/0: is wrong (s)",
	}, judge(rules...))
	policy.ErrorDetail = validate.DetailAll
	assert.Equal(t, "software_statement /s/0: is wrong (s); /a/0: is wrong (a); /a/1: is wrong (a)", judge(rules...).Description)
	long := judge(row("a", 500)).Description
	assert.LessOrEqual(t, len(long), validate.MaxDescription)
	assert.Regexp(t, `; and 4\d\d more$`, long)
}

// A description of all violations has what each got and wants, but never at the cost of
// another violation.
func TestADescriptionOfAllHasWhatWouldBeRight(t *testing.T) {
	policy := validate.DefaultPolicy(validate.OBIE33)
	policy.ErrorDetail = validate.DetailAll
	judge := func(rules ...validate.Rule) string {
		v, err := validate.New(validate.Config{Profile: validate.OBIE33, Policy: policy, Rules: rules})
		require.NoError(t, err)
		return v.Judge(someRequest()).Wire().Description
	}
	saying := func(id, got, want string, times int) validate.Rule {
		return with(row(id, 0), func(r *validate.Rule) {
			r.Check = func(c *validate.Case) {
				for range times {
					c.ReportValue("/"+id, got, want, "is wrong")
				}
			}
		})
	}
	assert.Equal(t, "/a: is wrong; got 51; want at most 50 (a); /b: is wrong; want integer (b); /c: is wrong; got x (c)",
		judge(saying("a", "51", "at most 50", 1), saying("b", "", "integer", 1), saying("c", "x", "", 1)))

	long := strings.Repeat("x", 200)
	whole := judge(saying("a", long, long, 1))
	assert.Equal(t, "/a: is wrong; got "+long[:61]+"...; want "+long[:61]+"... (a)", whole, "no more than 64 characters of either")

	message := func(message, got, want string) string {
		return judge(with(row("m", 0), func(r *validate.Rule) {
			r.Check = func(c *validate.Case) { c.ReportValue("/m", got, want, message) }
		}))
	}
	assert.Equal(t, "/m: has 23 characters; at most 22; got xyz (m)", message("has 23 characters; at most 22", "xyz", "at most 22 characters"))
	assert.Equal(t, "/m: is an array, must be a string (m)", message("is an array, must be a string", "array", "string"))
	assert.Equal(t, "/m: is 15; got 5; want 1 (m)", message("is 15", "5", "1"), "a part of a word says nothing")
	listed := strings.TrimSuffix(strings.Repeat("authorization_code, ", 5), ", ")
	assert.Equal(t, "/m: is not one; allowed: "+listed+"; got x (m)", message("is not one; allowed: "+listed, "x", listed))

	// 25 sentences of 16 characters with their separators are 448 of the 480 characters.
	crowd := judge(saying("a", "1", "2", 1), saying("b", long, long, 1), saying("c", "", "", 22), saying("d", "1", "2", 1))
	assert.LessOrEqual(t, len(crowd), validate.MaxDescription)
	assert.Equal(t, 25, strings.Count(crowd, "is wrong"), "all of them")
	assert.Contains(t, crowd, "/a: is wrong; got 1; want 2 (a)")
	assert.Contains(t, crowd, "/b: is wrong (b)", "there is no room for its details")
	assert.Contains(t, crowd, "/d: is wrong; got 1; want 2 (d)")
}

// What Echo does in full is a matter of internal/text.
func TestEchoMakesInputFitForAMessage(t *testing.T) {
	assert.Equal(t, "short", validate.Echo("short"))
	assert.Equal(t, "a???b?", validate.Echo("a\x00\x1b\u202eb\xff"))
	assert.Equal(t, strings.Repeat("ä", validate.MaxEcho-3)+"...", validate.Echo(strings.Repeat("ä", validate.MaxEcho+1)))
}
