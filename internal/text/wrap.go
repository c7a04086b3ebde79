package text

import "strings"

// Wrap breaks a text at its blanks into lines of at most width cells of a terminal. A word
// that is longer gets a line of its own and is not broken, so that an address stays one.
func Wrap(s string, width int) []string {
	words := strings.Fields(s)
	if len(words) == 0 {
		return nil
	}
	return Hang(strings.Join(words, " "), width, 0)
}

// Hang is Wrap with blanks before each line but the first. They count. Runs of blanks within
// a line stay as they are.
func Hang(s string, width, indent int) []string {
	var lines []string
	in := strings.Repeat(" ", indent)
	line, used := "", 0
	for start := 0; start < len(s); {
		end := start // of the blanks and the word behind them
		for end < len(s) && s[end] == ' ' {
			end++
		}
		word := end
		for end < len(s) && s[end] != ' ' {
			end++
		}
		cells := Cells(s[start:end])
		switch {
		case line == "" && lines == nil:
			line, used = s[start:end], cells
		case used+cells <= width || word == end:
			line, used = line+s[start:end], used+cells
		default:
			lines = append(lines, line)
			line, used = in+s[word:end], indent+Cells(s[word:end])
		}
		start = end
	}
	return append(lines, strings.TrimRight(line, " "))
}

// WrapParagraphs wraps each paragraph of a text. Paragraphs are apart by an empty line.
func WrapParagraphs(s string, width int) string {
	paragraphs := strings.Split(s, "\n\n")
	for i, p := range paragraphs {
		paragraphs[i] = strings.Join(Wrap(p, width), "\n")
	}
	return strings.Join(paragraphs, "\n\n")
}
