package dn_test

import (
	"encoding/asn1"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/dn"
)

// typeSpellings are names of one attribute type each.
var typeSpellings = [][]string{
	{"CN", "cn", "commonName", "2.5.4.3", "OID.2.5.4.3"},
	{"organizationIdentifier", "ORGANIZATIONIDENTIFIER", "2.5.4.97", "oid.2.5.4.97"},
	{"jurisdictionC", "jurisdictionCountryName", "incorporationCountry", "1.3.6.1.4.1.311.60.2.1.3"},
	{"O", "organizationName", "2.5.4.10"},
	{"serialNumber", "SERIALNUMBER", "2.5.4.5"},
	{"1.2.3.4", "OID.1.2.3.4"},
}

// speller writes one name in ways that its random numbers choose.
type speller struct{ *rand.Rand }

func (s speller) pick(words ...string) string { return words[s.IntN(len(words))] }

func (s speller) name(types []int, values []string) string {
	var b strings.Builder
	for i, t := range types {
		if i > 0 {
			b.WriteString(s.pick(",", ", ", " ,  "))
		}
		b.WriteString(s.pick(typeSpellings[t]...) + s.pick("=", " = ", "= ") + s.value(values[i]))
	}
	return b.String()
}

// value writes a text as an escaped string, in quotation marks, or as DER.
func (s speller) value(v string) string {
	switch s.IntN(4) {
	case 0:
		der, err := asn1.Marshal(asn1.RawValue{Tag: asn1.TagUTF8String, Bytes: []byte(v)})
		if err == nil && len(der) < 1000 {
			return s.pick("#"+hex.EncodeToString(der), "#"+strings.ToUpper(hex.EncodeToString(der)))
		}
	case 1:
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\x00", `\00`).Replace(v) + `"`
	}
	var b strings.Builder
	for _, c := range v {
		switch {
		case c < ' ' || s.IntN(5) == 0:
			for _, octet := range []byte(string(c)) {
				fmt.Fprintf(&b, s.pick(`\%02x`, `\%02X`), octet)
			}
		case strings.ContainsRune("\"+,;<>\\# =", c):
			b.WriteString(`\` + string(c))
		case 'a' <= c && c <= 'z' && s.IntN(4) == 0:
			b.WriteRune(c - 'a' + 'A')
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}

// prepared is what RFC 4518 makes of ASCII, in the plainest words; only for texts
// that are printable ASCII throughout.
func prepared(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), " ")) }

// Characters that nobody sees. RFC 4518 section 2.2 maps those of ignored to nothing. It
// keeps those of counted as it keeps letters.
var (
	ignored = []rune("\u00ad\u034f\u06dd\u070f\u1806\u180e\u200b\u200d\u202e\u2060\u2063\u206a\ufe0f\ufeff\ufff9\ufffc\U0001d173\U000e0001\U000e0041")
	counted = []rune("\u061c\u115f\u180f\u2064\u2065\u2066\u2067\u2068\u2069\u2800\u3164\ufe10\uffa0\ufff8\U000e0000\U000e0002\U000e0080\U000e0100")
)

// FuzzSpellings holds that two spellings of one name compare equal, and that a
// changed value never does.
func FuzzSpellings(f *testing.F) {
	f.Add("0015800001HQQrZAAX", "Acme, Open Bänking  Ltd", "GB", "gb", uint64(1))
	f.Add(" a ", `q"\`, "#x+y", "\u202e", uint64(2))
	f.Add("", "=", "\x00", "a\tb", uint64(3))
	f.Fuzz(func(t *testing.T, a, b, c, other string, seed uint64) {
		s := speller{rand.New(rand.NewPCG(seed, 0))}
		values := []string{a, b, c}
		for _, v := range append(values, other) {
			if _, fit := dn.Prepare(v); !fit || !utf8.ValidString(v) || len(v) > 200 {
				return // a prohibited text is equal to nothing
			}
		}
		types := []int{s.IntN(len(typeSpellings)), s.IntN(len(typeSpellings)), s.IntN(len(typeSpellings))}
		first, err := dn.Parse(s.name(types, values))
		require.NoError(t, err)
		second, err := dn.Parse(s.name(types, values))
		require.NoError(t, err)
		require.True(t, dn.Equal(first, second), "%s, %s", first, second)
		for _, text := range []string{first.String(), first.OIDs(), first.Java(), first.JavaRFC2253(), first.Reversed().OpenSSL()} {
			again, err := dn.Parse(text)
			require.NoError(t, err, text)
			require.True(t, dn.Equal(first, again), text)
		}
		assert.True(t, dn.EqualEither(first, first.Reversed()))

		at := s.IntN(len(values))
		changes := []string{values[at] + "x", "x" + values[at]}
		into := s.IntN(len(values[at]) + 1)
		for !utf8.ValidString(values[at][:into]) {
			into--
		}
		insert := func(c rune) string { return values[at][:into] + string(c) + values[at][into:] }
		for _, c := range counted {
			changes = append(changes, insert(c))
		}
		for _, c := range ignored {
			with := slices.Clone(values)
			with[at] = insert(c)
			third, err := dn.Parse(s.name(types, with))
			require.NoError(t, err)
			require.True(t, dn.Equal(first, third), "%U in %s", c, first)
		}
		if i := strings.IndexAny(values[at], "0123456789"); i >= 0 {
			changes = append(changes, values[at][:i]+values[at][i+1:])
		}
		if printable(values[at]) && printable(other) {
			if prepared(values[at]) == prepared(other) {
				with := slices.Clone(values)
				with[at] = other
				third, err := dn.Parse(s.name(types, with))
				require.NoError(t, err)
				require.True(t, dn.Equal(first, third), "%s, %s", first, third)
			} else {
				changes = append(changes, other)
			}
		}
		for _, changed := range changes {
			with := slices.Clone(values)
			with[at] = changed
			third, err := dn.Parse(s.name(types, with))
			require.NoError(t, err)
			require.False(t, dn.Equal(first, third), "%s, %s", first, third)
		}
	})
}

func printable(s string) bool {
	return !strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c > '~' })
}

