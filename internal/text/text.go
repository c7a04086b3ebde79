// Package text cleans and cuts text for errors, logs, answers and headers. It is the only
// place that does so.
//
// Which function to call: [Echo] for a value of the input inside a message, [Quote] for
// the same between quotation marks, [ASCII] for a whole message, [Description] for an
// error_description, and [Visible] for a document on a terminal. [Detail] returns the text
// of an error without the name of its package.
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
	// MaxEcho is the greatest number of characters of the input that a message repeats.
	MaxEcho = 64
	// MaxDescription is the greatest number of characters of an error_description.
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

// Legible reports whether people can read s: it is not empty, and valid UTF-8 of printable
// characters and blanks alone.
func Legible(s string) bool {
	return s != "" && utf8.ValidString(s) && !strings.ContainsFunc(s, func(c rune) bool { return !unicode.IsPrint(c) })
}

// ASCII bounds a message: at most limit characters, with a question mark for each
// that is not printable ASCII, and dots at the end if it was cut.
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
// mark for each that cannot be printed, and dots at the end if it was cut.
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
// end if it was cut.
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

// Show replaces each character that cannot be printed by a question mark. It does not cut
// the text.
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

// Quote puts a text between quotation marks, with an escape of Go for each character that
// is not printable ASCII. It cuts a text that would be longer than MaxEcho, but not within
// an escape. Dots after the closing quotation mark show that it was cut.
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

// Visible makes a text of any length safe to print on a terminal. It replaces each
// character that cannot be printed, also line breaks, by an escape of Go.
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

// Hidden reports whether a character cannot be printed, as a control character of a
// terminal cannot.
func Hidden(c rune) bool { return c == utf8.RuneError || !unicode.IsPrint(c) }

// Bounded wraps an error of another module, whose text may repeat input of any length.
// [ASCII] bounds its text to MaxDescription; errors.Is and errors.As see the error itself.
type Bounded struct{ Err error }

// Error returns the bounded text.
func (b Bounded) Error() string { return ASCII(b.Err.Error(), MaxDescription) }

// Unwrap returns the error itself.
func (b Bounded) Unwrap() error { return b.Err }

// Strings converts words of any string type to plain strings.
func Strings[T ~string](words []T) []string {
	list := make([]string, len(words))
	for i, w := range words {
		list[i] = string(w)
	}
	return list
}

// List writes words as a list for people: a, b, c.
func List[T ~string](words []T) string { return strings.Join(Strings(words), ", ") }

// And writes words as a list for people: a, b and c.
func And(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " and " + words[last]
}

// Keep returns the words that are among the allowed ones. They keep their order.
func Keep[T ~string](words, allowed []T) []T {
	var kept []T
	for _, w := range words {
		if slices.Contains(allowed, w) {
			kept = append(kept, w)
		}
	}
	return kept
}
