package text

import (
	"strings"
	"unicode/utf8"
)

// Wrap breaks a text at its blanks into lines of at most width characters. A word that is
// longer gets a line of its own and is not broken, so that an address stays one.
func Wrap(s string, width int) []string {
	var lines []string
	var line strings.Builder
	length := 0
	for _, word := range strings.Fields(s) {
		n := utf8.RuneCountInString(word)
		if length > 0 && length+1+n > width {
			lines = append(lines, line.String())
			line.Reset()
			length = 0
		}
		if length > 0 {
			line.WriteByte(' ')
			length++
		}
		line.WriteString(word)
		length += n
	}
	if length > 0 {
		lines = append(lines, line.String())
	}
	return lines
}

// WrapParagraphs wraps each paragraph of a text. Paragraphs are apart by an empty line.
func WrapParagraphs(s string, width int) string {
	paragraphs := strings.Split(s, "\n\n")
	for i, p := range paragraphs {
		paragraphs[i] = strings.Join(Wrap(p, width), "\n")
	}
	return strings.Join(paragraphs, "\n\n")
}
