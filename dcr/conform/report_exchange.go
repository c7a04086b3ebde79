package conform

import (
	"fmt"
	"strings"

	"github.com/obdcr/obdcr/internal/shown"
	"github.com/obdcr/obdcr/internal/text"
)

const (
	mostFolded = 400 // bytes of a body that a short text has
	mostTaken  = 160 // the same of an answer by which the bank takes a request
	mostTold   = 6   // members that differ, of a short text
)

// answer tells in a line what came.
func (x *Exchange) answer() string {
	if x.Received == nil {
		return "no answer: " + x.Error
	}
	return fmt.Sprintf("status %d after %d ms", x.Received.Status, x.Millis)
}

// sent tells in a line what was sent, and as whom.
func (x *Exchange) sent() string {
	as := "no client certificate"
	if x.Sent.Certificate != "" {
		as = "as " + x.Sent.Certificate
	}
	return fmt.Sprintf("sent: %s %s, %s", x.Sent.Method, x.Sent.URL, as)
}

// short writes an exchange in short: in what it differs from a good one, and what came.
func (t *page) short(x *Exchange) {
	t.line(0, x.sent())
	t.differs(x)
	if x.Sent.Body != "" {
		t.line(2, shown.Folded(x.Sent.Body, mostFolded))
	}
	if x.Note != "" {
		t.line(0, "note: "+x.Note)
	}
	t.line(0, "came: "+x.answer())
	if x.Received == nil {
		return
	}
	if x.Received.Body != "" {
		limit := mostFolded
		if x.Received.Status < 300 {
			limit = mostTaken
		}
		t.line(2, shown.Folded(x.Received.Body, limit))
	}
	if x.Received.Cut != "" {
		t.line(2, "not whole: "+x.Received.Cut)
	}
}

// differs writes in what a registration or an update differs from a good one.
func (t *page) differs(x *Exchange) {
	switch signed := x.Sent.JWS != nil && x.Sent.Body == ""; { // else a form with an assertion
	case len(x.Differs) > 0:
	case signed:
		t.line(2, "a good request")
		return
	default:
		return
	}
	t.line(2, "a good request, but for:")
	for i, one := range x.Differs {
		if i == mostTold && !t.o.Full {
			t.line(4, fmt.Sprintf("%d further differences", len(x.Differs)-i))
			return
		}
		t.line(4, one)
	}
}

// whole writes all of an exchange.
func (t *page) whole(x *Exchange) {
	t.line(0, x.sent())
	t.differs(x)
	for _, h := range x.Sent.Headers {
		t.line(2, "> "+h.Name+": "+h.Value)
	}
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
	if x.Note != "" {
		t.line(0, "note: "+x.Note)
	}
	t.line(0, "came: "+x.answer())
	if x.Received == nil {
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

// mostLines is how many lines of one document the text has.
const mostLines = 60

// document writes a document, JSON indented. A line that is too long goes on under its beginning.
func (t *page) document(mark, body string) {
	for _, l := range shown.Lines(body, mostLines) {
		blanks := len(l) - len(strings.TrimLeft(l, " "))
		in := mark + l[:blanks]
		for _, part := range folded(l[blanks:], max(t.o.Width-2-len(in), 20)) {
			t.raw(2, in+part)
		}
	}
}

// folded breaks a line at blanks, and within a word that is too long.
func folded(l string, width int) []string {
	var all []string
	for _, part := range text.Hang(l, width, 2) {
		for text.Cells(part) > width {
			cut := text.CutCells(part, width)
			all = append(all, cut)
			part = part[len(cut):]
		}
		all = append(all, part)
	}
	return all
}

// pretty is a document for the page, JSON indented.
func pretty(body string) string { return strings.Join(shown.Lines(body, 0), "\n") }
