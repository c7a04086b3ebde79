package dn_test

import (
	"bytes"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/dn"
)

// subject encodes a name from OID and value pairs, in the order of the encoding.
func subject(t *testing.T, attributes ...pkix.AttributeTypeAndValue) []byte {
	t.Helper()
	var seq pkix.RDNSequence
	for _, a := range attributes {
		seq = append(seq, pkix.RelativeDistinguishedNameSET{a})
	}
	der, err := asn1.Marshal(seq)
	require.NoError(t, err)
	return der
}

func attribute(oid asn1.ObjectIdentifier, value any) pkix.AttributeTypeAndValue {
	return pkix.AttributeTypeAndValue{Type: oid, Value: value}
}

var (
	oidC     = asn1.ObjectIdentifier{2, 5, 4, 6}
	oidO     = asn1.ObjectIdentifier{2, 5, 4, 10}
	oidOrgID = asn1.ObjectIdentifier{2, 5, 4, 97}
	oidCN    = asn1.ObjectIdentifier{2, 5, 4, 3}
)

func obwac(t *testing.T) []byte {
	return subject(t, attribute(oidC, "GB"), attribute(oidO, "Acme, Open Bänking Ltd"),
		attribute(oidOrgID, "PSDGB-OB-Unknown0015800001HQQrZAAX"), attribute(oidCN, "0015800001HQQrZAAX"))
}

func TestOneNameInTheRenderingsOfManyTools(t *testing.T) {
	cert, err := dn.FromDER(obwac(t))
	require.NoError(t, err)
	orgHex := hex.EncodeToString([]byte("PSDGB-OB-Unknown0015800001HQQrZAAX"))
	for name, text := range map[string]string{
		"RFC 4514":                   `CN=0015800001HQQrZAAX,organizationIdentifier=PSDGB-OB-Unknown0015800001HQQrZAAX,O=Acme\, Open Bänking Ltd,C=GB`,
		"Java, OID prefix":           `CN=0015800001HQQrZAAX, OID.2.5.4.97=PSDGB-OB-Unknown0015800001HQQrZAAX, O="Acme, Open Bänking Ltd", C=GB`,
		"Java, hex PrintableString":  `CN=0015800001HQQrZAAX,2.5.4.97=#1322` + orgHex + `,O=Acme\2c Open B\C3\A4nking Ltd,C=GB`,
		"hex UTF8String, upper case": `CN=0015800001HQQrZAAX,2.5.4.97=#0C22` + strings.ToUpper(orgHex) + `,O=Acme\, Open Bänking Ltd,C=GB`,
		"case and blanks":            `cn = 0015800001hqqrzaax , organizationidentifier=PSDGB-OB-Unknown0015800001HQQrZAAX,  o=ACME\,  Open   Bänking ltd ,c=gb`,
	} {
		t.Run(name, func(t *testing.T) {
			parsed, err := dn.Parse(text)
			require.NoError(t, err)
			assert.True(t, dn.Equal(parsed, cert))
			again, err := dn.Parse(parsed.String())
			require.NoError(t, err)
			assert.True(t, dn.Equal(again, cert))
		})
	}
}

func TestOtherNames(t *testing.T) {
	cert, err := dn.FromDER(obwac(t))
	require.NoError(t, err)
	for name, c := range map[string]struct {
		text      string
		unordered bool
	}{
		"unknown OID at the end":   {`CN=0015800001HQQrZAAX,O=Acme\, Open Bänking Ltd,C=GB,2.5.4.97=PSDGB-OB-Unknown0015800001HQQrZAAX`, true},
		"unknown OID dropped":      {`CN=0015800001HQQrZAAX,O=Acme\, Open Bänking Ltd,C=GB`, false},
		"other CN":                 {`CN=0015800001HQQrZAAY,O=Acme\, Open Bänking Ltd,C=GB`, false},
		"an RDN twice":             {`CN=0015800001HQQrZAAX,CN=0015800001HQQrZAAX`, false},
		"RDNs joined":              {`CN=0015800001HQQrZAAX+C=GB`, false},
		"value under another type": {`OU=0015800001HQQrZAAX`, false},
	} {
		t.Run(name, func(t *testing.T) {
			parsed, err := dn.Parse(c.text)
			require.NoError(t, err)
			assert.False(t, dn.Equal(parsed, cert))
			assert.Equal(t, c.unordered, dn.EqualUnordered(parsed, cert))
		})
	}
}

