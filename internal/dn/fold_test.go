package dn_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/dn"
)

func commonName(value string) dn.Name { return dn.Name{{{OID: dn.OIDCommonName, Value: value}}} }

// internal/folding compares every character, and random texts, with golang.org/x/text.
func TestLettersBeyondASCIIAreComparedByCaseIgnoreMatch(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"Müller", "MÜLLER", true},
		{"Müller", "Mu\u0308ller", true},
		{"MÜLLER", "mu\u0308ller", true},
		{"Straße", "STRASSE", true},
		{"STRAẞE", "straße", true},
		{"Οδυσσεύς", "ΟΔΥΣΣΕΎΣ", true},
		{"Банк", "БАНК", true},
		{"한국", "\u1112\u1161\u11ab\u1100\u116e\u11a8", true},
		{"가", "\u1100\u1161", true},
		{"ﬁnance", "FINANCE", true},
		{"Ａcme", "acme", true},
		{"q\u0323\u0307", "q\u0307\u0323", true},
		{"\u212bngström", "Ångström", true},
		{"a\u3000b", "A  b", true},
		{"Müller", "Muller", false},
		{"Müller", "Mueller", false},
		{"İstanbul", "istanbul", false},
		{"q\u0301\u0307", "q\u0307\u0301", false}, // of one class: their order counts
		{"а", "a", false},                         // Cyrillic, Latin
		{"a \u0308", "a\u0308", false},            // a blank that bears a mark is none
		{"a \u0308", "a  \u0308", false},
		{"\u00a8a", "\u0308a", false},
		{"각", "가", false},
	} {
		assert.Equal(t, c.same, dn.Equal(commonName(c.a), commonName(c.b)), "%+q %+q", c.a, c.b)
		assert.Equal(t, c.same, dn.Equal(commonName(c.b), commonName(c.a)), "%+q %+q", c.b, c.a)
	}
}

// RFC 4518 section 2.4: private use, no character, not assigned, and the replacement character.
func TestAProhibitedTextIsEqualToNothing(t *testing.T) {
	for _, bad := range []string{"\ue000", "\U000f0000", "\ufffe", "\U0001ffff", "\u0378", "\U000e0002", "\ufffd", "\xff"} {
		assert.False(t, dn.Equal(commonName("a"+bad), commonName("a"+bad)), "%+q", bad)
		assert.False(t, dn.Equal(commonName("a"+bad), commonName("a")), "%+q", bad)
		prepared, ok := dn.Prepare("a" + bad)
		assert.False(t, ok, "%+q", bad)
		assert.Empty(t, prepared)
	}
	assert.True(t, dn.Equal(commonName("a\u0301"), commonName("a\u0301")))
}

// BMPString, TeletexString and UTF8String of one name in three spellings.
func TestEncodingsOfOneTextAreEqual(t *testing.T) {
	value := func(tag byte, content string) dn.Name {
		attribute := "\x06\x03\x55\x04\x03" + string([]byte{tag, byte(len(content))}) + content
		for _, tag := range []byte{0x30, 0x31, 0x30} {
			attribute = string([]byte{tag, byte(len(attribute))}) + attribute
		}
		name, err := dn.FromDER([]byte(attribute))
		require.NoError(t, err)
		return name
	}
	names := []dn.Name{value(0x0c, "B\u00e4nk"), value(0x0c, "Ba\u0308NK"), value(0x1e, "\x00B\x00\xc4\x00N\x00K"),
		value(0x1e, "\x00b\x00a\x03\x08\x00n\x00k"), value(0x14, "b\xe4nk"), value(0x1c, "\x00\x00\x00B\x00\x00\x00\xc4\x00\x00\x00n\x00\x00\x00k")}
	for i := range names {
		for k := range names {
			assert.True(t, dn.Equal(names[i], names[k]), "%d %d", i, k)
		}
		assert.False(t, dn.Equal(names[i], value(0x13, "Bank")), "%d", i)
	}
}

// The longest run of marks is sorted, not shifted one by one, and what folds to much is
// bounded.
func TestHostileTextsArePrepared(t *testing.T) {
	prepared, ok := dn.Prepare("a" + strings.Repeat("\u0301\u0323", 16<<10))
	require.True(t, ok)
	assert.Equal(t, "a"+strings.Repeat("\u0323", 16<<10)+strings.Repeat("\u0301", 16<<10), prepared)
	prepared, ok = dn.Prepare(strings.Repeat("\ufdfa", 20<<10))
	require.True(t, ok)
	assert.Len(t, prepared, 33*(20<<10))
}

func TestASCIIIsComparedWithoutMoreMemory(t *testing.T) {
	a, b, other := commonName("Acme, Open Banking Ltd"), commonName("Acme, Open Banking Ltd"), commonName("ACME, open banking ltd")
	assert.Zero(t, testing.AllocsPerRun(100, func() { _ = dn.Equal(a, b) }))
	assert.LessOrEqual(t, testing.AllocsPerRun(100, func() { _ = dn.Equal(a, other) }), 2.0)
}
