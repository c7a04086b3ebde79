package dn

import (
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/obdcr/obdcr/internal/text"
)

// Parse reads a name from its RFC 4514 text. It takes names of attribute types in any
// case, OIDs (also with Java's prefix OID.), every escape, # and hexadecimal DER, and
// RDNs of several attributes. It also takes what common tools write beyond the RFC:
// blanks around separators, and quoted values (RFC 2253 section 4). It refuses a name
// without RDNs. The error wraps ErrSyntax, names the byte, and repeats nothing of the
// text.
func Parse(s string) (Name, error) {
	switch {
	case len(s) > MaxLength:
		return nil, fmt.Errorf("%w: longer than %d bytes", ErrSyntax, MaxLength)
	case !utf8.ValidString(s):
		return nil, fmt.Errorf("%w: invalid UTF-8", ErrSyntax)
	}
	p := &parser{s: s}
	name := make(Name, 0, 8)
	for {
		rdn, err := p.rdn()
		if err != nil {
			return nil, err
		}
		if len(name) == MaxRDNs {
			return nil, fmt.Errorf("%w: more than %d RDNs", ErrSyntax, MaxRDNs)
		}
		name = append(name, rdn)
		if p.pos == len(s) {
			return name, nil
		}
		p.pos++ // the comma
	}
}

type parser struct {
	s   string
	pos int
}

func (p *parser) fault(reason string) error {
	return fmt.Errorf("%w: %s at byte %d", ErrSyntax, reason, p.pos)
}

func (p *parser) blanks() {
	for p.pos < len(p.s) && p.s[p.pos] == ' ' {
		p.pos++
	}
}

const special = "\"+,;<>\\"

func (p *parser) rdn() (RDN, error) {
	var rdn RDN
	for {
		a, err := p.attribute()
		if err != nil {
			return nil, err
		}
		if len(rdn) == MaxRDNs {
			return nil, p.fault("too many attributes in one RDN")
		}
		rdn = append(rdn, a)
		if p.pos == len(p.s) || p.s[p.pos] == ',' {
			return rdn, nil
		}
		p.pos++ // the plus
	}
}

// attribute reads type = value, up to a comma, a plus or the end.
func (p *parser) attribute() (Attribute, error) {
	p.blanks()
	equals := strings.IndexByte(p.s[p.pos:], '=')
	if equals < 0 {
		return Attribute{}, p.fault("an attribute type and = are due here")
	}
	oid, ok := typeOID(strings.TrimRight(p.s[p.pos:p.pos+equals], " "))
	if !ok {
		return Attribute{}, p.fault("an unknown attribute type (use its OID)")
	}
	p.pos += equals + 1
	p.blanks()
	a := Attribute{OID: oid}
	var err error
	switch {
	case p.pos < len(p.s) && p.s[p.pos] == '#':
		err = p.hexValue(&a)
	case p.pos < len(p.s) && p.s[p.pos] == '"':
		a.Value, err = p.quoted()
	default:
		a.Value, err = p.plain()
	}
	if err != nil {
		return Attribute{}, err
	}
	p.blanks()
	if p.pos < len(p.s) && p.s[p.pos] != ',' && p.s[p.pos] != '+' {
		return Attribute{}, p.fault("a comma, a plus or the end is due here")
	}
	return a, nil
}

// plain reads an unquoted value. Blanks at its end belong to it only if escaped.
func (p *parser) plain() (string, error) {
	if end := p.pos + strings.IndexAny(p.s[p.pos:]+",", "\"+,;<>\\\x00"); end == len(p.s) || p.s[end] == ',' || p.s[end] == '+' {
		v := strings.TrimRight(p.s[p.pos:end], " ") // without escapes: no copy is needed
		p.pos = end
		return v, nil
	}
	var b []byte
	keep := 0
	for p.pos < len(p.s) {
		c := p.s[p.pos]
		switch {
		case c == ',' || c == '+':
			return p.text(b[:keep])
		case c == '\\':
			e, err := p.escape()
			if err != nil {
				return "", err
			}
			b = append(b, e)
			keep = len(b)
			continue
		case c == 0 || strings.IndexByte(special, c) >= 0:
			return "", p.fault("a character that must be escaped")
		}
		b = append(b, c)
		if c != ' ' {
			keep = len(b)
		}
		p.pos++
	}
	return p.text(b[:keep])
}

// quoted reads a value in quotation marks.
func (p *parser) quoted() (string, error) {
	p.pos++
	var b []byte
	for p.pos < len(p.s) {
		switch c := p.s[p.pos]; c {
		case '"':
			p.pos++
			return p.text(b)
		case '\\':
			e, err := p.escape()
			if err != nil {
				return "", err
			}
			b = append(b, e)
		default:
			b = append(b, c)
			p.pos++
		}
	}
	return "", p.fault("the closing quotation mark is missing")
}

// text makes a value of its bytes. Escapes can stand for any byte, so it checks them.
func (p *parser) text(b []byte) (string, error) {
	if !utf8.Valid(b) {
		return "", p.fault("escaped bytes that are invalid UTF-8 end")
	}
	return string(b), nil
}

// escape reads a backslash and a special character or two hexadecimal digits.
func (p *parser) escape() (byte, error) {
	rest := p.s[p.pos+1:]
	if rest != "" && (strings.IndexByte(special, rest[0]) >= 0 || strings.IndexByte(" #=", rest[0]) >= 0) {
		p.pos += 2
		return rest[0], nil
	}
	if len(rest) >= 2 {
		if b, err := hex.DecodeString(rest[:2]); err == nil {
			p.pos += 3
			return b[0], nil
		}
	}
	return 0, p.fault("a broken escape")
}

// hexValue reads # and the hexadecimal DER of a value.
func (p *parser) hexValue(a *Attribute) error {
	end := p.pos + 1
	for end < len(p.s) && text.IsHex(p.s[end]) {
		end++
	}
	der, err := hex.DecodeString(p.s[p.pos+1 : end])
	if err != nil || len(der) == 0 {
		return p.fault("an even number of hexadecimal digits is due")
	}
	tag, content, rest, ok := element(der)
	if !ok || len(rest) != 0 {
		return p.fault("hexadecimal digits that are no DER value")
	}
	p.pos = end
	a.tag = tag
	a.Value, a.Raw = decodeValue(tag, content, der)
	return nil
}
