package report_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/validate"
	"github.com/obdcr/obdcr/validate/report"
)

type readSARIF struct {
	Version string
	Runs    []struct {
		Tool struct {
			Driver struct {
				Version string
				Rules   []struct {
					ID, HelpURI string
					Help        struct{ Text, Markdown string }
				}
			}
		}
		Results []struct {
			RuleID    string
			RuleIndex int
			Locations []struct {
				PhysicalLocation *struct {
					ArtifactLocation struct {
						URI   string
						Index int
					}
					Region struct{ StartLine, StartColumn, EndLine, EndColumn int }
				}
				LogicalLocations []struct{ FullyQualifiedName, DecoratedName string }
			}
			PartialFingerprints map[string]string
		}
		Artifacts []struct {
			Location   struct{ URI string }
			Properties struct {
				Valid   bool
				Verdict string
				Checks  map[string]string
			}
		}
		Invocations []struct {
			Notifications []struct {
				Message   struct{ Text string }
				Locations []any
			} `json:"toolExecutionNotifications"`
		}
	}
}

// sarifOf writes results as SARIF, holds them against the schema and reads them again.
func sarifOf(t *testing.T, o report.WriterOptions, results ...*report.Result) readSARIF {
	t.Helper()
	o.Format = report.FormatSARIF
	text := written(t, o, results...)
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	require.NoError(t, err)
	schema, err := sarifSchema()
	require.NoError(t, err)
	require.NoError(t, schema.Validate(doc), "%.2000s", text)
	var log readSARIF
	require.NoError(t, json.Unmarshal([]byte(text), &log))
	require.Equal(t, "2.1.0", log.Version)
	require.Len(t, log.Runs, 1)
	for _, r := range log.Runs[0].Results {
		require.Equal(t, r.RuleID, log.Runs[0].Tool.Driver.Rules[r.RuleIndex].ID)
	}
	return log
}

// sarifSchema is the schema of OASIS; testdata/schema/README.md tells where it is from.
var sarifSchema = sync.OnceValues(func() (*jsonschema.Schema, error) {
	return jsonschema.NewCompiler().Compile("testdata/schema/sarif-schema-2.1.0.json")
})

func TestSARIF(t *testing.T) {
	o := report.WriterOptions{Format: report.FormatSARIF, Version: "1.2.3"}
	golden(t, "sarif/token.sarif", o, judged(t, shownRequest, inEachDocument()...))
	golden(t, "sarif/file.sarif", o, asFile(judged(t, shownRequest, inEachDocument()[3:5]...), fileText))
	log := sarifOf(t, o, judged(t, shownRequest, inEachDocument()...))
	assert.Equal(t, "1.2.3", log.Runs[0].Tool.Driver.Version)
	for _, r := range log.Runs[0].Tool.Driver.Rules {
		assert.NotEmpty(t, r.HelpURI)
		assert.Contains(t, r.Help.Text, "mend it")
		assert.Contains(t, r.Help.Markdown, "["+"OBIE DCR 3.3, "+r.ID+"](https://spec.example/)")
	}
	for _, r := range log.Runs[0].Results {
		assert.Equal(t, 1, r.Locations[0].PhysicalLocation.Region.StartLine, "a token has one line")
		if r.RuleID == "redirect_uris.subset_of_ssa" {
			assert.Equal(t, "payload, line 8", r.Locations[0].LogicalLocations[0].DecoratedName)
			assert.Equal(t, "request/redirect_uris/1", r.Locations[0].LogicalLocations[0].FullyQualifiedName)
		}
	}
	v, err := validate.New(validate.Config{Profile: validate.OBIE33, Policy: validate.DefaultPolicy(validate.OBIE33)})
	require.NoError(t, err)
	for _, r := range sarifOf(t, o, named("x", v.Judge(shownInput()))).Runs[0].Tool.Driver.Rules {
		row, known := validate.RuleByID(r.ID)
		require.True(t, known)
		assert.Contains(t, r.Help.Text, string(row.Bad), r.ID)
		assert.Contains(t, r.Help.Markdown, string(row.Good), r.ID)
	}
	sarifOf(t, o)
	sarifOf(t, o, bare(&validate.Report{}))
	assert.Nil(t, sarifOf(t, o, bare(judged(t, shownRequest, inEachDocument()...).Report)).Runs[0].Results[0].Locations[0].PhysicalLocation)
}

func TestSARIFNamesAFileOnceThatIsGivenTwice(t *testing.T) {
	r := judged(t, shownRequest, inEachDocument()...)
	run := sarifOf(t, report.WriterOptions{Many: true}, r, r).Runs[0]
	assert.Len(t, run.Artifacts, 1)
	assert.Len(t, run.Results, 14)
	assert.Len(t, run.Invocations[0].Notifications[0].Locations, 1)
}

func TestSARIFRegionsAreThoseOfAFileThatIsJSON(t *testing.T) {
	for _, r := range sarifOf(t, report.WriterOptions{}, asFile(judged(t, "", inEachDocument()[3:4]...), fileText)).Runs[0].Results {
		region := r.Locations[0].PhysicalLocation.Region
		assert.Equal(t, []int{6, 29, 6, 54}, []int{region.StartLine, region.StartColumn, region.EndLine, region.EndColumn})
	}
}

