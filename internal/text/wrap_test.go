package text_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/text"
)

func TestWrapBreaksAtBlanksAlone(t *testing.T) {
	require.Equal(t, []string{"one two", "three"}, text.Wrap("one  two\nthree", 8))
	require.Equal(t, []string{"a", "https://an.address.example/", "b"}, text.Wrap("a https://an.address.example/ b", 8))
	require.Equal(t, []string{"ää ää"}, text.Wrap("ää ää", 5), "characters, not bytes")
	require.Empty(t, text.Wrap("  \n", 8))
	require.Equal(t, "one two\nthree\n\nfour", text.WrapParagraphs("one two three\n\nfour", 8))
}
