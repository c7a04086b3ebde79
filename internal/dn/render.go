package dn

import (
	"encoding/asn1"
	"encoding/hex"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// String writes the name as RFC 4514 does, with names of types that OpenSSL and most
// other tools know. It writes a value that is no text as # and hexadecimal DER, and
// escapes what is not printable. Parse reads an equal name back.
func (n Name) String() string {
	return n.write(",", "+", func(b *strings.Builder, a *Attribute) {
		b.WriteString(nameOr(shortNames, a.OID, ""))
		b.WriteByte('=')
		writeEscaped(b, a, unicode.IsPrint)
	})
}

// OIDs is String with an OID for each attribute type.
func (n Name) OIDs() string {
	return n.write(",", "+", func(b *strings.Builder, a *Attribute) {
		b.WriteString(a.OID)
		b.WriteByte('=')
		writeEscaped(b, a, unicode.IsPrint)
	})
}

// OpenSSL writes the name as openssl x509 -subject does: in the order of the encoding,
// with blanks. Parse reads it as the reversed name.
func (n Name) OpenSSL() string {
	return n.Reversed().write(", ", " + ", func(b *strings.Builder, a *Attribute) {
		b.WriteString(nameOr(opensslNames, a.OID, ""))
		b.WriteString(" = ")
		writeQuoted(b, a, ",+;<>#\"", isPrintableASCII)
	})
}

// Java writes the name as X500Principal.toString does. Parse reads it back.
func (n Name) Java() string {
	return n.write(", ", " + ", func(b *strings.Builder, a *Attribute) {
		b.WriteString(nameOr(javaNames, a.OID, "OID."))
		b.WriteByte('=')
		writeQuoted(b, a, ",+=;<>#\\\"", unicode.IsPrint)
	})
}

// JavaRFC2253 writes the name as X500Principal.getName does: the values of all
// types but nine as hexadecimal DER. Parse reads it back.
func (n Name) JavaRFC2253() string {
	return n.write(",", "+", func(b *strings.Builder, a *Attribute) {
		name, ok := rfc2253Names[a.OID]
		if !ok {
			b.WriteString(a.OID)
			b.WriteString("=#")
			b.WriteString(hex.EncodeToString(a.der()))
			return
		}
		b.WriteString(name)
		b.WriteByte('=')
		writeEscaped(b, a, unicode.IsPrint)
	})
}

// Slash writes the name as openssl x509 -nameopt compat does, /C=GB/O=..., in the
// order of the encoding; unlike OpenSSL it escapes a backslash. ParseSlash reads
// it back.
func (n Name) Slash() string {
	var b strings.Builder
	for _, r := range slices.Backward(n) {
		for i := range r {
			b.WriteByte("/+"[min(i, 1)])
			b.WriteString(nameOr(opensslNames, r[i].OID, ""))
			b.WriteByte('=')
			writeSlashValue(&b, &r[i])
		}
	}
	return b.String()
}

func (n Name) write(between, within string, attribute func(*strings.Builder, *Attribute)) string {
	var b strings.Builder
	for i, r := range n {
		if i > 0 {
			b.WriteString(between)
		}
		for k := range r {
			if k > 0 {
				b.WriteString(within)
			}
			attribute(&b, &r[k])
		}
	}
	return b.String()
}

// nameOr returns the name of a type, or its OID behind a prefix.
func nameOr(names map[string]string, oid, prefix string) string {
	if name, ok := names[oid]; ok {
		return name
	}
	return prefix + oid
}

// writeEscaped writes a value with a backslash before special characters. It writes each
// byte of a character that keep refuses as two hexadecimal digits.
func writeEscaped(b *strings.Builder, a *Attribute, keep func(rune) bool) {
	if a.Raw != nil {
		b.WriteString("#" + hex.EncodeToString(a.Raw))
		return
	}
	last := len(a.Value) - 1
	for i, c := range a.Value {
		switch {
		case !keep(c):
			writeHexPairs(b, a.Value[i:i+utf8.RuneLen(c)])
			continue
		case c < utf8.RuneSelf && strings.IndexByte(special, byte(c)) >= 0, c == '#' && i == 0, c == ' ' && (i == 0 || i == last):
			b.WriteByte('\\')
		}
		b.WriteRune(c)
	}
}

func writeHexPairs(b *strings.Builder, s string) {
	for i := range len(s) {
		b.WriteByte('\\')
		b.WriteString(strings.ToUpper(hex.EncodeToString([]byte{s[i]})))
	}
}

// writeQuoted writes a value, in quotation marks where it has a special character, or a
// blank at either end.
func writeQuoted(b *strings.Builder, a *Attribute, why string, keep func(rune) bool) {
	if a.Raw != nil {
		writeEscaped(b, a, keep)
		return
	}
	quote := strings.ContainsAny(a.Value, why) || strings.Trim(a.Value, " ") != a.Value
	if quote {
		b.WriteByte('"')
	}
	for i, c := range a.Value {
		switch {
		case !keep(c):
			writeHexPairs(b, a.Value[i:i+utf8.RuneLen(c)])
			continue
		case c == '"' || c == '\\':
			b.WriteByte('\\')
		}
		b.WriteRune(c)
	}
	if quote {
		b.WriteByte('"')
	}
}

func isPrintableASCII(c rune) bool { return ' ' <= c && c <= '~' }

// writeSlashValue writes a value with a backslash before slash and plus. It writes a
// backslash, a # in front, and what is not printable ASCII as \x and two digits.
func writeSlashValue(b *strings.Builder, a *Attribute) {
	if a.Raw != nil {
		writeEscaped(b, a, isPrintableASCII)
		return
	}
	for i := range len(a.Value) {
		c := a.Value[i]
		switch {
		case c < ' ' || c > '~' || c == '\\' || c == '#' && i == 0:
			b.WriteString(`\x` + strings.ToUpper(hex.EncodeToString([]byte{c})))
			continue
		case c == '/' || c == '+':
			b.WriteByte('\\')
		}
		b.WriteByte(c)
	}
}

// der returns the DER of a value. It uses the string type that was read, if that holds
// UTF-8 unchanged, or else PrintableString or UTF8String.
func (a *Attribute) der() []byte {
	if a.Raw != nil {
		return a.Raw
	}
	value := asn1.RawValue{Tag: tagUTF8, Bytes: []byte(a.Value)}
	switch {
	case a.tag == tagPrintable || a.tag == tagIA5 || a.tag == tagNumeric:
		value.Tag = int(a.tag)
	case a.tag == 0 && !strings.ContainsFunc(a.Value, notPrintableString):
		value.Tag = tagPrintable
	}
	der, err := asn1.Marshal(value)
	if err != nil {
		return nil // a primitive value of a low tag always has a DER
	}
	return der
}

// notPrintableString reports whether a PrintableString cannot hold c (X.680 section
// 41.4).
func notPrintableString(c rune) bool {
	return (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') && !strings.ContainsRune(" '()+,-./:=?", c)
}

// opensslNames are the short names of OpenSSL.
var opensslNames = map[string]string{
	"2.5.4.3": "CN", "2.5.4.4": "SN", "2.5.4.5": "serialNumber", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST",
	"2.5.4.9": "street", "2.5.4.10": "O", "2.5.4.11": "OU", "2.5.4.12": "title", "2.5.4.13": "description",
	"2.5.4.15": "businessCategory", "2.5.4.16": "postalAddress", "2.5.4.17": "postalCode", "2.5.4.18": "postOfficeBox",
	"2.5.4.20": "telephoneNumber", "2.5.4.41": "name", "2.5.4.42": "GN", "2.5.4.43": "initials", "2.5.4.44": "generationQualifier",
	"2.5.4.45": "x500UniqueIdentifier", "2.5.4.46": "dnQualifier", "2.5.4.51": "houseIdentifier", "2.5.4.65": "pseudonym",
	"2.5.4.72": "role", "2.5.4.97": "organizationIdentifier", "1.2.840.113549.1.9.1": "emailAddress",
	"1.2.840.113549.1.9.2": "unstructuredName", "0.9.2342.19200300.100.1.1": "UID", "0.9.2342.19200300.100.1.25": "DC",
	"1.3.6.1.4.1.311.60.2.1.1": "jurisdictionL", "1.3.6.1.4.1.311.60.2.1.2": "jurisdictionST", "1.3.6.1.4.1.311.60.2.1.3": "jurisdictionC",
}

// javaNames are the keywords of X500Principal.toString.
var javaNames = map[string]string{
	"2.5.4.3": "CN", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST", "2.5.4.10": "O", "2.5.4.11": "OU", "2.5.4.12": "T",
	"2.5.4.9": "STREET", "0.9.2342.19200300.100.1.25": "DC", "2.5.4.46": "DNQ", "2.5.4.4": "SURNAME", "2.5.4.42": "GIVENNAME",
	"2.5.4.43": "INITIALS", "2.5.4.44": "GENERATION", "1.2.840.113549.1.9.1": "EMAILADDRESS", "0.9.2342.19200300.100.1.1": "UID",
	"2.5.4.5": "SERIALNUMBER",
}

// rfc2253Names are the nine names of RFC 2253 section 2.3.
var rfc2253Names = map[string]string{
	"2.5.4.3": "CN", "2.5.4.7": "L", "2.5.4.8": "ST", "2.5.4.10": "O", "2.5.4.11": "OU", "2.5.4.6": "C",
	"2.5.4.9": "STREET", "0.9.2342.19200300.100.1.25": "DC", "0.9.2342.19200300.100.1.1": "UID",
}
