package jsonform

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/text"
)

// Type is one kind of JSON value. Its Go form is a V.
type Type[V any] interface {
	// Read reads a value into a V, or adds a fault.
	Read(f *Faults, place string, v jsonscan.Value, into *V)
	// Write appends a V as JSON.
	Write(out []byte, v V) []byte
	// Clone copies a V with all that it points to.
	Clone(v V) V
	// Check adds a fault for a value that is not allowed.
	Check(f *Faults, place string, v V)
	// Schema describes the values that Read and Check accept. It may accept more.
	Schema() *Schema
}

// unfit is the reason of a fault for a text with NUL or a lone surrogate.
const unfit = "holds a character that no text may hold"

// wrongType adds a fault for a value of the wrong type.
func wrongType(f *Faults, place string, v jsonscan.Value, want string) {
	kind := v.Kind().String()
	switch v.Kind() {
	case jsonscan.Null:
	case jsonscan.Array, jsonscan.Object:
		kind = "an " + kind
	default:
		kind = "a " + kind
	}
	if before := len(*f); before < maxFaults {
		f.Add(place, "is %s, not %s", kind, want)
		(*f)[before].form = true
	}
}

// Text is a string.
type Text[T ~string] struct {
	Known []T // the values that the string may have; empty: any
}

// Read reads a string. It refuses NUL and lone surrogates.
func (Text[T]) Read(f *Faults, place string, v jsonscan.Value, into *T) {
	s, clean := v.Text()
	switch {
	case v.Kind() != jsonscan.String:
		wrongType(f, place, v, "a string")
	case !clean:
		f.Add(place, unfit)
	default:
		*into = T(s)
	}
}

// Write writes a string.
func (Text[T]) Write(out []byte, v T) []byte { return jsonscan.AppendString(out, string(v)) }

// Clone gives v.
func (Text[T]) Clone(v T) T { return v }

// Check refuses a value that is not known, and one that Read would refuse.
func (t Text[T]) Check(f *Faults, place string, v T) {
	if !utf8.ValidString(string(v)) || strings.Contains(string(v), "\x00") {
		f.Add(place, unfit)
	} else if len(t.Known) > 0 && !slices.Contains(t.Known, v) {
		f.Add(place, "%q is none of %s%s", text.Echo(string(v)), text.List(t.Known), Meant(string(v), text.Strings(t.Known)))
	}
}

// Schema returns the schema of a string, with the known values if there are any.
func (t Text[T]) Schema() *Schema { return &Schema{Type: "string", Enum: text.Strings(t.Known)} }

// Texts is an array of strings. A nil slice is written as an empty array.
type Texts[T ~string] struct {
	Known  []T  // the values that an entry may have; empty: any
	Filled bool // the array must have an entry
	Once   bool // an entry must not be repeated
}

// Read reads an array of strings. It stops at the first entry that is no string.
func (Texts[T]) Read(f *Faults, place string, v jsonscan.Value, into *[]T) {
	if v.Kind() != jsonscan.Array {
		wrongType(f, place, v, "an array of strings")
		return
	}
	list, before := []T{}, len(*f)
	for i, entry := range v.Elements() {
		var s T
		Text[T]{}.Read(f, place+"/"+strconv.Itoa(i), entry, &s)
		if len(*f) > before {
			return
		}
		list = append(list, s)
	}
	*into = list
}

// Write writes an array.
func (Texts[T]) Write(out []byte, list []T) []byte {
	out = append(out, '[')
	for i, v := range list {
		if i > 0 {
			out = append(out, ',')
		}
		out = jsonscan.AppendString(out, string(v))
	}
	return append(out, ']')
}

// Clone copies the list.
func (Texts[T]) Clone(list []T) []T { return slices.Clone(list) }

// Check refuses an empty list, unknown entries and repeated ones, as the fields of t
// demand.
func (t Texts[T]) Check(f *Faults, place string, list []T) {
	if t.Filled && len(list) == 0 {
		t.checkEmpty(f, place)
	}
	seen := make(map[T]bool, len(list))
	for _, v := range list {
		if t.Once && seen[v] {
			f.Add(place, "%q stands twice", text.Echo(string(v)))
		} else {
			Text[T]{Known: t.Known}.Check(f, place, v)
		}
		seen[v] = true
	}
}

func (t Texts[T]) checkEmpty(f *Faults, place string) {
	if len(t.Known) > 0 {
		f.Add(place, "is empty, which would mean nothing at all: name at least one of %s", text.List(t.Known))
		return
	}
	f.Add(place, "is empty, which would mean nothing at all")
}

// Schema returns the schema of an array of strings.
func (t Texts[T]) Schema() *Schema {
	s := &Schema{Type: "array", Items: Text[T]{Known: t.Known}.Schema(), UniqueItems: t.Once}
	if t.Filled {
		s.MinItems = 1
	}
	return s
}

// Map is an object of values of one type. The names of its members are not fixed.
type Map[K ~string, V any] struct {
	Of Type[V]
}

