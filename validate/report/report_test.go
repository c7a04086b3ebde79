package report_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/validate"
	"github.com/obdcr/obdcr/validate/report"
)

var updateGolden = flag.Bool("update-golden", false, "rewrite the golden renderings")

const (
	shownRequest = `{"iss":"9b5usDpbNtmxDcTzs7GzKp","iat":1700000000,"exp":1700003600,"aud":"0015800000jfwxXAAQ",` +
		`"redirect_uris":["https://app.example/cb","https://app.example/cb2"],"naïve":"ä\u0041` + "\u202e" + `","software_statement":"` +
		"eyJhbGciOiJQUzI1NiJ9.eyJhbGciOiJQUzI1NiJ9.eyJhbGciOiJQUzI1NiJ9eyJhbGciOiJQUzI1NiJ9eyJhbGciOiJQUzI1NiJ9" + `"}`
	shownSSA = `{"iss":"OpenBanking Ltd","iat":1600000000,"software_roles":["AISP"]}`
)

// shownRules are rows of every kind that a rendering shows.
func shownRules() []validate.Rule {
	reports := func(pointer, got, want, message string) func(*validate.Case) {
		return func(c *validate.Case) { c.ReportValue(pointer, got, want, message) }
	}
	cite := func(section string) validate.Citation {
		return validate.Citation{Spec: "OBIE DCR 3.3", Section: section, URL: "https://spec.example/3.3"}
	}
	return []validate.Rule{
		{
			ID: "redirect_uris.subset_of_ssa", Summary: "Each redirect URI is one of the SSA's.", Reason: "Others are nobody's.",
			Citation: cite("data dictionary, redirect_uris"), Document: validate.DocRequest, Code: validate.InvalidRedirectURI,
			Fix:   "register the URI with the directory and fetch a new SSA, or leave it out",
			Check: reports("/redirect_uris/1", "https://app.example/cb2", "", "not one of the SSA's 1 software_redirect_uris"),
		},
		{
			ID: "jti.required", Summary: "jti is present.", Citation: cite("data dictionary, jti"), Document: validate.DocRequest,
			Fix: "add jti, a UUID v4", Check: reports("/jti", "", "a UUID v4", "is missing"),
		},
		{
			ID: "unknown.members", Summary: "Members are known.", Citation: cite(""), Document: validate.DocRequest,
			Severity: validate.SeverityNotice, Check: reports("/naïve", "", "", "is unknown"),
		},
		{
			ID: "software_statement.short", Summary: "The statement is short.", Citation: cite(""), Document: validate.DocRequest,
			Severity: validate.SeverityWarning, Check: reports("/software_statement", "", "", "is wide"),
		},
		{
			ID: "ssa.age", Summary: "The statement is fresh.", Citation: cite("software statement"), Document: validate.DocSSA,
			Code: validate.InvalidSoftwareStatement, Step: validate.StepVerifySSA, Fix: "fetch a new SSA",
			Check: reports("/iat", "1600000000", "", "is more than 24h ago"),
		},
		{
			ID: "ssa.roles", Summary: "There is a role.", Citation: cite("software statement"), Document: validate.DocSSA,
			Severity: validate.SeverityWarning, Check: reports("/software_roles", "", "", "a list"),
		},
		{ID: "passes", Summary: "Passes.", Document: validate.DocRequest, Check: func(*validate.Case) {}},
		{ID: "request.signature", Summary: "The signature is valid.", Document: validate.DocHeader, External: true},
	}
}

// many is a rule that reports n violations.
func many(n int, severity validate.Severity) validate.Rule {
	return validate.Rule{
		ID: "many", Summary: "holds", Document: validate.DocRequest, Severity: severity,
		Check: func(c *validate.Case) {
			for i := range n {
				c.Report("/many/"+strconv.Itoa(i), "is wrong")
			}
		},
	}
}

func validator(t *testing.T, rules ...validate.Rule) *validate.Validator {
	t.Helper()
	v, err := validate.New(validate.Config{
		Profile: validate.OBIE33, Policy: validate.DefaultPolicy(validate.OBIE33), Rules: rules,
	})
	require.NoError(t, err)
	return v
}

func shownInput() *validate.Input {
	return &validate.Input{Request: &claims.Request{}, SSA: &claims.SSA{}, Now: time.Unix(1_700_000_000, 0)}
}

