package jsonform

import (
	"bytes"
	"encoding/json"
)

// dialect is the version of JSON Schema that this package writes.
const dialect = "https://json-schema.org/draft/2020-12/schema"

// Schema is a JSON Schema, as far as tables need one.
type Schema struct {
	Type        string   // "": any
	Ref         string   // the address of another schema, in the place of all but the description; "": none
	Enum        []string // the values that a string may have; empty: any
	Minimum     *int
	Maximum     *int
	MinItems    int
	UniqueItems bool
	Items       *Schema
	Additional  *Schema // of each member, for an object whose names are not fixed

	properties  []property // the members of an object whose names are fixed
	description string
	example     string // JSON
	initial     string // JSON of the default; "" if it differs from case to case
}

// property is a member of an object, in the order of its table.
type property struct {
	name   string
	schema *Schema
}

// Default is a T whose fields are the defaults of the members, and the case for which they
// are: "" if it is the only one.
type Default[T any] struct {
	Of    string
	Value T
}

// schema returns the schema of an object with the table's members and no others.
func (t Table[T]) schema() *Schema {
	s := &Schema{Type: "object"}
	for i := range t {
		member := t[i].Field(new(T)).schema()
		member.description, member.example = t[i].Doc, t[i].Example
		s.properties = append(s.properties, property{t[i].Name, member})
	}
	return s
}

// Schema returns the JSON Schema, draft 2020-12, of the documents that the table
// describes. The schema may accept a document that Check refuses, because it cannot express
// checks over several members. It has a default if that is the same in all of defaults.
func (t Table[T]) Schema(id, title string, defaults ...Default[T]) []byte {
	s := t.schema()
	for i := range s.properties {
		if of := t.defaults(i, defaults); len(of) == 1 {
			s.properties[i].schema.initial = of[0].value
		}
	}
	root := s.written()
	root.Dialect, root.ID, root.Title = dialect, id, title
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	_ = e.Encode(root) // it fails for an example that is no JSON, which a table's test would show
	return out.Bytes()
}

// written is the JSON form of a Schema.
type written struct {
	Dialect              string            `json:"$schema,omitempty"`
	ID                   string            `json:"$id,omitempty"`
	Title                string            `json:"title,omitempty"`
	Description          string            `json:"description,omitempty"`
	Ref                  string            `json:"$ref,omitempty"`
	Type                 string            `json:"type,omitempty"`
	Enum                 []string          `json:"enum,omitempty"`
	Minimum              *int              `json:"minimum,omitempty"`
	Maximum              *int              `json:"maximum,omitempty"`
	Items                *Schema           `json:"items,omitempty"`
	MinItems             int               `json:"minItems,omitempty"`
	UniqueItems          bool              `json:"uniqueItems,omitempty"`
	Properties           properties        `json:"properties,omitempty"`
	AdditionalProperties any               `json:"additionalProperties,omitempty"`
	Default              json.RawMessage   `json:"default,omitempty"`
	Examples             []json.RawMessage `json:"examples,omitempty"`
}

func (s *Schema) written() written {
	w := written{
		Description: s.description, Ref: s.Ref, Type: s.Type, Enum: s.Enum, Minimum: s.Minimum, Maximum: s.Maximum,
		Items: s.Items, MinItems: s.MinItems, UniqueItems: s.UniqueItems, Properties: s.properties,
		Default: json.RawMessage(s.initial),
	}
	switch {
	case s.Additional != nil:
		w.AdditionalProperties = s.Additional
	case s.Type == "object":
		w.AdditionalProperties = false
	}
	if s.example != "" {
		w.Examples = []json.RawMessage{json.RawMessage(s.example)}
	}
	return w
}

// MarshalJSON writes the schema.
func (s *Schema) MarshalJSON() ([]byte, error) { return json.Marshal(s.written()) }

type properties []property

// MarshalJSON writes an object in the order of the members.
func (p properties) MarshalJSON() ([]byte, error) {
	out := []byte{'{'}
	for i, member := range p {
		if i > 0 {
			out = append(out, ',')
		}
		name, err := json.Marshal(member.name)
		if err != nil {
			return nil, err
		}
		schema, err := json.Marshal(member.schema)
		if err != nil {
			return nil, err
		}
		out = append(append(append(out, name...), ':'), schema...)
	}
	return append(out, '}'), nil
}
