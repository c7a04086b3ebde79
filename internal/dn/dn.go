// Package dn reads, compares and writes X.501 distinguished names. Tools write one name
// in many ways, so names are compared attribute by attribute and never as texts.
//
// Which function to call: [FromDER] reads the subject of a certificate, [Parse] a text
// (RFC 4514), [ParseSlash] OpenSSL's older form. [Equal] compares two names in order;
// [EqualEither], [EqualUnordered] and [EqualImmutable] forgive what some tools do.
// [ProfileOf] tells the kind of a subject. [Name.String] and its sisters write a name.
package dn

import (
	"errors"
	"slices"
	"unicode/utf8"
)

const (
	// MaxLength is the greatest length of a name that Parse and FromDER read, in
	// bytes.
	MaxLength = 4096
	// MaxRDNs is the greatest number of RDNs of a name.
	MaxRDNs = 64
)

// ErrSyntax means that a text or a DER is no distinguished name.
var ErrSyntax = errors.New("dn: not a distinguished name")

// Name is a distinguished name. The most specific RDN, as a rule CN, stands first, as
// RFC 4514 writes it. A certificate encodes its RDNs the other way round.
type Name []RDN

// RDN is one relative distinguished name: an attribute, or several in rare cases.
type RDN []Attribute

// Attribute is an attribute of a name.
type Attribute struct {
	OID   string // dotted: 2.5.4.3
	Value string // the text, as UTF-8; empty when Raw is set
	Raw   []byte // the DER of a value that is no character string; else nil

	tag byte // of the string type that was read, to write it again; 0 where unknown
}

// Equal reports whether a and b have the same RDNs in the same order. It compares texts by
// caseIgnoreMatch: [Prepare] says how. Upper and lower case are the same, in any script, and
// so are the spellings of one letter as one character or several. A text with a character
// that is not assigned or for private use is equal to nothing.
func Equal(a, b Name) bool {
	return slices.EqualFunc(a, b, equalRDN)
}

// Reversed returns the name with its RDNs the other way round, as tools write it that
// begin with C. The slice is fresh, the RDNs are shared.
func (n Name) Reversed() Name {
	r := slices.Clone(n)
	slices.Reverse(r)
	return r
}

// EqualEither reports whether a is equal to b or to b reversed.
func EqualEither(a, b Name) bool {
	if len(a) != len(b) {
		return false
	}
	return Equal(a, b) || Equal(a.Reversed(), b)
}

// EqualUnordered reports whether a and b have the same RDNs in any order. Go's
// pkix.Name.String, for example, moves attributes that it does not know to the end.
func EqualUnordered(a, b Name) bool {
	return len(a) == len(b) && within(a, b)
}

// within reports whether whole has every RDN of part, in any order. An RDN that stands
// twice in part must stand twice in whole.
func within(part, whole Name) bool {
	if len(part) > len(whole) {
		return false
	}
	used := make([]bool, len(whole))
	for _, r := range part {
		found := false
		for i, w := range whole {
			if !used[i] && equalRDN(r, w) {
				used[i], found = true, true
				break
			}
		}
		if !found {
			return false
		}
	}
	return true
}

// equalRDN reports whether two RDNs have the same attributes, in any order.
func equalRDN(a, b RDN) bool {
	if len(a) != len(b) {
		return false
	}
	if len(a) == 1 {
		return equalAttribute(&a[0], &b[0])
	}
	used := make([]bool, len(b))
	for i := range a {
		found := false
		for k := range b {
			if !used[k] && equalAttribute(&a[i], &b[k]) {
				used[k], found = true, true
				break
			}
		}
		if !found {
			return false
		}
	}
	return true
}

func equalAttribute(a, b *Attribute) bool {
	if a.OID != b.OID || (a.Raw == nil) != (b.Raw == nil) {
		return false
	}
	if a.Raw != nil {
		return slices.Equal(a.Raw, b.Raw)
	}
	return sameText(a.Value, b.Value)
}

// sameText compares two texts by caseIgnoreMatch (RFC 4517 section 4.2.11). A text that
// RFC 4518 section 2.4 prohibits is equal to nothing, not to itself either.
func sameText(a, b string) bool {
	if a == b && isASCII(a) {
		return true
	}
	left, ok := Prepare(a)
	right, fit := Prepare(b)
	return ok && fit && left == right
}

func isASCII(s string) bool {
	var bits byte
	for i := range len(s) {
		bits |= s[i]
	}
	return bits < utf8.RuneSelf
}

// isBlank reports whether RFC 4518 section 2.2 maps a character to a blank.
func isBlank(c rune) bool {
	switch {
	case c == ' ', '\t' <= c && c <= '\r', c == 0x85, c == 0xa0, c == 0x1680, 0x2000 <= c && c <= 0x200a,
		c == 0x2028, c == 0x2029, c == 0x202f, c == 0x205f, c == 0x3000:
		return true
	}
	return false
}

// mapsToNothing reports whether RFC 4518 section 2.2 maps a character to nothing. The
// list is exact: with one character more, two different names would be equal. The RFC
// writes FF00-FE0F but means the variation selectors FE00-FE0F (RFC 3454 table B.1).
func mapsToNothing(c rune) bool {
	switch {
	case c < ' ', 0x7f <= c && c <= 0x9f: // controls, but for those that isBlank has taken
		return true
	case c == 0xad, c == 0x34f, c == 0x6dd, c == 0x70f, c == 0x1806, 0x180b <= c && c <= 0x180e,
		0x200b <= c && c <= 0x200f, 0x202a <= c && c <= 0x202e, 0x2060 <= c && c <= 0x2063, 0x206a <= c && c <= 0x206f,
		0xfe00 <= c && c <= 0xfe0f, c == 0xfeff, 0xfff9 <= c && c <= 0xfffc,
		0x1d173 <= c && c <= 0x1d17a, c == 0xe0001, 0xe0020 <= c && c <= 0xe007f:
		return true
	}
	return false
}

// Begins reports whether the first attribute, as the name is written, is the one of the
// given OID or name. First looks at the whole of the first RDN.
func (n Name) Begins(attribute string) bool {
	oid, ok := typeOID(attribute)
	return ok && len(n) > 0 && len(n[0]) > 0 && n[0][0].OID == oid
}

// First reports whether the first RDN has the attribute of the given OID or name.
func (n Name) First(attribute string) bool {
	oid, ok := typeOID(attribute)
	return ok && len(n) > 0 && slices.ContainsFunc(n[0], func(a Attribute) bool { return a.OID == oid })
}
