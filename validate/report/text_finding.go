package report

import (
	"strconv"
	"strings"

	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/validate"
)

// maxShown is how many findings of one rule, one after the other, are shown with their
// lines. The others are listed.
const maxShown = 5

// margin is the width of what stands before a quoted line.
const margin = len("      | ")

// findings writes the violations. A rule that finds several says once how to mend them.
func (t *textWriter) findings() {
	all := t.of.Report.Violations
	for len(all) > 0 {
		n := 1
		for n < len(all) && all[n].Rule == all[0].Rule {
			n++
		}
		shown := n
		if n > maxShown+1 { // one that is left out would be no gain
			shown = maxShown
		}
		for i := range all[:shown] {
			t.finding(&all[i])
			if i == shown-1 && shown < n {
				t.remark("and " + strconv.Itoa(n-shown) + " more of this rule: " + pointers(all[shown:n]))
			}
			if fix := all[i].Fix; fix != "" && (i == shown-1 || fix != all[i+1].Fix) {
				t.remark("fix: " + fix)
				t.command(all[i].Command)
			}
		}
		all = all[n:]
	}
}

// finding writes the rule and the place, the line with carets and the message under it, and
// what is wanted unless the message says it.
func (t *textWriter) finding(v *validate.Violation) {
	severity, rule := string(v.Severity), text.Show(v.Rule)
	title := strings.Join(text.Hang(text.Show(severity+"  "+rule+"  "+placeOf(v)), t.o.Width, 2), "\n")
	title = strings.Replace(title[len(severity):], rule, t.paint(bold, rule), 1)
	t.b.WriteString(t.paint(color(v.Severity), severity) + title + "\n")
	t.excerpt(v)
	if v.Want != "" && !strings.Contains(v.Message, v.Want) {
		t.remark("want: " + v.Want)
	}
}

// command writes a command line as one line, however long: a broken one cannot be copied.
func (t *textWriter) command(line string) {
	if line != "" {
		t.b.WriteString(strings.Repeat(" ", margin+2) + text.Show(line) + "\n")
	}
}

func (t *textWriter) remark(s string) { t.wrapped("      = "+s, 0, margin) }

// excerpt quotes the line of the value, with carets and the message under it. For an
// absent value it writes the message alone.
func (t *textWriter) excerpt(v *validate.Violation) {
	at, ok := t.spots.find(v.Document, v.Pointer)
	message := text.Show(v.Message)
	room := t.o.Width - margin
	if !ok || v.Pointer == "" && t.spots.faultless(v.Document) {
		t.quoted("", text.Wrap(message, room))
		return
	}
	start, end := mark(&at, v.Got)
	line, column, length := window(at.text, start, end, room)
	t.quoted(strconv.Itoa(at.line), []string{line})
	carets := strings.Repeat(" ", column) + t.paint(color(v.Severity), strings.Repeat("^", length))
	cells := text.Cells(message)
	switch {
	case column+length+1+cells <= room:
		t.quoted("", []string{carets + " " + message})
	case column+cells <= room:
		t.quoted("", []string{carets, strings.Repeat(" ", column) + message})
	default:
		t.quoted("", append([]string{carets}, text.Wrap(message, room)...))
	}
}

// quoted writes lines behind the margin, the first with a number.
func (t *textWriter) quoted(number string, lines []string) {
	for _, line := range lines {
		t.b.WriteString(strings.Repeat(" ", max(0, margin-len(" | ")-len(number))) + number + " | " + line + "\n")
	}
}

// mark returns the part of the line that carets belong under: the text of a string without
// its quotation marks, or the one word of it that was found wrong.
func mark(at *spot, got string) (start, end int) {
	start, end = at.start, at.end
	value := at.text[start:end]
	if len(value) < 3 || value[0] != '"' || value[len(value)-1] != '"' {
		return start, end
	}
	start, end = start+1, end-1
	words := strings.Split(at.text[start:end], " ")
	if len(words) == 1 {
		return start, end
	}
	from, found := 0, 0
	for i, at := 0, start; i < len(words); i++ {
		if words[i] == got {
			from, found = at, found+1
		}
		at += len(words[i]) + 1
	}
	if found != 1 || got == "" {
		return start, end
	}
	return from, from + len(got)
}

const (
	dots    = "..."
	context = 24 // cells that are shown before a value in the middle of a long line
)

// window cuts a line so that it fits into room cells and shows the bytes from start to end,
// or their beginning. It returns the line, and the cell and the number of cells to mark.
func window(line string, start, end, room int) (shown string, column, length int) {
	before, value, after := visible(line[:start]), visible(line[start:end]), visible(line[end:])
	column, length = text.Cells(before), text.Cells(value)
	if column > room-context && column+length+text.Cells(after) > room {
		before = dots + text.LastCells(before, context)
		column = text.Cells(before)
	}
	shown = before + value + after
	if text.Cells(shown) > room {
		shown = text.CutCells(shown, room-len(dots))
		length = min(length, text.Cells(shown)-column)
		shown += dots
	}
	return shown, column, max(length, 1)
}

// visible makes a part of a line printable. A tab takes four cells.
func visible(s string) string { return text.Show(strings.ReplaceAll(s, "\t", "    ")) }

// pointers lists the places of violations of one rule. Neighbours in an array become one
// range.
func pointers(all []validate.Violation) string {
	const most = 8
	var ranges []string
	for i := 0; i < len(all); {
		n := 1
		for i+n < len(all) && isNext(all[i+n-1].Pointer, all[i+n].Pointer) {
			n++
		}
		one := placeOf(&all[i])
		if n > 1 {
			one = all[i].Pointer + " to " + placeOf(&all[i+n-1])
		}
		if len(ranges) == most {
			return strings.Join(ranges, ", ") + ", " + dots
		}
		ranges = append(ranges, one)
		i += n
	}
	return strings.Join(ranges, ", ")
}

// isNext reports whether b points at the element behind that of a.
func isNext(a, b string) bool {
	slash := strings.LastIndexByte(a, '/') + 1
	n, err := strconv.Atoi(a[slash:])
	return err == nil && b == a[:slash]+strconv.Itoa(n+1)
}
