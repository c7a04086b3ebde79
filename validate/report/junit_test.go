package report_test

import (
	"encoding/xml"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/realtest"
	"github.com/obdcr/obdcr/validate"
	"github.com/obdcr/obdcr/validate/report"
)

// element is one element of an XML document, as it is.
type element struct {
	XMLName xml.Name
	Attrs   []xml.Attr `xml:",any,attr"`
	Inner   []element  `xml:",any"`
	Text    string     `xml:",chardata"`
}

func (e *element) attr(name string) string {
	for _, a := range e.Attrs {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// attrs tells which attributes an element of the schema of Ant's JUnit task has: those that
// are required, and those that may be there.
var attrs = map[string][2][]string{
	"testsuites": {},
	"testsuite":  {{"name", "package", "id", "timestamp", "hostname", "tests", "failures", "errors", "time"}, {"skipped"}},
	"properties": {},
	"property":   {{"name", "value"}, nil},
	"testcase":   {{"name", "classname", "time"}, nil},
	"skipped":    {nil, {"message"}},
	"failure":    {{"type"}, {"message"}},
	"system-out": {}, "system-err": {},
}

var (
	// inner are the elements that each element of that schema holds, in their order.
	inner = map[string]*regexp.Regexp{
		"testsuites": regexp.MustCompile(`^(testsuite )*$`),
		"testsuite":  regexp.MustCompile(`^properties (testcase )*system-out system-err $`),
		"properties": regexp.MustCompile(`^(property )*$`),
		"testcase":   regexp.MustCompile(`^(skipped |failure |error )?$`),
	}
	token   = regexp.MustCompile(`^[^\s]+( [^\s]+)*$`)
	numbers = []string{"id", "tests", "failures", "errors", "skipped"}
	when    = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$`)
)

// keepsToJUnit holds an element against the schema of Ant's JUnit task (Windy Road), whose
// facts stand above.
func keepsToJUnit(t *testing.T, e *element) {
	t.Helper()
	name := e.XMLName.Local
	known, ok := attrs[name]
	require.True(t, ok, "there is no element %s", name)
	for _, required := range known[0] {
		assert.True(t, slices.ContainsFunc(e.Attrs, func(a xml.Attr) bool { return a.Name.Local == required }), "%s lacks %s", name, required)
	}
	for _, a := range e.Attrs {
		assert.Contains(t, slices.Concat(known[0], known[1]), a.Name.Local, name)
		switch n := a.Name.Local; {
		case slices.Contains(numbers, n):
			_, err := strconv.Atoi(a.Value)
			assert.NoError(t, err, n)
		case n == "timestamp":
			assert.Regexp(t, when, a.Value)
		case n == "name", n == "hostname", n == "package", n == "classname":
			assert.Regexp(t, token, a.Value, "%s %s", name, n)
		}
	}
	order := ""
	for i := range e.Inner {
		order += e.Inner[i].XMLName.Local + " "
		keepsToJUnit(t, &e.Inner[i])
	}
	if grammar := inner[name]; grammar != nil {
		assert.Regexp(t, grammar, order, name)
	} else {
		assert.Empty(t, order, name)
	}
}

// junitOf writes results as JUnit, holds them against the schemas and returns the suites.
func junitOf(t *testing.T, results ...*report.Result) []element {
	t.Helper()
	text := written(t, report.WriterOptions{Format: report.FormatJUnit, Many: true}, results...)
	var root element
	require.NoError(t, xml.Unmarshal([]byte(text), &root))
	require.Equal(t, "testsuites", root.XMLName.Local)
	keepsToJUnit(t, &root)
	for i := range root.Inner {
		suite := &root.Inner[i]
		count := map[string]int{}
		for j := range suite.Inner {
			c := &suite.Inner[j]
			if c.XMLName.Local != "testcase" {
				continue
			}
			count["tests"]++
			for k := range c.Inner {
				count[c.Inner[k].XMLName.Local]++
			}
		}
		assert.Equal(t, strconv.Itoa(i), suite.attr("id"))
		assert.Equal(t, strconv.Itoa(count["tests"]), suite.attr("tests"))
		assert.Equal(t, strconv.Itoa(count["failure"]), suite.attr("failures"))
		assert.Equal(t, strconv.Itoa(count["skipped"]), suite.attr("skipped"))
	}
	return root.Inner
}

// caseOf returns the test case of that name.
func caseOf(t *testing.T, suite *element, name string) *element {
	t.Helper()
	for i := range suite.Inner {
		if suite.Inner[i].attr("name") == name {
			return &suite.Inner[i]
		}
	}
	require.Fail(t, "no case "+name)
	return nil
}

func TestJUnit(t *testing.T) {
	golden(t, "junit/token.xml", in(report.FormatJUnit), shown(validator(t, shownRules()...).Judge(shownInput())))
	suites := junitOf(t, shown(validator(t, shownRules()...).Judge(shownInput())), judged(t, shownRequest, inEachDocument()...),
		bare(&validate.Report{}), named(" a\tfile \n", validator(t, passing()...).Judge(shownInput())))
	require.Len(t, suites, 4)
	assert.Equal(t, "a file", suites[3].attr("name"))
	assert.Empty(t, junitOf(t))
	for severity, failures := range map[validate.Severity]string{validate.SeverityError: "2", validate.SeverityNotice: "0"} {
		suite := junitOf(t, named("x", validator(t, many(250, severity)).Judge(shownInput())))[0]
		assert.Equal(t, failures, suite.attr("failures"))
		assert.NotNil(t, caseOf(t, &suite, "report.complete"))
	}
}

// What was not checked is skipped for that reason, as a check and as the rule about it.
func TestJUnitSkipsWhatWasNotChecked(t *testing.T) {
	v, err := validate.New(validate.Config{Profile: validate.OBIE33, Policy: validate.DefaultPolicy(validate.OBIE33)})
	require.NoError(t, err)
	r := judged(t, shownRequest)
	input := shownInput()
	input.Judged = []string{validate.RuleRequestJWS, validate.RuleRequestSize, validate.RuleSSAKeyFound, validate.RuleSSASignature}
	r.Report = v.Judge(input)
	r.Checks = validate.Checks{
		RequestSignature:   validate.Check{State: validate.CheckNotChecked, Note: "give --software-jwks"},
		StatementSignature: validate.Check{State: validate.CheckGood},
		Audience:           validate.Check{State: validate.CheckNotChecked, Note: "give --aud"},
		Certificate:        validate.Check{State: validate.CheckKeyNotFound},
	}
	suite := junitOf(t, r)[0]
	skipped := func(name string) string {
		c := caseOf(t, &suite, name)
		if len(c.Inner) == 0 || c.Inner[0].XMLName.Local != "skipped" {
			return ""
		}
		return c.Inner[0].attr("message")
	}
	for name, want := range map[string]string{
		"request signature": "not checked: give --software-jwks", "request.signature": "not checked: give --software-jwks",
		"request.key.found": "not checked: give --software-jwks", "audience": "not checked: give --aud", "aud.is_bank": "not checked: give --aud",
		"statement signature": "", "ssa.signature": "", "ssa.key.found": "", "request.jti.replayed": "not applicable", "request.jws": "", "request.size": "",
		"ssa.jws": "not applicable", "certificate.binding": "not applicable",
	} {
		assert.Equal(t, want, skipped(name), name)
	}
	assert.Equal(t, "failure", caseOf(t, &suite, "certificate").Inner[0].XMLName.Local)

	r.Checks.Certificate = validate.Check{State: validate.CheckNotChecked, Note: "give --cert"}
	suite = junitOf(t, r)[0]
	for _, row := range validate.Rules() {
		if strings.HasPrefix(row.ID, "certificate.") {
			assert.Equal(t, "not checked: give --cert", skipped(row.ID), row.ID)
		}
	}
	r.Checks.Certificate = validate.Check{State: validate.CheckGood, Note: "chain not checked: give --cert-ca"}
	suite = junitOf(t, r)[0]
	assert.Equal(t, "chain not checked: give --cert-ca", skipped(validate.RuleCertificateChain))
}

// TestJUnitKeepsToTheSchemaOfJenkins runs xmllint, which .ci/run installs.
func TestJUnitKeepsToTheSchemaOfJenkins(t *testing.T) {
	xmllint, ok := realtest.Tool(t, "xmllint")
	if !ok {
		return
	}
	file := filepath.Join(t.TempDir(), "report.xml")
	results := judgedVectors(t)[:20]
	results = append(results, judged(t, shownRequest, inEachDocument()...), bare(&validate.Report{}))
	text := written(t, report.WriterOptions{Format: report.FormatJUnit, Many: true}, results...)
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	out, err := exec.Command(xmllint, "--noout", "--schema", "testdata/schema/junit-10.xsd", file).CombinedOutput()
	require.NoError(t, err, "%.2000s", string(out))
	assert.True(t, strings.HasSuffix(strings.TrimSpace(string(out)), "validates"))
}
