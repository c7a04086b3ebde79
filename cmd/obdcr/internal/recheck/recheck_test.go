package recheck_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/recheck"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/validate"
)

var began = time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)

func run(now time.Time) recheck.Run {
	return recheck.Run{Bank: "b", RuleSet: "obie-3.3 rules:1 policy:2", NotJudged: []string{"exp.past", "ssa.age"}, Now: now}
}

func open(t *testing.T, path string) (*recheck.Journal, int) {
	t.Helper()
	j, resumed, err := recheck.Open(path, run(began))
	require.NoError(t, err)
	return j, resumed
}

// entry is the client of a number, of which each third is admitted.
func entry(n int) recheck.Client {
	c := recheck.Client{ID: fmt.Sprintf("c%06d", n), ClientID: fmt.Sprintf("client-%d", n), SoftwareID: "s", SoftwareName: "An app", OrgID: "o", Environment: "sandbox",
		Registered: began, Version: 1, Admission: dcr.Admitted, Violations: []recheck.Violation{}}
	switch n % 3 {
	case 1:
		c.Admission = dcr.NotAdmitted
		c.Violations = []recheck.Violation{{Rule: "scope.supported", Severity: validate.SeverityError, Document: validate.DocRequest, Pointer: "/scope",
			Message: "is not offered", Got: "payments", Want: "accounts", Citation: recheck.Citation{Spec: "OBIE DCR 3.3", Section: "scope", URL: "https://spec.example/#scope"}, Fix: "ask for less"}}
	case 2:
		c.Admission, c.Unknown = dcr.CannotTell, []string{"the software's keys: connection refused"}
	}
	return c
}

func filled(t *testing.T, clients ...recheck.Client) *recheck.Journal {
	t.Helper()
	j, _ := open(t, "")
	t.Cleanup(func() { _ = j.Remove() })
	for _, c := range clients {
		require.NoError(t, j.Add(c))
	}
	return j
}

func written(t *testing.T, j *recheck.Journal, format string) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, j.Write(&out, recheck.Options{Format: format, Ended: began.Add(time.Hour), Cell: func(s string) string { return s }}))
	return out.String()
}

func TestAJournalGoesOnAfterWhateverStoppedIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.jsonl")
	j, resumed := open(t, path)
	require.Zero(t, resumed)
	for n := range 5 {
		require.NoError(t, j.Add(entry(n)))
	}
	require.NoError(t, j.Keep())
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	lines := strings.SplitAfter(string(whole), "\n")
	for cut := 0; cut <= len(whole); cut += 17 { // a process that was killed anywhere
		require.NoError(t, os.WriteFile(path, whole[:cut], 0o600))
		complete := max(0, strings.Count(string(whole[:cut]), "\n")-1)
		j, resumed := open(t, path)
		require.Equal(t, complete, resumed, "cut at %d", cut)
		for n := complete; n < 5; n++ {
			require.NoError(t, j.Add(entry(n)))
		}
		require.NoError(t, j.Keep())
		again, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, lines[1:], strings.SplitAfter(string(again), "\n")[1:], "each once")
	}
}

func TestAJournalTakesNoOtherFileAndNoOtherRun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.jsonl")
	head := `{"recheck":1,"began":"2026-03-01T02:00:00Z","rule_set":"obie-3.3 rules:1 policy:2","bank":"b"}` + "\n"
	one, err := json.Marshal(entry(1))
	require.NoError(t, err)
	for name, content := range map[string]string{
		"a text": "hello", "a text with lines": "hello\nyou\n", "other JSON": `{"a":1}` + "\n", "another version": strings.Replace(head, ":1,", ":2,", 1),
		"another bank": strings.Replace(head, `"b"`, `"c"`, 1), "another policy": strings.Replace(head, "policy:2", "policy:3", 1),
		"a broken line": head + "{}x\n" + string(one) + "\n", "a client twice": head + string(one) + "\n" + string(one) + "\n",
	} {
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		_, _, err := recheck.Open(path, run(began.Add(time.Hour)))
		require.ErrorContains(t, err, path, name)
		left, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, content, string(left), "%s: it stays as it was", name)
	}
	require.NoError(t, os.WriteFile(path, []byte(head+string(one)+"\n"), 0o600))
	_, resumed, err := recheck.Open(path, run(began.Add(25*time.Hour)))
	require.NoError(t, err)
	require.Zero(t, resumed, "the findings of another day are none of this run's")
}

