package jsonform

import (
	"fmt"
	"slices"
	"strings"
)

// initial is a default as JSON, and the case for which it is the default.
type initial struct {
	value string
	of    []string
}

// defaults returns the different defaults of a row.
func (t Table[T]) defaults(row int, of []Default[T]) []initial {
	var all []initial
	for i := range of {
		value := string(t[row].Field(&of[i].Value).write(nil))
		at := slices.IndexFunc(all, func(d initial) bool { return d.value == value })
		if at < 0 {
			at, all = len(all), append(all, initial{value: value})
		}
		all[at].of = append(all[at].of, of[i].Of)
	}
	return all
}

// Page describes each member in Markdown, under a heading of the second level: its
// meaning, its values, its default, and an example.
func (t Table[T]) Page(defaults ...Default[T]) string {
	var b strings.Builder
	for i, member := range t.schema().properties {
		fmt.Fprintf(&b, "\n## `%s`\n\n%s\n\n- value: %s\n", member.name, member.schema.description, member.schema.words())
		all := t.defaults(i, defaults)
		for _, d := range all {
			when := ""
			if len(all) > 1 {
				when = " of " + strings.Join(d.of, ", ")
			}
			fmt.Fprintf(&b, "- default%s: `%s`\n", when, d.value)
		}
		fmt.Fprintf(&b, "- example: `\"%s\": %s`\n", member.name, member.schema.example)
		inner := member.schema.properties
		if member.schema.Items != nil {
			inner = member.schema.Items.properties
		}
		for _, part := range inner {
			fmt.Fprintf(&b, "- member `%s`, %s: %s Example: `%s`.\n", part.name, part.schema.words(), part.schema.description, part.schema.example)
		}
	}
	return b.String()
}

// words describes for people which values a schema accepts.
func (s *Schema) words() string {
	switch s.Type {
	case "string":
		if len(s.Enum) > 0 {
			return "one of `" + strings.Join(s.Enum, "`, `") + "`"
		}
		return "a string"
	case "integer":
		return fmt.Sprintf("a whole number, %d to %d", *s.Minimum, *s.Maximum)
	case "boolean":
		return "`true` or `false`"
	case "array":
		words := "an array; each entry is " + s.Items.words()
		if s.MinItems > 0 {
			words += "; not empty"
		}
		if s.UniqueItems {
			words += "; no entry twice"
		}
		return words
	}
	if s.Additional != nil {
		return "an object; the value of each member is " + s.Additional.words()
	}
	return "an object with the members below"
}
