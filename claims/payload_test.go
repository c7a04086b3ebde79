package claims

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/jsonscan"
)

func TestAPayloadKeepsWhatWasSent(t *testing.T) {
	text := ` {"iss" : "a", "\u0062":{"c": 1}, "software_roles":[ "AISP" ]}`
	p, err := ParsePayload(text)
	require.NoError(t, err)
	assert.Equal(t, text, p.String())
	var members []string
	for name, value := range p.Members() {
		members = append(members, name+"="+value)
	}
	assert.Equal(t, []string{`iss="a"`, `b={"c": 1}`, `software_roles=[ "AISP" ]`}, members)
	for name := range p.Members() {
		assert.Equal(t, "iss", name)
		break
	}
	assert.Equal(t, Some("a"), p.Issuer())
}

func TestAPayloadIsDecodedAsOftenAsAskedInAnyNames(t *testing.T) {
	p, err := ParsePayload(`{"iss":"a","tpp":"x","software_id":1,"more":null}`)
	require.NoError(t, err)
	for range 2 {
		s, faults := p.SSA(map[string]string{"software_id": "tpp"})
		assert.Empty(t, faults)
		assert.Equal(t, Some("x"), s.SoftwareID)
		assert.Equal(t, []string{"software_id", "more"}, []string{s.Unknown[0].Name, s.Unknown[1].Name})

		s, faults = p.SSA(nil)
		assert.Equal(t, []Fault{{Pointer: "/software_id", Got: "number", Want: "string"}}, faults)
		assert.False(t, s.SoftwareID.Valid())
	}
}

func TestAnIssuerIsAStringOfValidCharacters(t *testing.T) {
	for text, want := range map[string]Optional[string]{
		`{"iss":"a\u0062"}`: Some("ab"),
		`{"\u0069ss":"a"}`:  Some("a"),
		`{"iss":""}`:        Some(""),
		`{"iss":1}`:         {},
		`{"iss":"\u0000"}`:  {},
		`{"ISS":"a"}`:       {},
		`{"x":{"iss":"a"}}`: {},
		`{}`:                {},
	} {
		p, err := ParsePayload(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, p.Issuer(), text)
	}
}

func TestAPayloadIsOneStrictObject(t *testing.T) {
	for _, text := range []string{``, `[]`, `null`, `{} {}`, `{"a":1,"a":1}`, `{"a":` + strings.Repeat("[", 16)} {
		p, err := ParsePayload(text)
		var syntax *jsonscan.SyntaxError
		require.ErrorAs(t, err, &syntax, text)
		assert.Nil(t, p)
	}
	empty := new(Payload)
	s, faults := empty.SSA(nil)
	assert.Equal(t, &SSA{}, s)
	assert.Empty(t, faults)
	assert.False(t, empty.Issuer().Present())
}

func TestEachOfManyMembersIsThere(t *testing.T) {
	for n := usualMembers - 1; n <= usualMembers+2; n++ {
		var text strings.Builder
		for i := range n {
			fmt.Fprintf(&text, `,"m%d":%d`, i, i)
		}
		p, err := ParsePayload("{" + text.String()[1:] + "}")
		require.NoError(t, err)
		i := 0
		for name, value := range p.Members() {
			assert.Equal(t, fmt.Sprintf("m%d=%d", i, i), name+"="+value)
			i++
		}
		assert.Equal(t, n, i)
	}
}
