package report_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/validate"
	"github.com/obdcr/obdcr/validate/report"
)

// passing is a rule that passes and one that does not apply.
func passing() []validate.Rule { return shownRules()[6:] }

func TestText(t *testing.T) {
	valid := func() *report.Result { return shown(validator(t, passing()...).Judge(shownInput())) }
	unchecked := valid()
	unchecked.Checks = validate.Checks{
		RequestSignature:   validate.Check{State: validate.CheckNotChecked, Note: "give --software-jwks"},
		StatementSignature: validate.Check{State: validate.CheckGood},
		Audience:           validate.Check{State: validate.CheckNotChecked, Note: "give --aud"},
		Certificate:        validate.Check{State: validate.CheckNotChecked, Note: "give --cert"},
	}
	keyless := valid()
	keyless.Checks.RequestSignature.State = validate.CheckKeyNotFound
	keyless.KeyID = strings.Repeat("9b5usDpbNtmxDcTzs7GzKp", 4)
	keyless.Name = "requests/of the largest software that we have/in the sandbox/request.jwt"
	short := allGood(valid())
	short.Name, short.Algorithm, short.KeyID, short.Issuer = "r.jwt", "PS256", "k1", "Dir"
	short.Checks.Audience.State, short.Checks.Certificate.State = "", ""
	warned := validator(t, shownRules()[5:]...).Judge(shownInput())
	for name, r := range map[string]*report.Result{
		"valid":           allGood(valid()),
		"valid_short":     short,
		"valid_as_far":    unchecked,
		"valid_no_key":    keyless,
		"valid_no_checks": {Name: "claims.json", Report: validator(t, passing()...).Judge(shownInput())},
		"warned":          allGood(shown(warned)),
		"invalid":         shown(validator(t, shownRules()...).Judge(shownInput())),
		"each_document":   judged(t, shownRequest, inEachDocument()...),
		"wide":            judged(t, wideRequest, inWideText()...),
		"grouped":         judged(t, manyURIs(40), each(0, 40)),
		"too_many":        judged(t, manyURIs(250), each(0, 250)),
		"gaps":            judged(t, manyURIs(40), each(2, 9), each(11, 16), each(20, 21)),
		"file":            asFile(judged(t, shownRequest, inEachDocument()[1:]...), fileText),
		"file_crlf":       asFile(judged(t, shownRequest, inEachDocument()[1:]...), strings.ReplaceAll(fileText, "\n", "\r\n")),
		"minified":        asFile(judged(t, shownRequest, inEachDocument()[1:]...), shownRequest),
		"broken":          asFile(judged(t, "", finds("request.jws", validate.DocRequest, "", "", "line 3, column 3: a member name is due here")), brokenText),
	} {
		got := golden(t, "text/"+name+".txt", in(report.FormatText), r)
		holdsToWidth(t, name, got, 80)
	}
	golden(t, "text/color.txt", report.WriterOptions{Format: report.FormatText, Color: true}, shown(validator(t, shownRules()...).Judge(shownInput())))
	narrow := report.WriterOptions{Format: report.FormatText, Width: 60}
	holdsToWidth(t, "narrow", golden(t, "text/narrow.txt", narrow, judged(t, shownRequest, inEachDocument()...)), 60)
}

const (
	wideRequest = `{"software_client_name":"日本語の銀行 Bank","cafe\u0301s":"Cafe` + "\u0301" + ` ou thé","a 日本 b":["x 日本","한국어"],"tab":"a\tb"}`
	fileText    = "\n\n{\n\t\"iss\": \"9b5usDpbNtmxDcTzs7GzKp\",\n\t\"redirect_uris\": [\n\t\t\"https://app.example/cb\",\t\"https://app.example/cb2\" ],\n" +
		"    \"scope\" :\t\"openid acounts payments\" }\n"
	brokenText = "{\n  \"iss\": \"9b5usDpbNtmxDcTzs7GzKp\",\n  // no comments in JSON\n  \"iat\": 1700000000\n}\n"
)

