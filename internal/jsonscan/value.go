package jsonscan

import (
	"iter"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Kind is what a JSON value is.
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

// String gives the name that JSON texts use for the kind.
func (k Kind) String() string {
	return [...]string{"nothing", "null", "boolean", "number", "string", "array", "object"}[k]
}

// Value is a view of checked JSON text. Only Parse makes one that is not empty.
type Value struct{ raw string }

// Kind tells what the value is.
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

// Text is the value of a string, "" for everything else. clean is false when it
// holds NUL or a lone surrogate, which then reads as U+FFFD.
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
			i = skipSpace(v.raw, skipSpace(v.raw, end)+1)
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
	n := 0
	switch v.Kind() {
	case Array:
		for range v.Elements() {
			n++
		}
	case Object:
		for range v.Members() {
			n++
		}
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

// nextItem steps from the end of an item to the next one or to the closing
// bracket. The text is checked already.
func nextItem(s string, i int) int {
	i = skipSpace(s, i)
	if s[i] == ',' {
		i = skipSpace(s, i+1)
	}
	return i
}

// valueEnd is the end of the value that begins at i, in checked text.
func valueEnd(s string, i int) int {
	switch s[i] {
	case '"':
		return stringEnd(s, i)
	case '{', '[':
	default:
		for i < len(s) && strings.IndexByte(",]} \n\t\r", s[i]) < 0 {
			i++
		}
		return i
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

func stringEnd(s string, i int) int {
	for i++; s[i] != '"'; i++ {
		if s[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// unquote decodes a checked string with its quotes.
func unquote(quoted string) (text string, clean bool) {
	body := quoted[1 : len(quoted)-1]
	if strings.IndexByte(body, '\\') < 0 {
		return body, true
	}
	clean = true
	out := make([]byte, 0, len(body))
	for i := 0; i < len(body); {
		if body[i] != '\\' {
			out = append(out, body[i])
			i++
			continue
		}
		if body[i+1] != 'u' {
			out = append(out, simpleEscape(body[i+1]))
			i += 2
			continue
		}
		r := hexRune(body[i+2:])
		i += 6
		if utf16.IsSurrogate(r) {
			low := rune(-1)
			if strings.HasPrefix(body[i:], `\u`) {
				low = hexRune(body[i+2:])
			}
			if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
				i += 6
			} else {
				clean = false
			}
		}
		clean = clean && r != 0
		out = utf8.AppendRune(out, r)
	}
	return string(out), clean
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
	for i := range 4 {
		r = r<<4 | rune(hexDigit(s[i]))
	}
	return r
}
