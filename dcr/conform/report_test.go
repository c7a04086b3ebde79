package conform_test

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/conform"
	"github.com/obdcr/obdcr/dcr/dcrtest"
	"github.com/obdcr/obdcr/internal/realtest"
	"github.com/obdcr/obdcr/internal/text"
)

func TestAReportIsReadBackAsItWas(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	require.NoError(t, sampleReport().WriteJSON(&b))
	read, err := conform.ReadReport(&b)
	require.NoError(t, err)
	require.Equal(t, sampleReport(), read)
}

// TestTheSchemaFitsTheReports: of the sample and of a run, and refuses what the reader refuses.
func TestTheSchemaFitsTheReports(t *testing.T) {
	t.Parallel()
	compiler := jsonschema.NewCompiler()
	schema, err := compiler.Compile("../../docs/conform.schema.json")
	require.NoError(t, err)
	c := configOf(t, dcrtest.NewBank(t))
	c.Filter = []string{"register.valid", "get.own", "tls.plain", "discovery.*"}
	for _, report := range []*conform.Report{sampleReport(), run(t, c)} {
		var b bytes.Buffer
		require.NoError(t, report.WriteJSON(&b))
		text := b.String()
		document, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		require.NoError(t, err)
		require.NoError(t, schema.Validate(document))
		document, err = jsonschema.UnmarshalJSON(strings.NewReader(strings.Replace(text, `"version": 1`, `"version": 2`, 1)))
		require.NoError(t, err)
		require.Error(t, schema.Validate(document))
		_, err = conform.ReadReport(strings.NewReader(text))
		require.NoError(t, err)
	}
}

func TestAReportThatIsNoneIsRefused(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	require.NoError(t, sampleReport().WriteJSON(&b))
	good := b.String()
	for name, bad := range map[string]string{
		"no JSON": "hello", "empty": "", "no version": `{}`, "cut": good[:len(good)/2], "trailing": good + "{}",
		"another version": strings.Replace(good, `"version": 1`, `"version": 2`, 1),
		"unknown member":  strings.Replace(good, `"version": 1`, `"version": 1, "surprise": 1`, 1),
		"twice":           strings.Replace(good, `"version": 1`, `"version": 1, "version": 1`, 1),
		"unknown verdict": strings.Replace(good, `"verdict": "failed"`, `"verdict": "lost"`, 1),
		"wrong counts":    strings.Replace(good, `"verdict": "failed"`, `"verdict": "passed"`, 1),
		"case twice":      strings.Replace(good, `"id": "get.own"`, `"id": "register.valid"`, 1),
		"wrong type":      strings.Replace(good, `"milliseconds": 31204`, `"milliseconds": "long"`, 1),
	} {
		_, err := conform.ReadReport(strings.NewReader(bad))
		require.ErrorIs(t, err, conform.ErrReport, name)
	}
	_, err := conform.ReadReport(strings.NewReader(strings.Replace(good, `"version": 1`, `"version": 2`, 1)))
	require.ErrorContains(t, err, "version 2")
}

// TestTheTextFitsATerminal: 80 columns, no control characters.
func TestTheTextFitsATerminal(t *testing.T) {
	t.Parallel()
	for _, full := range []bool{false, true} {
		var b bytes.Buffer
		require.NoError(t, sampleReport().WriteText(&b, conform.TextOptions{Full: full}))
		for line := range strings.Lines(b.String()) {
			require.LessOrEqual(t, text.Cells(strings.TrimSuffix(line, "\n")), 80, line)
		}
		require.NotContains(t, b.String(), "\x1b")
		for _, want := range []string{"FAILED", "invalid_redirect_uri", "data dictionary, redirect_uris", "http://app.example/cb", "status 201", "left at the bank"} {
			require.Contains(t, b.String(), want)
		}
	}
}

// TestNoReportHasALineBreakOrABlankAsAnEscape: each document stands on lines of its own, indented.
func TestNoReportHasALineBreakOrABlankAsAnEscape(t *testing.T) {
	t.Parallel()
	report := sampleReport()
	for i := range report.Results {
		if x := report.Results[i].Exchanges; len(x) > 0 && x[0].Received != nil {
			x[0].Received.Body = "{\n  \"a\": {\n\t\"b\": \"c\"\n  }\n}"
			x = append(x, x[0])
			x[1].Received = &conform.Received{Status: 502, Body: "<html>\r\n\u00a0\u00a0<body>\r\n"}
			report.Results[i].Exchanges = x
		}
	}
	text := func(o conform.TextOptions) func(io.Writer) error {
		return func(w io.Writer) error { return report.WriteText(w, o) }
	}
	for name, write := range map[string]func(io.Writer) error{"text": text(conform.TextOptions{}), "full": text(conform.TextOptions{Full: true}),
		"junit": report.WriteJUnit, "html": report.WriteHTML} {
		var b bytes.Buffer
		require.NoError(t, write(&b))
		for _, escape := range []string{`\u00a0`, `\u000a`, `\u000d`, `\u0009`} {
			assert.NotContains(t, b.String(), escape, name)
		}
		if name == "full" {
			assert.Contains(t, b.String(), "\n      < {\n      <   \"a\": {\n      <     \"b\": \"c\"\n")
		}
		if name == "junit" {
			assert.Contains(t, b.String(), "clause: OBIE DCR 3.3, data dictionary, redirect_uris; redirect_uris.https&#xA;expected: ")
		}
	}
}

