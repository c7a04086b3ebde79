package jsonscan

import (
	"strconv"
	"strings"
)

var (
	escapePointer   = strings.NewReplacer("~", "~0", "/", "~1")
	unescapePointer = strings.NewReplacer("~1", "/", "~0", "~")
)

// AppendPointer extends an RFC 6901 pointer by one member name or index.
func AppendPointer(pointer, token string) string {
	return pointer + "/" + escapePointer.Replace(token)
}

// Lookup finds the value that an RFC 6901 pointer names in doc.
func Lookup(doc, pointer string) (Value, bool) {
	v, err := Parse(doc)
	if err != nil {
		return Value{}, false
	}
	for pointer != "" {
		token, rest, _ := strings.Cut(strings.TrimPrefix(pointer, "/"), "/")
		if pointer = ""; rest != "" {
			pointer = "/" + rest
		}
		var ok bool
		if v, ok = v.step(unescapePointer.Replace(token)); !ok {
			return Value{}, false
		}
	}
	return v, true
}

func (v Value) step(token string) (Value, bool) {
	if v.Kind() == Object {
		return v.Member(token)
	}
	for i, e := range v.Elements() {
		if strconv.Itoa(i) == token {
			return e, true
		}
	}
	return Value{}, false
}

// Line is one line of an indented document.
type Line struct {
	Text    string
	Pointer string // of the value that begins on this line; of a container, where it opens
	Start   int    // bytes before the value on this line
	End     int    // bytes before what follows the value; the line's end if it goes on
	Closing bool   // the line only closes a container
}

// Indent lays a document out with two blanks a level, one value a line, and says
// which value stands where. It gives nothing for a document that Parse refuses.
func Indent(doc string) []Line {
	v, err := Parse(doc)
	if err != nil {
		return nil
	}
	in := indenter{}
	in.value("", "", v, 0, "")
	return in.lines
}

type indenter struct{ lines []Line }

// value lays out v behind the given prefix (a member's name), and puts tail (a
// comma or nothing) behind it.
func (in *indenter) value(pointer, prefix string, v Value, depth int, tail string) {
	margin := strings.Repeat("  ", depth) + prefix
	count := v.Len()
	if count == 0 {
		in.add(pointer, margin, v.Raw(), tail)
		return
	}
	open, closing := "{", "}"
	if v.Kind() == Array {
		open, closing = "[", "]"
	}
	in.add(pointer, margin, open, "")
	next := func(i int) string {
		if i < count-1 {
			return ","
		}
		return ""
	}
	i := 0
	for name, m := range v.Members() {
		in.value(AppendPointer(pointer, name), strconv.Quote(name)+": ", m, depth+1, next(i))
		i++
	}
	for i, e := range v.Elements() {
		in.value(AppendPointer(pointer, strconv.Itoa(i)), "", e, depth+1, next(i))
	}
	in.lines = append(in.lines, Line{Text: strings.Repeat("  ", depth) + closing + tail, Pointer: pointer, Closing: true})
}

func (in *indenter) add(pointer, margin, text, tail string) {
	in.lines = append(in.lines, Line{
		Text: margin + text + tail, Pointer: pointer, Start: len(margin), End: len(margin) + len(text),
	})
}