func inEachDocument() []validate.Rule {
	return []validate.Rule{
		finds("header.embedded_key", validate.DocHeader, "/jku", "", "carries a key or the address of one"),
		finds("ssa.header.alg", validate.DocSSAHeader, "/alg", "RS256", "is not an algorithm that may sign here"),
		finds("ssa.age", validate.DocSSA, "/iat", "", "is 1157 days old; at most 24 h, so that a bank sees in time what the directory has withdrawn in the meantime"),
		finds("redirect_uris.subset_of_ssa", validate.DocRequest, "/redirect_uris/1", "https://app.example/cb2", "not in the SSA, which has 1: https://app.example/cb"),
		finds("redirect_uris.count", validate.DocRequest, "/redirect_uris", "2", "has 2 entries; at most 1"),
		finds("scope.supported", validate.DocRequest, "/scope", "acounts", "names acounts, which this bank does not support; near: accounts"),
		finds("jti.required", validate.DocRequest, "/jti", "", "is missing"),
	}
}

func inWideText() []validate.Rule {
	return []validate.Rule{
		finds("a", validate.DocRequest, "/software_client_name", "", "behind wide characters"),
		finds("b", validate.DocRequest, "/software_client_name", "Bank", "one word"),
		finds("c", validate.DocRequest, "/cafe\u0301s", "ou", "behind marks that combine"),
		finds("d", validate.DocRequest, "/a 日本 b/1", "", "Hangul"),
	}
}

// each is a rule that finds each redirect URI in a range wrong.
func each(from, to int) validate.Rule {
	return validate.Rule{ID: "each" + strconv.Itoa(from), Summary: "holds", Document: validate.DocRequest, Fix: "leave it out", Code: validate.InvalidRedirectURI,
		Check: func(c *validate.Case) {
			for i := from; i < to; i++ {
				c.Report("/redirect_uris/"+strconv.Itoa(i), "not in the SSA, which has none")
			}
		}}
}

func manyURIs(n int) string {
	uris := make([]string, n)
	for i := range uris {
		uris[i] = `"https://app.example/` + strconv.Itoa(i) + `"`
	}
	return `{"redirect_uris":[` + strings.Join(uris, ",") + "]}"
}

// holdsToWidth checks that a line is only wider than a terminal if one word of it is.
func holdsToWidth(t *testing.T, name, s string, width int) {
	t.Helper()
	for line := range strings.Lines(s) {
		line = strings.TrimRight(line, "\n")
		longest := 0
		for _, word := range strings.Fields(line) {
			longest = max(longest, text.Cells(word))
		}
		assert.True(t, text.Cells(line) <= width || longest+16 > width, "%s: %q has %d cells", name, line, text.Cells(line))
	}
}

// The example of the contract, as far as it fits 80 columns: head and message have lines of
// their own, and the fix is broken.
func TestTextOfTheContract(t *testing.T) {
	const want = `request.jwt   PS256  kid hcgex...
SSA from OpenBanking Ltd (signature not checked: give --ssa-jwks)
line numbers: payload, pretty-printed
error  redirect_uris.subset_of_ssa  /redirect_uris/1
    7 |     "https://app.example/cb2"
      |      ^^^^^^^^^^^^^^^^^^^^^^^
      |      not in the SSA, which has 1: https://app.example/cb
      = fix: register the URI with the directory and fetch a new SSA, or leave
        it out

The bank would answer: 400 invalid_redirect_uri
redirect_uris.subset_of_ssa: OBIE DCR 3.3, data dictionary, redirect_uris
1 error
`
	row := shownRules()[0]
	row.Check = func(c *validate.Case) {
		c.ReportValue("/redirect_uris/1", "https://app.example/cb2", "https://app.example/cb", "not in the SSA, which has 1: https://app.example/cb")
	}
	o := shown(validator(t, row).Judge(shownInput()))
	o.Checks.RequestSignature = validate.Check{}
	o.Documents[validate.DocRequest] = []byte(`{"iss":"a","iat":1,"redirect_uris":["https://app.example/cb","https://app.example/cb2"]}`)
	o.Documents[validate.DocRequest] = []byte(`{"iss":"a","iat":1,"exp":2,"redirect_uris":["https://app.example/cb","https://app.example/cb2"]}`)
	assert.Equal(t, want, written(t, in(report.FormatText), o))
	wide := written(t, report.WriterOptions{Format: report.FormatText, Width: 120}, o)
	for _, line := range []string{
		"request.jwt   PS256  kid hcgex...   SSA from OpenBanking Ltd (signature not checked: give --ssa-jwks)\n",
		"      |      ^^^^^^^^^^^^^^^^^^^^^^^ not in the SSA, which has 1: https://app.example/cb\n",
		"      = fix: register the URI with the directory and fetch a new SSA, or leave it out\n",
	} {
		assert.Contains(t, wide, line)
	}
}