// TestAFailedCaseIsAFewLines: however long its documents are; the IDs of all that failed are at the end.
func TestAFailedCaseIsAFewLines(t *testing.T) {
	t.Parallel()
	report := sampleReport()
	failed := &report.Results[1]
	long := `{"a":["` + strings.Repeat(`x","`, 5000) + `"]}`
	failed.Exchanges[0].Received.Body, failed.Exchanges[0].Sent.JWS.Claims = long, long
	var b bytes.Buffer
	require.NoError(t, report.WriteText(&b, conform.TextOptions{}))
	require.Less(t, strings.Count(b.String(), "\n"), 70)
	_, end, _ := strings.Cut(b.String(), "\n1 failed:\n")
	require.True(t, strings.HasPrefix(end, "  register.redirect-plain-http\n1 error:\n  update.replaces\n"), end)
}

// TestAPartOfAReportIsAReport: its counts are those of its results.
func TestAPartOfAReportIsAReport(t *testing.T) {
	t.Parallel()
	report := sampleReport()
	part, err := report.Select("register.v*", "get")
	require.NoError(t, err)
	require.Len(t, part.Results, 2)
	require.Equal(t, 1, part.Counts[conform.NotOffered])
	require.Equal(t, sampleReport(), report, "the whole stays as it was")
	var b bytes.Buffer
	require.NoError(t, part.WriteJSON(&b))
	_, err = conform.ReadReport(&b)
	require.NoError(t, err)
	_, err = report.Select("nothing.*")
	require.ErrorContains(t, err, "nothing.*")
	_, err = report.Select("[")
	require.ErrorContains(t, err, "no glob")
}

// TestThePageNeedsNothingElse: no script, no address that is fetched, and what a bank says is text.
func TestThePageNeedsNothingElse(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	require.NoError(t, sampleReport().WriteHTML(&b))
	page := b.String()
	for _, never := range []string{"<script", "src=", "<link", "url(", "@import", "\x1b"} {
		assert.NotContains(t, page, never)
	}
	require.Contains(t, page, "&lt;script&gt;")
}

// TestJUnitKeepsToTheSchemaOfJenkins runs xmllint, which .ci/run installs.
func TestJUnitKeepsToTheSchemaOfJenkins(t *testing.T) {
	t.Parallel()
	xmllint, ok := realtest.Tool(t, "xmllint")
	if !ok {
		return
	}
	file := filepath.Join(t.TempDir(), "report.xml")
	var b bytes.Buffer
	require.NoError(t, sampleReport().WriteJUnit(&b))
	require.NoError(t, os.WriteFile(file, b.Bytes(), 0o600))
	schema := filepath.Join("..", "..", "validate", "report", "testdata", "schema", "junit-10.xsd")
	out, err := exec.Command(xmllint, "--noout", "--schema", schema, file).CombinedOutput()
	require.NoError(t, err, "%.2000s", string(out))
}

func TestAComparisonTellsWhatGotWorse(t *testing.T) {
	t.Parallel()
	now := sampleReport()
	set := func(id string, v conform.Verdict) {
		for i := range now.Results {
			if now.Results[i].ID == id {
				now.Counts[now.Results[i].Verdict]--
				now.Counts[v]++
				now.Results[i].Verdict = v
			}
		}
	}
	same := conform.Compare(sampleReport(), now)
	require.False(t, same.Worse)
	require.Empty(t, same.Differences)
	set("register.valid", conform.Failed)
	set("register.redirect-plain-http", conform.Passed)
	set("register.lifetime", conform.Passed)
	set("token.client-credentials", conform.NotRun)
	now.Results[5].ID = "get.another"
	now.Policy = "other.json"
	c := conform.Compare(sampleReport(), now)
	require.True(t, c.Worse)
	got := map[string]conform.CaseDifference{}
	for _, d := range c.Differences {
		d.Title, d.Why = "", ""
		got[d.ID] = d
	}
	require.Equal(t, map[string]conform.CaseDifference{
		"register.valid":               {ID: "register.valid", Change: conform.Broken, Worse: true, Was: conform.Passed, Is: conform.Failed},
		"register.redirect-plain-http": {ID: "register.redirect-plain-http", Change: conform.Mended, Was: conform.Failed, Is: conform.Passed},
		"register.lifetime":            {ID: "register.lifetime", Change: conform.Other, Was: conform.Allowed, Is: conform.Passed},
		"token.client-credentials":     {ID: "token.client-credentials", Change: conform.Other, Worse: true, Was: conform.Passed, Is: conform.NotRun},
		"get.own":                      {ID: "get.own", Change: conform.Missing, Worse: true, Was: conform.NotOffered},
		"get.another":                  {ID: "get.another", Change: conform.Added, Is: conform.NotOffered},
	}, got)
	require.Len(t, c.Notes, 1)
	var b bytes.Buffer
	require.NoError(t, c.WriteText(&b, conform.TextOptions{}))
	for line := range strings.Lines(b.String()) {
		require.LessOrEqual(t, text.Cells(strings.TrimSuffix(line, "\n")), 80, line)
	}
	b.Reset()
	require.NoError(t, c.WriteJSON(&b))
	require.True(t, json.Valid(b.Bytes()))
}
