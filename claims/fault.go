package claims

import (
	"fmt"
	"strings"

	"github.com/obdcr/obdcr/internal/jsonscan"
)

// maxFaults bounds how many faults one document reports.
const maxFaults = 200

// Fault is a member whose type is not the one the specification gives it.
type Fault struct {
	Pointer string // RFC 6901, into the payload
	Got     string // the JSON type found, or what is wrong with the text
	Want    string // the type that is due
}

// String gives the fault in one line.
func (f Fault) String() string {
	return fmt.Sprintf("%s is %s, want %s", f.Pointer, f.Got, f.Want)
}

// FaultError holds every fault of a document, in the order of its members.
type FaultError struct{ Faults []Fault }

// Error names the first few faults and counts the rest.
func (e *FaultError) Error() string {
	var parts []string
	for i, f := range e.Faults {
		if i == 3 {
			parts = append(parts, fmt.Sprintf("and %d more", len(e.Faults)-i))
			break
		}
		parts = append(parts, f.String())
	}
	return "claims: " + strings.Join(parts, "; ")
}

// reader decodes single members and collects their faults.
type reader struct{ faults []Fault }

func (r *reader) fault(pointer, got, want string) {
	if len(r.faults) < maxFaults {
		r.faults = append(r.faults, Fault{Pointer: clip(pointer), Got: got, Want: want})
	}
}

func (r *reader) wrong(pointer string, v jsonscan.Value, want string) {
	got := v.Kind().String()
	if v.Kind() == jsonscan.Number && want == "integer" {
		got = "a number that is no 64-bit integer literal"
	}
	r.fault(pointer, got, want)
}

// clip bounds a pointer that was made from somebody's member names.
func clip(pointer string) string {
	const most = 128
	if len(pointer) <= most {
		return pointer
	}
	return strings.ToValidUTF8(pointer[:most], "") + "..."
}

// text reads a string. A formatted one may hold neither NUL nor a lone surrogate.
func (r *reader) text(pointer string, v jsonscan.Value, formatted bool) (string, bool) {
	s, clean := v.Text()
	switch {
	case v.Kind() != jsonscan.String:
		r.wrong(pointer, v, "string")
		return "", false
	case formatted && !clean:
		r.fault(pointer, "string with NUL or a lone surrogate", "string of valid characters")
		return "", false
	}
	return s, true
}

// listOf reads an array of strings.
func listOf[T ~string](r *reader, pointer string, v jsonscan.Value) ([]T, bool) {
	if v.Kind() != jsonscan.Array {
		r.wrong(pointer, v, "array of strings")
		return nil, false
	}
	list, ok := make([]T, 0, v.Len()), true
	for i, e := range v.Elements() {
		if e.Kind() != jsonscan.String || r.dirty(e) {
			// The pointer is built for a fault alone: it costs an allocation.
			_, ok = r.text(index(pointer, i), e, true)
			ok = false
			continue
		}
		s, _ := e.Text()
		list = append(list, T(s))
	}
	return list, ok
}

func (r *reader) dirty(v jsonscan.Value) bool {
	_, clean := v.Text()
	return !clean
}
