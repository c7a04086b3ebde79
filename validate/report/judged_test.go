package report_test

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strconv"
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
	return &validate.Input{Request: &claims.Request{}, SSA: &claims.SSA{}, Now: time.Unix(1_700_000_000, 0),
		Judged: []string{validate.RuleRequestSignature}}
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

// write writes results in a format.
func write(w io.Writer, o report.WriterOptions, results ...*report.Result) error {
	o.Now = time.Unix(1_700_000_000, 0)
	out, err := report.NewWriter(w, o)
	if err != nil {
		return err
	}
	for _, r := range results {
		err = errors.Join(err, out.Add(r))
	}
	return errors.Join(err, out.Close())
}

func in(f report.Format) report.WriterOptions { return report.WriterOptions{Format: f} }

// written returns what write writes.
func written(t *testing.T, o report.WriterOptions, results ...*report.Result) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, write(&b, o, results...))
	return b.String()
}

func bare(r *validate.Report) *report.Result { return &report.Result{Report: r} }

func named(name string, r *validate.Report) *report.Result {
	return &report.Result{Name: name, Report: r}
}

// golden compares what write writes with a file, and returns it.
func golden(t *testing.T, name string, o report.WriterOptions, results ...*report.Result) string {
	t.Helper()
	got := written(t, o, results...)
	path := filepath.Join("testdata", name)
	if *updateGolden {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), got, name)
	return got
}

// finds is an error that one rule finds at a place.
func finds(id string, d validate.Document, pointer, got, message string) validate.Rule {
	return validate.Rule{
		ID: id, Summary: "holds", Document: d, Fix: "mend it", Citation: validate.Citation{Spec: "OBIE DCR 3.3", Section: id, URL: "https://spec.example/"},
		Check: func(c *validate.Case) { c.ReportValue(pointer, got, "", message) },
	}
}

// judged is a file with two documents that breaks the rules.
func judged(t *testing.T, request string, rules ...validate.Rule) *report.Result {
	t.Helper()
	in := shownInput()
	in.Header, in.SSAHeader = &claims.Header{}, &claims.Header{}
	r := shown(validator(t, rules...).Judge(in))
	r.Documents = map[validate.Document][]byte{
		validate.DocHeader: []byte(`{"alg":"PS256","kid":"hcgexkJ9dTRR6iQ","jku":"https://tpp.example/keys.jwks"}`), validate.DocRequest: []byte(request),
		validate.DocSSAHeader: []byte(`{"alg":"RS256","kid":"k"}`), validate.DocSSA: []byte(shownSSA),
	}
	return r
}

// asFile makes the request of a result the text of its file.
func asFile(r *report.Result, text string) *report.Result {
	r.Name, r.Source, r.Judged, r.Algorithm, r.KeyID = "claims.json", []byte(text), validate.DocRequest, "", ""
	r.Checks.RequestSignature = validate.Check{State: validate.CheckNotChecked, Note: "claims alone, not signed"}
	delete(r.Documents, validate.DocHeader)
	return r
}

// allGood makes each check of a result a good one.
func allGood(r *report.Result) *report.Result {
	good := validate.Check{State: validate.CheckGood}
	r.Checks = validate.Checks{RequestSignature: good, StatementSignature: good, Audience: good, Certificate: good}
	return r
}
