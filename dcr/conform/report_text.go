package conform

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/obdcr/obdcr/internal/shown"
	"github.com/obdcr/obdcr/internal/text"
)

// TextOptions are how a report is written as text.
type TextOptions struct {
	Width int  // columns; 0: 80
	Color bool // by the escape codes of a terminal
	Full  bool // each case on a line of its own, with its exchanges whole
}

// WriteText writes the report for people: a line for each case, and for one that failed what was expected, in what the
// request differs from a good one, and what came, in short. Cases of a group that were not run for one reason are a line
// together. Where the bank refuses even the plain valid request, that is told first and last.
func (r *Report) WriteText(w io.Writer, o TextOptions) error {
	if o.Width <= 0 {
		o.Width = 80
	}
	t := &page{o: o}
	t.head(r)
	for _, g := range r.groups() {
		t.line(0, "")
		t.line(0, g.Name)
		t.group(g.Results)
	}
	t.foot(r)
	_, err := w.Write(t.b.Bytes())
	return err
}

// page is a text in the making.
type page struct {
	b bytes.Buffer
	o TextOptions
}

// line writes a text, broken at blanks, indented; lines after the first two columns more.
func (t *page) line(indent int, s string) {
	s = shown.Line(s)
	for _, part := range folded(s, max(t.o.Width-indent, 20)) {
		t.raw(indent, part)
	}
}

func (t *page) raw(indent int, s string) {
	t.b.WriteString(strings.TrimRight(strings.Repeat(" ", indent)+s, " ") + "\n")
}

func (t *page) head(r *Report) {
	t.line(0, "Conformance of "+r.Bank+" to "+r.Profile)
	t.line(0, fmt.Sprintf("%s, at %s by %s", r.Method, r.Started.Format("2006-01-02 15:04:05Z"), r.Tool))
	for _, fact := range [][2]string{{"policy: ", r.Policy}, {"dialect: ", r.Dialect}, {"cases: ", strings.Join(r.Filter, ", ")}} {
		if fact[1] != "" {
			t.line(0, fact[0]+fact[1])
		}
	}
	for i, l := range r.causeLines() {
		if i == 0 {
			t.line(0, "")
			l = "FIRST CAUSE: " + l
		}
		t.line(0, l)
	}
}

// labelWidth is the width of the longest verdict.
const labelWidth = len("not offered")

// group writes the cases of a group. Those that were not run, or are not offered, for one reason are a line together.
func (t *page) group(results []CaseResult) {
	alike := map[string]int{}
	for i := range results {
		alike[results[i].idle()]++
	}
	for i := range results {
		c := &results[i]
		reason := c.idle()
		switch n := alike[reason]; {
		case t.o.Full || reason == "" || n == 1:
			t.result(c)
		case n > 1:
			t.raw(2, t.label(c.Verdict)+fmt.Sprintf("  %d cases", n))
			t.line(under, c.Reason)
			alike[reason] = 0
		}
	}
}

// idle is why a case shows nothing; "" if it does.
func (c *CaseResult) idle() string {
	if c.Verdict != NotRun && c.Verdict != NotOffered {
		return ""
	}
	return string(c.Verdict) + " " + c.Reason
}

// under is how far what belongs to a case is indented.
const under = 4 + labelWidth

// label is a verdict in the width of the longest one.
func (t *page) label(v Verdict) string {
	label := fmt.Sprintf("%-*s", labelWidth, v.words())
	if v == Failed {
		label = fmt.Sprintf("%-*s", labelWidth, "FAILED")
	}
	if t.o.Color {
		label = colour(v) + label + "\x1b[0m"
	}
	return label
}

func (t *page) result(c *CaseResult) {
	label := t.label(c.Verdict)
	if id := text.Visible(c.ID); under+text.Cells(id) <= t.o.Width {
		t.raw(2, label+"  "+id)
	} else { // whole, to be copied
		t.raw(2, label)
		t.raw(2, id)
	}
	if c.Verdict != Passed || t.o.Full {
		t.line(under, c.Title)
	}
	if c.Reason != "" {
		t.line(under, c.Reason)
	}
	if c.Verdict == Failed || c.Verdict == Errored || t.o.Full {
		t.b.WriteString(indented(c.detail(t.o.Width-4, t.o.Full), 4))
	}
}

// colour is the escape code of a verdict.
func colour(v Verdict) string {
	switch v {
	case Failed, Errored:
		return "\x1b[31m"
	case Passed:
		return "\x1b[32m"
	case Allowed, NotOffered, NotRun:
	}
	return "\x1b[33m"
}

// mostLeft is how many clients that are left for one reason a short report names.
const mostLeft = 20

func (t *page) foot(r *Report) {
	t.line(0, "")
	most := mostLeft
	if t.o.Full {
		most = len(r.Left)
	}
	for _, said := range LeftLines(r.Left, most) {
		unindented := strings.TrimLeft(said, " ")
		t.line(len(said)-len(unindented), unindented)
	}
	if why := r.unfinished(); why != "" {
		t.line(0, "Unfinished: "+why+".")
	}
	for _, v := range []Verdict{Failed, Errored} {
		if r.Counts[v] == 0 {
			continue
		}
		t.line(0, fmt.Sprintf("%d %s:", r.Counts[v], v.words()))
		for i := range r.Results {
			if r.Results[i].Verdict == v {
				t.raw(2, text.Visible(r.Results[i].ID)) // whole, to be copied
			}
		}
	}
	if r.FirstCause != nil {
		t.line(0, "FIRST CAUSE: see the top: the bank does not take the plain valid request: "+r.FirstCause.String())
	}
	t.line(0, fmt.Sprintf("%s; %d cases in %s s", r.tally(), len(r.Results), seconds(r.Millis)))
}

// detail tells the clause, what was expected, and what happened, in lines: of the last exchange in short, or of each all.
func (c *CaseResult) detail(width int, full bool) string {
	t := &page{o: TextOptions{Width: width, Full: full}}
	clause := c.Clause()
	if len(c.Rules) > 0 {
		clause += "; " + strings.Join(c.Rules, ", ")
	}
	t.line(0, "clause: "+clause)
	if c.Expected != "" {
		t.line(0, "expected: "+c.Expected)
	}
	last := len(c.Exchanges) - 1
	for i := range c.Exchanges {
		switch x := &c.Exchanges[i]; {
		case full:
			t.whole(x)
		case i == last:
			t.short(x)
		case i == 0 || i > last-mostBefore:
			t.line(0, "before: "+x.Sent.Method+" "+x.Sent.URL+": "+x.answer())
		case i == 1:
			t.line(0, fmt.Sprintf("before: %d further exchanges", last-mostBefore))
		}
	}
	return t.b.String()
}

// mostBefore is how many exchanges before the last one a short text names, beside the first.
const mostBefore = 4

// indented puts blanks before each line.
func indented(s string, by int) string {
	var b strings.Builder
	for line := range strings.Lines(s) {
		b.WriteString(strings.Repeat(" ", by) + line)
	}
	return b.String()
}