func TestTextOfManyFiles(t *testing.T) {
	valid := func(name string) *report.Result {
		r := allGood(shown(validator(t, passing()...).Judge(shownInput())))
		r.Name = name
		return r
	}
	unchecked := valid("c.jwt")
	unchecked.Checks.Audience = validate.Check{State: validate.CheckNotChecked, Note: "give --aud"}
	bad := judged(t, shownRequest, inEachDocument()[3:4]...)
	many := report.WriterOptions{Format: report.FormatText, Many: true}
	golden(t, "text/many.txt", many, valid("a.jwt"), valid("b.jwt"), bad, unchecked, valid("d.jwt"), bad, bad)
	golden(t, "text/none.txt", many)
}

func TestTextSaysValidAloneOnlyIfEachCheckIsGood(t *testing.T) {
	for _, state := range []validate.CheckState{validate.CheckBad, validate.CheckKeyNotFound, validate.CheckNotChecked} {
		for i := range 4 {
			r := allGood(shown(validator(t, passing()...).Judge(shownInput())))
			*[]*validate.Check{&r.Checks.RequestSignature, &r.Checks.StatementSignature, &r.Checks.Audience, &r.Checks.Certificate}[i] = validate.Check{State: state}
			for _, o := range []report.WriterOptions{in(report.FormatText), {Format: report.FormatText, Many: true}, in(report.FormatConcise), in(report.FormatGitHub)} {
				got := written(t, o, r)
				assert.Contains(t, got, "valid as far as checked", "%s %s", o.Format, state)
				assert.NotContains(t, got, "valid (", "%s %s", o.Format, state)
			}
		}
	}
}

func TestTextNeverSteersTheTerminal(t *testing.T) {
	nasty := "\x1b[31m\u202e\x9b\r\n::error::"
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
	for _, source := range []string{"", `{"a":"` + "\u009b\u202e" + `"}`, "{\x1b"} {
		o.Source, o.Judged = []byte(source), validate.DocRequest
		for _, f := range []report.Format{report.FormatText, report.FormatConcise, report.FormatGitHub} {
			got := written(t, in(f), o)
			for _, c := range got {
				assert.False(t, c != '\n' && c < ' ' || c == 0x9b || c == 0x202e, "%s: %q", f, c)
			}
			if f == report.FormatGitHub {
				for line := range strings.Lines(got) {
					assert.Regexp(t, "^::(error|notice) ", line)
					assert.NotContains(t, line[2:], "\n::")
				}
			}
		}
	}
}

func TestAnUnknownFormatIsAnError(t *testing.T) {
	_, err := report.NewWriter(nil, report.WriterOptions{Format: "yaml"})
	require.Error(t, err)
	for _, f := range report.Formats() {
		_, err := report.NewWriter(nil, in(f))
		require.NoError(t, err, f)
	}
}
