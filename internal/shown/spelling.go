package shown

import (
	"cmp"
	"html"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Span is a part of a text, and what stands in its place.
type Span struct {
	From, To int // in bytes
	Instead  string
}

// Replace replaces what find finds in a text or in what the text says without its escapes: those of JSON, of HTML and of
// addresses, also where two of them are nested. Escapes within a span go with it, and all else stays as it is, byte for byte.
func Replace(s string, find func(said string) []Span) string {
	found := find(s)
	for _, r := range readings(reading{text: s}, nested) {
		for _, span := range find(r.text) {
			span.From, span.To = int(r.at[span.From]), int(r.at[span.To])
			found = append(found, span)
		}
	}
	if len(found) == 0 {
		return s
	}
	slices.SortStableFunc(found, func(a, b Span) int { return cmp.Or(a.From-b.From, b.To-a.To) })
	var b strings.Builder
	end := 0
	for _, span := range slices.Compact(found) {
		if span.From >= end {
			b.WriteString(s[end:span.From] + span.Instead)
		}
		end = max(end, span.To)
	}
	b.WriteString(s[end:])
	return b.String()
}

// nested is how many escapes within each other are read.
const nested = 2

// reading is a text without some of its escapes.
type reading struct {
	text string
	at   []int32 // where each byte, and the end, begins in the text with all escapes; nil: text is that text
}

// escapes read an escape with which a text begins: what it says, and its length; 0 for none.
var escapes = []struct {
	begins byte
	read   func(s string) (said string, n int)
}{{'\\', jsonEscape}, {'&', entity}, {'%', percent}}

// readings are a text without each kind of its escapes, and these without further ones.
func readings(of reading, depth int) []reading {
	var all []reading
	for _, kind := range escapes {
		if r, is := of.without(kind.begins, kind.read); is {
			if all = append(all, r); depth > 1 {
				all = append(all, readings(r, depth-1)...)
			}
		}
	}
	return all
}

// without resolves escapes of one kind; false where there are none.
func (r reading) without(begins byte, read func(string) (string, int)) (reading, bool) {
	i := strings.IndexByte(r.text, begins)
	if i < 0 {
		return reading{}, false
	}
	text, at := make([]byte, 0, len(r.text)), make([]int32, 0, len(r.text)+1)
	for i := 0; i < len(r.text); {
		said, n := r.text[i:i+1], 1
		if r.text[i] == begins {
			if resolved, length := read(r.text[i:]); length > 0 {
				said, n = resolved, length
			}
		}
		text = append(text, said...)
		for range len(said) {
			at = append(at, r.origin(i))
		}
		i += n
	}
	return reading{string(text), append(at, r.origin(len(r.text)))}, len(text) < len(r.text)
}

// origin is where a byte begins in the text with all escapes.
func (r reading) origin(i int) int32 {
	if r.at == nil {
		return int32(min(i, 1<<31-1)) //nolint:gosec // an answer is of 1 MiB at most
	}
	return r.at[i]
}

// jsonEscape reads an escape of JSON: a lone surrogate is U+FFFD.
func jsonEscape(s string) (string, int) {
	if len(s) < 2 {
		return "", 0
	}
	if i := strings.IndexByte(`"\/bfnrt`, s[1]); i >= 0 {
		return "\"\\/\b\f\n\r\t"[i : i+1], 2
	}
	first, ok := hexRune(s)
	if !ok {
		return "", 0
	}
	if second, ok := hexRune(s[6:]); ok && utf16.IsSurrogate(first) {
		if r := utf16.DecodeRune(first, second); r != utf8.RuneError {
			return string(r), 12
		}
	}
	return string(first), 6
}

// hexRune reads an escape such as \u003d.
func hexRune(s string) (rune, bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(s[2:6], 16, 16)
	return rune(n), err == nil
}

// longestEntity is the longest entity of HTML that is read, in bytes.
const longestEntity = 34

// entity reads an entity of HTML, such as &amp; or &#x3D;.
func entity(s string) (string, int) {
	end := strings.IndexByte(s[:min(len(s), longestEntity)], ';') + 1
	if said := html.UnescapeString(s[:end]); said != s[:end] && len(said) < end {
		return said, end
	}
	return "", 0
}

// percent reads an escape of an address, such as %3d.
func percent(s string) (string, int) {
	if len(s) < 3 {
		return "", 0
	}
	n, err := strconv.ParseUint(s[1:3], 16, 8)
	if err != nil {
		return "", 0
	}
	return string([]byte{byte(n)}), 3
}