func shown(r *validate.Report) *report.Result {
	return &report.Result{
		Name: "request.jwt", Report: r, Algorithm: "PS256", KeyID: "hcgexkJ9dTRR6iQ", Issuer: "OpenBanking Ltd",
		Checks: validate.Checks{
			RequestSignature:   validate.Check{State: validate.CheckGood},
			StatementSignature: validate.Check{State: validate.CheckNotChecked, Note: "give --ssa-jwks"},
		},
		Documents: map[validate.Document][]byte{
			validate.DocRequest: []byte(shownRequest), validate.DocSSA: []byte(shownSSA),
		},
	}
}

// write writes one result in a format.
func write(w io.Writer, f report.Format, r *report.Result, change ...func(*report.WriterOptions)) error {
	o := report.WriterOptions{Format: f, Now: time.Unix(1_700_000_000, 0)}
	for _, c := range change {
		c(&o)
	}
	out, err := report.NewWriter(w, o)
	if err != nil {
		return err
	}
	return errors.Join(out.Add(r), out.Close())
}

func colored(o *report.WriterOptions) { o.Color = true }

func bare(r *validate.Report) *report.Result { return &report.Result{Report: r} }

func named(name string, r *validate.Report) *report.Result {
	return &report.Result{Name: name, Report: r}
}

// golden compares what write writes with a file.
func golden(t *testing.T, name string, write func(io.Writer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, write(&b))
	path := filepath.Join("testdata", name)
	if *updateGolden {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, b.Bytes(), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), b.String())
	return b.Bytes()
}

func TestText(t *testing.T) {
	r := validator(t, shownRules()...).Judge(shownInput())
	golden(t, "invalid.txt", func(w io.Writer) error { return write(w, report.FormatText, shown(r)) })
	golden(t, "invalid_color.txt", func(w io.Writer) error { return write(w, report.FormatText, shown(r), colored) })
	valid := validator(t, shownRules()[6:]...).Judge(shownInput())
	golden(t, "valid.txt", func(w io.Writer) error { return write(w, report.FormatText, shown(valid)) })
	warned := validator(t, shownRules()[5:]...).Judge(shownInput())
	golden(t, "warned.txt", func(w io.Writer) error { return write(w, report.FormatText, bare(warned)) })
	much := validator(t, many(250, validate.SeverityError)).Judge(shownInput())
	var b strings.Builder
	require.NoError(t, write(&b, report.FormatText, bare(much)))
	assert.True(t, strings.HasSuffix(b.String(), "and 50 more violations not shown\n250 errors\n"))
}

// The example of the contract, to the letter.
func TestTextOfTheContract(t *testing.T) {
	const want = `request.jwt   PS256  kid hcgex...   SSA from OpenBanking Ltd (signature not checked: give --ssa-jwks)
error    redirect_uris.subset_of_ssa   /redirect_uris/1
    7 |     "https://app.example/cb2"
      |     ^^^^^^^^^^^^^^^^^^^^^^^^^ not one of the SSA's 1 software_redirect_uris
      = OBIE DCR 3.3, data dictionary, redirect_uris; the bank would answer invalid_redirect_uri
      = fix: register the URI with the directory and fetch a new SSA, or leave it out
1 error
`
	o := shown(validator(t, shownRules()[0]).Judge(shownInput()))
	o.Checks.RequestSignature = validate.Check{}
	o.Documents[validate.DocRequest] = []byte(`{"iss":"a","iat":1,"exp":2,"redirect_uris":["https://app.example/cb","https://app.example/cb2"]}`)
	var b strings.Builder
	require.NoError(t, write(&b, report.FormatText, o))
	assert.Equal(t, want, b.String())
}

func TestTextNeverSteersTheTerminal(t *testing.T) {
	nasty := "\x1b[31m\u202e\x9b\r\n"
	o := &report.Result{
		Name: nasty, Algorithm: nasty, KeyID: nasty, Issuer: nasty,
		Documents: map[validate.Document][]byte{validate.DocRequest: []byte(`{"a":"` + "\u009b\u202e" + `"}`)},
	}
	steers := many(0, validate.SeverityError)
	steers.Check = func(c *validate.Case) {
		c.ReportValue("/a", nasty, nasty, nasty)
		c.ReportValue("/"+nasty, nasty, nasty, nasty)
	}
	o.Report = validator(t, steers).Judge(shownInput())
	var b strings.Builder
	require.NoError(t, write(&b, report.FormatText, o))
	for _, c := range b.String() {
		assert.False(t, c != '\n' && c < ' ' || c == 0x9b || c == 0x202e, "%q", c)
	}
}

