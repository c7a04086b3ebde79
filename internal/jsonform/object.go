package jsonform

import (
	"slices"
	"strconv"

	"github.com/obdcr/obdcr/internal/jsonscan"
)

// Object is the type of an object that has a table of its own. A member that a document
// leaves out keeps its value.
type Object[T any] struct{ Table Table[T] }

// Read reads an object.
func (o Object[T]) Read(f *Faults, place string, v jsonscan.Value, into *T) {
	if v.Kind() != jsonscan.Object {
		wrongType(f, place, v, "an object")
		return
	}
	o.Table.read(f, place, v, into)
}

// Write writes an object.
func (o Object[T]) Write(out []byte, v T) []byte { return o.Table.Write(out, &v) }

// Clone copies v with all that its fields point to.
func (o Object[T]) Clone(v T) T { return o.Table.Clone(v) }

// Check checks the members by the table.
func (o Object[T]) Check(f *Faults, place string, v T) { o.Table.check(f, place, &v) }

// Schema returns the schema of an object with the table's members.
func (o Object[T]) Schema() *Schema { return o.Table.schema() }

// Objects is the type of an array of objects that have one table.
type Objects[T any] struct{ Table Table[T] }

// Read reads an array of objects. It stops at the first entry that is no object.
func (o Objects[T]) Read(f *Faults, place string, v jsonscan.Value, into *[]T) {
	if v.Kind() != jsonscan.Array {
		wrongType(f, place, v, "an array of objects")
		return
	}
	list, before := []T{}, len(*f)
	for i, entry := range v.Elements() {
		var one T
		Object[T](o).Read(f, place+"/"+strconv.Itoa(i), entry, &one)
		if len(*f) > before {
			return
		}
		list = append(list, one)
	}
	*into = list
}

// Write writes an array.
func (o Objects[T]) Write(out []byte, list []T) []byte {
	out = append(out, '[')
	for i := range list {
		if i > 0 {
			out = append(out, ',')
		}
		out = o.Table.Write(out, &list[i])
	}
	return append(out, ']')
}

// Clone copies the list and what its entries point to.
func (o Objects[T]) Clone(list []T) []T {
	list = slices.Clone(list)
	for i := range list {
		list[i] = o.Table.Clone(list[i])
	}
	return list
}

// Check checks each entry by the table.
func (o Objects[T]) Check(f *Faults, place string, list []T) {
	for i := range list {
		o.Table.check(f, place+"/"+strconv.Itoa(i), &list[i])
	}
}

// Schema returns the schema of an array of objects with the table's members.
func (o Objects[T]) Schema() *Schema { return &Schema{Type: "array", Items: o.Table.schema()} }
