package report

import (
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/validate"
)

// spot is the place of a value in the text that people read.
type spot struct {
	line, column       int    // of its first character, from 1; columns count characters
	endLine, endColumn int    // just behind its last character
	text               string // the line that it begins on
	start, end         int    // its bytes on that line
}

// spots finds the values of one result. The text is that of the file where the file is
// JSON, else the indented document.
type spots struct {
	of     *Result
	source *source
	lines  map[validate.Document][]jsonscan.Line
}

// source is a file that is JSON.
type source struct {
	text  string
	root  jsonscan.Value
	at    int                   // of the root
	fault *jsonscan.SyntaxError // nil for strict JSON
}

func newSpots(of *Result) *spots {
	s := &spots{of: of}
	if len(of.Source) == 0 {
		return s
	}
	s.source = &source{text: strings.TrimPrefix(string(of.Source), "\uFEFF")}
	root, err := jsonscan.Parse(s.source.text)
	if errors.As(err, &s.source.fault) {
		return s
	}
	s.source.root = root
	s.source.at = len(s.source.text) - len(strings.TrimLeft(s.source.text, " \t\r\n"))
	return s
}

// inFile reports whether lines of a document are lines of the file.
func (s *spots) inFile(d validate.Document) bool {
	return s.source != nil && (d == s.of.Judged || s.source.fault != nil)
}

// kindOf names the text that lines of a document are counted in: the file, or the part of a
// token.
func (s *spots) kindOf(d validate.Document) string {
	switch {
	case s.inFile(d):
		return "file"
	case d == validate.DocHeader, d == validate.DocSSAHeader:
		return "header"
	}
	return "payload"
}

// textOf is kindOf for people, who read of several tokens.
func (s *spots) textOf(d validate.Document) string {
	kind := s.kindOf(d)
	if kind == "file" || d == validate.DocHeader || d == validate.DocRequest {
		return kind
	}
	_, request := s.of.Documents[validate.DocRequest]
	_, header := s.of.Documents[validate.DocHeader]
	if !request && !header && s.source == nil { // the file is a statement
		return kind
	}
	return "statement's " + kind
}

// find returns the place of the value that a violation points at, and whether it is there.
// In a file that is no strict JSON it is the place of the fault.
func (s *spots) find(d validate.Document, pointer string) (spot, bool) {
	if s.inFile(d) {
		return s.source.find(pointer)
	}
	lines, ok := s.lines[d]
	if !ok {
		if s.lines == nil {
			s.lines = map[validate.Document][]jsonscan.Line{}
		}
		lines = jsonscan.Indent(string(s.of.Documents[d]))
		s.lines[d] = lines
	}
	return findLine(lines, pointer)
}

// near finds the innermost value that is there: that which a violation points at, or else
// what would hold it, of which it returns the bracket. What is about no document has no place.
func (s *spots) near(v *validate.Violation) (at spot, exact, ok bool) {
	if ofFile(v) || ofCertificate(v) {
		return spot{}, false, false
	}
	d, pointer := v.Document, v.Pointer
	at, exact = s.find(d, pointer)
	for ok = exact; !ok && pointer != ""; {
		pointer = pointer[:max(strings.LastIndexByte(pointer, '/'), 0)]
		at, ok = s.find(d, pointer)
	}
	if ok && !exact {
		at.endLine, at.endColumn = at.line, at.column+1
	}
	return at, exact, ok
}

func (f *source) find(pointer string) (spot, bool) {
	if f.fault != nil {
		at := min(f.fault.Offset, len(f.text))
		_, size := utf8.DecodeRuneInString(f.text[at:])
		if size > 0 && f.text[at] == '\n' {
			size = 0
		}
		return f.spot(at, at+size), pointer == ""
	}
	start, end, ok := f.root.Span(pointer)
	if !ok {
		return spot{}, false
	}
	return f.spot(f.at+start, f.at+end), true
}

// spot returns the place of a range of bytes.
func (f *source) spot(start, end int) spot {
	var at spot
	at.line, at.column = jsonscan.Place(f.text, start)
	at.endLine, at.endColumn = jsonscan.Place(f.text, end)
	begin := strings.LastIndexByte(f.text[:start], '\n') + 1
	stop := strings.IndexByte(f.text[begin:], '\n')
	if stop < 0 {
		stop = len(f.text) - begin
	}
	at.text = strings.TrimSuffix(f.text[begin:begin+stop], "\r")
	at.start, at.end = min(start-begin, len(at.text)), min(end-begin, len(at.text))
	if at.endLine > at.line { // only its bracket is marked
		at.end = min(at.start+1, len(at.text))
	}
	return at
}

// findLine returns the place of a value in an indented document.
func findLine(lines []jsonscan.Line, pointer string) (spot, bool) {
	at, found := spot{}, false
	for i := range lines {
		l := &lines[i]
		if l.Pointer != pointer || l.Text == "" || l.Text == "..." {
			continue
		}
		if !l.Closing {
			at = spot{line: i + 1, column: utf8.RuneCountInString(l.Text[:l.Start]) + 1, text: l.Text, start: l.Start, end: l.End}
			found = true
		}
		at.endLine, at.endColumn = i+1, utf8.RuneCountInString(strings.TrimSuffix(l.Text, ","))+1
	}
	return at, found
}

// faultless reports whether a document could be read, as far as lines of the file are
// concerned.
func (s *spots) faultless(d validate.Document) bool { return !s.inFile(d) || s.source.fault == nil }
