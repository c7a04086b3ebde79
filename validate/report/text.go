package report

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/validate"
)

// writeText writes the report for people: a headline, the violations, and a count. Each
// violation shows the line of the indented document with a caret under the value,
// what is cited, and how to mend it. Whatever comes from the input is made
// printable. The error is that of w.
func writeText(w io.Writer, of *Result, color bool) error {
	r := of.Report
	t := &textWriter{o: of, color: color, lines: map[validate.Document][]jsonscan.Line{}}
	t.headline()
	for i := range r.Violations {
		t.violation(&r.Violations[i])
	}
	if r.More > 0 {
		fmt.Fprintf(&t.b, "and %s not shown\n", plural(r.More, "more violation"))
	}
	t.total(r)
	_, err := w.Write(t.b.Bytes())
	return err
}

type textWriter struct {
	b     bytes.Buffer
	o     *Result
	color bool
	lines map[validate.Document][]jsonscan.Line
}

// ANSI codes.
const (
	red, yellow, cyan, green, bold = "31", "33", "36", "32", "1"
)

func (t *textWriter) paint(code, s string) string {
	if !t.color || s == "" {
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

// headline writes a line such as
// request.jwt   PS256  kid hcgex...   SSA from OpenBanking Ltd (note)
func (t *textWriter) headline() {
	var parts []string
	if t.o.Name != "" {
		parts = append(parts, t.paint(bold, text.Show(shownName(t.o.Name))))
	}
	signed := text.Echo(t.o.Algorithm)
	if t.o.KeyID != "" {
		signed = strings.TrimSpace(signed + "  kid " + shortKeyID(t.o.KeyID))
	}
	if signed = noted(signed, noteOf("signature", t.o.Checks.RequestSignature)); signed != "" {
		parts = append(parts, signed)
	}
	if note := noteOf("signature", t.o.Checks.StatementSignature); t.o.Issuer != "" || note != "" {
		from := "SSA"
		if t.o.Issuer != "" {
			from += " from " + text.Echo(t.o.Issuer)
		}
		parts = append(parts, noted(from, note))
	}
	if len(parts) > 0 {
		t.b.WriteString(strings.Join(parts, "   ") + "\n")
	}
}

// noteOf says in words what came of a check, "" if it does not apply.
func noteOf(what string, c validate.Check) string {
	switch {
	case c.State == "":
		return ""
	case c.State == validate.CheckKeyNotFound:
		return "key not found"
	case c.State == validate.CheckNotChecked && c.Note != "":
		return what + " not checked: " + c.Note
	case c.State == validate.CheckNotChecked:
		return what + " not checked"
	}
	return what + " " + string(c.State)
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

func (t *textWriter) violation(v *validate.Violation) {
	fmt.Fprintf(&t.b, "%s  %s   %s\n",
		t.paint(color(v.Severity), fmt.Sprintf("%-7s", v.Severity)), t.paint(bold, text.Show(v.Rule)), placeOf(v))
	t.excerpt(v)
	if v.Want != "" {
		t.remark("want: " + v.Want)
	}
	cited := v.Citation.String()
	if v.Severity == validate.SeverityError {
		cited += "; the bank would answer " + string(v.Code)
	}
	if cited != "" {
		t.remark(strings.TrimPrefix(cited, "; "))
	}
	if v.Fix != "" {
		t.remark("fix: " + v.Fix)
	}
}

func (t *textWriter) remark(s string) { t.b.WriteString("      = " + text.Show(s) + "\n") }

// placeOf returns the pointer, and the document where it is not the request.
func placeOf(v *validate.Violation) string {
	at := text.Show(v.Pointer)
	if at == "" {
		at = "the whole"
	}
	switch v.Document {
	case validate.DocHeader:
		return at + " of the header"
	case validate.DocSSA:
		return at + " of the software statement"
	case validate.DocSSAHeader:
		return at + " of the software statement's header"
	}
	if v.Pointer == "" {
		return at + " of the request"
	}
	return at
}

// maxColumns is the greatest width of a line that is quoted from a document.
const maxColumns = 100

// excerpt quotes the line of the value, with carets and the message under it. For an
// absent value it writes the message alone.
func (t *textWriter) excerpt(v *validate.Violation) {
	line, number := t.find(v.Document, v.Pointer)
	if number == 0 {
		fmt.Fprintf(&t.b, "      | %s\n", text.Show(v.Message))
		return
	}
	shown := []rune(text.Show(line.Text))
	start := utf8.RuneCountInString(line.Text[:line.Start])
	end := utf8.RuneCountInString(line.Text[:line.End])
	if len(shown) > maxColumns {
		shown = append(shown[:maxColumns-3:maxColumns-3], []rune("...")...)
	}
	start, end = min(start, len(shown)-1), min(end, len(shown))
	carets := strings.Repeat("^", max(end-start, 1))
	fmt.Fprintf(&t.b, "%5d | %s\n", number, string(shown))
	fmt.Fprintf(&t.b, "      | %s%s %s\n", strings.Repeat(" ", start), t.paint(color(v.Severity), carets), text.Show(v.Message))
}

// find returns the line on which the value of pointer begins, and its number
// from 1; number 0 means there is none.
func (t *textWriter) find(d validate.Document, pointer string) (jsonscan.Line, int) {
	lines, ok := t.lines[d]
	if !ok {
		lines = jsonscan.Indent(string(t.o.Documents[d]))
		t.lines[d] = lines
	}
	if pointer == "" {
		return jsonscan.Line{}, 0
	}
	for i := range lines {
		if l := lines[i]; l.Pointer == pointer && !l.Closing && l.Text != "" {
			return l, i + 1
		}
	}
	return jsonscan.Line{}, 0
}

// total writes a line such as 2 errors, 1 warning.
func (t *textWriter) total(r *validate.Report) {
	var counts []string
	for _, s := range []validate.Severity{validate.SeverityError, validate.SeverityWarning, validate.SeverityNotice} {
		if n := r.Count(s); n > 0 {
			counts = append(counts, plural(n, string(s)))
		}
	}
	switch line := strings.Join(counts, ", "); {
	case !r.Valid() && line == "":
		t.b.WriteString(t.paint(red, "nothing was judged") + "\n")
	case !r.Valid():
		t.b.WriteString(line + "\n")
	default:
		if line != "" {
			line += ", "
		}
		fmt.Fprintf(&t.b, "%s (%s): %s%s passed, %d not applicable\n", t.paint(green, "valid"), r.Profile, line,
			plural(len(r.Passed()), "rule"), len(r.NotApplicable()))
	}
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}
