// Package jsonform describes a JSON document by a table, one row a member. The table is
// the one source for a strict reader, a writer, a copy, a check of the values, a JSON
// Schema and a page for people, so that none of them can forget a member.
//
// Make a [Table] of rows first; [At] binds the [Type] of a row to a field. Then call [Open]
// for a document, [Table.Read] and [Table.Check].
package jsonform

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/text"
)

// Fault is one fault of a document.
type Fault struct {
	Place  string // the names that lead to the member, with "/" between; "": the whole document
	Reason string // what is wrong and what would be right; it repeats a bounded part of the input

	form bool // the value is of the wrong type, so that an example helps
}

// Detail returns place and reason.
func (f Fault) Detail() string {
	if f.Place == "" {
		return f.Reason
	}
	return f.Place + ": " + f.Reason
}

// maxFaults is how many faults of one document are kept; later ones are dropped.
const maxFaults = 100

// Faults collects the faults of a document, in the order in which they are found.
type Faults []Fault

// Detail returns the detail of each fault, one a line.
func (f Faults) Detail() string {
	lines := make([]string, len(f))
	for i, fault := range f {
		lines[i] = fault.Detail()
	}
	return strings.Join(lines, "\n")
}

// Add adds a fault at a place.
func (f *Faults) Add(place, format string, args ...any) {
	if len(*f) == maxFaults {
		return
	}
	*f = append(*f, Fault{Place: place, Reason: fmt.Sprintf(format, args...)})
}

// row is one member of a JSON object whose Go form is a T.
type row[T any] struct {
	Name    string // the member's name in JSON
	Field   Field[T]
	Doc     string // what the member means, its unit, and what its absence means, as Markdown
	Example string // a value, as JSON
	// Other are names that people write for the member, since they know them from elsewhere.
	// No document may use them: they only find the member that is meant.
	Other []string
	// Required is whether the Schema demands the member. A Check has to refuse its absence, which is its zero value.
	Required bool
	// Check finds faults that the Type cannot find, such as a contradiction to another
	// member. Nil checks nothing more.
	Check func(f *Faults, of *T)
}

// Field binds the field of a T that holds a member to the member's type. [At] makes one.
type Field[T any] func(of *T) bound

// bound is a field of one T with the type of its JSON form.
type bound interface {
	// read reads a value into the field.
	read(f *Faults, place string, v jsonscan.Value)
	// write appends the field as JSON.
	write(out []byte) []byte
	// detach replaces the field's value by a deep copy.
	detach()
	// check adds a fault for a value that is not allowed.
	check(f *Faults, place string)
	// schema describes the member.
	schema() *Schema
}

// At makes a Field. at returns the address of the field in a T; typ is the type of its JSON
// form.
func At[T, V any](at func(*T) *V, of Type[V]) Field[T] {
	return func(in *T) bound { return binding[V]{at(in), of} }
}

// binding is a field and the type of its JSON form.
type binding[V any] struct {
	to *V
	of Type[V]
}

func (b binding[V]) read(f *Faults, place string, v jsonscan.Value) { b.of.Read(f, place, v, b.to) }
func (b binding[V]) write(out []byte) []byte                        { return b.of.Write(out, *b.to) }
func (b binding[V]) detach()                                        { *b.to = b.of.Clone(*b.to) }
func (b binding[V]) check(f *Faults, place string)                  { b.of.Check(f, place, *b.to) }
func (b binding[V]) schema() *Schema                                { return b.of.Schema() }

// Table is the rows of a JSON object, in the order in which they are written. Each
// field of the T has one row.
type Table[T any] []row[T]

// Open checks that a document is one strict JSON object of at most limit bytes, and
// returns it. Otherwise it returns one fault, with the name of the member if the fault is
// at one, such as a duplicate.
func Open(doc string, limit int) (jsonscan.Value, Faults) {
	var f Faults
	if len(doc) > limit {
		f.Add("", "is longer than %d bytes", limit)
		return jsonscan.Value{}, f
	}
	v, err := jsonscan.Parse(doc)
	var syntax *jsonscan.SyntaxError
	switch {
	case errors.As(err, &syntax):
		f.Add(text.Echo(syntax.Name(doc)), "is no strict JSON: %s", syntax.In(doc))
	case v.Kind() != jsonscan.Object:
		f.Add("", "is a JSON %s, not an object", v.Kind())
	}
	return v, f
}

// Read reads the members of an object into a T. A field whose member is not in the object
// keeps its value. An unknown member and a value of the wrong type are faults. After a
// fault the T must not be used.
func (t Table[T]) Read(v jsonscan.Value, into *T) Faults {
	var f Faults
	t.read(&f, "", v, into)
	return f
}

func (t Table[T]) read(f *Faults, place string, v jsonscan.Value, into *T) {
	for name, value := range v.Members() {
		at := below(place, name)
		row := t.row(name)
		if row == nil {
			f.Add(at, "is unknown%s", t.meant(name))
			continue
		}
		before := len(*f)
		row.Field(into).read(f, at, value)
		for i := range (*f)[before:] {
			if fault := &(*f)[before+i]; fault.form && fault.Place == at {
				fault.Reason, fault.form = fault.Reason+", such as "+row.Example, false
			}
		}
	}
}

// meant is Meant for the name of a member. It knows the other names too.
func (t Table[T]) meant(name string) string {
	for i := range t {
		if slices.ContainsFunc(t[i].Other, func(other string) bool { return strings.EqualFold(other, name) }) {
			return Meant(t[i].Name, []string{t[i].Name})
		}
	}
	return Meant(name, t.Names())
}

// row returns the row of a member, nil if there is none.
func (t Table[T]) row(name string) *row[T] {
	for i := range t {
		if t[i].Name == name {
			return &t[i]
		}
	}
	return nil
}

// Meant returns a question with the known words that an unknown one may be a misspelling
// of; "" if there are none. It goes at the end of a reason.
func Meant(word string, known []string) string {
	if near := text.Nearest(word, known); len(near) > 0 {
		return ": did you mean to write " + strings.Join(near, " or ") + "?"
	}
	return ""
}

// Names returns the names of the members in the order of the table.
func (t Table[T]) Names() []string {
	names := make([]string, len(t))
	for i := range t {
		names[i] = t[i].Name
	}
	return names
}

// Write appends the object of a T: all members, in the order of the table.
func (t Table[T]) Write(out []byte, of *T) []byte {
	open := byte('{')
	for i := range t {
		out = append(jsonscan.AppendString(append(out, open), t[i].Name), ':')
		out, open = t[i].Field(of).write(out), ','
	}
	return append(out, '}')
}

// Clone copies a T with all that its fields point to.
func (t Table[T]) Clone(of T) T {
	for i := range t {
		t[i].Field(&of).detach()
	}
	return of
}

// Check returns the faults of the values of a T.
func (t Table[T]) Check(of *T) Faults {
	var f Faults
	t.check(&f, "", of)
	return f
}

func (t Table[T]) check(f *Faults, place string, of *T) {
	for i := range t {
		t[i].Field(of).check(f, below(place, t[i].Name))
		if t[i].Check != nil {
			t[i].Check(f, of)
		}
	}
}

// below returns the place of a member of the object at place.
func below(place, name string) string {
	if place == "" {
		return text.Echo(name)
	}
	return place + "/" + text.Echo(name)
}
