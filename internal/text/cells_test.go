package text_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/obdcr/obdcr/internal/text"
)

func TestCellsAreThoseOfATerminal(t *testing.T) {
	for s, want := range map[string]int{
		"": 0, "abc": 3, "naïve": 5, "nai\u0308ve": 5, "日本": 4, "한국": 4, "Ａ": 2, "ｱ": 1, "→": 1,
		"😀": 2, "e\u0301\u0302": 1, "ก็": 1, "\u1112\u1161\u11ab": 2, "✓": 1, "𠀀": 2,
	} {
		assert.Equal(t, want, text.Cells(s), "%q", s)
	}
}

func TestATextIsCutBetweenCharactersWithTheirMarks(t *testing.T) {
	assert.Equal(t, "abc", text.CutCells("abcd", 3))
	assert.Equal(t, "abcd", text.CutCells("abcd", 4))
	assert.Equal(t, "日", text.CutCells("日本", 3), "half of a character is none")
	assert.Equal(t, "e\u0301", text.CutCells("e\u0301f", 1), "the mark stays")
	assert.Empty(t, text.CutCells("日", 1))
}

func TestTheEndOfATextBeginsWithACharacter(t *testing.T) {
	assert.Equal(t, "bcd", text.LastCells("abcd", 3))
	assert.Equal(t, "abcd", text.LastCells("abcd", 9))
	assert.Equal(t, "本", text.LastCells("日本", 3), "half of a character is none")
	assert.Equal(t, "f", text.LastCells("e\u0301f", 1), "no mark without its character")
	assert.Equal(t, "e\u0301f", text.LastCells("e\u0301f", 2))
	assert.Empty(t, text.LastCells("日", 1))
}
