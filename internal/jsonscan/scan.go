// Package jsonscan reads JSON strictly: one value and nothing behind it, valid
// UTF-8, exact names without duplicates at any level, and bounded depth.
//
// encoding/json matches member names without regard to case, keeps the last of
// two duplicates and mends broken UTF-8. In a signed document each of these lets
// two readers see two different things, so they are refused here.
package jsonscan

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

const (
	// MaxDepth is the number of arrays and objects that may enclose each other.
	MaxDepth = 16
	// MaxMembers is the number of members that one object may have.
	MaxMembers = 1000
)

// SyntaxError says where a document stops being acceptable, and why.
type SyntaxError struct {
	Offset int    // bytes before the fault
	Reason string // what is wrong, in ASCII, without any of the input
}

// Error gives reason and place in one line.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("json: %s at byte %d", e.Reason, e.Offset)
}

// Parse checks the whole of doc and returns its one value, a view into doc that
// copies nothing. The error is a *SyntaxError, and the value then unusable.
func Parse(doc string) (Value, error) {
	if !utf8.ValidString(doc) {
		return Value{}, &SyntaxError{Offset: invalidUTF8(doc), Reason: "invalid UTF-8"}
	}
	p := parser{doc: doc}
	p.space()
	start := p.pos
	if err := p.value(0); err != nil {
		return Value{}, err
	}
	end := p.pos
	p.space()
	if p.pos != len(doc) {
		return Value{}, p.fault("something stands behind the value")
	}
	return Value{raw: doc[start:end]}, nil
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
	names []string // names of the objects that are open, innermost last
	room  [64]string
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
	switch c := p.peek(); {
	case c == '{':
		return p.object(depth + 1)
	case c == '[':
		return p.array(depth + 1)
	case c == '"':
		_, err := p.text()
		return err
	case c == '-' || isDigit(c):
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
		return p.fault("nested deeper than 16 levels")
	}
	if p.names == nil {
		p.names = p.room[:0]
	}
	base := len(p.names)
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
			p.pos++
			p.names = p.names[:base]
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
	raw, err := p.text()
	if err != nil {
		return err
	}
	name, _ := unquote(raw)
	for _, other := range p.names[base:] {
		if other == name {
			p.pos = at
			return p.fault("a member name stands twice in one object")
		}
	}
	if len(p.names)-base >= MaxMembers {
		p.pos = at
		return p.fault("more than 1000 members in one object")
	}
	p.names = append(p.names, name)
	p.space()
	if p.peek() != ':' {
		return p.fault("a colon is due here")
	}
	p.pos++
	p.space()
	return p.value(depth)
}

func (p *parser) array(depth int) error {
	if depth > MaxDepth {
		return p.fault("nested deeper than 16 levels")
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

// text passes over a string and returns it with its quotes.
func (p *parser) text() (string, error) {
	start := p.pos
	p.pos++
	for p.pos < len(p.doc) {
		switch c := p.doc[p.pos]; {
		case c == '"':
			p.pos++
			return p.doc[start:p.pos], nil
		case c < 0x20:
			return "", p.fault("a control character stands unescaped in a string")
		case c == '\\':
			n := escapeLength(p.doc[p.pos:])
			if n == 0 {
				return "", p.fault("a broken escape in a string")
			}
			p.pos += n
		default:
			p.pos++
		}
	}
	return "", p.fault("the document ends inside a string")
}

// escapeLength is the length of the escape that s begins with, 0 if it is broken.
func escapeLength(s string) int {
	if len(s) < 2 {
		return 0
	}
	if s[1] != 'u' {
		if strings.IndexByte(`"\/bfnrt`, s[1]) < 0 {
			return 0
		}
		return 2
	}
	if len(s) < 6 {
		return 0
	}
	for i := 2; i < 6; i++ {
		if hexDigit(s[i]) < 0 {
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
		if isDigit(p.peek()) {
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
	for isDigit(p.peek()) {
		p.pos++
	}
	return p.pos > start
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func hexDigit(c byte) int {
	switch {
	case isDigit(c):
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

func skipSpace(s string, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] == '\n' || s[i] == '\t' || s[i] == '\r') {
		i++
	}
	return i
}
