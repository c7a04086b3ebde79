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
	for pointer != "" {
		if pointer[0] != '/' {
			return Value{}, false
		}
		end := strings.IndexByte(pointer[1:], '/') + 1
		if end == 0 {
			end = len(pointer)
		}
		var ok bool
		if v, ok = v.step(unescapePointer.Replace(pointer[1:end])); !ok {
			return Value{}, false
		}
		pointer = pointer[end:]
	}
	return v, true
}

func (v Value) step(token string) (Value, bool) {
	if v.Kind() == Object {
		return v.Member(token)
	}
	at, err := strconv.Atoi(token)
	if err != nil || strconv.Itoa(at) != token { // RFC 6901: no sign, no leading zero
		return Value{}, false
	}
	for i, e := range v.Elements() {
		if i == at {
			return e, true
		}
	}
	return Value{}, false
}
