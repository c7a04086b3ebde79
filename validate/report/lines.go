package report

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/validate"
)

// conciseForm writes lines that programs read, result by result.
type conciseForm struct{ w io.Writer }

func (f *conciseForm) add(of *Result) error {
	var b bytes.Buffer
	concise(&b, of)
	_, err := f.w.Write(b.Bytes())
	return err
}

func (f *conciseForm) unjudged(name, why string) error {
	first, _, _ := strings.Cut(why, "\n")
	_, err := fmt.Fprintf(f.w, "%s: not judged: %s\n", text.Show(shownName(name)), text.Show(first))
	return err
}

func (f *conciseForm) end() error { return nil }

// concise writes one line a finding, and one with the verdict and each check:
//
//	claims.json:7:5: error redirect_uris.subset_of_ssa /redirect_uris/1 not in the SSA, ...
//	claims.json: invalid: 1 error; request signature good, ...
//
// A token has one line. Line and column are then those of the file, and the message tells
// the line of the payload.
func concise(b *bytes.Buffer, of *Result) {
	name := text.Show(shownName(of.Name))
	s := newSpots(of)
	for i := range of.Report.Violations {
		v := &of.Report.Violations[i]
		at, message, ok := s.inTheFile(v)
		if !ok {
			at.line, at.column = 1, 1
		}
		fmt.Fprintf(b, "%s:%d:%d: %s %s %s %s\n", name, at.line, at.column, v.Severity, text.Show(v.Rule), text.Show(address(v)), text.Show(message))
	}
	fmt.Fprintf(b, "%s: %s\n", name, text.Show(conclusion(of)))
}

// conclusion writes verdict, numbers and checks in one line.
func conclusion(of *Result) string {
	line := brief(of)
	if of.Report.More > 0 {
		line += " (" + strconv.Itoa(of.Report.More) + " not shown)"
	}
	var checks []string
	for _, c := range of.Checks.Named() {
		checks = append(checks, c.Name+" "+stateOf(c.Check))
	}
	if len(checks) > 0 {
		line += "; " + strings.Join(checks, ", ")
	}
	return line
}

// brief writes verdict and numbers.
func brief(of *Result) string {
	line, found := "invalid", counts(of.Report)
	switch {
	case of.Report.Valid():
		line = validWord(of)
	case found == "":
		line = "nothing was judged"
	}
	if found != "" {
		line += ": " + found
	}
	return line
}

// inTheFile returns where a violation is in the file: its value, or what would hold it. For
// a token, which has one line, ok is false, and the message names the line of the payload.
func (s *spots) inTheFile(v *validate.Violation) (at spot, message string, ok bool) {
	at, exact, ok := s.near(v)
	if ok && s.inFile(v.Document) {
		return at, v.Message, true
	}
	if exact && v.Pointer != "" {
		return at, v.Message + " (" + s.named(v.Document, at) + ")", false
	}
	return at, v.Message, false
}

// named names a line that is none of the file.
func (s *spots) named(d validate.Document, at spot) string {
	return s.textOf(d) + ", line " + strconv.Itoa(at.line)
}
