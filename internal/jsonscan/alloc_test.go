package jsonscan

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/obdcr/obdcr/internal/alloctest"
)

// objects nests objects of a thousand members each.
func objects(depth int) string {
	var b strings.Builder
	for range depth {
		b.WriteByte('{')
		for i := range MaxMembers - 1 {
			fmt.Fprintf(&b, `"%x":1,`, i)
		}
		b.WriteString(`"z":`)
	}
	return b.String() + "1" + strings.Repeat("}", depth)
}

func escapedNames(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"\u00%02x\u00%02x":1`, i>>8, i&255)
	}
	return "{" + b.String()[1:] + "}"
}

func TestAllocationIsBoundedByTheInput(t *testing.T) {
	long := strings.Repeat("n", 30000)
	for name, doc := range map[string]string{
		"nothing":                 "",
		"ones":                    "[" + strings.Repeat("1,", 32000) + "1]",
		"empty strings":           "[" + strings.Repeat(`"",`, 20000) + `""]`,
		"empty objects":           "[" + strings.Repeat("{},", 20000) + "{}]",
		"deep ones":               nest("[", strings.Repeat("1,", 30000)+"1", "]", 16),
		"deep broken":             strings.Repeat("[", 65536),
		"deep objects":            objects(16),
		"escaped names":           escapedNames(1000),
		"escapes":                 `"` + strings.Repeat(`\n`, 32000) + `"`,
		"long name over ones":     `{"` + long + `":[` + strings.Repeat("1,", 16000) + `1]}`,
		"long name of slashes":    `{"` + strings.Repeat("/~", 15000) + `":[1,2,3]}`,
		"long names over objects": nest(`{"`+long+`":`, "1", "}", 15),
		"control characters":      `{"` + strings.Repeat("\u0080", 15000) + `":[1,2,3]}`,
		"statement":               statement,
	} {
		t.Run(name, func(t *testing.T) {
			bound := uint64(64<<10 + 10*len(doc))
			walk := func(v Value) {
				for range v.Members() {
				}
				for range v.Elements() {
				}
				_ = v.Len()
				_, _ = v.Text()
			}
			assert.LessOrEqual(t, alloctest.Bytes(bound, func() { _, _ = Parse(doc) }), bound, "Parse")
			v, _ := Parse(doc)
			assert.LessOrEqual(t, alloctest.Bytes(bound, func() { walk(v) }), bound, "walk")
			pointer := "/" + long + "/5"
			assert.LessOrEqual(t, alloctest.Bytes(bound, func() { Lookup(doc, pointer) }), bound, "Lookup")
			assert.LessOrEqual(t, alloctest.Bytes(bound, func() { Indent(doc) }), bound, "Indent")
		})
	}
}
