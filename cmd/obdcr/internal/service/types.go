package service

import (
	"strconv"
	"strings"
	"time"

	"github.com/obdcr/obdcr/internal/jsonform"
	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/text"
)

// duration is a time.Duration within bounds, as a text such as 30s, 5m, 24h or 90d.
type duration struct{ low, high time.Duration }

const day = 24 * time.Hour

// Read reads the text.
func (t duration) Read(f *jsonform.Faults, place string, v jsonscan.Value, into *time.Duration) {
	s, _ := v.Text()
	if v.Kind() != jsonscan.String {
		f.Add(place, "is a %s, not a duration with its unit, such as %s", v.Kind(), shown(t.low+t.high/10))
		return
	}
	if days, err := strconv.ParseUint(strings.TrimSuffix(s, "d"), 10, 15); err == nil && strings.HasSuffix(s, "d") {
		*into = time.Duration(days) * day
		return
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		f.Add(place, "%s is no duration: write a number with its unit, such as 500ms, 30s, 5m, 24h or 90d", text.Quote(s))
		return
	}
	*into = d
}

// shown writes a duration as a person does: without units that are zero.
func shown(d time.Duration) string {
	switch {
	case d >= day && d%day == 0:
		return strconv.Itoa(int(d/day)) + "d"
	case d >= time.Hour && d%time.Hour == 0:
		return strconv.Itoa(int(d/time.Hour)) + "h"
	case d >= time.Minute && d%time.Minute == 0:
		return strconv.Itoa(int(d/time.Minute)) + "m"
	}
	return d.String()
}

// Write writes the text.
func (duration) Write(out []byte, v time.Duration) []byte {
	return jsonscan.AppendString(out, shown(v))
}

// Clone gives v.
func (duration) Clone(v time.Duration) time.Duration { return v }

// Check refuses a duration out of bounds.
func (t duration) Check(f *jsonform.Faults, place string, v time.Duration) {
	if v < t.low || v > t.high {
		f.Add(place, "%s is not within %s..%s", shown(v), shown(t.low), shown(t.high))
	}
}

// Schema returns the schema of a text.
func (duration) Schema() *jsonform.Schema { return &jsonform.Schema{Type: "string"} }

// optional is an object that a file may leave out: nil then.
type optional[T any] struct {
	table    jsonform.Table[T]
	defaults func() T
}

// Read reads the object over its defaults.
func (o optional[T]) Read(f *jsonform.Faults, place string, v jsonscan.Value, into **T) {
	value := o.defaults()
	jsonform.Object[T]{Table: o.table}.Read(f, place, v, &value)
	*into = &value
}

// Write writes the object, or null for none.
func (o optional[T]) Write(out []byte, v *T) []byte {
	if v == nil {
		return append(out, "null"...)
	}
	return o.table.Write(out, v)
}

// Clone copies the object.
func (o optional[T]) Clone(v *T) *T {
	if v == nil {
		return nil
	}
	copied := o.table.Clone(*v)
	return &copied
}

// Check checks the object where there is one.
func (o optional[T]) Check(f *jsonform.Faults, place string, v *T) {
	if v != nil {
		jsonform.Object[T]{Table: o.table}.Check(f, place, *v)
	}
}

// Schema returns the schema of the object.
func (o optional[T]) Schema() *jsonform.Schema { return jsonform.Object[T]{Table: o.table}.Schema() }

// document is any JSON value, kept as it stands.
type document struct {
	def    string        // the name of the schema that it has to follow; "": none
	schema func() []byte // that schema
}

// Read keeps the value.
func (document) Read(_ *jsonform.Faults, _ string, v jsonscan.Value, into *string) { *into = v.Raw() }

// Write writes the value, null for none.
func (document) Write(out []byte, v string) []byte {
	if v == "" {
		v = "null"
	}
	return append(out, v...)
}

// Clone gives v.
func (document) Clone(v string) string { return v }

// Check accepts each value: who uses it judges it.
func (document) Check(*jsonform.Faults, string, string) {}

// Schema returns a reference to the schema of the value, or one that admits all.
func (t document) Schema() *jsonform.Schema {
	if t.def == "" {
		return &jsonform.Schema{}
	}
	return &jsonform.Schema{Def: t.def, Document: t.schema()}
}
