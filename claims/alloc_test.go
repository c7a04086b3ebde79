package claims

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/obdcr/obdcr/internal/alloctest"
)

func repeated(name, open, item, end string, n int) string {
	return fmt.Sprintf(`{%q:%s%s%s%s}`, name, open, strings.Repeat(item+",", n-1), item, end)
}

func tiny(n int, value string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"%x":%s`, i, value)
	}
	return "{" + b.String()[1:] + "}"
}

// Nothing may allocate more than 64 KiB and ten times its input.
func TestAllocationIsBoundedByTheInput(t *testing.T) {
	cases := map[string]string{
		"full request": fullRequest, "full statement": fullSSA, "nothing": ``,
		"tiny unknown members":          tiny(1000, "1"),
		"unknown members of some bytes": tiny(1000, `"`+strings.Repeat("x", 50)+`"`),
		"unknown members under escapes": strings.ReplaceAll(tiny(1000, "1"), `"1`, `"\u0061`),
		"more unknown than allowed":     tiny(9000, "1"),
		"deep nest":                     `{"x":` + strings.Repeat("[", 15) + strings.Repeat("1,", 30000) + "1" + strings.Repeat("]", 15) + "}",
		"broken at the end":             tiny(1000, "[]")[:7000],
		"one long unknown":              `{"` + strings.Repeat("n", 30000) + `":"` + strings.Repeat("v", 30000) + `"}`,
		"blanks in scope":               `{"scope":"` + strings.Repeat(" ", 65000) + `"}`,
		"999 blanks in scope":           `{"scope":"` + strings.Repeat(" ", 999) + `"}`,
		"blanks in roles":               `{"software_roles":"` + strings.Repeat(" ", 65000) + `"}`,
		"escaped scope":                 `{"scope":"` + strings.Repeat(`\n`, 32000) + `"}`,
		"scope of escaped NUL":          `{"scope":"` + strings.Repeat(`\u0000`, 10000) + `"}`,
	}
	for _, name := range []string{"redirect_uris", "software_redirect_uris", "software_roles", "scope", "aud", "org_contacts"} {
		for _, item := range []string{`""`, `1`, `{}`, `"\n"`, `"\n\n"`, `"\u0000"`, `"\ud800"`, `"a",1`} {
			for _, n := range []int{900, 20000} { // 20000 are more than a document may have
				cases[fmt.Sprint(name, " of ", n, " ", item)] = repeated(name, "[", item, "]", n)
			}
		}
	}
	authority := "organisation_competent_authority_claims"
	for _, n := range []int{66, 199, 200, 900, 20000} {
		cases[fmt.Sprint(n, " authorities")] = repeated(authority, "[", "{}", "]", n)
		cases[fmt.Sprint(n, " wrong authorities")] = repeated(authority, "[", "1", "]", n)
		cases[fmt.Sprint(n, " authorisations")] = repeated(authority, `{"authorisations":[`, "{}", "]}", n)
		cases[fmt.Sprint(n, " wrong authorisations")] = repeated(authority, `[{"authorisations":[`, `{"roles":[1],"member_state":1}`, "]}]", n)
		cases[fmt.Sprint(n, " authorities with authorisations")] = repeated(authority, `[`, `{"authorisations":[{},{}]}`, "]", n)
		cases[fmt.Sprint(n, " roles")] = repeated(authority, `{"authorisations":[{"roles":[`, `""`, "]}]}", n)
		cases[fmt.Sprint(n, " unknown in authority")] = `{"` + authority + `":` + tiny(min(n, 1000), `{}`) + `}`
	}
	m, _ := NewAttributeMapper(AttributeConfig{Declarations: append(DefaultAttributes(),
		AttributeDeclaration{Name: "u", Claim: "software_redirect_uris"}, AttributeDeclaration{Name: "a", Claim: authority})})
	for name, text := range cases {
		t.Run(name, func(t *testing.T) {
			payload := []byte(text)
			bound := uint64(64<<10 + 10*len(payload))
			assert.LessOrEqual(t, alloctest.Bytes(bound, func() { _, _, _ = DecodeRequest(payload) }), bound, "DecodeRequest")
			assert.LessOrEqual(t, alloctest.Bytes(bound, func() { _, _, _ = DecodeSSA(payload, nil) }), bound, "DecodeSSA")
			assert.LessOrEqual(t, alloctest.Bytes(bound, func() { _, _, _ = DecodeHeader(payload) }), bound, "DecodeHeader")
			if s, _, err := DecodeSSA(payload, nil); err == nil {
				assert.LessOrEqual(t, alloctest.Bytes(bound, func() { _, _ = m.Map(s, Sandbox) }), bound, "Map")
			}
		})
	}
}

func TestDecodingAStatementAllocatesLittle(t *testing.T) {
	payload := []byte(fullSSA)
	got := testing.AllocsPerRun(100, func() { _, _, _ = DecodeSSA(payload, nil) })
	assert.LessOrEqual(t, got, 20.0, "fewer than the statement has members")
}
