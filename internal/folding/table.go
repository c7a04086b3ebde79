// Package folding makes the table by which internal/dn prepares names for comparison, from
// the Unicode data of golang.org/x/text, and holds internal/dn to them. It is a module of its
// own so that golang.org/x/text does not weigh on the users of the parent.
package folding

import (
	"encoding/binary"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Table returns the file fold.table of internal/dn: three counts of two bytes each, then
//
//   - the ranges of characters that RFC 4518 section 2.4 permits: first and last
//   - the ranges of combining marks: first, last, and the canonical combining class
//   - the characters that fold to others: character, and offset and length of its text
//   - these texts, in UTF-8
//
// Characters and offsets are three bytes each, classes and lengths one, high bytes first.
func Table() []byte {
	permitted := ranges(func(c rune) int {
		if Permitted(c) {
			return 0
		}
		return -1
	})
	marks := ranges(func(c rune) int {
		class := int(norm.NFD.PropertiesString(string(c)).CCC())
		if class == 0 && !unicode.Is(unicode.M, c) || !Permitted(c) {
			return -1
		}
		return class
	})
	var folds, texts []byte
	count, known := 0, map[string]int{}
	for c := rune(0x80); c <= unicode.MaxRune; c++ {
		to := norm.NFKD.String(Fold(c))
		if !Permitted(c) || to == string(c) || '\uac00' <= c && c <= '\ud7a3' {
			continue
		}
		at, found := known[to]
		if !found {
			at = len(texts)
			known[to], texts = at, append(texts, to...)
		}
		folds = append(three(three(folds, int(c)), at), byte(len(to)))
		count++
	}
	var table []byte
	for _, n := range []int{len(permitted), len(marks), count} {
		table = binary.BigEndian.AppendUint16(table, uint16(n)) //nolint:gosec // the test reads the table back
	}
	for _, r := range permitted {
		table = three(three(table, r.first), r.last)
	}
	for _, r := range marks {
		table = append(three(three(table, r.first), r.last), byte(r.value)) //nolint:gosec // a class is a byte
	}
	return append(append(table, folds...), texts...)
}

// Permitted reports whether RFC 4518 section 2.4 permits a character: it is assigned, and
// neither for private use nor U+FFFD.
func Permitted(c rune) bool {
	return c != unicode.ReplacementChar && unicode.In(c, unicode.L, unicode.M, unicode.N, unicode.P, unicode.S, unicode.Z, unicode.Cc, unicode.Cf)
}

// Fold folds the case of a character as RFC 3454 table B.2 does, for use with NFKC.
func Fold(c rune) string {
	fold := func(s string) string { return norm.NFKC.String(cases.Fold().String(s)) }
	return fold(fold(string(c)))
}

type span struct{ first, last, value int }

// ranges returns the ranges of characters that have one value. It leaves out -1.
func ranges(value func(rune) int) []span {
	var all []span
	for c := rune(0); c <= unicode.MaxRune; c++ {
		v := value(c)
		switch last := len(all) - 1; {
		case v < 0:
		case last >= 0 && all[last].last == int(c)-1 && all[last].value == v:
			all[last].last = int(c)
		default:
			all = append(all, span{int(c), int(c), v})
		}
	}
	return all
}

func three(b []byte, n int) []byte { return append(b, byte(n>>16), byte(n>>8), byte(n)) } //nolint:gosec // the parts of a number
