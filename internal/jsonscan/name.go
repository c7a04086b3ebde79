package jsonscan

import (
	"hash/maphash"
	"slices"
)

const (
	reasonTwice = "a member name stands twice in one object"
	reasonDeep  = "nested deeper than 16 levels"
	reasonMany  = "more than 1000 members in one object"
	// fewNames is how many names are compared one by one. Above it they are sorted
	// when the object closes, so that an object costs no quadratic time.
	fewNames = 32
)

// name is a member name of an object that is being read. The upper half is a hash of the
// decoded name; the lower half is the place of its opening quote. Equal names have equal
// hashes, but not the reverse. With eight bytes a name, Parse allocates much less memory
// than its input has.
type name uint64

// seed keeps senders from choosing names with equal hashes.
var seed = maphash.MakeSeed()

func newName(at int, text string) name { return name(maphash.String(seed, text)<<32 | uint64(at)) }

func (n name) hash() uint32 { return uint32(n >> 32) }
func (n name) at() int      { return int(uint32(n)) }

// text decodes the name.
func (n name) text(doc string) string {
	text, _ := unquote(doc[n.at():stringEnd(doc, n.at())])
	return text
}

// nameStack holds a few names in an array of its own, so that an ordinary document
// allocates no memory for names.
type nameStack struct {
	size int
	few  [64]name
	many []name // used instead of few once that is full
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

// known reports whether the innermost object, whose names begin at base, has n.
func (p *parser) known(n name, base int) bool {
	for _, other := range p.names.all()[base:] {
		if other.hash() == n.hash() && other.text(p.doc) == n.text(p.doc) {
			return true
		}
	}
	return false
}

// repeated finds the first place at which a name of the innermost object is repeated. It
// sorts the names of an object that has too many for known to compare.
func (p *parser) repeated(base int) (at int, found bool) {
	names := p.names.all()[base:]
	if len(names) <= fewNames {
		return 0, false
	}
	slices.Sort(names)
	for i, n := range names {
		for j := i - 1; j >= 0 && names[j].hash() == n.hash(); j-- {
			if names[j].text(p.doc) == n.text(p.doc) {
				if !found || n.at() < at {
					at, found = n.at(), true
				}
				break
			}
		}
	}
	return at, found
}
