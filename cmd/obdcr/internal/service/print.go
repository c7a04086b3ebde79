package service

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/text"
)

// described is a part of the JSON Schema: what the comments need of it.
type described struct {
	Description string                `json:"description"`
	Enum        []string              `json:"enum"`
	Properties  map[string]*described `json:"properties"`
	Items       *described            `json:"items"`
	Examples    []json.RawMessage     `json:"examples"`
}

// schemaLine names the JSON Schema to editors that know the YAML language server.
const schemaLine = "# yaml-language-server: $schema=" + SchemaID + "\n"

// commentWidth is how wide a line of the comments is.
const commentWidth = 100

// Print writes the configuration in force as YAML: each member with its value, also those that
// the file leaves out, under a comment of what it means. Load reads it again, to the same. It
// holds no secret, because the file holds none: it names where they are.
func (c *Config) Print() string {
	var schema described
	if err := json.Unmarshal(Schema(), &schema); err != nil {
		panic("service: the schema is no JSON: " + err.Error()) // which a test would show
	}
	var b strings.Builder
	b.WriteString(schemaLine)
	v, err := jsonscan.Parse(string(table.Write(nil, c)))
	if err != nil {
		panic("service: the configuration is no JSON: " + err.Error()) // a table writes nothing else
	}
	printMembers(&b, v, &schema, "", "\n")
	return b.String()
}

// Start writes the configuration to start from: each member with its default, under a comment
// of what it means. Its first lines tell what to do with it. Load refuses it until what is
// required is written into it, and names each of those members.
func Start() string {
	c := defaults()
	return "# What obdcr serve takes, with every default. Write the members that are required, leave out or\n" +
		"# change the others, and have it judged: obdcr serve --config FILE --check\n" + c.Print()
}

// printMembers writes the members of an object, with a text before each.
func printMembers(b *strings.Builder, v jsonscan.Value, of *described, indent, apart string) {
	for name, value := range v.Members() {
		member := of.Properties[name]
		b.WriteString(apart)
		if member != nil {
			comment := member.Description
			if len(member.Enum) > 0 {
				comment += " One of " + strings.Join(member.Enum, ", ") + "."
			}
			for _, l := range text.Wrap(comment, commentWidth-len(indent)) {
				b.WriteString(indent + "# " + l + "\n")
			}
		} else {
			member = &described{}
		}
		switch {
		case value.Kind() == jsonscan.Null:
			b.WriteString(indent + "# " + name + ": " + example(member) + "\n")
		case value.Kind() == jsonscan.Object && len(member.Properties) > 0:
			b.WriteString(indent + name + ":\n")
			printMembers(b, value, member, indent+"  ", "")
		case value.Kind() == jsonscan.Array && member.Items != nil && len(member.Items.Properties) > 0 && value.Len() > 0:
			b.WriteString(indent + name + ":\n")
			for _, entry := range value.Elements() {
				var part strings.Builder
				printMembers(&part, entry, member.Items, indent+"    ", "")
				b.WriteString(indent + "  -\n" + part.String())
			}
		default:
			b.WriteString(indent + name + ": " + flow(value) + "\n")
		}
	}
}

// example is the value of a member that a file may give, in flow style.
func example(d *described) string {
	if len(d.Examples) == 0 {
		return ""
	}
	v, err := jsonscan.Parse(string(d.Examples[0]))
	if err != nil {
		return ""
	}
	return flow(v)
}

// flow writes a value in one line, in the part of YAML that is JSON.
func flow(v jsonscan.Value) string {
	var parts []string
	switch v.Kind() {
	case jsonscan.Object:
		for name, value := range v.Members() {
			parts = append(parts, strconv.Quote(name)+": "+flow(value))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case jsonscan.Array:
		for _, entry := range v.Elements() {
			parts = append(parts, flow(entry))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return v.Raw()
}