// toNothing and toBlank are the lists of RFC 4518 section 2.2, with its slips put right (it writes
// FF00-FE0F for FE00-FE0F).
const (
	toNothing = "00AD 1806 034F 180B-180D FE00-FE0F FFFC 0000-0008 000E-001F 007F-0084 0086-009F 06DD 070F 180E 200C-200F " +
		"202A-202E 2060-2063 206A-206F FEFF FFF9-FFFB 1D173-1D17A E0001 E0020-E007F 200B"
	toBlank = "0009-000D 0085 0020 00A0 1680 2000-200A 2028-2029 202F 205F 3000"
)

func codePoints(t *testing.T, list string) map[rune]bool {
	t.Helper()
	all := map[rune]bool{}
	for _, field := range strings.Fields(list) {
		from, to, found := strings.Cut(field, "-")
		if !found {
			to = from
		}
		first, err := strconv.ParseInt(from, 16, 32)
		require.NoError(t, err)
		last, err := strconv.ParseInt(to, 16, 32)
		require.NoError(t, err)
		for c := first; c <= last; c++ {
			all[rune(c)] = true
		}
	}
	return all
}

func TestEveryCharacterIsMappedAsRFC4518Says(t *testing.T) {
	nothing, blank := codePoints(t, toNothing), codePoints(t, toBlank)
	name := func(value string) dn.Name { return dn.Name{{{OID: dn.OIDCommonName, Value: value}}} }
	without, apart := name("ab"), name("a b")
	for c := rune(0); c <= unicode.MaxRune; c++ {
		with := name("a" + string(c) + "b")
		if dn.Equal(with, without) != nothing[c] || dn.Equal(with, apart) != blank[c] {
			t.Errorf("U+%04X: to nothing %v, to a blank %v", c, nothing[c], blank[c])
		}
	}
}

func TestMultiValuedRDNsIgnoreOrder(t *testing.T) {
	a, err := dn.Parse("CN=a+serialNumber=1,C=GB")
	require.NoError(t, err)
	b, err := dn.Parse("2.5.4.5=1+CN=A,C=GB")
	require.NoError(t, err)
	assert.True(t, dn.Equal(a, b))
	assert.Equal(t, "CN=a+serialNumber=1,C=GB", a.String())
}

func TestAttributeTypes(t *testing.T) {
	n, err := dn.Parse("jurisdictionC=GB,businessCategory=Private Organization,SERIALNUMBER=42,1.3.6.1.4.1.311.60.2.1.2=Kent,DC=example,emailAddress=a@b.example")
	require.NoError(t, err)
	for attribute, want := range map[string]string{"1.3.6.1.4.1.311.60.2.1.3": "GB", "jurisdictionST": "Kent", "serialNumber": "42"} {
		value, ok := n.Only(attribute)
		assert.True(t, ok)
		assert.Equal(t, want, value)
	}
	_, ok := n.Only("no such type")
	assert.False(t, ok)
	assert.True(t, n.First("jurisdictionC"))
	assert.False(t, n.First("CN"))
	assert.False(t, dn.Name(nil).First("CN"))
	assert.False(t, dn.Name(nil).Begins("CN"))
	assert.False(t, dn.Name{{}}.Begins("CN"))
	for text, begins := range map[string]bool{
		"CN=a,O=x": true, "CN=a, O=x": true, "commonName=a,O=x": true, "2.5.4.3=a,O=x": true, "cn=a,O=x": true, "CN=a+OU=b,O=x": true, "CN=,O=x": true,
		"OU=b+CN=a,O=x": false, "O=x,CN=a": false,
	} {
		n, err := dn.Parse(text)
		require.NoError(t, err, text)
		assert.Equal(t, begins, n.Begins("CN"), text)
	}
}

func TestParseRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"nothing": "", "blanks": "  ", "no type": "=x", "no equals sign": "CN", "unknown type": "XX=1",
		"trailing comma": "CN=a,", "leading comma": ",CN=a", "trailing plus": "CN=a+", "semicolon": "CN=a;O=b",
		"slashes": "/C=GB/O=x", "open quote": `CN="a`, "text behind quote": `CN="a"b`, "lone backslash": `CN=a\`,
		"bad escape": `CN=\zz`, "escaped broken UTF-8": `CN=\ff`, "broken UTF-8": "CN=\xff", "NUL": "CN=a\x00",
		"odd hex": "CN=#0c1", "empty hex": "CN=#", "hex no DER": "CN=#0c05aa", "hex trailing": "CN=#0c0141ff",
		"angle bracket": "CN=a<b", "OID with zero": "2.05.4=x", "OID of one arc": "2=x", "OID 3.1": "3.1=x",
		"long": "CN=" + strings.Repeat("a", dn.MaxLength), "many": strings.Repeat("C=a,", dn.MaxRDNs) + "C=a",
	} {
		t.Run(name, func(t *testing.T) {
			n, err := dn.Parse(text)
			require.ErrorIs(t, err, dn.ErrSyntax)
			assert.Nil(t, n)
		})
	}
}

func TestFromDERRefuses(t *testing.T) {
	good := obwac(t)
	for i := range good {
		_, err := dn.FromDER(good[:i])
		require.ErrorIs(t, err, dn.ErrSyntax)
	}
	_, err := dn.FromDER(append(good, 0))
	require.ErrorIs(t, err, dn.ErrSyntax)
	n, err := dn.FromDER([]byte{0x30, 0})
	require.NoError(t, err)
	assert.Empty(t, n)
}

// rdn encodes a name of one RDN with the attribute so many times.
func rdn(t *testing.T, count int) []byte {
	t.Helper()
	one, err := asn1.Marshal(attribute(oidCN, "a"))
	require.NoError(t, err)
	set, err := asn1.Marshal(asn1.RawValue{Tag: asn1.TagSet, IsCompound: true, Bytes: bytes.Repeat(one, count)})
	require.NoError(t, err)
	name, err := asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: set})
	require.NoError(t, err)
	return name
}

func TestAnRDNIsLimitedAsANameIs(t *testing.T) {
	name, err := dn.FromDER(rdn(t, dn.MaxRDNs))
	require.NoError(t, err)
	require.Len(t, name, 1)
	assert.Len(t, name[0], dn.MaxRDNs)
	_, err = dn.FromDER(rdn(t, dn.MaxRDNs+1))
	require.ErrorIs(t, err, dn.ErrSyntax)
}

// Three octets are not always an attribute type of X.520, 2.5.4 and a number.
func TestObjectIdentifiersOfThreeOctets(t *testing.T) {
	for dotted, der := range map[string]string{
		"2.5.4.127": "\x55\x04\x7f",
		"2.5.5.3":   "\x55\x05\x03",
		"1.2.4.3":   "\x2a\x04\x03",
		"2.5.515":   "\x55\x84\x03",
	} {
		name, err := dn.FromDER([]byte("\x30\x0c\x31\x0a\x30\x08\x06\x03" + der + "\x0c\x01a"))
		require.NoError(t, err, dotted)
		assert.Equal(t, dotted, name[0][0].OID)
	}
	for _, der := range []string{"\x55\x04\x80", "\x55\x04\x83", "\x55\x84\x83", "\x55\x80\x03"} {
		_, err := dn.FromDER([]byte("\x30\x0c\x31\x0a\x30\x08\x06\x03" + der + "\x0c\x01a"))
		require.ErrorIs(t, err, dn.ErrSyntax, "%x", der)
	}
}

func TestBlanksAtTheEndsOfAValueAreIgnored(t *testing.T) {
	name := func(value string) dn.Name { return dn.Name{{{OID: dn.OIDCommonName, Value: value}}} }
	for _, value := range []string{" ab", "ab ", "  ab  ", "\tab\u00a0", "\u00ad ab"} {
		assert.True(t, dn.Equal(name(value), name("AB")), "%q", value)
		assert.False(t, dn.Equal(name(value), name("a b")), "%q", value)
	}
}

func TestSubdivisionsOfACountry(t *testing.T) {
	for country, want := range map[string]bool{
		"US+A": true, "US+Z": true, "US+0": true, "US+9": true, "US+ABC": true, "US+A0Z": true,
		"US+": false, "US+ABCD": false, "US+@": false, "US+[": false, "US+/": false, "US+:": false, "US+a": false,
	} {
		id, err := dn.ParseOrganizationID("NTR" + country + "-1")
		require.Equal(t, want, err == nil, country)
		if want {
			assert.Equal(t, dn.OrganizationID{Scheme: "NTR", Country: country, ID: "1"}, id)
		}
	}
}

func TestStringTypes(t *testing.T) {
	raw := func(tag int, b string) asn1.RawValue { return asn1.RawValue{Tag: tag, Bytes: []byte(b)} }
	for name, c := range map[string]struct {
		value asn1.RawValue
		want  string
	}{
		"BMPString":       {raw(30, "\x00A\x00\xe4"), "Aä"},
		"UniversalString": {raw(28, "\x00\x00\x00A"), "A"},
		"T61String":       {raw(20, "A\xe4"), "Aä"},
		"IA5String":       {raw(22, "a@b"), "a@b"},
	} {
		t.Run(name, func(t *testing.T) {
			n, err := dn.FromDER(subject(t, attribute(oidCN, c.value)))
			require.NoError(t, err)
			value, ok := n.Only("CN")
			assert.True(t, ok)
			assert.Equal(t, c.want, value)
		})
	}
	n, err := dn.FromDER(subject(t, attribute(oidCN, 5)))
	require.NoError(t, err)
	assert.Equal(t, "CN=#020105", n.String())
	same, err := dn.Parse("CN=#020105")
	require.NoError(t, err)
	assert.True(t, dn.Equal(n, same))
	text, err := dn.Parse("CN=5")
	require.NoError(t, err)
	assert.False(t, dn.Equal(n, text))
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"CN=a,O=b", `CN=a\,b+OU=\20x\ ,C=GB`, `O="q\"x"`, "2.5.4.97=#0c0141", "CN="} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := dn.Parse(s)
		if err != nil {
			assert.Nil(t, n)
			return
		}
		if len(n.String()) > dn.MaxLength {
			return
		}
		assertReadsBack(t, n)
	})
}

func FuzzFromDER(f *testing.F) {
	f.Add([]byte("\x30\x0d\x31\x0b\x30\x09\x06\x03\x55\x04\x06\x13\x02GB"))
	f.Add([]byte("0\r1\v0\t\x06\x01\x01\x1e\x04\xf9\x11\xefB")) // U+EF42 is for private use: prohibited
	f.Fuzz(func(t *testing.T, der []byte) {
		n, err := dn.FromDER(der)
		if err != nil {
			assert.Nil(t, n)
			return
		}
		if len(n) == 0 || len(n.String()) > dn.MaxLength {
			return
		}
		assertReadsBack(t, n)
	})
}

// assertReadsBack holds that the text of a name reads as that name. A name with a character
// that RFC 4518 section 2.4 prohibits equals nothing, and its text does not either.
func assertReadsBack(t *testing.T, n dn.Name) {
	t.Helper()
	again, err := dn.Parse(n.String())
	require.NoError(t, err)
	assert.Equal(t, n.String(), again.String())
	assert.Equal(t, dn.Equal(n, n), dn.Equal(n, again))
}
