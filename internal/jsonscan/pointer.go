package jsonscan

import (
	"strconv"
	"strings"
)

var unescapePointer = strings.NewReplacer("~1", "/", "~0", "~")

// AppendPointer extends an RFC 6901 pointer by one member name or index.
func AppendPointer(pointer, token string) string {
	special := strings.Count(token, "~") + strings.Count(token, "/")
	if special == 0 {
		return pointer + "/" + token
	}
	var b strings.Builder
	b.Grow(len(pointer) + 1 + len(token) + special)
	b.WriteString(pointer)
	b.WriteByte('/')
	for i := range len(token) {
		switch token[i] {
		case '~':
			b.WriteString("~0")
		case '/':
			b.WriteString("~1")
		default:
			b.WriteByte(token[i])
		}
	}
	return b.String()
}

// Lookup finds the value that an RFC 6901 pointer names in doc. It finds nothing in
// a document that Parse refuses, and by a pointer that is not empty and does not
// begin with a slash.
func Lookup(doc, pointer string) (Value, bool) {
	v, err := Parse(doc)
	if err != nil {
		return Value{}, false
	}
	start, end, ok := v.Span(pointer)
	return Value{raw: v.raw[start:end]}, ok
}

// Span returns where the value that an RFC 6901 pointer names begins and ends, in bytes of
// Raw. It is false for a pointer that names no value.
func (v Value) Span(pointer string) (start, end int, ok bool) {
	end = len(v.raw)
	for pointer != "" {
		if pointer[0] != '/' {
			return 0, 0, false
		}
		stop := strings.IndexByte(pointer[1:], '/') + 1
		if stop == 0 {
			stop = len(pointer)
		}
		from, to, ok := Value{raw: v.raw[start:end]}.child(unescapePointer.Replace(pointer[1:stop]))
		if !ok {
			return 0, 0, false
		}
		start, end, pointer = start+from, start+to, pointer[stop:]
	}
	return start, end, true
}

// child returns where the member of that name or the element of that index begins and
// ends.
func (v Value) child(token string) (start, end int, ok bool) {
	kind, index := v.Kind(), -1
	switch kind {
	case Object:
	case Array:
		at, err := strconv.Atoi(token)
		if err != nil || at < 0 || strconv.Itoa(at) != token { // RFC 6901: no sign, no leading zero
			return 0, 0, false
		}
		index = at
	default:
		return 0, 0, false
	}
	i := skipSpace(v.raw, 1)
	for n := 0; v.raw[i] != '}' && v.raw[i] != ']'; n++ {
		found := n == index
		if kind == Object {
			end = valueEnd(v.raw, i)
			name, _ := unquote(v.raw[i:end])
			found, i = name == token, valueStart(v.raw, end)
		}
		if end = valueEnd(v.raw, i); found {
			return i, end, true
		}
		i = nextItem(v.raw, end)
	}
	return 0, 0, false
}