func TestSARIFOfManyFilesIsOneRun(t *testing.T) {
	many := report.WriterOptions{Many: true}
	a, b, c := judged(t, shownRequest, inEachDocument()...), judged(t, shownRequest, inEachDocument()[3:4]...), shown(validator(t, passing()...).Judge(shownInput()))
	a.Name, b.Name, c.Name = "in/a.jwt", "in/b.jwt", "c.jwt"
	c.Checks.Audience = validate.Check{State: validate.CheckNotChecked, Note: "give --aud"}
	run := sarifOf(t, many, a, b, c).Runs[0]
	assert.Len(t, run.Tool.Driver.Rules, 7, "each rule once")
	assert.Len(t, run.Results, 8)
	require.Len(t, run.Artifacts, 3)
	assert.Equal(t, "in/b.jwt", run.Artifacts[1].Location.URI)
	assert.Equal(t, 1, run.Results[7].Locations[0].PhysicalLocation.ArtifactLocation.Index)
	assert.False(t, run.Artifacts[0].Properties.Valid)
	assert.Equal(t, "valid as far as checked: statement signature and audience not checked", run.Artifacts[2].Properties.Verdict)
	assert.Equal(t, map[string]string{"request_signature": "good", "statement_signature": "not_checked", "audience": "not_checked"}, run.Artifacts[2].Properties.Checks)
	notes := run.Invocations[0].Notifications
	require.Len(t, notes, 2)
	assert.Equal(t, "statement signature not checked: give --ssa-jwks", notes[0].Message.Text)
	assert.Len(t, notes[0].Locations, 3)
	assert.Len(t, notes[1].Locations, 1)
}

// A finding keeps its fingerprint in another file format, at another time, and where
// another entry stands before it.
func TestSARIFFingerprintsAreStable(t *testing.T) {
	prints := func(pointer, got, message string, d validate.Document) string {
		log := sarifOf(t, report.WriterOptions{}, judged(t, shownRequest, finds("a.rule", d, pointer, got, message)))
		return log.Runs[0].Results[0].PartialFingerprints["primaryLocationLineHash"]
	}
	uri := prints("/redirect_uris/1", "https://a.example", "one", validate.DocRequest)
	assert.Equal(t, uri, prints("/redirect_uris/7", "https://a.example", "another message", validate.DocRequest))
	assert.NotEqual(t, uri, prints("/redirect_uris/1", "https://b.example", "one", validate.DocRequest))
	assert.NotEqual(t, uri, prints("/redirect_uris/1", "https://a.example", "one", validate.DocSSA))
	assert.Equal(t, prints("/iat", "2026-11-26", "", validate.DocSSA), prints("/iat", "2026-11-27", "", validate.DocSSA))
	assert.NotEqual(t, prints("/scope", "a", "", validate.DocRequest), prints("/scope", "b", "", validate.DocRequest))
	twice := sarifOf(t, report.WriterOptions{}, judged(t, shownRequest, many(3, validate.SeverityError))).Runs[0].Results
	assert.NotEqual(t, twice[0].PartialFingerprints, twice[1].PartialFingerprints, "no two findings of a file are one")
}

func TestSARIFNamesFilesRelativeToTheBase(t *testing.T) {
	here, err := os.Getwd()
	require.NoError(t, err)
	for _, c := range []struct{ base, name, want string }{
		{"", "some dir/request.jwt", "some%20dir/request.jwt"},
		{"", "./a/../request.jwt", "request.jwt"},
		{"", filepath.Join(here, "x", "a.jwt"), "x/a.jwt"},
		{"..", "request.jwt", "report/request.jwt"},
		{filepath.Join(here, "x"), "x/a.jwt", "a.jwt"},
		{"x", "a.jwt", "file://" + filepath.ToSlash(here) + "/a.jwt"},
		{"", "/elsewhere/a b.jwt", "file:///elsewhere/a%20b.jwt"},
		{"", "a:b%c", "./a:b%25c"},
		{"", "-", "stdin"},
	} {
		run := sarifOf(t, report.WriterOptions{Base: c.base}, named(c.name, judged(t, shownRequest, inEachDocument()...).Report)).Runs[0]
		assert.Equal(t, c.want, run.Results[0].Locations[0].PhysicalLocation.ArtifactLocation.URI, c.name)
	}
}

// brokenPipe refuses to be written to.
type brokenPipe struct{}

var errPipe = errors.New("broken pipe")

func (brokenPipe) Write([]byte) (int, error) { return 0, errPipe }

func TestEachFormatGivesTheWritersError(t *testing.T) {
	for _, f := range report.Formats() {
		require.ErrorIs(t, write(brokenPipe{}, in(f), judged(t, shownRequest, inEachDocument()...)), errPipe, f)
	}
}

func TestNoFormatCallsAReportValidThatWasNotJudged(t *testing.T) {
	var none *validate.Validator
	for _, r := range []*validate.Report{{}, none.Judge(nil)} {
		for _, f := range report.Formats() {
			got := written(t, in(f), bare(r))
			assert.NotContains(t, got, "valid as far as checked", f)
			assert.NotContains(t, got, "valid (", f)
			assert.NotContains(t, got, `"valid": true`, f)
		}
	}
}
