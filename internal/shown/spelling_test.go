package shown_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/shown"
)

// each finds a text wherever it stands.
func each(one string) func(string) []shown.Span {
	return func(said string) (found []shown.Span) {
		for from := 0; ; {
			at := strings.Index(said[from:], one)
			if at < 0 {
				return found
			}
			found = append(found, shown.Span{From: from + at, To: from + at + len(one), Instead: "X"})
			from += at + len(one)
		}
	}
}

// TestATextIsFoundInAnyOfItsSpellings: and what stands beside it stays as it is written.
func TestATextIsFoundInAnyOfItsSpellings(t *testing.T) {
	t.Parallel()
	const secret = "a/b=\"\u00e9\U0001F511&c"
	for _, one := range []struct{ text, want string }{
		{secret, "X"},
		{`{"n":"\u0041 a\/b\u003d\"\u00E9\ud83D\udd11\u0026c\/\u0041","m":1}`, `{"n":"\u0041 X\/\u0041","m":1}`},
		{`{"n":"{\"m\":\"a\\/b=\\\"\\u00e9\\uD83D\\uDD11&c\"}"}`, `{"n":"{\"m\":\"X\"}"}`},
		{"&lt;p&gt;a&#47;b&#x3D;&quot;&eacute;&#x1F511;&amp;c&lt;", "&lt;p&gt;X&lt;"},
		{`{"page":"a\u0026#47;b\u0026#x3D;\u0026quot;\u00e9` + "\U0001F511" + `\u0026amp;c"}`, `{"page":"X"}`},
		{"?s=a%2fb%3D%22%c3%A9%F0%9f%94%91%26c&t=%2f", "?s=X&t=%2f"},
		{`a\u002fb`, `a\u002fb`}, {`\`, `\`}, {`\u00`, `\u00`}, {`\u00zz%zz%&;&#;`, `\u00zz%zz%&;&#;`}, {"", ""},
		{`\ud83d a\/b`, `\ud83d a\/b`},
		{secret + ` ` + secret, "X X"},
	} {
		require.Equal(t, one.want, shown.Replace(one.text, each(secret)), one.text)
	}
}

// TestSpansThatOverlapAreOne: a text that is found as it stands may be the beginning of one that is found by its escapes.
func TestSpansThatOverlapAreOne(t *testing.T) {
	t.Parallel()
	both := func(said string) []shown.Span { return append(each("abcdef")(said), each("abcdef/ghi")(said)...) }
	require.Equal(t, "-X-X-", shown.Replace(`-abcdef\/ghi-abcdef-`, both))
}

// TestASignatureThatIsEscapedIsNotShown: an encoder may escape any letter.
func TestASignatureThatIsEscapedIsNotShown(t *testing.T) {
	t.Parallel()
	token := compact(`{"alg":"PS256"}`, `{"software_id":"s"}`)
	for name, escaped := range map[string]string{
		"dots":   strings.ReplaceAll(token, ".", `\u002e`),
		"an e":   strings.ReplaceAll(token, "e", `\u0065`),
		"HTML":   strings.ReplaceAll(token, ".", "&#46;"),
		"nested": strings.ReplaceAll(token, ".", `\\u002E`),
	} {
		got := shown.WithoutSignatures(`{"token":"` + escaped + `","kid":"\u006b"}`)
		signature := escaped[strings.LastIndexAny(escaped, ".eE;")+1:]
		require.NotContains(t, got, signature[len(signature)-10:], name)
		require.Contains(t, got, `","kid":"\u006b"}`, name)
		require.True(t, json.Valid([]byte(got)), name)
	}
	var all strings.Builder
	for _, c := range strings.Repeat("A1b", 30) {
		fmt.Fprintf(&all, `\u%04x`, c)
	}
	require.NotContains(t, shown.WithoutSignatures(`{"signature":"`+all.String()+`"}`), `\u0041`)
}
