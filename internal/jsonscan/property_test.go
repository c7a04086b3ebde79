package jsonscan

import (
	"bytes"
	"encoding/json"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/obdcr/obdcr/internal/fulltest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// reference reads doc with encoding/json, numbers kept as they are written.
func reference(doc string) (any, error) {
	d := json.NewDecoder(strings.NewReader(doc))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, &SyntaxError{Reason: "trailing data"}
	}
	return v, nil
}

// plain turns a Value into what encoding/json makes of the same text.
func plain(v Value) any {
	switch v.Kind() {
	case Bool:
		return v.Bool()
	case Number:
		return json.Number(v.Raw())
	case String:
		s, _ := v.Text()
		return s
	case Array:
		list := []any{}
		for _, e := range v.Elements() {
			list = append(list, plain(e))
		}
		return list
	case Object:
		object := map[string]any{}
		for name, m := range v.Members() {
			object[name] = plain(m)
		}
		return object
	}
	return nil
}

// agrees holds the property: what Parse accepts, encoding/json accepts too and
// reads the same. It says whether Parse accepted.
func agrees(t require.TestingT, doc string) bool {
	v, err := Parse(doc)
	if err != nil {
		var syntax *SyntaxError
		require.ErrorAs(t, err, &syntax)
		require.True(t, 0 <= syntax.Offset && syntax.Offset <= len(doc))
		require.Equal(t, Value{}, v)
		return false
	}
	want, err := reference(doc)
	require.NoError(t, err, "%q", doc)
	require.Equal(t, want, plain(v), "%q", doc)
	return true
}

// maker builds JSON texts of every shape out of a source of small numbers.
type maker struct {
	pick func(n int) int
	b    bytes.Buffer
}

func (m *maker) one(of ...string) { m.b.WriteString(of[m.pick(len(of))]) }
func (m *maker) space()           { m.one("", "", "", "", " ", "\n", "\t\r") }

func (m *maker) text() {
	m.b.WriteByte('"')
	for range m.pick(6) {
		m.one("a", "b", "iss", "software_id", "/", "~", " ", "\u00e9", "\u20ac", "\U0001f600", "\u2028", "\x7f", `\"`, `\\`,
			`\/`, `\b`, `\f`, `\n`, `\r`, `\t`, `\u0061`, `\u00E9`, `\u0000`, `\ud83d\ude00`, `\ud800`, `\udfff`, `\uFFFD`)
	}
	m.b.WriteByte('"')
}

func (m *maker) value(depth int) {
	kinds := 7
	if depth == 0 {
		kinds = 5
	}
	switch m.pick(kinds) {
	case 0:
		m.one("null", "true", "false")
	case 1, 2:
		m.text()
	case 3:
		m.one("0", "-0", "1", "-12", "1700000000", "0.5", "1e5", "-1.25E-3", "9223372036854775808", "1e999")
	case 4:
		m.one("[]", "{}", "[ ]", "{\n}")
	case 5:
		m.list('[', ']', func() { m.value(depth - 1) })
	case 6:
		m.list('{', '}', func() {
			m.text()
			m.space()
			m.b.WriteByte(':')
			m.space()
			m.value(depth - 1)
		})
	}
}

func (m *maker) list(open, end byte, item func()) {
	m.b.WriteByte(open)
	for i := range 1 + m.pick(4) {
		if i > 0 {
			m.b.WriteByte(',')
		}
		m.space()
		item()
		m.space()
	}
	m.b.WriteByte(end)
}

func (m *maker) document() string {
	m.b.Reset()
	m.space()
	m.value(5)
	m.space()
	return m.b.String()
}

