package jsonscan

import (
	"cmp"
	"slices"
	"unicode/utf8"
)

const (
	reasonTwice = "a member name stands twice in one object"
	// fewNames is how many names are compared one by one. Above it they are sorted
	// when the object closes, so that an object costs no quadratic time.
	fewNames = 32
)

// name is a member name of an object that is being read: where its quote stands, and a
// cheap hash of it (length, last and middle byte). Equal names have equal sums, and
// different names may. The sum is 0 for a name with an escape. Eight bytes a name keep
// what Parse allocates far below its input.
type name struct {
	at  int32
	sum uint32
}

func newName(doc string, at, end int, escaped bool) name {
	if escaped {
		return name{at: int32(at)}
	}
	// Length, last byte and middle byte; in an empty name these two are the quotes.
	return name{at: int32(at), sum: uint32(end-at)<<16 | uint32(doc[end-2])<<8 | uint32(doc[(at+end)/2])}
}

// nameStack holds names in itself as long as they are few, so that reading an
// ordinary document allocates nothing for them.
type nameStack struct {
	size int
	few  [64]name
	many []name // instead of few, once there were more
}

func (s *nameStack) push(n name) {
	switch {
	case s.many != nil:
		s.many = append(s.many[:s.size], n)
	case s.size < len(s.few):
		s.few[s.size] = n
	default:
		s.many = append(append(make([]name, 0, 4*len(s.few)), s.few[:]...), n)
	}
	s.size++
}

func (s *nameStack) all() []name {
	if s.many != nil {
		return s.many[:s.size]
	}
	return s.few[:s.size]
}

// body is the text between the name's quotes.
func (n name) body(doc string) string { return doc[n.at+1 : stringEnd(doc, int(n.at))-1] }

// known reports whether the innermost object, whose names begin at base, has n.
func (p *parser) known(n name, base int) bool {
	for _, other := range p.names.all()[base:] {
		if (other.sum == n.sum || other.sum == 0 || n.sum == 0) && p.compare(other, n) == 0 {
			return true
		}
	}
	return false
}

// repeated sorts the names of the innermost object if known has not seen them all,
// and finds the first place at which one stands for the second time.
func (p *parser) repeated(base int) (at int, found bool) {
	names := p.names.all()[base:]
	if len(names) <= fewNames {
		return 0, false
	}
	slices.SortFunc(names, func(a, b name) int {
		return cmp.Or(p.compare(a, b), cmp.Compare(a.at, b.at))
	})
	for i := 1; i < len(names); i++ {
		if p.compare(names[i-1], names[i]) == 0 && (!found || int(names[i].at) < at) {
			at, found = int(names[i].at), true
		}
	}
	return at, found
}

// compare orders two names as they read once their escapes are undone.
func (p *parser) compare(a, b name) int {
	x, y := a.body(p.doc), b.body(p.doc)
	if a.sum != 0 && b.sum != 0 {
		return cmp.Compare(x, y)
	}
	for x != "" && y != "" {
		r, n, _ := nextRune(x)
		s, m, _ := nextRune(y)
		if r != s {
			return cmp.Compare(r, s)
		}
		x, y = x[n:], y[m:]
	}
	return cmp.Compare(len(x), len(y))
}

// nextRune gives the character that a checked string begins with, and the length
// of its spelling. clean is false for NUL and for a lone surrogate.
func nextRune(s string) (r rune, length int, clean bool) {
	if s[0] != '\\' {
		r, length = utf8.DecodeRuneInString(s)
		return r, length, r != 0
	}
	return unescape(s)
}
