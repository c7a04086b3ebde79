// Package dn reads X.501 distinguished names, from text (RFC 4514) and from a
// certificate's DER, and compares them attribute by attribute. Two tools write
// one and the same name in many ways; comparing texts would refuse most of them.
package dn

import (
	"errors"
	"slices"
	"strings"
)

const (
	// MaxLength is the greatest length of a name that Parse and FromDER read, in
	// bytes.
	MaxLength = 4096
	// MaxRDNs is the greatest number of RDNs of a name.
	MaxRDNs = 64
)

// ErrSyntax says that a text or DER is no distinguished name.
var ErrSyntax = errors.New("dn: not a distinguished name")

// Name is a distinguished name, the most specific RDN (CN, as a rule) first, as
// RFC 4514 writes it and the reverse of a certificate's encoding.
type Name []RDN

// RDN is one relative distinguished name: one attribute, seldom several.
type RDN []Attribute

// Attribute is an attribute of a name.
type Attribute struct {
	OID   string // dotted: 2.5.4.3
	Value string // the text, as UTF-8; empty when Raw is set
	Raw   []byte // DER of a value that is no character string; else nil

	tag byte // the string type it was read as, for those that write it again; 0 where unknown
}

// Equal says whether a and b are the same name: the same RDNs in the same order.
// Texts are compared without regard to ASCII case, with blanks at either end
// ignored and runs of blanks taken as one (RFC 4518 sections 2.2 and 2.6.1; other
// letters are compared exactly, and not normalised).
func Equal(a, b Name) bool {
	return slices.EqualFunc(a, b, EqualRDN)
}

// Reversed returns the name with its RDNs the other way round, as those write it
// who begin with C, in a fresh slice. The RDNs are shared.
func (n Name) Reversed() Name {
	r := slices.Clone(n)
	slices.Reverse(r)
	return r
}

// EqualEither says whether a and b are the same name, read from either end.
func EqualEither(a, b Name) bool {
	if len(a) != len(b) {
		return false
	}
	return Equal(a, b) || Equal(a.Reversed(), b)
}

// EqualUnordered says whether a and b have the same RDNs in any order. Go's
// pkix.Name.String, for one, moves the attributes it doesn't know to the end.
func EqualUnordered(a, b Name) bool {
	return len(a) == len(b) && Within(a, b)
}

// Within says whether part has no RDN that whole lacks, whatever the order; an
// RDN that stands twice in part must stand twice in whole.
func Within(part, whole Name) bool {
	if len(part) > len(whole) {
		return false
	}
	used := make([]bool, len(whole))
	for _, r := range part {
		found := false
		for i, w := range whole {
			if !used[i] && EqualRDN(r, w) {
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

// EqualRDN compares two RDNs. The order of attributes within one means nothing.
func EqualRDN(a, b RDN) bool {
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
	return a.Value == b.Value || fold(a.Value) == fold(b.Value)
}

// fold brings a text into the form in which it is compared.
func fold(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	blank := false
	for _, c := range s {
		switch {
		case isBlank(c):
			blank = b.Len() > 0
			continue
		case mapsToNothing(c):
			continue
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		}
		if blank {
			b.WriteByte(' ')
			blank = false
		}
		b.WriteRune(c)
	}
	return b.String()
}

// isBlank: what RFC 4518 section 2.2 maps to a blank, in full.
func isBlank(c rune) bool {
	switch {
	case c == ' ', '\t' <= c && c <= '\r', c == 0x85, c == 0xa0, c == 0x1680, 0x2000 <= c && c <= 0x200a,
		c == 0x2028, c == 0x2029, c == 0x202f, c == 0x205f, c == 0x3000:
		return true
	}
	return false
}

// mapsToNothing: what RFC 4518 section 2.2 maps to nothing, in full and no more, or
// two names that differ would compare equal. The RFC writes FF00-FE0F where it means
// the variation selectors FE00-FE0F (RFC 3454 table B.1).
func mapsToNothing(c rune) bool {
	switch {
	case c < ' ', 0x7f <= c && c <= 0x9f: // controls; isBlank has taken those that are blanks
		return true
	case c == 0xad, c == 0x34f, c == 0x6dd, c == 0x70f, c == 0x1806, 0x180b <= c && c <= 0x180e,
		0x200b <= c && c <= 0x200f, 0x202a <= c && c <= 0x202e, 0x2060 <= c && c <= 0x2063, 0x206a <= c && c <= 0x206f,
		0xfe00 <= c && c <= 0xfe0f, c == 0xfeff, 0xfff9 <= c && c <= 0xfffc,
		0x1d173 <= c && c <= 0x1d17a, c == 0xe0001, 0xe0020 <= c && c <= 0xe007f:
		return true
	}
	return false
}

// First says whether the name begins with the attribute of the given OID or name.
func (n Name) First(attribute string) bool {
	oid, ok := typeOID(attribute)
	return ok && len(n) > 0 && slices.ContainsFunc(n[0], func(a Attribute) bool { return a.OID == oid })
}
