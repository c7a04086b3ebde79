package quote_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/quote"
)

func Example() {
	fmt.Println(quote.ASCII("caf\u00e9 \"7\"\n"))
	fmt.Println(quote.ASCII(strings.Repeat("x", 63) + "\u00e9"))
	// Output:
	// "caf\u00e9 \"7\"\n"
	// "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"...
}

func TestSixtyFourCharactersAreShownWhole(t *testing.T) {
	whole := strings.Repeat("x", quote.Max)
	assert.Equal(t, `"`+whole+`"`, quote.ASCII(whole))
	assert.Equal(t, `"`+whole+`"...`, quote.ASCII(whole+"x"))
	assert.Equal(t, `""`, quote.ASCII(""))
}

func FuzzASCII(f *testing.F) {
	for _, s := range []string{"", "a", "\xff\xfe", strings.Repeat("\U0001f511", 20), strings.Repeat("\x00", 70), `"\` + "\u2028"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		shown, cut := strings.CutSuffix(quote.ASCII(s), "...")
		require.Regexp(t, `^[ -~]*$`, shown)
		require.LessOrEqual(t, len(shown), quote.Max+2)
		back, err := strconv.Unquote(shown)
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(s, back))
		require.Equal(t, len(back) < len(s), cut)
	})
}
