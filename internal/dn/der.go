package dn

import (
	"fmt"
	"slices"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	tagOID       = 0x06
	tagUTF8      = 0x0c
	tagNumeric   = 0x12
	tagPrintable = 0x13
	tagT61       = 0x14
	tagIA5       = 0x16
	tagUniversal = 0x1c
	tagBMP       = 0x1e
	tagSequence  = 0x30
	tagSet       = 0x31
)

// FromDER reads a name from its DER, such as x509.Certificate.RawSubject. A subject
// without RDNs is an empty Name. The error wraps ErrSyntax.
func FromDER(raw []byte) (Name, error) {
	if len(raw) > MaxLength {
		return nil, fmt.Errorf("%w: longer than %d bytes", ErrSyntax, MaxLength)
	}
	tag, rdns, rest, ok := element(raw)
	if !ok || tag != tagSequence || len(rest) != 0 {
		return nil, fmt.Errorf("%w: the DER is no single SEQUENCE", ErrSyntax)
	}
	name := make(Name, 0, 8)
	for len(rdns) > 0 {
		tag, set, rest, ok := element(rdns)
		if !ok || tag != tagSet || len(set) == 0 || len(name) == MaxRDNs {
			return nil, fmt.Errorf("%w: RDN %d is no SET of attributes", ErrSyntax, len(name))
		}
		rdn, ok := derRDN(set)
		if !ok {
			return nil, fmt.Errorf("%w: RDN %d has a broken attribute", ErrSyntax, len(name))
		}
		name = append(name, rdn)
		rdns = rest
	}
	slices.Reverse(name)
	return name, nil
}

func derRDN(set []byte) (RDN, bool) {
	rdn := make(RDN, 0, 1)
	for len(set) > 0 {
		tag, attribute, rest, ok := element(set)
		if !ok || tag != tagSequence || len(rdn) == MaxRDNs {
			return nil, false
		}
		oidTag, oid, value, ok := element(attribute)
		if !ok || oidTag != tagOID {
			return nil, false
		}
		dotted, ok := derOID(oid)
		if !ok {
			return nil, false
		}
		valueTag, content, behind, ok := element(value)
		if !ok || len(behind) != 0 {
			return nil, false
		}
		a := Attribute{OID: dotted, tag: valueTag}
		a.Value, a.Raw = decodeValue(valueTag, content, value)
		rdn = append(rdn, a)
		set = rest
	}
	return rdn, true
}

// element splits one DER element off b. It takes low tag numbers alone, and lengths that
// are definite and minimal.
func element(b []byte) (tag byte, content, rest []byte, ok bool) {
	if len(b) < 2 || b[0]&0x1f == 0x1f {
		return 0, nil, nil, false
	}
	n, at := int(b[1]), 2
	if n >= 0x80 {
		size := n & 0x7f
		if size == 0 || size > 2 || len(b) < 2+size {
			return 0, nil, nil, false
		}
		n = 0
		for _, c := range b[2 : 2+size] {
			n = n<<8 | int(c)
		}
		if n < 0x80 || size == 2 && n < 0x100 {
			return 0, nil, nil, false
		}
		at += size
	}
	if len(b) < at+n {
		return 0, nil, nil, false
	}
	return b[0], b[at : at+n], b[at+n:], true
}

// derOID returns an OBJECT IDENTIFIER in dotted form.
func derOID(b []byte) (string, bool) {
	if len(b) == 3 && b[0] == 0x55 && b[1] == 4 && b[2] < 0x80 { // 2.5.4.x, nearly always
		return "2.5.4." + strconv.Itoa(int(b[2])), true
	}
	if len(b) == 0 || len(b) > 64 || b[len(b)-1]&0x80 != 0 {
		return "", false
	}
	var out []byte
	arc, fresh := uint64(0), true
	for _, c := range b {
		if fresh && c == 0x80 || arc > 1<<56 {
			return "", false
		}
		arc = arc<<7 | uint64(c&0x7f)
		if fresh = c&0x80 == 0; !fresh {
			continue
		}
		if out == nil {
			top := min(arc/40, 2)
			out = strconv.AppendUint(out, top, 10)
			arc -= top * 40
		}
		out = strconv.AppendUint(append(out, '.'), arc, 10)
		arc = 0
	}
	return string(out), true
}

// decodeValue returns the text of a character string, or the DER of any other value.
func decodeValue(tag byte, content, der []byte) (string, []byte) {
	switch tag {
	case tagUTF8, tagPrintable, tagIA5, tagNumeric:
		if utf8.Valid(content) {
			return string(content), nil
		}
	case tagT61: // ISO 8859-1 in practice
		runes := make([]rune, len(content))
		for i, c := range content {
			runes[i] = rune(c)
		}
		return string(runes), nil
	case tagBMP:
		if len(content)%2 == 0 {
			units := make([]uint16, 0, len(content)/2)
			for i := 0; i < len(content); i += 2 {
				units = append(units, uint16(content[i])<<8|uint16(content[i+1]))
			}
			if runes := utf16.Decode(units); !slices.Contains(runes, utf8.RuneError) {
				return string(runes), nil
			}
		}
	case tagUniversal:
		if s, ok := universal(content); ok {
			return s, nil
		}
	}
	return "", slices.Clone(der)
}

// universal decodes UTF-32 in big-endian order.
func universal(content []byte) (string, bool) {
	if len(content)%4 != 0 {
		return "", false
	}
	runes := make([]rune, 0, len(content)/4)
	for i := 0; i < len(content); i += 4 {
		c := uint32(content[i])<<24 | uint32(content[i+1])<<16 | uint32(content[i+2])<<8 | uint32(content[i+3])
		if c > utf8.MaxRune || !utf8.ValidRune(rune(c)) {
			return "", false
		}
		runes = append(runes, rune(c))
	}
	return string(runes), true
}
