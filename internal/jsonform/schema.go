package jsonform

import (
	"bytes"
	"encoding/json"

	"github.com/obdcr/obdcr/internal/jsonscan"
)

// dialect is the version of JSON Schema that this package writes.
const dialect = "https://json-schema.org/draft/2020-12/schema"

// Schema is a JSON Schema, as far as tables need one.
type Schema struct {
	Type        string   // "": any
	Def         string   // the name under $defs of another schema, which the value has to follow too; "": none
	Document    []byte   // that schema, which must refer to nothing
	Pattern     string   // of a string, in the syntax that ECMA-262, RE2 and Python share
	Format      string   // of a string, for editors; a validator need not look at it
	MinLength   int      // of a string
	MaxLength   int      // of a string; 0: any
	Not         *Schema  // what the value must not follow
	Names       *Schema  // what the name of each member has to follow
	Enum        []string // the values that a string may have; empty: any
	Minimum     *int
	Maximum     *int
	MinItems    int
	UniqueItems bool
	Items       *Schema
	Additional  *Schema // of each member, for an object whose names are not fixed

	required    []string   // the members that an object must have
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
		if t[i].Required {
			s.required = append(s.required, t[i].Name)
		}
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
	root.Defs = map[string]json.RawMessage{}
	s.collect(root.Defs)
	root.Dialect, root.ID, root.Title = dialect, id, title
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	_ = e.Encode(root) // it fails for an example that is no JSON, which a table's test would show
	return out.Bytes()
}

// collect finds the schemas that a schema and all below it refer to. With them in the document itself, no program needs a
// network to use it.
func (s *Schema) collect(defs map[string]json.RawMessage) {
	if s == nil {
		return
	}
	if s.Def != "" {
		defs[s.Def] = part(s.Document)
	}
	for _, p := range s.properties {
		p.schema.collect(defs)
	}
	s.Items.collect(defs)
	s.Additional.collect(defs)
}

// part is a schema as a part of another one: without a dialect and an address of its own.
func part(document []byte) json.RawMessage {
	v, err := jsonscan.Parse(string(document))
	if err != nil {
		return document
	}
	out := []byte{'{'}
	for name, value := range v.Members() {
		if name == "$schema" || name == "$id" {
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(jsonscan.AppendString(out, name), ':'), value.Raw()...)
	}
	return append(out, '}')
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
	Pattern              string            `json:"pattern,omitempty"`
	Format               string            `json:"format,omitempty"`
	MinLength            int               `json:"minLength,omitempty"`
	MaxLength            int               `json:"maxLength,omitempty"`
	Not                  *Schema           `json:"not,omitempty"`
	Items                *Schema           `json:"items,omitempty"`
	MinItems             int               `json:"minItems,omitempty"`
	UniqueItems          bool              `json:"uniqueItems,omitempty"`
	Required             []string          `json:"required,omitempty"`
	PropertyNames        *Schema           `json:"propertyNames,omitempty"`
	Properties           properties        `json:"properties,omitempty"`
	AdditionalProperties any               `json:"additionalProperties,omitempty"`
	Default              json.RawMessage   `json:"default,omitempty"`
	Examples             []json.RawMessage `json:"examples,omitempty"`
	// Defs are the schemas that this one refers to.
	Defs map[string]json.RawMessage `json:"$defs,omitempty"`
}

func (s *Schema) written() written {
	w := written{
		Description: s.description, Type: s.Type, Enum: s.Enum, Minimum: s.Minimum, Maximum: s.Maximum,
		Pattern: s.Pattern, Format: s.Format, MinLength: s.MinLength, MaxLength: s.MaxLength, Not: s.Not,
		Items: s.Items, MinItems: s.MinItems, UniqueItems: s.UniqueItems, Required: s.required, PropertyNames: s.Names, Properties: s.properties,
		Default: json.RawMessage(s.initial),
	}
	if s.Def != "" {
		w.Ref = "#/$defs/" + s.Def
	}
	switch {
	case s.Additional != nil:
		w.AdditionalProperties = s.Additional
	case s.Type == "object" && s.properties != nil:
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
