package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/validate"
)

// View is a result in parts, for a page that shows the documents with what was found beside
// their lines. Its words are those of the text format. What comes from the input is made
// printable, and no line is long; whoever writes HTML escapes all of it.
type View struct {
	Verdict string // one line: "invalid", "valid", or how far the file is valid
	Counts  string // such as "2 errors, 1 warning"; "" for none
	Figures string // such as "190 rules passed, 26 not applicable"
	Answer  string // status and code of the bank's answer; "" where it would take the request
	AsSent  bool   // Answer is about bytes around a token that is valid
	Checks  []StatedCheck
	// Findings are the violations in the order of the report. More counts those that the
	// report has no room for.
	Findings []Placed
	More     int
	Listings []Listing
}

// StatedCheck is a check, and in words what came of it.
type StatedCheck struct {
	Name  string
	State validate.CheckState
	Words string // such as "not checked: the key set is missing"
}

// Placed is a violation with its place. Want is empty where the message has it.
type Placed struct {
	validate.Violation
	Place  string // pointer, and the document where it is not the request
	Line   int    // of the Listing of its document; 0: it belongs to no line
	Exact  bool   // the value is there; else the line is that of what would hold it
	Source string // where the rule is written, for people
}

// Listing is a document with its lines: the file where the file is JSON, else the indented
// document.
type Listing struct {
	Document validate.Document
	File     bool // the lines are those of the file
	Lines    []ListedLine
}

// ListedLine is one line of a Listing.
type ListedLine struct {
	Number   int    // from 1
	Skipped  int    // lines before it that are left out, because there are very many
	Parts    []Part // its text
	Findings []int  // indices of View.Findings that belong to it
}

// Part is a piece of a line. What a finding is about has the severity of the worst one.
type Part struct {
	Text     string
	Severity validate.Severity
}

const (
	maxListed = 1500 // lines of a document that are shown beside those with findings
	maxCells  = 240  // of a line that are shown
)

// NewView makes the view of a result.
func NewView(of *Result) *View {
	r, s := of.Report, newSpots(of)
	v := &View{Verdict: text.Show(verdict(of)), Counts: counts(r), More: r.More,
		Figures: fmt.Sprintf("%s passed, %d not applicable", plural(len(r.Passed()), "rule"), len(r.NotApplicable()))}
	if wire := r.Wire(); wire != nil {
		v.Answer, v.AsSent = answer(wire), r.Valid()
	}
	for _, c := range of.Checks.Named() {
		v.Checks = append(v.Checks, StatedCheck{c.Name, c.State, text.Show(stateOf(c.Check))})
	}
	marks := map[validate.Document]map[int][]marked{}
	for i := range r.Violations {
		f := Placed{Violation: r.Violations[i], Place: text.Show(placeOf(&r.Violations[i])), Source: r.Violations[i].Citation.String()}
		f.Message, f.Got, f.Want, f.Fix = text.Show(f.Message), text.Show(f.Got), text.Show(f.Want), text.Show(f.Fix)
		if strings.Contains(f.Message, f.Want) {
			f.Want = ""
		}
		at, exact, ok := s.near(&r.Violations[i])
		if d := s.listed(f.Document); ok {
			f.Line, f.Exact = at.line, exact
			m := marked{finding: i, severity: f.Severity}
			if exact && (f.Pointer != "" || !s.faultless(f.Document)) {
				m.start, m.end = mark(&at, r.Violations[i].Got)
			}
			if marks[d] == nil {
				marks[d] = map[int][]marked{}
			}
			marks[d][at.line] = append(marks[d][at.line], m)
		}
		v.Findings = append(v.Findings, f)
	}
	for _, d := range []validate.Document{validate.DocHeader, validate.DocRequest, validate.DocSSAHeader, validate.DocSSA} {
		if lines := s.linesOf(d); len(lines) > 0 {
			v.Listings = append(v.Listings, Listing{d, s.inFile(d) || s.source != nil && s.source.fault != nil, listLines(lines, marks[d])})
		}
	}
	return v
}

// marked is what a finding marks on its line, in bytes; nothing where end is 0.
type marked struct {
	finding    int
	severity   validate.Severity
	start, end int
}

// listed returns the document under which a line is listed. All lines of a file that is no
// strict JSON are those of the document that it was to be.
func (s *spots) listed(d validate.Document) validate.Document {
	if s.source != nil && s.source.fault != nil {
		return s.of.Judged
	}
	return d
}

// linesOf returns the lines of a document, nil if it could not be read.
func (s *spots) linesOf(d validate.Document) []string {
	switch {
	case s.source != nil && d == s.of.Judged:
		return strings.Split(strings.TrimRight(strings.ReplaceAll(s.source.text, "\r\n", "\n"), " \t\r\n"), "\n")
	case s.source != nil && s.source.fault != nil:
		return nil
	}
	var lines []string
	for _, l := range jsonscan.Indent(string(s.of.Documents[d])) {
		lines = append(lines, l.Text)
	}
	return lines
}

// listLines makes the lines of a listing. Of very many it leaves out those without a finding.
func listLines(lines []string, marks map[int][]marked) []ListedLine {
	listed, skipped := make([]ListedLine, 0, min(len(lines), maxListed)), 0
	for i, line := range lines {
		found := marks[i+1]
		if i >= maxListed && len(found) == 0 && i+1 < len(lines) {
			skipped++
			continue
		}
		l := ListedLine{Number: i + 1, Skipped: skipped, Parts: partsOf(line, found)}
		for _, m := range found {
			l.Findings = append(l.Findings, m.finding)
		}
		listed, skipped = append(listed, l), 0
	}
	return listed
}

// partsOf cuts a line into what is marked and what is not. Of a long line it shows the
// surroundings of the first mark.
func partsOf(line string, found []marked) []Part {
	found = slices.DeleteFunc(slices.Clone(found), func(m marked) bool { return m.end == 0 || m.end > len(line) })
	slices.SortStableFunc(found, func(a, b marked) int { return a.start - b.start })
	if len(line) > maxCells {
		return shortened(line, found)
	}
	var parts []Part
	at := 0
	for i := 0; i < len(found); {
		start, end, worst := found[i].start, found[i].end, found[i].severity
		for i++; i < len(found) && found[i].start < end; i++ {
			end, worst = max(end, found[i].end), worse(worst, found[i].severity)
		}
		parts = append(parts, Part{Text: visible(line[at:start])}, Part{visible(line[start:end]), worst})
		at = end
	}
	parts = append(parts, Part{Text: visible(line[at:])})
	return slices.DeleteFunc(parts, func(p Part) bool { return p.Text == "" && p.Severity == "" })
}

// shortened makes the parts of a long line.
func shortened(line string, found []marked) []Part {
	if len(found) == 0 {
		shown, _, _ := window(line, 0, 0, maxCells)
		return []Part{{Text: shown}}
	}
	shown, column, length := window(line, found[0].start, found[0].end, maxCells)
	before := text.CutCells(shown, column)
	value := text.CutCells(shown[len(before):], length)
	return []Part{{Text: before}, {value, found[0].severity}, {Text: shown[len(before)+len(value):]}}
}

// worse returns the more serious of two severities.
func worse(a, b validate.Severity) validate.Severity {
	for _, s := range []validate.Severity{validate.SeverityError, validate.SeverityWarning} {
		if a == s || b == s {
			return s
		}
	}
	return a
}
