package claims

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/text"
)

// maxFaults bounds how many faults one document reports.
const maxFaults = 200

// maxPointer bounds a pointer, or a name in it, because a sender chooses the names.
const maxPointer = 128

// Fault is a member whose type is not the one the specification gives it.
type Fault struct {
	Pointer string // RFC 6901, into the payload
	Got     string // the JSON type found, or the fault of the text
	Want    string // the type that the specification demands
}

// String returns the fault in one line.
func (f Fault) String() string {
	return fmt.Sprintf("%s is %s, want %s", f.Pointer, f.Got, f.Want)
}

// FaultError holds every fault of a document, in the order of its members.
type FaultError struct{ Faults []Fault }

// Error returns the detail with the name of the package in front.
func (e *FaultError) Error() string { return "claims: " + e.Detail() }

// Detail lists the first few faults and counts the rest.
func (e *FaultError) Detail() string {
	var parts []string
	for i, f := range e.Faults {
		if i == 3 {
			parts = append(parts, fmt.Sprintf("and %d more", len(e.Faults)-i))
			break
		}
		parts = append(parts, f.String())
	}
	return strings.Join(parts, "; ")
}

// reader decodes single members and collects their faults.
type reader struct {
	faults  []Fault
	failed  int  // faults found, with those beyond maxFaults
	entries int  // authority claims and authorisations read
	moved   bool // the member that is being read has another name than ours
	// path leads to the member that is being read. Only a fault makes a pointer of it,
	// because that allocates and faults are rare.
	path []step
	room [6]step
}

// step is a member name, or an index where there is no name.
type step struct {
	name  string
	index int
}

func (r *reader) enter(name string) {
	if r.path == nil {
		r.path = r.room[:0]
	}
	r.path = append(r.path, step{name: name})
}

func (r *reader) item(i int) { r.path = append(r.path, step{index: i}) }
func (r *reader) leave()     { r.path = r.path[:len(r.path)-1] }

func (r *reader) pointer() string {
	pointer := make([]byte, 0, 128)
	for _, s := range r.path {
		switch {
		case s.name == "":
			pointer = strconv.AppendInt(append(pointer, '/'), int64(s.index), 10)
		case strings.ContainsAny(s.name, "~/"):
			pointer = append(pointer, jsonscan.AppendPointer("", s.name)...)
		default:
			pointer = append(append(pointer, '/'), s.name...)
		}
	}
	return string(pointer)
}

func (r *reader) fault(got, want string) {
	if r.failed++; r.failed <= maxFaults {
		r.faults = append(r.faults, Fault{Pointer: text.Clip(r.pointer(), maxPointer), Got: got, Want: want})
	}
}

func (r *reader) wrong(v jsonscan.Value, want string) {
	got := v.Kind().String()
	if v.Kind() == jsonscan.Number && want == "integer" {
		if got = "a number with a fraction"; !fitsInteger(v) {
			got = "a number that is too large"
		}
	}
	r.fault(got, want)
}

func fitsInteger(v jsonscan.Value) bool {
	_, fits := v.Floor()
	return fits
}

// text reads a string. A string with a format has neither NUL nor a lone surrogate.
func (r *reader) text(v jsonscan.Value, formatted bool) (string, bool) {
	s, clean := v.Text()
	switch {
	case v.Kind() != jsonscan.String:
		r.wrong(v, "string")
		return "", false
	case formatted && !clean:
		r.fault("string with NUL or a lone surrogate", "string of valid characters")
		return "", false
	}
	return s, true
}

// listOf reads an array of strings. A list with a fault is of no use, so listOf
// keeps no entry after the first fault and only reports the others.
func listOf[T ~string](r *reader, v jsonscan.Value) ([]T, bool) {
	if v.Kind() != jsonscan.Array {
		r.wrong(v, "array of strings")
		return nil, false
	}
	count, allStrings := 0, true
	for _, e := range v.Elements() {
		allStrings = allStrings && e.Kind() == jsonscan.String
		count++
	}
	var list []T
	if allStrings {
		list = make([]T, 0, count)
	}
	ok := true
	for i, e := range v.Elements() {
		s, clean := e.Text()
		switch {
		case clean && ok && allStrings:
			list = append(list, T(s))
		case clean:
		case r.failed >= maxFaults:
			r.failed++
			return nil, false
		default:
			r.item(i)
			_, ok = r.text(e, true)
			r.leave()
		}
	}
	if !ok {
		return nil, false
	}
	return list, true
}

// maxWords bounds the words of a string that is read as a list.
const maxWords = 1000

// wordsOf splits a string at each blank. It keeps empty words, so that a rule can
// refuse them. The empty string has no words.
func wordsOf[T ~string](r *reader, v jsonscan.Value) ([]T, bool) {
	s, ok := r.text(v, true)
	if !ok || s == "" {
		return nil, ok
	}
	count := strings.Count(s, " ") + 1
	if count > maxWords {
		r.fault("string of "+strconv.Itoa(count)+" words", "string of at most 1000 words")
		return nil, false
	}
	words := make([]T, 0, count)
	for w := range strings.SplitSeq(s, " ") {
		words = append(words, T(w))
	}
	return words, true
}
