package dn

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// ParseSlash reads a name from OpenSSL's older form, /C=GB/O=..., in the order of the
// encoding. A byte may be \x and two hexadecimal digits. Slash and plus are escaped by a
// backslash, and + stands between the attributes of one RDN. Older versions escape
// neither slash nor plus, so either separates only where a known attribute type and =
// follow. The meaning of such a text is never certain: use the result in messages, not
// in decisions. The error wraps ErrSyntax and repeats nothing of the text.
func ParseSlash(s string) (Name, error) {
	switch {
	case len(s) > MaxLength:
		return nil, fmt.Errorf("%w: longer than %d bytes", ErrSyntax, MaxLength)
	case !slashBegins(s, 0) || s[0] != '/':
		return nil, fmt.Errorf("%w: a slash, an attribute type and = are due at byte 0", ErrSyntax)
	}
	name := make(Name, 0, 8)
	for from := 0; from < len(s); {
		to := from + 1
		for to < len(s) && !slashBegins(s, to) {
			to++
		}
		a, err := slashAttribute(s[from+1:to], from+1)
		if err != nil {
			return nil, err
		}
		switch last := len(name) - 1; {
		case s[from] == '/' && len(name) < MaxRDNs:
			name = append(name, RDN{a})
		case s[from] == '+' && len(name[last]) < MaxRDNs:
			name[last] = append(name[last], a)
		default:
			return nil, fmt.Errorf("%w: too many RDNs or attributes at byte %d", ErrSyntax, from)
		}
		from = to
	}
	slices.Reverse(name)
	return name, nil
}

// slashBegins reports whether an attribute begins at s[i]: a separator that is not
// escaped, a known type and an equals sign.
func slashBegins(s string, i int) bool {
	if i >= len(s) || s[i] != '/' && s[i] != '+' || i > 0 && s[i-1] == '\\' {
		return false
	}
	rest := s[i+1 : min(len(s), i+130)]
	kind, _, ok := strings.Cut(rest, "=")
	if !ok {
		return false
	}
	_, ok = typeOID(kind)
	return ok
}

// slashAttribute reads type=value. at is its first byte in the whole text.
func slashAttribute(s string, at int) (Attribute, error) {
	kind, value, _ := strings.Cut(s, "=")
	oid, _ := typeOID(kind)
	a := Attribute{OID: oid}
	if digits, ok := strings.CutPrefix(value, "#"); ok {
		if der, err := hex.DecodeString(digits); err == nil {
			if tag, content, rest, ok := element(der); ok && len(rest) == 0 {
				a.tag = tag
				a.Value, a.Raw = decodeValue(tag, content, der)
				return a, nil
			}
		}
	}
	b := make([]byte, 0, len(value))
	for i := 0; i < len(value); i++ {
		if value[i] == '\\' && i+1 < len(value) {
			if c, err := hex.DecodeString(value[min(len(value), i+2):min(len(value), i+4)]); value[i+1] == 'x' && err == nil && len(c) == 1 {
				b = append(b, c[0])
				i += 3
				continue
			}
			if value[i+1] == '/' || value[i+1] == '+' {
				i++
			}
		}
		b = append(b, value[i])
	}
	if !utf8.Valid(b) {
		return Attribute{}, fmt.Errorf("%w: a value that is no UTF-8 text at byte %d", ErrSyntax, at)
	}
	a.Value = string(b)
	return a, nil
}
