package service

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/text"
)

// position is a place in a file, both from 1.
type position struct{ line, column int }

// converter makes JSON of the YAML of one file. It keeps where each member stands, so that a
// fault of the JSON can be shown in the YAML.
type converter struct {
	out    []byte
	places map[string]position // by place, as package jsonform writes them
	faults []Fault
}

// toJSON converts a document. It takes the part of YAML that JSON has too: mappings,
// sequences, texts, numbers, true, false and null, once and in one document. Anchors,
// aliases, tags and merge keys are refused: a file with them reads in two ways.
func toJSON(doc string) (json string, places map[string]position, faults []Fault) {
	defer func() {
		if p := recover(); p != nil { // a fault of the parser is one of the file, as far as the caller can tell
			faults = []Fault{{Reason: "is no YAML that can be read: " + text.ASCII(fmt.Sprint(p), text.MaxDescription)}}
		}
	}()
	tokens := lexer.Tokenize(doc)
	if deep := tooDeep(tokens); deep != nil {
		p := at(deep)
		return "", nil, []Fault{{Line: p.line, Column: p.column,
			Reason: fmt.Sprintf("is nested deeper than %d levels, or indented by more than %d columns", maxNesting, maxIndent)}}
	}
	file, err := parser.Parse(tokens, 0)
	if err != nil {
		return "", nil, []Fault{syntaxFault(err)}
	}
	var bodies []ast.Node
	for _, d := range file.Docs {
		if d.Body != nil {
			bodies = append(bodies, d.Body)
		}
	}
	c := &converter{places: map[string]position{}}
	switch {
	case len(bodies) == 0:
		return "", nil, []Fault{{Line: 1, Column: 1, Reason: "is empty: it needs issuer, directories, clients and store at least; obdcr serve --help says more"}}
	case len(bodies) > 1:
		c.refuse(bodies[1], "", "begins a second document: leave it out, and the line --- before it")
	default:
		c.value(bodies[0], "")
	}
	return string(c.out), c.places, c.faults
}

const (
	maxNesting = 64  // of brackets and braces; no member needs more than ten
	maxIndent  = 256 // columns before the first word of a line
)

// tooDeep finds where a text is nested too deeply, before the parser sees it: the parser keeps
// a path for each level, so that a file of 100 KiB of brackets takes all the memory there is.
// A level without brackets is indented by a column at least.
func tooDeep(tokens token.Tokens) *token.Token {
	depth := 0
	for i, t := range tokens {
		switch t.Type {
		case token.MappingStartType, token.SequenceStartType:
			depth++
		case token.MappingEndType, token.SequenceEndType:
			depth = max(0, depth-1)
		}
		if depth > maxNesting {
			return t
		}
		// In a line a value is deeper than what is before it only behind - and ?.
		first := i == 0 || tokens[i-1].Position.Line != t.Position.Line ||
			tokens[i-1].Type == token.SequenceEntryType || tokens[i-1].Type == token.MappingKeyType
		if depth == 0 && first && t.Position.Column > maxIndent && t.Type != token.CommentType {
			return t
		}
	}
	return nil
}

// syntaxFault is the fault of a text that is no YAML.
func syntaxFault(err error) Fault {
	var at yaml.Error
	if !errors.As(err, &at) || at.GetToken() == nil {
		return Fault{Reason: "is no YAML: " + text.ASCII(err.Error(), text.MaxDescription)}
	}
	p := at.GetToken().Position
	return Fault{Line: p.Line, Column: p.Column, Reason: "is no YAML: " + text.ASCII(at.GetMessage(), text.MaxDescription)}
}

func (c *converter) refuse(n ast.Node, place, format string, args ...any) {
	p := start(n)
	c.faults = append(c.faults, Fault{Line: p.line, Column: p.column, Place: place, Reason: fmt.Sprintf(format, args...)})
}

func at(t *token.Token) position {
	if t == nil || t.Position == nil {
		return position{1, 1}
	}
	return position{t.Position.Line, t.Position.Column}
}

// start is where a value begins. The token of a mapping is the colon behind its first name.
func start(n ast.Node) position {
	switch n := n.(type) {
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return at(n.Values[0].Key.GetToken())
		}
	case *ast.MappingValueNode:
		return at(n.Key.GetToken())
	}
	return at(n.GetToken())
}

// jsonNumber is a number as JSON writes it. YAML has more: 0x10, 0o17, 1_000, .inf.
var jsonNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

func (c *converter) value(n ast.Node, place string) {
	switch n := n.(type) {
	case *ast.MappingNode:
		c.mapping(n.Values, place)
	case *ast.MappingValueNode:
		c.mapping([]*ast.MappingValueNode{n}, place)
	case *ast.SequenceNode:
		c.out = append(c.out, '[')
		for i, entry := range n.Values {
			if i > 0 {
				c.out = append(c.out, ',')
			}
			within := place + "/" + strconv.Itoa(i)
			c.places[within] = start(entry)
			c.value(entry, within)
		}
		c.out = append(c.out, ']')
	case *ast.StringNode:
		c.out = jsonscan.AppendString(c.out, n.Value)
	case *ast.LiteralNode:
		c.out = jsonscan.AppendString(c.out, n.Value.Value)
	case *ast.BoolNode:
		c.out = strconv.AppendBool(c.out, n.Value)
	case *ast.NullNode:
		c.out = append(c.out, "null"...)
	case *ast.IntegerNode, *ast.FloatNode:
		c.number(n, place)
	default:
		c.refuse(n, place, "is a YAML %s, which this file cannot have: write the value itself, a text between quotation marks",
			strings.ToLower(n.Type().String()))
		c.out = append(c.out, "null"...)
	}
}

// number writes a number. One that JSON does not have may be meant as a text, such as an
// identifier that begins with zeros.
func (c *converter) number(n ast.Node, place string) {
	written := n.GetToken().Value
	if !jsonNumber.MatchString(written) {
		c.refuse(n, place, "%s is a number to YAML: put a text between quotation marks, and write a number in decimal digits without a leading zero",
			text.Quote(written))
		written = "0"
	}
	c.out = append(c.out, written...)
}

func (c *converter) mapping(values []*ast.MappingValueNode, place string) {
	c.out = append(c.out, '{')
	seen := map[string]bool{}
	for i, member := range values {
		if i > 0 {
			c.out = append(c.out, ',')
		}
		key, isText := member.Key.(*ast.StringNode)
		if !isText || seen[key.Value] {
			c.refuse(member.Key, place, "has a name that is no text, or a merge key, or stands twice: write each name once, as a plain word")
			c.out = append(jsonscan.AppendString(c.out, "refused "+strconv.Itoa(i)), ":null"...)
			continue
		}
		seen[key.Value] = true
		within := below(place, key.Value)
		c.places[within] = at(key.GetToken())
		c.out = append(jsonscan.AppendString(c.out, key.Value), ':')
		c.value(member.Value, within)
	}
	c.out = append(c.out, '}')
}

// place is that of an entry of the sequence at a place.
func place(of string, i int) string { return of + "/" + strconv.Itoa(i) }

// below is the place of a member of the mapping at place.
func below(place, name string) string {
	if place == "" {
		return text.Echo(name)
	}
	return place + "/" + text.Echo(name)
}
