// Package text makes input fit for error texts, logs, answers and headers. It is
// the one place where text is cleaned and cut.
//
// Which function to call: [Echo] repeats somebody's value inside a message, [Quote]
// does so between quotation marks, [ASCII] bounds a whole message, [Description]
// makes an error_description, and [Visible] shows a document without control
// characters.
package text

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// MaxEcho is how many characters of somebody's input a message repeats at most.
	MaxEcho = 64
	// MaxDescription is how many characters an error_description has at most.
	MaxDescription = 500
)

// dots end a text that was cut.
const dots = "..."

// Printable reports whether s consists of printable ASCII and blanks alone.
func Printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// Legible reports whether s is a text that people can read: valid UTF-8 of printable
// characters and blanks, one at least.
func Legible(s string) bool {
	return s != "" && utf8.ValidString(s) && !strings.ContainsFunc(s, func(c rune) bool { return !unicode.IsPrint(c) })
}

// ASCII bounds a message: at most limit characters, with a question mark for each
// that is not printable ASCII, and dots at the end where it was cut.
func ASCII(s string, limit int) string {
	if len(s) <= limit && Printable(s) {
		return s
	}
	kept := make([]byte, 0, limit)
	for _, c := range s {
		if len(kept) == limit {
			return string(append(kept[:max(0, limit-len(dots))], dots...))
		}
		if c < ' ' || c > '~' {
			c = '?'
		}
		kept = append(kept, byte(c))
	}
	return string(kept)
}

// Echo repeats input inside a message: at most MaxEcho characters, with a question
// mark for each that cannot be printed, and dots where it was cut.
func Echo(s string) string {
	if len(s) <= MaxEcho && Printable(s) {
		return s
	}
	var b strings.Builder
	n := 0
	for i, c := range s {
		if n == MaxEcho-len(dots) && utf8.RuneCountInString(s[i:min(len(s), i+16)]) > len(dots) {
			b.WriteString(dots)
			break
		}
		b.WriteRune(printable(c))
		n++
	}
	return b.String()
}

// Clip cuts a text to at most limit bytes, between two characters, with dots at the
// end where it was cut.
func Clip(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	end := max(0, limit-len(dots))
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + dots
}

// Show replaces each character that cannot be printed by a question mark, and cuts
// nothing.
func Show(s string) string {
	if Printable(s) {
		return s
	}
	return strings.Map(printable, s)
}

func printable(c rune) rune {
	if strconv.IsPrint(c) && c != utf8.RuneError {
		return c
	}
	return '?'
}

// Description makes a text that an error_description may hold (RFC 6749 section
// 5.2): printable ASCII without quotation mark and backslash.
func Description(s string) string {
	if !strings.ContainsFunc(s, unfitForDescription) {
		return s
	}
	return strings.Map(func(c rune) rune {
		switch {
		case c == '"':
			return '\''
		case c == '\\':
			return '/'
		case unfitForDescription(c):
			return '?'
		}
		return c
	}, s)
}

func unfitForDescription(c rune) bool { return c < ' ' || c > '~' || c == '"' || c == '\\' }

// Quote puts a text between quotation marks, with the escapes of Go for what is not
// printable ASCII. It cuts before the escape that would make the text longer than
// MaxEcho; dots behind the quotation mark then say so.
func Quote(s string) string {
	quoted := append(make([]byte, 0, MaxEcho+len(`""`)+len(dots)), '"')
	for rest := s; rest != ""; {
		if c := rest[0]; c >= ' ' && c <= '~' && c != '"' && c != '\\' && len(quoted)-1 < MaxEcho {
			quoted, rest = append(quoted, c), rest[1:]
			continue
		}
		_, size := utf8.DecodeRuneInString(rest)
		shown := strconv.QuoteToASCII(rest[:size])
		shown = shown[1 : len(shown)-1]
		if len(quoted)-1+len(shown) > MaxEcho {
			return string(append(append(quoted, '"'), dots...))
		}
		quoted, rest = append(quoted, shown...), rest[size:]
	}
	return string(append(quoted, '"'))
}

// Visible shows a document of any length on a terminal: each character that cannot
// be printed, line breaks as well, is written as an escape of Go.
func Visible(s string) string {
	if !strings.ContainsFunc(s, Hidden) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		c, size := utf8.DecodeRuneInString(s)
		switch {
		case c == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case !Hidden(c):
			b.WriteRune(c)
		case c > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, c)
		default:
			fmt.Fprintf(&b, `\u%04x`, c)
		}
		s = s[size:]
	}
	return b.String()
}

// Hidden reports whether a character cannot be printed, or steers a terminal.
func Hidden(c rune) bool { return c == utf8.RuneError || !unicode.IsPrint(c) }

// Bounded is an error of another package, which may repeat input at any length. Its
// text is that of [ASCII] with MaxDescription; errors.Is and errors.As see all of it.
type Bounded struct{ Err error }

// Error gives the bounded text.
func (b Bounded) Error() string { return ASCII(b.Err.Error(), MaxDescription) }

// Unwrap gives the error itself.
func (b Bounded) Unwrap() error { return b.Err }

// Strings are words of any string type as plain strings.
func Strings[T ~string](words []T) []string {
	list := make([]string, len(words))
	for i, w := range words {
		list[i] = string(w)
	}
	return list
}

// List writes words as a list for people: a, b, c.
func List[T ~string](words []T) string { return strings.Join(Strings(words), ", ") }

// Keep returns those words that are among the allowed ones, in their order.
func Keep[T ~string](words, allowed []T) []T {
	var kept []T
	for _, w := range words {
		if slices.Contains(allowed, w) {
			kept = append(kept, w)
		}
	}
	return kept
}
