package report

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/validate"
)

// textForm writes reports for people: a head, the violations, and a verdict. Whatever comes
// from the input is made printable. Lines are broken at blanks.
type textForm struct {
	w     io.Writer
	o     WriterOptions
	last  bool // the last file had more than one line
	total summary
}

func (f *textForm) add(of *Result) error {
	f.total.add(of)
	t := &textWriter{of: of, o: &f.o, spots: newSpots(of)}
	brief := f.o.Many && len(of.Report.Violations) == 0 && of.Report.Valid()
	if f.total.files > 1 && !(brief && !f.last) {
		t.b.WriteByte('\n')
	}
	if f.last = !brief; brief {
		t.brief()
	} else {
		t.report()
	}
	_, err := f.w.Write(t.b.Bytes())
	return err
}

func (f *textForm) unjudged(string, string) error {
	f.total.unjudged++ // who lints tells which and why where he tells errors
	return nil
}

func (f *textForm) end() error {
	if !f.o.Many {
		return nil
	}
	t := &textWriter{o: &f.o}
	if f.total.files > 0 {
		t.b.WriteByte('\n')
	}
	for _, line := range f.total.lines() {
		t.wrapped(line, 0, 2)
	}
	_, err := f.w.Write(t.b.Bytes())
	return err
}

// textWriter writes one result.
type textWriter struct {
	b     bytes.Buffer
	of    *Result
	o     *WriterOptions
	spots *spots
}

// ANSI codes.
const (
	red, yellow, cyan, green, bold = "31", "33", "36", "32", "1"
)

