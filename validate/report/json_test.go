package report_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/validate"
	"github.com/obdcr/obdcr/validate/report"
)

type readJSON struct {
	File       string
	Valid      bool
	Wire       map[string]any
	Violations []struct {
		Rule, Pointer string
		Line, Column  int
		LineOf        string `json:"line_of"`
	}
	Checks, Signatures map[string]string
}

func TestJSON(t *testing.T) {
	golden(t, "invalid.json", in(report.FormatJSON), shown(validator(t, shownRules()...).Judge(shownInput())))
	valid := bare(validator(t, passing()...).Judge(shownInput()))
	b := golden(t, "valid.json", in(report.FormatJSON), valid)
	var got map[string]any
	require.NoError(t, json.Unmarshal([]byte(b), &got))
	assert.Nil(t, got["wire"])
	assert.Equal(t, []any{}, got["violations"], "never null")
	assert.Equal(t, true, got["valid"])
}

func TestJSONOfATestVectorHasWhatWasFound(t *testing.T) {
	found := func(r *report.Result) any {
		r.Vector = "about/name"
		var got map[string]any
		require.NoError(t, json.Unmarshal([]byte(written(t, in(report.FormatJSON), r)), &got))
		require.Equal(t, "about/name", got["vector"])
		return got["found"]
	}
	bad := shown(validator(t, shownRules()...).Judge(shownInput()))
	rules := map[validate.Severity]map[string]bool{}
	for i := range bad.Report.Violations {
		v := &bad.Report.Violations[i]
		if rules[v.Severity] == nil {
			rules[v.Severity] = map[string]bool{}
		}
		rules[v.Severity][v.Rule] = true
	}
	sorted := func(severity validate.Severity) []any {
		all := []any{}
		for _, rule := range slices.Sorted(maps.Keys(rules[severity])) {
			all = append(all, rule)
		}
		return all
	}
	require.NotEmpty(t, sorted(validate.SeverityError))
	require.Equal(t, map[string]any{"valid": false, "rules": sorted(validate.SeverityError), "warnings": sorted(validate.SeverityWarning),
		"wire": string(bad.Report.Wire().Error)}, found(bad))
	require.Equal(t, map[string]any{"valid": true, "rules": []any{}, "warnings": []any{}, "wire": nil},
		found(bare(validator(t, passing()...).Judge(shownInput()))))
}

func TestJSONOfManyFilesIsAnArray(t *testing.T) {
	many := report.WriterOptions{Format: report.FormatJSON, Many: true}
	for n := range 4 {
		var results []*report.Result
		for range n {
			results = append(results, judged(t, shownRequest, inEachDocument()...))
		}
		var got []readJSON
		require.NoError(t, json.Unmarshal([]byte(written(t, many, results...)), &got))
		require.Len(t, got, n)
		for _, one := range got {
			assert.Equal(t, "request.jwt", one.File)
			assert.Len(t, one.Violations, 7)
		}
	}
}

// Lines are those of the file as an editor shows it, whatever its line breaks and blanks
// are, and of a pretty-printed part of a token.
func TestLinesAreThoseOfTheTextThatIsRead(t *testing.T) {
	type place struct {
		line, column int
		of           string
	}
	blank := strings.Repeat("\r\n", 3)
	for name, c := range map[string]struct {
		result *report.Result
		want   map[string]place
	}{
		"a token": {judged(t, shownRequest, inEachDocument()...), map[string]place{
			"header.embedded_key": {4, 10, "header"}, "ssa.header.alg": {2, 10, "header"}, "ssa.age": {3, 10, "payload"},
			"redirect_uris.subset_of_ssa": {8, 5, "payload"}, "redirect_uris.count": {6, 20, "payload"}, "jti.required": {1, 1, "payload"}}},
		"a file": {asFile(judged(t, "", inEachDocument()...), fileText), map[string]place{
			"redirect_uris.subset_of_ssa": {6, 29, "file"}, "redirect_uris.count": {5, 19, "file"}, "scope.supported": {7, 15, "file"}, "jti.required": {3, 1, "file"}}},
		"a file with CRLF and empty lines": {asFile(judged(t, "", inEachDocument()...), blank+strings.ReplaceAll(fileText, "\n", "\r\n")), map[string]place{
			"redirect_uris.subset_of_ssa": {9, 29, "file"}, "jti.required": {6, 1, "file"}}},
		"a file in one line": {asFile(judged(t, "", inEachDocument()...), shownRequest), map[string]place{
			"redirect_uris.subset_of_ssa": {1, 136, "file"}, "redirect_uris.count": {1, 110, "file"}, "jti.required": {1, 1, "file"}}},
		"a file with a byte order mark": {asFile(judged(t, "", inEachDocument()...), "\uFEFF{\"jti\": 7}"), map[string]place{"jti.required": {1, 9, "file"}}},
		"a file that is no JSON": {asFile(judged(t, "", finds("request.jws", validate.DocHeader, "", "", "is no JSON")), brokenText), map[string]place{
			"request.jws": {3, 3, "file"}}},
	} {
		var got readJSON
		require.NoError(t, json.Unmarshal([]byte(written(t, in(report.FormatJSON), c.result)), &got), name)
		found := map[string]place{}
		for _, v := range got.Violations {
			found[v.Rule] = place{v.Line, v.Column, v.LineOf}
		}
		for rule, want := range c.want {
			assert.Equal(t, want, found[rule], "%s: %s", name, rule)
		}
	}
}

func TestAStatementAloneHasAHeaderAndAPayload(t *testing.T) {
	r := judged(t, "", inEachDocument()[1:3]...)
	delete(r.Documents, validate.DocRequest)
	delete(r.Documents, validate.DocHeader)
	assert.Contains(t, written(t, in(report.FormatText), r), "line numbers: header and payload, pretty-printed\n")
}