// Read reads an object. It stops at the first member that is of another type.
func (m Map[K, V]) Read(f *Faults, place string, v jsonscan.Value, into *map[K]V) {
	if v.Kind() != jsonscan.Object {
		wrongType(f, place, v, "an object")
		return
	}
	values, before := map[K]V{}, len(*f)
	for name, member := range v.Members() {
		var value V
		m.Of.Read(f, below(place, name), member, &value)
		if len(*f) > before {
			return
		}
		values[K(name)] = value
	}
	*into = values
}

// Write writes an object, its members by name.
func (m Map[K, V]) Write(out []byte, values map[K]V) []byte {
	out = append(out, '{')
	for i, name := range slices.Sorted(maps.Keys(values)) {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(jsonscan.AppendString(out, string(name)), ':')
		out = m.Of.Write(out, values[name])
	}
	return append(out, '}')
}

// Clone copies the map and its values.
func (m Map[K, V]) Clone(values map[K]V) map[K]V {
	values = maps.Clone(values)
	for name, value := range values {
		values[name] = m.Of.Clone(value)
	}
	return values
}

// Check checks each name as a Text and each value as one of m.Of.
func (m Map[K, V]) Check(f *Faults, place string, values map[K]V) {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		at := below(place, string(name))
		Text[K]{}.Check(f, at, name)
		m.Of.Check(f, at, values[name])
	}
}

// Schema returns the schema of an object of such values.
func (m Map[K, V]) Schema() *Schema {
	return &Schema{Type: "object", Additional: m.Of.Schema()}
}

// Bool is true or false.
type Bool struct{}

// Read reads true or false.
func (Bool) Read(f *Faults, place string, v jsonscan.Value, into *bool) {
	if v.Kind() != jsonscan.Bool {
		wrongType(f, place, v, "true or false")
		return
	}
	*into = v.Bool()
}

// Write writes true or false.
func (Bool) Write(out []byte, v bool) []byte { return strconv.AppendBool(out, v) }

// Clone gives v.
func (Bool) Clone(v bool) bool { return v }

// Check accepts both values.
func (Bool) Check(*Faults, string, bool) {}

// Schema returns the schema of a boolean.
func (Bool) Schema() *Schema { return &Schema{Type: "boolean"} }

// Int is a whole number within bounds.
type Int struct{ Low, High int }

// Read reads a whole number of 32 bits. Check tests the bounds.
func (Int) Read(f *Faults, place string, v jsonscan.Value, into *int) {
	n, ok := v.Int64()
	switch whole, isWhole := wholeNumber(v); {
	case ok && n >= math.MinInt32 && n <= math.MaxInt32:
		*into = int(n)
	case isWhole:
		f.Add(place, "is %s: write %d", text.Echo(v.Raw()), whole)
	default:
		wrongType(f, place, v, "a whole number of usual size")
	}
}

// wholeNumber returns the number of 32 bits that stands in another spelling than that of an
// integer, such as 6e1.
func wholeNumber(v jsonscan.Value) (int, bool) {
	n, whole := v.Whole()
	return int(n), whole && n >= math.MinInt32 && n <= math.MaxInt32
}

// Write writes a number.
func (Int) Write(out []byte, v int) []byte { return strconv.AppendInt(out, int64(v), 10) }

// Clone gives v.
func (Int) Clone(v int) int { return v }

// Check refuses a number out of bounds.
func (t Int) Check(f *Faults, place string, v int) {
	if v < t.Low || v > t.High {
		f.Add(place, "%d is not within %d..%d", v, t.Low, t.High)
	}
}

// Schema returns the schema of an integer within the bounds.
func (t Int) Schema() *Schema { return &Schema{Type: "integer", Minimum: &t.Low, Maximum: &t.High} }

// Seconds is a duration, in JSON a number of whole seconds within bounds.
type Seconds struct{ Low, High time.Duration }

// Read reads a whole number. Check tests the bounds.
func (Seconds) Read(f *Faults, place string, v jsonscan.Value, into *time.Duration) {
	var n int
	Int{}.Read(f, place, v, &n)
	*into = time.Duration(n) * time.Second
}

// Write writes the seconds. It writes a fraction of a second with nine decimals. They may
// be rounded to zeros, but Read refuses every number with a point.
func (Seconds) Write(out []byte, v time.Duration) []byte {
	if v%time.Second != 0 {
		return strconv.AppendFloat(out, v.Seconds(), 'f', 9, 64)
	}
	return strconv.AppendInt(out, int64(v/time.Second), 10)
}

// Clone gives v.
func (Seconds) Clone(v time.Duration) time.Duration { return v }

// Check refuses a duration out of bounds, and fractions of a second.
func (t Seconds) Check(f *Faults, place string, v time.Duration) {
	if v < t.Low || v > t.High || v%time.Second != 0 {
		f.Add(place, "%s is not a number of whole seconds within %d..%d", v, t.Low/time.Second, t.High/time.Second)
	}
}

// Schema returns the schema of an integer within the bounds.
func (t Seconds) Schema() *Schema {
	return Int{Low: int(t.Low / time.Second), High: int(t.High / time.Second)}.Schema()
}
