package jsonscan

import (
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/obdcr/obdcr/internal/text"
)

// SyntaxError is the first fault of a document.
type SyntaxError struct {
	Offset int    // bytes before the fault
	Reason string // what is wrong, in ASCII, without any of the input
}

// Error returns the detail with the name of the format in front.
func (e *SyntaxError) Error() string { return "json: " + e.Detail() }

// Detail returns reason and place in one line, for a message that names the document
// itself.
func (e *SyntaxError) Detail() string { return e.Reason + " at byte " + strconv.Itoa(e.Offset) }

// In returns place and reason for people who have doc, the text that was read, in an editor:
// line and column instead of the offset, and the name that stands twice.
func (e *SyntaxError) In(doc string) string {
	reason := e.Reason
	if name := e.Name(doc); name != "" {
		reason = "the member name " + text.Quote(name) + " stands twice in one object"
	}
	line, column := Place(doc, e.Offset)
	return "line " + strconv.Itoa(line) + ", column " + strconv.Itoa(column) + ": " + reason
}

// ReasonIn returns the detail of an error of reading doc: In of a *SyntaxError.
func ReasonIn(doc string, err error) string {
	if syntax := (*SyntaxError)(nil); errors.As(err, &syntax) && syntax.Offset <= len(doc) {
		return syntax.In(doc)
	}
	return text.Detail(err)
}

// Limit reports whether the document has more than is read, in depth or in members of one
// object, up to this place. It may be JSON all the same.
func (e *SyntaxError) Limit() bool { return e.Reason == reasonDeep || e.Reason == reasonMany }

// Name returns the member name that stands twice in doc, the text that was read; "" if the
// fault is another one.
func (e *SyntaxError) Name(doc string) string {
	if e.Reason != reasonTwice {
		return ""
	}
	name, _ := unquote(doc[e.Offset:stringEnd(doc, e.Offset)])
	return name
}

// Place returns line and column of a byte of a text, both from 1, the column in characters.
// It takes an offset that is beyond the text for the text's end.
func Place(doc string, offset int) (line, column int) {
	before := doc[:min(offset, len(doc))]
	start := strings.LastIndexByte(before, '\n') + 1
	return strings.Count(before, "\n") + 1, utf8.RuneCountInString(before[start:]) + 1
}