func TestJSON(t *testing.T) {
	r := validator(t, shownRules()...).Judge(shownInput())
	golden(t, "invalid.json", func(w io.Writer) error {
		return write(w, report.FormatJSON, shown(r))
	})
	valid := validator(t, shownRules()[6:]...).Judge(shownInput())
	b := golden(t, "valid.json", func(w io.Writer) error { return write(w, report.FormatJSON, bare(valid)) })
	var got map[string]any
	require.NoError(t, json.Unmarshal(b, &got))
	assert.Nil(t, got["wire"])
	assert.Equal(t, []any{}, got["violations"], "never null")
	assert.Equal(t, true, got["valid"])
}

func TestSARIF(t *testing.T) {
	r := validator(t, shownRules()...).Judge(shownInput())
	b := golden(t, "invalid.sarif", func(w io.Writer) error { return write(w, report.FormatSARIF, named("some dir/request.jwt", r)) })
	var log struct {
		Version string
		Runs    []struct {
			Tool struct {
				Driver struct{ Rules []struct{ ID string } }
			}
			Results []struct {
				RuleID    string
				RuleIndex int
			}
		}
	}
	require.NoError(t, json.Unmarshal(b, &log))
	assert.Equal(t, "2.1.0", log.Version)
	require.Len(t, log.Runs, 1)
	assert.Len(t, log.Runs[0].Tool.Driver.Rules, 6, "the rules that have results, no other")
	for _, result := range log.Runs[0].Results {
		assert.Equal(t, result.RuleID, log.Runs[0].Tool.Driver.Rules[result.RuleIndex].ID)
	}
	for name, uri := range map[string]string{"-": `"uri": "stdin"`, "a:b%c": `"uri": "./a:b%25c"`} {
		var out strings.Builder
		require.NoError(t, write(&out, report.FormatSARIF, named(name, r)))
		assert.Contains(t, out.String(), uri)
	}
	var out strings.Builder
	require.NoError(t, write(&out, report.FormatSARIF, named("", r)))
	assert.NotContains(t, out.String(), "physicalLocation")
}

func TestJUnit(t *testing.T) {
	r := validator(t, shownRules()...).Judge(shownInput())
	b := golden(t, "invalid.xml", func(w io.Writer) error { return write(w, report.FormatJUnit, named("request.jwt", r)) })
	var suites struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Suite    struct {
			Skipped int        `xml:"skipped,attr"`
			Cases   []struct{} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	require.NoError(t, xml.Unmarshal(b, &suites))
	assert.Equal(t, 8, suites.Tests)
	assert.Len(t, suites.Suite.Cases, 8)
	assert.Equal(t, 3, suites.Failures)
	assert.Equal(t, 1, suites.Suite.Skipped)

	for severity, failures := range map[validate.Severity]string{
		validate.SeverityError: `failures="2"`, validate.SeverityNotice: `failures="0"`,
	} {
		much := validator(t, many(250, severity)).Judge(shownInput())
		var out strings.Builder
		require.NoError(t, write(&out, report.FormatJUnit, named("x", much)))
		assert.Contains(t, out.String(), failures)
		assert.Contains(t, out.String(), "50 more violations")
	}
}

func TestRenderingsOfAReportThatWasNotJudged(t *testing.T) {
	var none *validate.Validator
	for _, r := range []*validate.Report{{}, none.Judge(nil)} {
		var b strings.Builder
		require.NoError(t, write(&b, report.FormatText, bare(r)))
		assert.NotContains(t, b.String(), "valid (")
		require.NoError(t, write(&b, report.FormatSARIF, named("x", r)))
		require.NoError(t, write(&b, report.FormatJUnit, named("x", r)))
		b.Reset()
		require.NoError(t, write(&b, report.FormatJSON, bare(r)))
		assert.Contains(t, b.String(), `"valid": false`)
	}
}

// brokenPipe refuses to be written to.
type brokenPipe struct{}

var errPipe = errors.New("broken pipe")

func (brokenPipe) Write([]byte) (int, error) { return 0, errPipe }

func TestRenderingsGiveTheWritersError(t *testing.T) {
	r := validator(t, shownRules()...).Judge(shownInput())
	require.ErrorIs(t, write(brokenPipe{}, report.FormatText, shown(r)), errPipe)
	require.ErrorIs(t, write(brokenPipe{}, report.FormatJSON, bare(r)), errPipe)
	require.ErrorIs(t, write(brokenPipe{}, report.FormatSARIF, named("x", r)), errPipe)
	require.ErrorIs(t, write(brokenPipe{}, report.FormatJUnit, named("x", r)), errPipe)
}
