package folding_test

import (
	"bytes"
	"flag"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/text/cases"
	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"

	"github.com/obdcr/obdcr/internal/dn"
	"github.com/obdcr/obdcr/internal/folding"
)

var update = flag.Bool("update", false, "write the table of internal/dn")

func TestTheTableIsThatOfTheUnicodeData(t *testing.T) {
	require.Equal(t, unicode.Version, norm.Version, "golang.org/x/text and Go are of one version of Unicode")
	want := folding.Table()
	if *update {
		require.NoError(t, os.WriteFile("../dn/fold.table", want, 0o644)) //nolint:gosec // a file of the source
	}
	got, err := os.ReadFile("../dn/fold.table")
	require.NoError(t, err)
	require.True(t, bytes.Equal(want, got), "go test ./... -update writes it anew")
}

// toNothing and toBlank report what RFC 4518 section 2.2 maps to nothing and to a blank.
func toNothing(c rune) bool {
	return unicode.Is(&unicode.RangeTable{R16: []unicode.Range16{
		{Lo: 0, Hi: 8, Stride: 1}, {Lo: 0xe, Hi: 0x1f, Stride: 1}, {Lo: 0x7f, Hi: 0x84, Stride: 1}, {Lo: 0x86, Hi: 0x9f, Stride: 1},
		{Lo: 0xad, Hi: 0xad, Stride: 1}, {Lo: 0x34f, Hi: 0x34f, Stride: 1}, {Lo: 0x6dd, Hi: 0x6dd, Stride: 1}, {Lo: 0x70f, Hi: 0x70f, Stride: 1},
		{Lo: 0x1806, Hi: 0x1806, Stride: 1}, {Lo: 0x180b, Hi: 0x180e, Stride: 1}, {Lo: 0x200b, Hi: 0x200f, Stride: 1}, {Lo: 0x202a, Hi: 0x202e, Stride: 1},
		{Lo: 0x2060, Hi: 0x2063, Stride: 1}, {Lo: 0x206a, Hi: 0x206f, Stride: 1}, {Lo: 0xfe00, Hi: 0xfe0f, Stride: 1}, {Lo: 0xfeff, Hi: 0xfeff, Stride: 1},
		{Lo: 0xfff9, Hi: 0xfffc, Stride: 1},
	}, R32: []unicode.Range32{{Lo: 0x1d173, Hi: 0x1d17a, Stride: 1}, {Lo: 0xe0001, Hi: 0xe0001, Stride: 1}, {Lo: 0xe0020, Hi: 0xe007f, Stride: 1}}}, c)
}

func toBlank(c rune) bool { return '\t' <= c && c <= '\r' || c == 0x85 || unicode.Is(unicode.Z, c) }

// prepared is RFC 4518 section 2 for caseIgnoreMatch, step by step, by golang.org/x/text.
func prepared(s string) (string, bool) {
	var mapped strings.Builder
	for _, c := range s {
		switch {
		case toBlank(c):
			mapped.WriteByte(' ')
		case !toNothing(c):
			mapped.WriteString(folding.Fold(c))
		}
	}
	runes := []rune(norm.NFKC.String(mapped.String()))
	var out strings.Builder
	blank := false
	for i, c := range runes {
		if !folding.Permitted(c) {
			return "", false
		}
		if c == ' ' && (i+1 == len(runes) || !unicode.Is(unicode.M, runes[i+1])) {
			blank = out.Len() > 0
			continue
		}
		if blank {
			out.WriteByte(' ')
			blank = false
		}
		out.WriteRune(c)
	}
	return out.String(), true
}

func requireSame(t *testing.T, s string) {
	t.Helper()
	want, ok := prepared(s)
	got, fit := dn.Prepare(s)
	if ok != fit || norm.NFKD.String(want) != got {
		t.Fatalf("%+q: %+q %v, want %+q %v", s, got, fit, norm.NFKD.String(want), ok)
	}
}

func TestEachCharacterIsPreparedAsUnicodeSays(t *testing.T) {
	for c := rune(0); c <= unicode.MaxRune; c++ {
		if 0xd800 <= c && c <= 0xdfff {
			continue
		}
		requireSame(t, string(c))
		requireSame(t, "a "+string(c)+"\u0301 b")
	}
}

// interesting are characters that fold, decompose, compose or combine.
func interesting() []rune {
	all := []rune{' ', '\u00a0', '\u3000', 'a', 'A', 'I', 's', 'S', '\u0345', '\u034f', '\u200b', '\u1100', '\u1161', '\u11a8', '\uac00', '\uac01', '\ue000', '\ufffd'}
	for c := rune(0x80); c <= unicode.MaxRune; c++ {
		if unicode.Is(unicode.M, c) || folding.Permitted(c) && norm.NFKD.String(folding.Fold(c)) != string(c) {
			all = append(all, c)
		}
	}
	return all
}

func TestRandomTextsArePreparedAsUnicodeSays(t *testing.T) {
	all, random := interesting(), rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a test
	for range 100_000 {
		text := make([]rune, 1+random.IntN(12))
		for i := range text {
			text[i] = all[random.IntN(len(all))]
			if random.IntN(3) == 0 {
				text[i] = all[random.IntN(18)]
			}
		}
		requireSame(t, string(text))
	}
}

// A name is equal to itself in upper case, composed and decomposed.
func TestSpellingsOfOneTextAreEqual(t *testing.T) {
	name := func(value string) dn.Name { return dn.Name{{{OID: dn.OIDCommonName, Value: value}}} }
	for _, text := range []string{"Müller & Söhne GmbH", "Crédit Agricole", "Société Générale", "Straße", "Ελληνική Τράπεζα", "Банк Москвы", "Ğaranti Şirketi",
		"Łódź Å", "한국은행", "東京銀行 ﾄｳｷｮｳ", "ﬁnance ①"} {
		for _, other := range []string{cases.Upper(language.Und).String(text), strings.ToLower(text), norm.NFD.String(text), norm.NFC.String(text),
			norm.NFKC.String(text), norm.NFKD.String(cases.Upper(language.Und).String(text))} {
			assert.True(t, dn.Equal(name(text), name(other)), "%+q %+q", text, other)
		}
		assert.False(t, dn.Equal(name(text), name(text+"\u0301")), text)
	}
}

// The classes of marks go up and down, so that each mark has to move far.
func TestALongRunOfMarksIsPrepared(t *testing.T) {
	requireSame(t, "a"+strings.Repeat("\u0301\u0323\u0334", 10))
	long := "a" + strings.Repeat("\u0301\u0323", 16<<10)
	got, ok := dn.Prepare(long)
	require.True(t, ok)
	require.Equal(t, "a"+strings.Repeat("\u0323", 16<<10)+strings.Repeat("\u0301", 16<<10), got)
}
