// Package jsonscan reads JSON strictly: one value and nothing behind it, valid
// UTF-8, exact names without duplicates at any level, and bounded depth.
//
// encoding/json matches member names without regard to case, keeps the last of
// two duplicates and mends broken UTF-8. In a signed document each of these lets
// two readers see two different things, so they are refused here.
package jsonscan

import (
	"math"
	"math/bits"
	"strings"
	"unicode/utf8"

	"github.com/obdcr/obdcr/internal/text"
)

const (
	// MaxDepth is the number of arrays and objects that may enclose each other.
	MaxDepth = 16
	// MaxMembers is the number of members that one object may have.
	MaxMembers = 1000
	// MaxValues is the number of values, at all levels, that a document for Scan may
	// have. It bounds the cost of a document whose sender is not authenticated yet.
	MaxValues = 2000
)

// Parse checks the whole of doc and returns its one value, a view into doc that
// copies nothing. The error is a *SyntaxError, and the value then unusable.
func Parse(doc string) (Value, error) {
	p := parser{doc: doc, left: math.MaxInt}
	return p.document()
}

// Scan is Parse for a document of at most MaxValues. If the document is an object, Scan
// calls member for each of its members on the way, so that the caller need not read them
// again. If Scan returns an error in the end, the caller must discard these members.
func Scan(doc string, member func(name string, v Value)) (Value, error) {
	p := parser{doc: doc, left: MaxValues, show: member}
	return p.document()
}

