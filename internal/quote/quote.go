// Package quote makes input fit for error texts and logs.
package quote

import (
	"strconv"
	"unicode/utf8"
)

// Max is how many characters of a text ASCII shows at most.
const Max = 64

// ASCII puts a text between quotation marks, with escapes of Go for what is not
// printable ASCII, cut before the escape that would make it longer than Max. Dots
// behind the quotation mark say that it was cut.
func ASCII(s string) string {
	quoted := append(make([]byte, 0, Max+len(`""...`)), '"')
	for rest := s; rest != ""; {
		if c := rest[0]; c >= ' ' && c <= '~' && c != '"' && c != '\\' && len(quoted)-1 < Max {
			quoted, rest = append(quoted, c), rest[1:]
			continue
		}
		_, size := utf8.DecodeRuneInString(rest)
		shown := strconv.QuoteToASCII(rest[:size])
		shown = shown[1 : len(shown)-1]
		if len(quoted)-1+len(shown) > Max {
			return string(append(quoted, `"...`...))
		}
		quoted, rest = append(quoted, shown...), rest[size:]
	}
	return string(append(quoted, '"'))
}
