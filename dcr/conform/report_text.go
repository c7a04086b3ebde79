package conform

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/text"
)

// TextOptions are how a report is written as text.
type TextOptions struct {
	Width int  // columns; 0: 80
	Color bool // by the escape codes of a terminal
	Full  bool // the exchanges of each case, not of those alone that failed
}

// WriteText writes the report for people: a line for each case, and for one that failed what was sent, what came
// back and what was expected.
func (r *Report) WriteText(w io.Writer, o TextOptions) error {
	if o.Width <= 0 {
		o.Width = 80
	}
	t := &page{o: o}
	t.head(r)
	for _, g := range r.groups() {
		t.line(0, "")
		t.line(0, g.Name)
		for i := range g.Results {
			t.result(&g.Results[i])
		}
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
	s = text.Visible(s)
	width := max(t.o.Width-indent, 20)
	for _, part := range text.Hang(s, width, 2) {
		for text.Cells(part) > width {
			cut := text.CutCells(part, width)
			t.raw(indent, cut)
			part = part[len(cut):]
		}
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
}

// labelWidth is the width of the longest verdict.
const labelWidth = len("not offered")

func (t *page) result(c *CaseResult) {
	label := fmt.Sprintf("%-*s", labelWidth, c.Verdict.words())
	if c.Verdict == Failed {
		label = fmt.Sprintf("%-*s", labelWidth, "FAILED")
	}
	if t.o.Color {
		label = colour(c.Verdict) + label + "\x1b[0m"
	}
	const under = 4 + labelWidth
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
		t.b.WriteString(indented(c.detail(t.o.Width-4), 4))
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

func (t *page) foot(r *Report) {
	t.line(0, "")
	for _, left := range r.Left {
		t.line(0, "left at the bank: "+left.String())
	}
	if r.Interrupted {
		t.line(0, "The run was interrupted.")
	}
	t.line(0, fmt.Sprintf("%s; %d cases in %s s", r.tally(), len(r.Results), seconds(r.Millis)))
}

// detail tells the clause, what was expected, and each exchange, in lines.
func (c *CaseResult) detail(width int) string {
	t := &page{o: TextOptions{Width: width}}
	clause := c.Clause()
	if len(c.Rules) > 0 {
		clause += "; " + strings.Join(c.Rules, ", ")
	}
	t.line(0, "clause: "+clause)
	if c.Expected != "" {
		t.line(0, "expected: "+c.Expected)
	}
	for i := range c.Exchanges {
		t.exchange(&c.Exchanges[i], i == len(c.Exchanges)-1)
	}
	return t.b.String()
}

// exchange writes one exchange; of the last one all, of the others two lines.
func (t *page) exchange(x *Exchange, whole bool) {
	shown := "no client certificate"
	if x.Sent.Certificate != "" {
		shown = "as " + x.Sent.Certificate
	}
	t.line(0, fmt.Sprintf("sent: %s %s, %s", x.Sent.Method, x.Sent.URL, shown))
	if whole {
		for _, h := range x.Sent.Headers {
			t.line(2, "> "+h.Name+": "+h.Value)
		}
		t.sentBody(x)
	}
	if x.Note != "" {
		t.line(0, "note: "+x.Note)
	}
	if x.Received == nil {
		t.line(0, "came: no answer: "+x.Error)
		return
	}
	t.line(0, fmt.Sprintf("came: status %d after %d ms", x.Received.Status, x.Millis))
	if !whole {
		return
	}
	for _, h := range x.Received.Headers {
		t.line(2, "< "+h.Name+": "+h.Value)
	}
	t.document("< ", x.Received.Body)
	if x.Received.Cut != "" {
		t.line(2, "< ... not whole: "+x.Received.Cut)
	}
}

func (t *page) sentBody(x *Exchange) {
	if j := x.Sent.JWS; j != nil {
		for _, part := range []struct{ name, text string }{
			{"header", j.Header}, {"claims", j.Claims}, {"header of the statement", j.SSAHeader}, {"statement", j.SSA},
		} {
			if part.text != "" {
				t.line(2, "> "+part.name+":")
				t.document("> ", part.text)
			}
		}
	}
	t.document("> ", x.Sent.Body)
}

// mostLines is how many lines of one document the text has.
const mostLines = 60

// document writes a document, JSON indented.
func (t *page) document(mark, body string) {
	if body == "" {
		return
	}
	lines := strings.Split(pretty(body), "\n")
	for i, l := range lines {
		if i == mostLines {
			t.line(2, fmt.Sprintf("%s... %d further lines", mark, len(lines)-i))
			return
		}
		blanks := len(l) - len(strings.TrimLeft(l, " "))
		t.line(2, mark+strings.Repeat("\u00a0", blanks)+l[blanks:])
	}
}

// pretty indents JSON; any other text stays as it is.
func pretty(body string) string {
	lines := jsonscan.Indent(body)
	if lines == nil {
		return body
	}
	all := make([]string, len(lines))
	for i, l := range lines {
		all[i] = l.Text
	}
	return strings.Join(all, "\n")
}

// indented puts blanks before each line.
func indented(s string, by int) string {
	var b strings.Builder
	for line := range strings.Lines(s) {
		b.WriteString(strings.Repeat(" ", by) + line)
	}
	return b.String()
}
