package jsonscan

import (
	"hash/maphash"
	"slices"
)

const (
	reasonTwice = "a member name stands twice in one object"
	// fewNames is how many names are compared one by one. Above it they are sorted
	// when the object closes, so that an object costs no quadratic time.
	fewNames = 32
)

// name is a member name of an object that is being read: a hash of the text that it
// reads as in the upper half, and where its quote stands in the lower one. Eight bytes a
// name keep what Parse allocates far below its input.
type name uint64

// seed keeps senders from choosing names with equal hashes.
var seed = maphash.MakeSeed()

func newName(at int, text string) name { return name(maphash.String(seed, text)<<32 | uint64(at)) }

func (n name) hash() uint32 { return uint32(n >> 32) }
func (n name) at() int      { return int(uint32(n)) }

// text is what the name reads as.
func (n name) text(doc string) string {
	text, _ := unquote(doc[n.at():stringEnd(doc, n.at())])
	return text
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

// known reports whether the innermost object, whose names begin at base, has n.
func (p *parser) known(n name, base int) bool {
	for _, other := range p.names.all()[base:] {
		if other.hash() == n.hash() && other.text(p.doc) == n.text(p.doc) {
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