func (t *textWriter) paint(code, s string) string {
	if !t.o.Color || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func color(s validate.Severity) string {
	switch s {
	case validate.SeverityWarning:
		return yellow
	case validate.SeverityNotice:
		return cyan
	}
	return red
}

// wrapped writes a text in lines that fit behind a margin. Those after the first begin with
// as many blanks as indent says.
func (t *textWriter) wrapped(s string, margin, indent int) {
	for i, line := range text.Hang(text.Show(s), t.o.Width-margin, indent) {
		if i > 0 {
			t.b.WriteString(strings.Repeat(" ", margin))
		}
		t.b.WriteString(line + "\n")
	}
}

// brief writes one line about a file without a finding, of many.
func (t *textWriter) brief() {
	verdict, code := validAsFarAsChecked, yellow
	if t.of.Checks.Complete() {
		verdict, code = "valid", green
	}
	t.b.WriteString(t.paint(bold, text.Show(shownName(t.of.Name))) + ": " + t.paint(code, verdict) + "\n")
}

func (t *textWriter) report() {
	r := t.of.Report
	t.head()
	t.findings()
	if r.More > 0 {
		fmt.Fprintf(&t.b, "and %s not shown\n", plural(r.More, "more violation"))
	}
	if len(r.Violations) > 0 {
		t.b.WriteByte('\n')
	}
	if wire := r.Wire(); wire != nil {
		would := "The bank would answer: "
		if r.Valid() {
			would = "Sent as the file is, the bank would answer: "
		}
		t.b.WriteString(would + answer(wire) + "\n")
	}
	t.clauses()
	t.verdict()
}

// head writes the file, its algorithm and kid, the issuer of the statement, and what came
// of each check: on one line if it fits, else on one line each. For example:
//
//	request.jwt   PS256  kid hcgex...   SSA from OpenBanking Ltd (signature good)
func (t *textWriter) head() {
	const gap = "   "
	pieces, file := t.pieces()
	if len(pieces) == 0 {
		return
	}
	if t.of.Bank != "" {
		pieces = append(pieces, "judged by the dialect of "+text.Show(t.of.Bank))
	}
	lines := []string{strings.Join(pieces, gap)}
	if text.Cells(lines[0]) > t.o.Width {
		lines = pieces
		if first := strings.Join(pieces[:min(2, len(pieces))], gap); file && text.Cells(first) <= t.o.Width {
			lines = append([]string{first}, pieces[min(2, len(pieces)):]...)
		}
	}
	for i, line := range lines {
		name := ""
		if i == 0 && file { // a file name is not broken
			name, line = pieces[0], line[len(pieces[0]):]
		} else {
			line = strings.Join(text.Hang(line, t.o.Width, 2), "\n")
		}
		t.b.WriteString(t.paint(bold, name) + line + "\n")
	}
	t.counted()
}

// pieces returns the parts of the head, and whether the first is the name of the file.
func (t *textWriter) pieces() (pieces []string, file bool) {
	if t.of.Name != "" {
		pieces, file = append(pieces, text.Show(shownName(t.of.Name))), true
	}
	add := func(piece string) {
		if piece != "" {
			pieces = append(pieces, text.Show(piece))
		}
	}
	if len(t.of.Documents) == 0 { // there is nothing to say of single ones
		add(allAlike(&t.of.Checks))
		return pieces, file
	}
	signed := text.Echo(t.of.Algorithm)
	if t.of.KeyID != "" {
		signed = strings.TrimSpace(signed + "  kid " + shortKeyID(t.of.KeyID))
	}
	issuer := ""
	if t.of.Issuer != "" {
		issuer = "SSA from " + text.Echo(t.of.Issuer)
	}
	c := &t.of.Checks
	add(noted(signed, signatureNote(c.RequestSignature)))
	note := signatureNote(c.StatementSignature)
	if issuer == "" && note != "" {
		issuer = "SSA"
	}
	add(noted(issuer, note))
	for _, other := range []validate.NamedCheck{{Name: "audience", Check: c.Audience}, {Name: "certificate", Check: c.Certificate}} {
		if other.State != "" {
			add(other.Name + " " + stateOf(other.Check))
		}
	}
	return pieces, file
}

// signatureNote says what came of the check of a signature, "" if it does not apply.
func signatureNote(c validate.Check) string {
	switch c.State {
	case "":
		return ""
	case validate.CheckKeyNotFound:
		return stateOf(c)
	case validate.CheckGood: // the note stands between the brackets of the head already
		return strings.TrimSuffix("signature good; "+c.Note, "; ")
	}
	return "signature " + stateOf(c)
}

func noted(s, note string) string {
	if note == "" {
		return s
	}
	return strings.TrimSpace(s + " (" + note + ")")
}

// shortKeyID shows enough of a kid to recognise it.
func shortKeyID(kid string) string {
	kid = text.Echo(kid)
	if r := []rune(kid); len(r) > 8 {
		return string(r[:5]) + "..."
	}
	return kid
}

// counted names the texts that the line numbers belong to. It is silent if that is the file
// alone.
func (t *textWriter) counted() {
	inFile, named := "", []string{}
	for _, d := range []validate.Document{validate.DocHeader, validate.DocRequest, validate.DocSSAHeader, validate.DocSSA} {
		shows := func(v validate.Violation) bool {
			_, ok := t.spots.find(d, v.Pointer)
			return ok && v.Document == d && v.Pointer != ""
		}
		switch {
		case !slices.ContainsFunc(t.of.Report.Violations, shows):
		case t.spots.inFile(d):
			inFile = "file; "
		default:
			named = append(named, t.spots.textOf(d))
		}
	}
	if len(named) > 0 {
		t.wrapped("line numbers: "+inFile+text.And(named)+", pretty-printed", 0, 2)
	}
}

// clauses writes once for each rule where it is written.
func (t *textWriter) clauses() {
	done := map[string]bool{}
	for i := range t.of.Report.Violations {
		v := &t.of.Report.Violations[i]
		if cited := v.Citation.String(); cited != "" && !done[v.Rule] {
			done[v.Rule] = true
			t.wrapped(v.Rule+": "+cited, 0, 2)
		}
	}
}

// verdict writes the last lines: how many violations there are, or that the file is valid.
func (t *textWriter) verdict() {
	r := t.of.Report
	found := counts(r)
	if !r.Valid() {
		if found == "" {
			found = t.paint(red, "nothing was judged")
		}
		t.b.WriteString(found + "\n")
		return
	}
	if found != "" {
		found += ", "
	}
	figures := fmt.Sprintf("%s%s passed, %d not applicable", found, plural(len(r.Passed()), "rule"), len(r.NotApplicable()))
	word := validWord(t.of)
	if t.of.Checks.Complete() {
		code := green
		if r.Wire() != nil {
			code = yellow
		}
		fmt.Fprintf(&t.b, "%s (%s): %s\n", t.paint(code, word), r.Profile, figures)
		return
	}
	lines := text.Hang(verdict(t.of), t.o.Width, 2)
	lines[0] = t.paint(yellow, word) + strings.TrimPrefix(lines[0], word)
	t.b.WriteString(strings.Join(lines, "\n") + "\n")
	t.wrapped(string(r.Profile)+": "+figures, 0, 2)
}