func TestAcceptedReadsLikeEncodingJSON(t *testing.T) {
	r := rand.New(rand.NewPCG(7591, 7592))
	m := maker{pick: r.IntN}
	accepted, kept, refused := 0, 0, 0
	rounds := fulltest.Rounds(10_000)
	for range rounds {
		doc := m.document()
		if !agrees(t, doc) {
			// The maker writes nothing but valid JSON: only a name can stand twice.
			_, err := Parse(doc)
			require.ErrorContains(t, err, reasonTwice)
			continue
		}
		accepted++
		mutant := []byte(doc)
		mutant[r.IntN(len(mutant))] = byte(r.Uint32())
		if agrees(t, string(mutant)) {
			kept++
		} else {
			refused++
		}
	}
	// The property would be hollow if nearly all cases fell on one side.
	assert.Greater(t, accepted, rounds/2)
	assert.Greater(t, kept, rounds/20)
	assert.Greater(t, refused, rounds/20)
}

// A document that only encoding/json accepts must break one of our own rules.
func TestRefusedByUsAloneForAStatedReason(t *testing.T) {
	r := rand.New(rand.NewPCG(3986, 8259))
	m := maker{pick: r.IntN}
	for range fulltest.Rounds(10_000) {
		mutant := []byte(m.document())
		mutant[r.IntN(len(mutant))] = `"\{}[],:019e.-tfn u`[r.IntN(19)]
		_, ours := Parse(string(mutant))
		if _, theirs := reference(string(mutant)); ours != nil && theirs == nil && utf8.Valid(mutant) {
			require.ErrorContains(t, ours, reasonTwice, "%q", mutant)
		}
	}
}

func TestEveryOneByteMutation(t *testing.T) {
	doc := `{"iss":"A\u0062\n","iat":-17e1,"r":["https:\/\/a.example",true,null,{"\ud83d\ude00":0.5}],"i\u0073":[]}`
	require.True(t, agrees(t, doc))
	for i := range len(doc) {
		for c := range 256 {
			mutant := doc[:i] + string([]byte{byte(c)}) + doc[i+1:]
			if !agrees(t, mutant) {
				_, err := reference(mutant)
				if err == nil && utf8.ValidString(mutant) {
					_, err = Parse(mutant)
					require.ErrorContains(t, err, reasonTwice, "%q", mutant)
				}
			}
		}
		agrees(t, doc[:i])           // cut
		agrees(t, doc[:i]+doc[i+1:]) // one byte less
	}
}

func TestRapidDocuments(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := maker{pick: func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "pick") }}
		agrees(t, m.document())
	})
}

func TestRapidStringsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.String().Draw(t, "text")
		quoted, err := json.Marshal(want)
		require.NoError(t, err)
		v, err := Parse(string(quoted))
		require.NoError(t, err)
		got, clean := v.Text()
		assert.Equal(t, want, got)
		assert.Equal(t, !strings.ContainsRune(want, 0), clean)
	})
}

func TestRapidPointersLeadToTheirValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := maker{pick: func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "pick") }}
		doc := m.document()
		v, err := Parse(doc)
		if err != nil {
			return
		}
		var walk func(pointer string, v Value)
		walk = func(pointer string, v Value) {
			got, ok := Lookup(doc, pointer)
			require.True(t, ok, pointer)
			require.Equal(t, v, got)
			for name, m := range v.Members() {
				walk(AppendPointer(pointer, name), m)
			}
			for i, e := range v.Elements() {
				walk(AppendPointer(pointer, strconv.Itoa(i)), e)
			}
		}
		walk("", v)
	})
}

func FuzzScan(f *testing.F) {
	for _, seed := range []string{statement, `{"a":[1,-2.5e3,"\ud800",null]}`, members(40), "[[[]]]", "{\"a\":1,\"\\u0061\":2}", "\"\xff\""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, doc string) {
		if !agrees(t, doc) {
			require.Nil(t, Indent(doc))
			return
		}
		var b strings.Builder
		lines := Indent(doc)
		for _, line := range lines {
			b.WriteString(line.Text + "\n")
		}
		if lines[len(lines)-1].Text != "..." && !strings.ContainsFunc(doc, func(r rune) bool { return r < ' ' || r > '~' || r == '\\' }) {
			require.True(t, agrees(t, b.String()), "%s", b.String())
		}
	})
}
