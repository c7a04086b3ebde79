package main

import (
	"encoding/json"
	"strings"
)

// kind is the type of a member.
type kind int

// The types. The first is that of most members.
const (
	text kind = iota
	number
	array
	boolean
	object
)

// edge is a row of the tables of edges: what is broken where a member is not there, is null,
// is empty, or is of another type. The rules of each are separated by blanks, the one that
// decides the answer first; warnings stand behind a bar. "" is nothing.
type edge struct {
	member                     string
	kind                       kind
	absent, null, empty, wrong string
}

// emptyValues are what is empty of a type: zero and false are values.
var emptyValues = map[kind]string{text: `""`, number: `""`, array: `[]`, boolean: `""`, object: `{}`}

// wrongValues are of another type, and of none that a lenient reader would convert.
var wrongValues = map[kind]string{text: `{"x":1}`, number: `["x"]`, array: `{"x":1}`, boolean: `"yes"`, object: `["x"]`}

// drafts makes the vectors of a row.
func (e *edge) drafts(b *base, topic string, of func(*draft) document) []draft {
	var all []draft
	for _, c := range []struct{ name, words, value, rules string }{
		{"absent", "is not there", "", e.absent},
		{"null", "is null", "null", e.null},
		{"empty", "is empty", emptyValues[e.kind], e.empty},
		{"wrong", "is of another type", wrongValues[e.kind], e.wrong},
	} {
		d := b.draft(topic+"/"+e.member+"-"+c.name, "The member "+e.member+" of the "+strings.TrimPrefix(topic, "edges_")+" "+c.words+".")
		document := of(&d)
		if document[e.member] = json.RawMessage(c.value); c.value == "" {
			delete(document, e.member)
		}
		rules, warnings, _ := strings.Cut(c.rules, "|")
		d.expects(strings.Fields(rules), strings.Fields(warnings))
		all = append(all, d)
	}
	return all
}

// edges makes the drafts of both tables.
func edges(b *base) []draft {
	var all []draft
	for _, e := range requestEdges() {
		all = append(all, e.drafts(b, "edges_request", func(d *draft) document { return d.request })...)
	}
	for _, e := range statementEdges() {
		all = append(all, e.drafts(b, "edges_statement", func(d *draft) document { return d.ssa })...)
	}
	return all
}