// FuzzParseSlash holds that a name is read back from OpenSSL's older form.
func FuzzParseSlash(f *testing.F) {
	for _, s := range []string{"/C=GB/O=a/b/CN=x", `/O=\x41\/CN=\+`, "/CN=#0c0141", "/CN=a+OU=b", `/CN=\`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		name, err := dn.ParseSlash(s)
		if err != nil {
			assert.Nil(t, name)
			return
		}
		if len(name.Slash()) > dn.MaxLength {
			return
		}
		again, err := dn.ParseSlash(name.Slash())
		require.NoError(t, err)
		assert.Equal(t, dn.Equal(name, name), dn.Equal(name, again), "%s, %s", name, again)
	})
}

// FuzzPrepare holds that what is prepared stays as it is, and has no blank that counts for
// nothing.
func FuzzPrepare(f *testing.F) {
	for _, s := range []string{"Acme  Ltd ", "Ba\u0308nk", "\u0345\u0301\u0323", "\uac01\u11a8", "\ufdfa", "\u00a8 \u0301", "\ue000", "\u1e9e\u0130"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > 64<<10 {
			return
		}
		prepared, ok := dn.Prepare(s)
		if !ok {
			require.Empty(t, prepared)
			return
		}
		require.LessOrEqual(t, len(prepared), 12*len(s), "%+q", s)
		again, ok := dn.Prepare(prepared)
		require.True(t, ok, "%+q", s)
		require.Equal(t, prepared, again, "%+q", s)
		require.False(t, strings.HasPrefix(prepared, "  ") || strings.HasSuffix(prepared, " "), "%+q", s)
	})
}
