package jsonscan

import (
	"iter"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Kind is the type of a JSON value.
type Kind uint8

// The kinds of JSON values. Invalid is the kind of the zero Value.
const (
	Invalid Kind = iota
	Null
	Bool
	Number
	String
	Array
	Object
)

// String returns the name of the kind in JSON.
func (k Kind) String() string {
	return [...]string{"nothing", "null", "boolean", "number", "string", "array", "object"}[k]
}

// Value is a view of checked JSON text. Only Parse makes one that is not empty.
type Value struct{ raw string }

// Kind returns the type of the value.
func (v Value) Kind() Kind {
	if v.raw == "" {
		return Invalid
	}
	switch v.raw[0] {
	case '{':
		return Object
	case '[':
		return Array
	case '"':
		return String
	case 't', 'f':
		return Bool
	case 'n':
		return Null
	}
	return Number
}

// Raw is the value's text, byte for byte.
func (v Value) Raw() string { return v.raw }

// Bool is the value of a boolean, false for everything else.
func (v Value) Bool() bool { return v.raw == "true" }

// Text returns the text of a string, "" for any other value. clean is false if the value
// is no string, or if it holds NUL or a lone surrogate, which Text replaces by U+FFFD.
func (v Value) Text() (text string, clean bool) {
	if v.Kind() != String {
		return "", false
	}
	return unquote(v.raw)
}

// Int64 is the value of an integer literal: no fraction, no exponent, in range.
func (v Value) Int64() (int64, bool) {
	if v.Kind() != Number || v.raw == "-0" {
		return 0, false
	}
	n, err := strconv.ParseInt(v.raw, 10, 64)
	return n, err == nil
}

// Members yields the members of an object in their order, and nothing else.
func (v Value) Members() iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		if v.Kind() != Object {
			return
		}
		i := skipSpace(v.raw, 1)
		for v.raw[i] != '}' {
			end := valueEnd(v.raw, i)
			name, _ := unquote(v.raw[i:end])
			i = valueStart(v.raw, end)
			end = valueEnd(v.raw, i)
			if !yield(name, Value{raw: v.raw[i:end]}) {
				return
			}
			i = nextItem(v.raw, end)
		}
	}
}

// Elements yields the elements of an array with their index, and nothing else.
func (v Value) Elements() iter.Seq2[int, Value] {
	return func(yield func(int, Value) bool) {
		if v.Kind() != Array {
			return
		}
		i := skipSpace(v.raw, 1)
		for n := 0; v.raw[i] != ']'; n++ {
			end := valueEnd(v.raw, i)
			if !yield(n, Value{raw: v.raw[i:end]}) {
				return
			}
			i = nextItem(v.raw, end)
		}
	}
}

// Len is the number of elements of an array or members of an object.
func (v Value) Len() int {
	kind, n := v.Kind(), 0
	if kind != Array && kind != Object {
		return 0
	}
	for i := skipSpace(v.raw, 1); v.raw[i] != ']' && v.raw[i] != '}'; n++ {
		if kind == Object {
			i = valueStart(v.raw, valueEnd(v.raw, i))
		}
		i = nextItem(v.raw, valueEnd(v.raw, i))
	}
	return n
}

// Member finds the member of an object that has exactly that name.
func (v Value) Member(name string) (Value, bool) {
	for n, m := range v.Members() {
		if n == name {
			return m, true
		}
	}
	return Value{}, false
}

// MemberText returns the text of an object's member, as Text does. It is "" and not clean
// for a member that is absent or no string.
func (v Value) MemberText(name string) (text string, clean bool) {
	m, _ := v.Member(name)
	return m.Text()
}

// valueStart returns the start of the value that follows a name; i is the name's end.
func valueStart(s string, i int) int { return skipSpace(s, skipSpace(s, i)+1) }

// nextItem returns the start of the next item, or the place of the closing bracket; i is
// an item's end. The text is checked already.
func nextItem(s string, i int) int {
	i = skipSpace(s, i)
	if s[i] == ',' {
		i = skipSpace(s, i+1)
	}
	return i
}

// valueEnd returns the end of the value that begins at i, in checked text.
func valueEnd(s string, i int) int {
	switch s[i] {
	case '"':
		return stringEnd(s, i)
	case '{', '[':
	default:
		return literalEnd(s, i)
	}
	depth := 0
	for ; ; i++ {
		switch s[i] {
		case '"':
			i = stringEnd(s, i) - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
}

func literalEnd(s string, i int) int {
	for ; i < len(s); i++ {
		switch s[i] {
		case ',', ']', '}', ' ', '\n', '\t', '\r':
			return i
		}
	}
	return i
}

func stringEnd(s string, i int) int {
	for i = plainEnd(s, i+1); s[i] != '"'; i = plainEnd(s, i+2) {
	}
	return i + 1
}

// unquote decodes a checked string with its quotes.
func unquote(quoted string) (text string, clean bool) {
	body := quoted[1 : len(quoted)-1]
	if strings.IndexByte(body, '\\') < 0 {
		return body, true
	}
	return unescapeAll(body)
}

// unescapeAll undoes every escape of a checked string without its quotes.
func unescapeAll(body string) (text string, clean bool) {
	clean = true
	out := make([]byte, 0, len(body))
	for body != "" {
		if body[0] == '\\' {
			r, length, ok := unescape(body)
			out, body, clean = utf8.AppendRune(out, r), body[length:], clean && ok
			continue
		}
		plain := strings.IndexByte(body, '\\')
		if plain < 0 {
			plain = len(body)
		}
		out, body = append(out, body[:plain]...), body[plain:]
	}
	return string(out), clean
}

// unescape returns the character of the escape at the start of s, and the escape's length.
// clean is false for NUL and for a lone surrogate.
func unescape(s string) (r rune, length int, clean bool) {
	if s[1] != 'u' {
		return rune(simpleEscape(s[1])), 2, true
	}
	r = hexRune(s[2:])
	if !utf16.IsSurrogate(r) {
		return r, 6, r != 0
	}
	low := rune(-1)
	if strings.HasPrefix(s[6:], `\u`) {
		low = hexRune(s[8:])
	}
	if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
		return r, 6, false
	}
	return r, 12, true
}

func simpleEscape(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return c
}

func hexRune(s string) rune {
	r := rune(0)
	for _, c := range []byte(s[:4]) {
		r = r<<4 | rune(c&0xf+c>>6*9) // a letter has bit 6, and A counts 1 in its last four
	}
	return r
}