func TestEachFormatHasEachClientAndTheCounts(t *testing.T) {
	j := filled(t, entry(0), entry(1), entry(2), entry(4))
	plain := written(t, j, recheck.FormatText)
	for _, want := range []string{"admitted      client-0", "not admitted  client-1", "cannot tell   client-2", "error    scope.supported /scope: is not offered",
		"OBIE DCR 3.3, scope: fix: ask for less", "unknown  the software's keys: connection refused", "4 rechecked: 1 admitted, 2 not admitted, 1 cannot tell; 0 with warnings",
		"      2  scope.supported", "not judged of any client: exp.past, ssa.age"} {
		require.Contains(t, plain, want)
	}
	long := entry(4)
	long.SoftwareName, long.OrgID, long.Unknown = strings.Repeat("a long name ", 20), strings.Repeat("o", 60), []string{strings.Repeat("why not ", 40)}
	long.Violations[0].Message, long.Violations[0].Fix = strings.Repeat("is not offered ", 12), strings.Repeat("ask for less ", 12)
	for _, line := range strings.Split(written(t, filled(t, long), recheck.FormatText), "\n") {
		require.LessOrEqual(t, len(line), 80, line)
	}
	lines := strings.Split(strings.TrimSpace(written(t, j, recheck.FormatJSON)), "\n")
	require.Len(t, lines, 5)
	var last struct{ Summary recheck.Summary }
	require.NoError(t, json.Unmarshal([]byte(lines[4]), &last))
	require.Equal(t, 4, last.Summary.Clients)
	require.Equal(t, []recheck.Count{{Rule: "scope.supported", Clients: 2}}, last.Summary.ByRule)
	rows, err := csv.NewReader(strings.NewReader(written(t, j, recheck.FormatCSV))).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 5)
	require.Equal(t, []string{"c000001", "client-1", "s", "An app", "o", "sandbox", "2026-03-01T02:00:00Z", "not_admitted", "scope.supported", "", "", "", ""}, rows[2])
	page := written(t, j, recheck.FormatHTML)
	require.Equal(t, 4, strings.Count(page, "<article"))
	require.Contains(t, page, `<td class="n">2</td><td><code>scope.supported</code>`)

	var out bytes.Buffer
	require.NoError(t, j.Write(&out, recheck.Options{Format: recheck.FormatText, Findings: true, Ended: began}))
	require.NotContains(t, out.String(), "client-0")
}

func TestNamesOfOthersAreNoMarkupAndNoControlCharacters(t *testing.T) {
	c := entry(1)
	c.SoftwareName, c.OrgID, c.ClientID = `<script>alert(1)</script>"onload='x`, "<img src=x>", "a\x1b[31m\u202eb"
	c.Violations[0].Got, c.Violations[0].Message, c.Violations[0].Citation.URL = "<b>", "</article><h1>", "javascript:alert(1)"
	c.Unknown, c.Differs = []string{"<i>"}, []string{"<u>"}
	j := filled(t, c)
	page := written(t, j, recheck.FormatHTML)
	for _, markup := range []string{"<script", "<img", "<b>", "<i>", "<u>", "</article><h1>", "javascript:"} {
		require.False(t, strings.Contains(page, markup), markup)
	}
	require.Contains(t, page, "&lt;script&gt;")
	require.NotRegexp(t, `<[^>]* (src|href)="[^"h#]`, page, "it loads nothing")
	require.NotContains(t, page, "http://")
	for _, format := range []string{recheck.FormatText, recheck.FormatCSV} {
		require.NotContains(t, written(t, j, format), "\x1b")
		require.NotContains(t, written(t, j, format), "\u202e")
	}
}

func TestThePageIsReadInLightAndDarkOnPaperAndOnAPhone(t *testing.T) {
	page := written(t, filled(t, entry(1)), recheck.FormatHTML)
	for _, want := range []string{"color-scheme: light dark", "prefers-color-scheme: dark", "@media print", "width=device-width", "overflow-wrap: anywhere", "break-inside: avoid"} {
		require.Contains(t, page, want)
	}
	for _, wide := range regexp.MustCompile(`[^-]width: *([0-9]+)(px|rem)`).FindAllStringSubmatch(page, -1) {
		require.Equal(t, "rem", wide[2], "no width in pixels: %s", wide[0])
	}
}

func TestALongReportIsWrittenAsItIsRead(t *testing.T) {
	j, _ := open(t, "")
	t.Cleanup(func() { _ = j.Remove() })
	const clients = 5_000
	for n := range clients {
		require.NoError(t, j.Add(entry(n)))
	}
	for format, each := range map[string]string{recheck.FormatHTML: "<article", recheck.FormatJSON: `{"id":`, recheck.FormatCSV: "\r\n", recheck.FormatText: "client-"} {
		require.GreaterOrEqual(t, strings.Count(written(t, j, format), each), clients, format)
	}
}

// The guide for operators has each member of the JSON report.
func TestTheGuideNamesEachMemberOfAReport(t *testing.T) {
	guide, err := os.ReadFile("../../../../docs/operations.md")
	require.NoError(t, err)
	for _, of := range []any{recheck.Client{}, recheck.Summary{}} {
		for i := range reflect.TypeOf(of).NumField() {
			name, _, _ := strings.Cut(reflect.TypeOf(of).Field(i).Tag.Get("json"), ",")
			if name != "" {
				require.True(t, strings.Contains(string(guide), "`"+name+"`"), name)
			}
		}
	}
}
