package text_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/text"
)

func Example() {
	fmt.Println(text.Quote("caf\u00e9 \"7\"\n"))
	fmt.Println(text.Echo("caf\u00e9 \x1b[31m"))
	fmt.Println(text.ASCII("caf\u00e9, twice", 8))
	fmt.Println(text.Visible("a\u202eb\n"))
	// Output:
	// "caf\u00e9 \"7\"\n"
	// café ?[31m
	// caf?,...
	// a\u202eb\u000a
}

func TestSixtyFourCharactersAreQuotedWhole(t *testing.T) {
	whole := strings.Repeat("x", text.MaxEcho)
	assert.Equal(t, `"`+whole+`"`, text.Quote(whole))
	assert.Equal(t, `"`+whole+`"...`, text.Quote(whole+"x"))
	assert.Equal(t, `""`, text.Quote(""))
	assert.Equal(t, `"`+strings.Repeat("x", 63)+`"...`, text.Quote(strings.Repeat("x", 63)+"\u00e9"))
}

func TestSixtyFourCharactersAreEchoedWhole(t *testing.T) {
	whole := strings.Repeat("\u00e9", text.MaxEcho)
	assert.Equal(t, whole, text.Echo(whole))
	assert.Equal(t, strings.Repeat("\u00e9", text.MaxEcho-3)+"...", text.Echo(whole+"x"))
	assert.Equal(t, "a???b?", text.Echo("a\x00\x1b\u202eb\xff"))
	key := strings.Repeat("x", text.MaxEcho-3) + "\U0001f511yz"
	assert.Equal(t, key, text.Echo(key))
}

func TestAMessageIsCutAtItsLimit(t *testing.T) {
	assert.Equal(t, "12345", text.ASCII("12345", 5))
	assert.Equal(t, "12...", text.ASCII("123456", 5))
	assert.Equal(t, "?????", text.ASCII("\u00e9\u00e9\u00e9\u00e9\u00e9", 5))
	assert.Equal(t, "??...", text.ASCII("\u00e9\u00e9\u00e9\u00e9\u00e9\n", 5))
	assert.Equal(t, "", text.ASCII("", 5))
}

func TestATextIsClippedBetweenCharacters(t *testing.T) {
	assert.Equal(t, "12345", text.Clip("12345", 5))
	assert.Equal(t, "12...", text.Clip("123456", 5))
	assert.Equal(t, "\u00e9...", text.Clip("\u00e9\u00e9\u00e9\u00e9", 6), "three bytes are left, and the second character needs a fourth")
	assert.Equal(t, "\u00e9\u00e9...", text.Clip("\u00e9\u00e9\u00e9\u00e9", 7))
	assert.Equal(t, "...", text.Clip("\U0001f511\U0001f511", 6))
}

func TestADescriptionHoldsWhatRFC6749Admits(t *testing.T) {
	assert.Equal(t, "as it is", text.Description("as it is"))
	assert.Equal(t, "'a/b'??", text.Description("\"a\\b\"\n\u00e9"))
}

func TestABoundedErrorKeepsWhatItIs(t *testing.T) {
	err := text.Bounded{Err: fmt.Errorf("%w %s", io.ErrUnexpectedEOF, strings.Repeat("\n", 600))}
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
	assert.Len(t, err.Error(), text.MaxDescription)
	assert.False(t, errors.Is(err, io.EOF))
}

func TestRetryAfterIsRoundedUp(t *testing.T) {
	for wait, want := range map[time.Duration]string{
		-time.Hour: "1", 0: "1", time.Millisecond: "1", time.Second: "1", time.Second + 1: "2", 90 * time.Second: "90",
		time.Duration(1<<63 - 1): "9223372037",
	} {
		h := http.Header{}
		text.RetryAfter(h, wait)
		assert.Equal(t, want, h.Get("Retry-After"), "%v", wait)
	}
}

func TestAnAnswerWithoutStoringSaysSo(t *testing.T) {
	h := http.Header{}
	text.NoStore(h)
	assert.Equal(t, http.Header{
		"Cache-Control": {"no-store"}, "Pragma": {"no-cache"}, "X-Content-Type-Options": {"nosniff"},
	}, h)
}

func TestABearerTokenKeepsToRFC6750(t *testing.T) {
	for token, want := range map[string]bool{
		"abcXYZ019-._~+/": true, "a=": true, "a==": true,
		"": false, "=": false, "a=b": false, "a b": false, "a\n": false, "\u00e9": false, "a,b": false, `a"`: false,
	} {
		assert.Equal(t, want, text.IsBearer(token, 64), "%q", token)
	}
	assert.True(t, text.IsBearer(strings.Repeat("a", 64), 64))
	assert.False(t, text.IsBearer(strings.Repeat("a", 65), 64))
	assert.False(t, text.IsBearer(strings.Repeat("a", 64)+"=", 64))
}

func TestVisibleKeepsTextAndEscapesWhatSteersATerminal(t *testing.T) {
	for in, want := range map[string]string{
		"Zoë's bank":      "Zoë's bank",
		"a\x1b[2Jb\r\n\t": `a\u001b[2Jb\u000d\u000a\u0009`,
		"\u009b\u202e":    `\u009b\u202e`,
		"\xff":            `\xff`,
		"\U000e0041":      `\U000e0041`,
	} {
		assert.Equal(t, want, text.Visible(in))
	}
}

func TestWordsAreListed(t *testing.T) {
	type word string
	assert.Equal(t, "a, b", text.List([]word{"a", "b"}))
	assert.Equal(t, []string{}, text.Strings([]word(nil)))
}

func TestALegibleTextHasPrintableCharactersAlone(t *testing.T) {
	for s, want := range map[string]bool{
		"a": true, "caf\u00e9 7": true, " ": true, "": false, "a\n": false, "a\x00": false, "\xff": false, "\u202e": false, "\u00a0": false,
	} {
		assert.Equal(t, want, text.Legible(s), "%q", s)
	}
}

func FuzzCleaning(f *testing.F) {
	for _, s := range []string{"", "a", "\xff\xfe", strings.Repeat("\U0001f511", 20), strings.Repeat("\x00", 70), `"\` + "\u2028"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		shown, cut := strings.CutSuffix(text.Quote(s), "...")
		require.True(t, text.Printable(shown))
		require.LessOrEqual(t, len(shown), text.MaxEcho+2)
		back, err := strconv.Unquote(shown)
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(s, back))
		require.Equal(t, cut, back != s)

		require.True(t, text.Printable(text.ASCII(s, 20)))
		require.LessOrEqual(t, len(text.ASCII(s, 20)), 20)
		require.LessOrEqual(t, utf8.RuneCountInString(text.Echo(s)), text.MaxEcho)
		require.NotContains(t, text.Echo(s)+text.Show(s)+text.Visible(s), "\x1b")
		require.True(t, text.Printable(text.Description(s)))
	})
}
