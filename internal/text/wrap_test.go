package text_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/obdcr/obdcr/internal/text"
)

func TestWrapBreaksAtBlanksAlone(t *testing.T) {
	require.Equal(t, []string{"one two", "three"}, text.Wrap("one  two\nthree", 8))
	require.Equal(t, []string{"a", "https://an.address.example/", "b"}, text.Wrap("a https://an.address.example/ b", 8))
	require.Equal(t, []string{"ää ää"}, text.Wrap("ää ää", 5), "characters, not bytes")
	require.Empty(t, text.Wrap("  \n", 8))
	require.Equal(t, "one two\nthree\n\nfour", text.WrapParagraphs("one two three\n\nfour", 8))
}

func TestHangingLinesBreakAtBlanksAlone(t *testing.T) {
	for name, c := range map[string]struct {
		s             string
		width, indent int
		want          []string
	}{
		"it fits":                   {"one two", 7, 2, []string{"one two"}},
		"it does not":               {"one two", 6, 2, []string{"one", "  two"}},
		"the indent counts":         {"one two three", 9, 4, []string{"one two", "    three"}},
		"a word that is too wide":   {"a https://long.example b", 10, 0, []string{"a", "https://long.example", "b"}},
		"such a word at the start":  {"https://long.example b", 10, 0, []string{"https://long.example", "b"}},
		"blanks at the start stay":  {"   one two", 8, 3, []string{"   one", "   two"}},
		"runs of blanks stay":       {"one   two", 20, 0, []string{"one   two"}},
		"blanks at the end go":      {"one two  ", 7, 0, []string{"one two"}},
		"wide characters count two": {"日本 語", 6, 0, []string{"日本", "語"}},
		"nothing":                   {"", 10, 0, []string{""}},
		"no width":                  {"one two", 0, 0, []string{"one", "two"}},
		"a break leaves no blanks":  {"one  two", 5, 0, []string{"one", "two"}},
	} {
		assert.Equal(t, c.want, text.Hang(c.s, c.width, c.indent), name)
	}
}

func TestHangingLinesLoseNoWordAndKeepToTheWidth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringMatching(`[a-zé日 ]{0,80}`).Draw(t, "s")
		width, indent := rapid.IntRange(1, 40).Draw(t, "width"), rapid.IntRange(0, 8).Draw(t, "indent")
		lines := text.Hang(s, width, indent)
		if got, want := strings.Fields(strings.Join(lines, " ")), strings.Fields(s); strings.Join(got, " ") != strings.Join(want, " ") {
			t.Fatalf("%q became %q", s, lines)
		}
		for _, line := range lines {
			if words := strings.Fields(line); text.Cells(line) > width && len(words) > 1 {
				t.Fatalf("%q is wider than %d", line, width)
			}
		}
	})
}
