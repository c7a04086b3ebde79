package report_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/validate"
	"github.com/obdcr/obdcr/validate/report"
)

// TestAViewHasTheLinesOfTheOtherFormats holds views of all vectors against the JSON reports.
func TestAViewHasTheLinesOfTheOtherFormats(t *testing.T) {
	t.Parallel()
	for _, r := range judgedVectors(t) {
		var want struct {
			Violations []struct {
				Rule string
				Line int
			}
			Wire *struct{ Status int }
		}
		require.NoError(t, json.Unmarshal([]byte(written(t, in(report.FormatJSON), r)), &want), r.Name)
		v := report.NewView(r)
		require.Len(t, v.Findings, len(want.Violations), r.Name)
		for i, f := range v.Findings {
			require.Equal(t, want.Violations[i].Rule, f.Rule, r.Name)
			require.Equal(t, want.Violations[i].Line, f.Line, "%s: %s", r.Name, f.Rule)
		}
		require.Equal(t, want.Wire != nil, v.Answer != "", r.Name)
		placed := map[int]int{}
		for _, l := range v.Listings {
			for i, line := range l.Lines {
				require.Equal(t, i+1, line.Number, "%s: no line is left out", r.Name)
				for _, f := range line.Findings {
					placed[f]++
					require.Equal(t, line.Number, v.Findings[f].Line, r.Name)
				}
				for _, p := range line.Parts {
					require.True(t, text.Printable(p.Text), "%s: %q", r.Name, p.Text)
				}
			}
		}
		for i, f := range v.Findings {
			most := 0
			if f.Line > 0 {
				most = 1
			}
			require.Equal(t, most, placed[i], "%s: %s", r.Name, f.Rule)
		}
	}
}

// parts joins the parts of a line of a document, what is marked between brackets.
func parts(v *report.View, d validate.Document, number int) string {
	for _, l := range v.Listings {
		for _, line := range l.Lines {
			if l.Document == d && line.Number == number {
				all := ""
				for _, p := range line.Parts {
					if p.Severity != "" {
						all += "[" + p.Text + "]"
					} else {
						all += p.Text
					}
				}
				return all
			}
		}
	}
	return ""
}

func TestAViewMarksWhatTheFindingsAreAbout(t *testing.T) {
	t.Parallel()
	v := report.NewView(judged(t, `{"redirect_uris": ["https://a.example/"], "scope": "openid accounts payments", "jti": 7, "x": "`+strings.Repeat("y", 2000)+`"}`,
		finds("a", validate.DocRequest, "/scope", "accounts", "is wrong"), finds("b", validate.DocRequest, "/scope", "", "is wrong, too"),
		finds("c", validate.DocRequest, "/jti", "", "is wrong"), finds("d", validate.DocRequest, "/absent", "", "is missing"),
		finds("e", validate.DocRequest, "/x", "", "is long"), finds("f", validate.DocHeader, "/jku", "", "is wrong")))
	assert.Equal(t, `  "scope": "[openid accounts payments]",`, parts(v, validate.DocRequest, 5), "marks that overlap are one")
	assert.Equal(t, `  "jti": [7],`, parts(v, validate.DocRequest, 6))
	assert.Equal(t, `{`, parts(v, validate.DocRequest, 1), "what is missing belongs to the line of what would hold it")
	assert.Less(t, len(parts(v, validate.DocRequest, 7)), 260)
	assert.Contains(t, parts(v, validate.DocRequest, 7), "[yyy")
	assert.Equal(t, `  "jku": "[https://tpp.example/keys.jwks]"`, parts(v, validate.DocHeader, 4))
	at := slices.IndexFunc(v.Findings, func(f report.Placed) bool { return f.Rule == "d" })
	assert.Equal(t, 1, v.Findings[at].Line)
	assert.False(t, v.Findings[at].Exact)
	assert.Equal(t, "invalid", v.Verdict)
	assert.NotEmpty(t, v.Counts)
}

func TestAViewOfAFileHasTheLinesOfTheFile(t *testing.T) {
	t.Parallel()
	source := "\n{\r\n\t\"jti\": 7}\r\n"
	v := report.NewView(asFile(judged(t, `{"jti":7}`, finds("c", validate.DocRequest, "/jti", "", "is wrong")), source))
	require.True(t, v.Listings[0].File)
	assert.Equal(t, "    \"jti\": [7]}", parts(v, validate.DocRequest, 3))
	broken := asFile(judged(t, `{}`, finds("c", validate.DocRequest, "", "", "is no JSON")), "{\n  \"a\": 1,\n}")
	v = report.NewView(broken)
	require.Len(t, v.Listings, 1)
	assert.Equal(t, "[}]", parts(v, validate.DocRequest, 3))
}

// TestAViewOfManyLinesLeavesSomeOut: those with findings are shown, wherever they are.
func TestAViewOfManyLinesLeavesSomeOut(t *testing.T) {
	t.Parallel()
	source := "{" + strings.Repeat("\n", 5000) + "\"jti\": 7\n" + strings.Repeat("\n", 5000) + "}"
	v := report.NewView(asFile(judged(t, `{"jti":7}`, finds("c", validate.DocRequest, "/jti", "", "is wrong")), source))
	lines := v.Listings[0].Lines
	require.Less(t, len(lines), 2000)
	assert.Equal(t, `"jti": [7]`, parts(v, validate.DocRequest, 5001))
	skipped := 0
	for _, l := range lines {
		skipped += l.Skipped
	}
	assert.Equal(t, 10003-1, len(lines)+skipped)
}
