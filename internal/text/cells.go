package text

import (
	"unicode"
	"unicode/utf8"
)

// wide are the characters that take two cells of a terminal, by Unicode's East Asian Width
// (W and F): scripts of East Asia and pictures. Characters between them that are not
// assigned are included.
var wide = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x1100, Hi: 0x115F, Stride: 1}, {Lo: 0x231A, Hi: 0x231B, Stride: 1},
		{Lo: 0x23E9, Hi: 0x23EC, Stride: 1}, {Lo: 0x25FD, Hi: 0x25FE, Stride: 1},
		{Lo: 0x2614, Hi: 0x2615, Stride: 1}, {Lo: 0x2648, Hi: 0x2653, Stride: 1},
		{Lo: 0x26AA, Hi: 0x26AB, Stride: 1}, {Lo: 0x26BD, Hi: 0x26BE, Stride: 1},
		{Lo: 0x2753, Hi: 0x2755, Stride: 1}, {Lo: 0x2795, Hi: 0x2797, Stride: 1},
		{Lo: 0x2B1B, Hi: 0x2B1C, Stride: 1}, {Lo: 0x2E80, Hi: 0x303E, Stride: 1},
		{Lo: 0x3041, Hi: 0xA4CF, Stride: 1}, {Lo: 0xA960, Hi: 0xA97F, Stride: 1},
		{Lo: 0xAC00, Hi: 0xD7A3, Stride: 1}, {Lo: 0xF900, Hi: 0xFAFF, Stride: 1},
		{Lo: 0xFE10, Hi: 0xFE19, Stride: 1}, {Lo: 0xFE30, Hi: 0xFE6F, Stride: 1},
		{Lo: 0xFF01, Hi: 0xFF60, Stride: 1}, {Lo: 0xFFE0, Hi: 0xFFE6, Stride: 1},
	},
	R32: []unicode.Range32{
		{Lo: 0x16FE0, Hi: 0x18DF2, Stride: 1}, {Lo: 0x1AFF0, Hi: 0x1B2FB, Stride: 1},
		{Lo: 0x1F18E, Hi: 0x1F19A, Stride: 1}, {Lo: 0x1F200, Hi: 0x1F320, Stride: 1},
		{Lo: 0x1F32D, Hi: 0x1F64F, Stride: 1}, {Lo: 0x1F680, Hi: 0x1F6FC, Stride: 1},
		{Lo: 0x1F7E0, Hi: 0x1F7F0, Stride: 1}, {Lo: 0x1F90C, Hi: 0x1FAFF, Stride: 1},
		{Lo: 0x20000, Hi: 0x3FFFD, Stride: 1},
	},
}

// Cells returns how many cells of a terminal a text takes, of which each character can be
// printed: two for a wide character, none for a mark that combines with the one before it.
func Cells(s string) int {
	n := 0
	for i := 0; i < len(s); {
		if s[i] < utf8.RuneSelf {
			n, i = n+1, i+1
			continue
		}
		c, size := utf8.DecodeRuneInString(s[i:])
		n, i = n+cellsOf(c), i+size
	}
	return n
}

func cellsOf(c rune) int {
	switch {
	case c < 0x300:
		return 1
	case unicode.In(c, unicode.Mn, unicode.Me), 0x1160 <= c && c <= 0x11FF: // the latter end a syllable of Hangul
		return 0
	case unicode.Is(wide, c):
		return 2
	}
	return 1
}

// CutCells returns the longest start of a text that takes at most limit cells. It never
// parts a character from the marks that combine with it.
func CutCells(s string, limit int) string {
	n := 0
	for i, c := range s {
		if n += cellsOf(c); n > limit {
			return s[:i]
		}
	}
	return s
}

// LastCells returns the longest end of a text that takes at most limit cells. It never
// begins with a mark that combines with what was cut off.
func LastCells(s string, limit int) string {
	n, from := 0, len(s)
	for i := len(s); i > 0; {
		c, size := utf8.DecodeLastRuneInString(s[:i])
		cells := cellsOf(c)
		if n += cells; n > limit {
			break
		}
		if i -= size; cells > 0 {
			from = i
		}
	}
	return s[from:]
}