func invalidUTF8(doc string) int {
	for i := 0; i < len(doc); {
		r, size := utf8.DecodeRuneInString(doc[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return len(doc)
}

type parser struct {
	doc   string
	pos   int
	left  int       // how many values the document may still have
	names nameStack // of the objects that are open, innermost last
	show  func(string, Value)
}

func (p *parser) document() (Value, error) {
	if !utf8.ValidString(p.doc) {
		return Value{}, &SyntaxError{Offset: invalidUTF8(p.doc), Reason: "invalid UTF-8"}
	}
	if len(p.doc) > math.MaxInt32 {
		return Value{}, &SyntaxError{Reason: "the document is longer than 2 GiB"}
	}
	p.space()
	start := p.pos
	if err := p.value(0); err != nil {
		return Value{}, err
	}
	end := p.pos
	p.space()
	if p.pos != len(p.doc) {
		return Value{}, p.fault("something stands behind the value")
	}
	return Value{raw: p.doc[start:end]}, nil
}

func (p *parser) fault(reason string) error {
	return &SyntaxError{Offset: p.pos, Reason: reason}
}

func (p *parser) space() { p.pos = skipSpace(p.doc, p.pos) }

func (p *parser) peek() byte {
	if p.pos < len(p.doc) {
		return p.doc[p.pos]
	}
	return 0
}

func (p *parser) value(depth int) error {
	if p.left--; p.left < 0 {
		return p.fault("more than 2000 values in one document")
	}
	switch c := p.peek(); {
	case c == '{':
		return p.object(depth + 1)
	case c == '[':
		return p.array(depth + 1)
	case c == '"':
		_, err := p.text()
		return err
	case c == '-' || text.IsDigit(c):
		return p.number()
	case c == 't':
		return p.literal("true")
	case c == 'f':
		return p.literal("false")
	case c == 'n':
		return p.literal("null")
	case p.pos >= len(p.doc):
		return p.fault("the document ends where a value is due")
	default:
		return p.fault("a value is due here")
	}
}

func (p *parser) literal(word string) error {
	if !strings.HasPrefix(p.doc[p.pos:], word) {
		return p.fault("a value is due here")
	}
	p.pos += len(word)
	return nil
}

func (p *parser) object(depth int) error {
	if depth > MaxDepth {
		return p.fault(reasonDeep)
	}
	base := p.names.size
	p.pos++
	p.space()
	if p.peek() == '}' {
		p.pos++
		return nil
	}
	for {
		if err := p.member(base, depth); err != nil {
			return err
		}
		p.space()
		switch p.peek() {
		case ',':
			p.pos++
			p.space()
		case '}':
			if at, ok := p.repeated(base); ok {
				p.pos = at
				return p.fault(reasonTwice)
			}
			p.pos++
			p.names.size = base
			return nil
		default:
			return p.fault("a comma or the end of the object is due here")
		}
	}
}

func (p *parser) member(base, depth int) error {
	if p.peek() != '"' {
		return p.fault("a member name is due here")
	}
	at := p.pos
	escaped, err := p.text()
	if err != nil {
		return err
	}
	called := p.doc[at+1 : p.pos-1]
	if escaped {
		called, _ = unescapeAll(called)
	}
	n := newName(at, called)
	if p.names.size-base < fewNames && p.known(n, base) {
		p.pos = at
		return p.fault(reasonTwice)
	}
	if p.names.size-base >= MaxMembers {
		p.pos = at
		return p.fault(reasonMany)
	}
	p.names.push(n)
	p.space()
	if p.peek() != ':' {
		return p.fault("a colon is due here")
	}
	p.pos++
	p.space()
	start := p.pos
	if err := p.value(depth); err != nil {
		return err
	}
	if depth == 1 && p.show != nil {
		p.show(called, Value{raw: p.doc[start:p.pos]})
	}
	return nil
}

func (p *parser) array(depth int) error {
	if depth > MaxDepth {
		return p.fault(reasonDeep)
	}
	p.pos++
	p.space()
	if p.peek() == ']' {
		p.pos++
		return nil
	}
	for {
		if err := p.value(depth); err != nil {
			return err
		}
		p.space()
		switch p.peek() {
		case ',':
			p.pos++
			p.space()
		case ']':
			p.pos++
			return nil
		default:
			return p.fault("a comma or the end of the array is due here")
		}
	}
}

// text reads over a string and reports whether it has an escape.
func (p *parser) text() (escaped bool, err error) {
	p.pos++
	for {
		p.pos = plainEnd(p.doc, p.pos)
		switch {
		case p.pos >= len(p.doc):
			return false, p.fault("the document ends inside a string")
		case p.doc[p.pos] == '"':
			p.pos++
			return escaped, nil
		case p.doc[p.pos] < 0x20:
			return false, p.fault("a control character stands unescaped in a string")
		}
		n := escapeLength(p.doc[p.pos:])
		if n == 0 {
			return false, p.fault("a broken escape in a string")
		}
		p.pos, escaped = p.pos+n, true
	}
}

// plainEnd returns the index of the first quote, backslash or control character from i on,
// or len(s). It reads eight bytes at a time.
func plainEnd(s string, i int) int {
	const ones = 0x0101010101010101
	for ; i+8 <= len(s); i += 8 {
		w := s[i : i+8]
		x := uint64(w[0]) | uint64(w[1])<<8 | uint64(w[2])<<16 | uint64(w[3])<<24 |
			uint64(w[4])<<32 | uint64(w[5])<<40 | uint64(w[6])<<48 | uint64(w[7])<<56
		// The subtraction sets the top bit of a byte that is too small. It borrows from
		// later bytes only, so the first byte that is marked is marked rightly.
		quote, slash := x^ones*'"', x^ones*'\\'
		hits := ((x - ones*0x20) &^ x) | ((quote - ones) &^ quote) | ((slash - ones) &^ slash)
		if hits &= ones * 0x80; hits != 0 {
			return i + bits.TrailingZeros64(hits)/8
		}
	}
	for i < len(s) && s[i] != '"' && s[i] != '\\' && s[i] >= 0x20 {
		i++
	}
	return i
}

// escapeLength returns the length of the escape that s begins with, or 0 if it is broken.
func escapeLength(s string) int {
	if len(s) < 2 {
		return 0
	}
	switch s[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
	default:
		return 0
	}
	if len(s) < 6 {
		return 0
	}
	for i := 2; i < 6; i++ {
		if !text.IsHex(s[i]) {
			return 0
		}
	}
	return 6
}

func (p *parser) number() error {
	if p.peek() == '-' {
		p.pos++
	}
	switch {
	case p.peek() == '0':
		p.pos++
		if text.IsDigit(p.peek()) {
			return p.fault("a number begins with 0")
		}
	case !p.digits():
		return p.fault("a digit is due here")
	}
	if p.peek() == '.' {
		p.pos++
		if !p.digits() {
			return p.fault("a digit is due here")
		}
	}
	if c := p.peek(); c == 'e' || c == 'E' {
		p.pos++
		if c := p.peek(); c == '+' || c == '-' {
			p.pos++
		}
		if !p.digits() {
			return p.fault("a digit is due here")
		}
	}
	return nil
}

func (p *parser) digits() bool {
	start := p.pos
	for text.IsDigit(p.peek()) {
		p.pos++
	}
	return p.pos > start
}

func skipSpace(s string, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] == '\n' || s[i] == '\t' || s[i] == '\r') {
		i++
	}
	return i
}
