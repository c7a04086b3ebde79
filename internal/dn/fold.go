package dn

import (
	_ "embed"
	"slices"
	"strings"
	"unicode/utf8"
)

// foldTable is what internal/folding makes of the Unicode data: which characters are
// permitted, which are marks, and what characters fold to. Its Table has the form.
//
//go:embed fold.table
var foldTable string

// The parts of foldTable, of rows of the same size that are sorted by character.
var permittedRows, markRows, foldRows, foldTexts = splitTable()

const (
	permittedSize = 6 // first, last
	markSize      = 7 // first, last, combining class
	foldSize      = 7 // character, offset and length of its text
)

func splitTable() (permitted, marks, folds, texts string) {
	count := func(at int) int { return int(foldTable[at])<<8 | int(foldTable[at+1]) }
	rest := foldTable[6:]
	permitted, rest = rest[:count(0)*permittedSize], rest[count(0)*permittedSize:]
	marks, rest = rest[:count(2)*markSize], rest[count(2)*markSize:]
	return permitted, marks, rest[:count(4)*foldSize], rest[count(4)*foldSize:]
}

// number reads the three bytes of a table at a place.
func number(rows string, at int) rune {
	return rune(rows[at])<<16 | rune(rows[at+1])<<8 | rune(rows[at+2])
}

// row returns the last row whose first character is not behind c, "" where there is none.
func row(rows string, size int, c rune) string {
	low, high := 0, len(rows)/size
	for low < high {
		if middle := (low + high) / 2; number(rows, middle*size) <= c {
			low = middle + 1
		} else {
			high = middle
		}
	}
	if low == 0 {
		return ""
	}
	return rows[(low-1)*size : low*size]
}

// permitted reports whether RFC 4518 section 2.4 permits a character: it is assigned, in
// the version of Unicode of the table, and neither for private use nor U+FFFD.
func permitted(c rune) bool {
	r := row(permittedRows, permittedSize, c)
	return r != "" && c <= number(r, 3)
}

// mark returns the canonical combining class of a combining mark. It may be 0, as that of
// any other character is.
func mark(c rune) (class byte, ok bool) {
	if c < 0x300 {
		return 0, false
	}
	r := row(markRows, markSize, c)
	if r == "" || c > number(r, 3) {
		return 0, false
	}
	return r[6], true
}

// Prepare gives a text the form in which Equal compares it, by RFC 4518 section 2 for
// caseIgnoreMatch: it maps characters to nothing or to a blank, folds case, normalises, and
// takes a run of blanks for one and those at either end for none. The form is decomposed
// (NFKD where the RFC has NFKC): two texts have one NFKC exactly where they have one NFKD.
// ok is false for a text with a character that section 2.4 prohibits.
func Prepare(s string) (prepared string, ok bool) {
	var b strings.Builder
	b.Grow(len(s))
	blank := false
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c >= utf8.RuneSelf:
			return prepareWide(s)
		case c == ' ', '\t' <= c && c <= '\r':
			blank = b.Len() > 0
			continue
		case c < ' ', c == 0x7f:
			continue
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		}
		if blank {
			b.WriteByte(' ')
			blank = false
		}
		b.WriteByte(c)
	}
	return b.String(), true
}

// prepareWide is Prepare for any text.
func prepareWide(s string) (string, bool) {
	runes := make([]rune, 0, len(s))
	for _, c := range s {
		switch {
		case isBlank(c):
			runes = append(runes, ' ')
		case mapsToNothing(c):
		case !permitted(c):
			return "", false
		default:
			runes = appendFolded(runes, c)
		}
	}
	order(runes)
	var b strings.Builder
	b.Grow(len(s))
	blank := false
	for i, c := range runes {
		if c == ' ' && !markAt(runes, i+1) {
			blank = b.Len() > 0
			continue
		}
		if blank {
			b.WriteByte(' ')
			blank = false
		}
		b.WriteRune(c)
	}
	return b.String(), true
}

// markAt reports whether a combining mark stands at a place. A blank before it is the bearer
// of the mark, and no blank (RFC 4518 section 2.6.1).
func markAt(runes []rune, at int) bool {
	if at == len(runes) {
		return false
	}
	_, ok := mark(runes[at])
	return ok
}

// The Hangul syllables and the conjoining letters that they are made of (Unicode section
// 3.12).
const (
	firstSyllable, lastSyllable      = 0xac00, 0xd7a3
	firstLead, firstVowel, baseTrail = 0x1100, 0x1161, 0x11a7
	vowels, trails                   = 21, 28
)

// appendFolded appends what a character folds to, decomposed.
func appendFolded(runes []rune, c rune) []rune {
	switch {
	case 'A' <= c && c <= 'Z':
		return append(runes, c+'a'-'A')
	case c < utf8.RuneSelf:
		return append(runes, c)
	case firstSyllable <= c && c <= lastSyllable:
		at := c - firstSyllable
		runes = append(runes, firstLead+at/(vowels*trails), firstVowel+at/trails%vowels)
		if trail := at % trails; trail != 0 {
			runes = append(runes, baseTrail+trail)
		}
		return runes
	}
	r := row(foldRows, foldSize, c)
	if r == "" || number(r, 0) != c {
		return append(runes, c)
	}
	at := int(number(r, 3))
	for _, to := range foldTexts[at : at+int(r[6])] {
		runes = append(runes, to)
	}
	return runes
}

// order sorts each run of combining marks by class (canonical ordering, Unicode section
// 3.11). A run may be as long as the text, so the sort is no quadratic one.
func order(runes []rune) {
	class := func(c rune) byte {
		class, _ := mark(c)
		return class
	}
	for i := 0; i < len(runes); i++ {
		if class(runes[i]) == 0 {
			continue
		}
		end := i + 1
		for end < len(runes) && class(runes[end]) != 0 {
			end++
		}
		if end-i > 1 {
			slices.SortStableFunc(runes[i:end], func(a, b rune) int { return int(class(a)) - int(class(b)) })
		}
		i = end
	}
}
