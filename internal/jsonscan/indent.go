package jsonscan

import (
	"slices"
	"strconv"
	"strings"
)

// Line is one line of an indented document.
type Line struct {
	Text    string
	Pointer string // of the value that begins on this line; of a container, where it opens
	Start   int    // bytes before the value on this line
	End     int    // bytes before what follows the value; the line's end if it goes on
	Closing bool   // the line only closes a container
}

// Indent formats a document: two blanks a level, one value a line. Each Line has the place
// of its value. Indent returns nil for a document that Parse refuses. If the lines would
// take several times the memory of the document, it stops early, with a last line "...".
func Indent(doc string) []Line {
	v, err := Parse(doc)
	if err != nil {
		return nil
	}
	in := indenter{left: 40<<10 + 2*len(doc)}
	// Each line but the first comes with one of these characters, so this is never less
	// than the number of lines. It is bounded by the room.
	most := strings.Count(doc, ",") + 2*strings.Count(doc, "{") + 2*strings.Count(doc, "[") + 2
	in.lines = make([]Line, 0, min(most, in.left/lineCost+2))
	in.value("", nil, v, 0, false)
	if in.left < 0 {
		in.lines = append(in.lines, Line{Text: "..."})
	}
	return in.lines
}

// indenter formats lines until its room is used up. The bound is for a document of tiny
// values under long names, whose pointers would take much more memory than the document.
type indenter struct {
	lines []Line
	buf   []byte // the current line
	left  int    // the room that is left, in bytes
}

// lineCost is the memory of a line beside its text and its pointer, in bytes.
const lineCost = 64

// value formats v after its name, if it has one, with a comma if more follow.
func (in *indenter) value(pointer string, name *string, v Value, depth int, more bool) {
	if in.left < 0 {
		return
	}
	in.begin(depth)
	if name != nil {
		in.buf = slices.Grow(in.buf, 4*len(*name)+4) // the worst case, once
		in.buf = append(strconv.AppendQuote(in.buf, *name), ": "...)
	}
	start, count := len(in.buf), v.Len()
	if count == 0 {
		in.add(Line{Pointer: pointer, Start: start, End: start + len(v.Raw())}, v.Raw(), more)
		return
	}
	open, closing := "{", "}"
	if v.Kind() == Array {
		open, closing = "[", "]"
	}
	in.add(Line{Pointer: pointer, Start: start, End: start + 1}, open, false)
	for name, m := range v.Members() {
		if !in.affords(pointer, name) {
			return
		}
		count--
		in.value(AppendPointer(pointer, name), &name, m, depth+1, count > 0)
	}
	for i, e := range v.Elements() {
		if !in.affords(pointer, "") {
			return
		}
		in.value(AppendPointer(pointer, strconv.Itoa(i)), nil, e, depth+1, i < count-1)
	}
	in.begin(depth)
	in.add(Line{Pointer: pointer, Closing: true}, closing, more)
}

// affords reports whether there is room for the pointer of a member.
func (in *indenter) affords(pointer, name string) bool {
	if in.left < lineCost+len(pointer)+2*len(name) {
		in.left = -1
	}
	return in.left >= 0
}

func (in *indenter) begin(depth int) {
	in.buf = in.buf[:0]
	for range depth {
		in.buf = append(in.buf, "  "...)
	}
}

// add completes the current line with a text, and a comma if more follow. It keeps the
// line if there is room.
func (in *indenter) add(line Line, text string, more bool) {
	in.left -= lineCost + len(line.Pointer) + len(in.buf) + len(text)
	if in.left < 0 {
		return
	}
	in.buf = append(in.buf, text...)
	if more {
		in.buf = append(in.buf, ',')
	}
	line.Text = string(in.buf)
	in.lines = append(in.lines, line)
}
