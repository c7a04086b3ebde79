package jsonscan

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func nest(open, inner, end string, depth int) string {
	return strings.Repeat(open, depth) + inner + strings.Repeat(end, depth)
}

func members(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"m%d":%d`, i, i)
	}
	return "{" + strings.TrimPrefix(b.String(), ",") + "}"
}

func TestAccepts(t *testing.T) {
	for _, c := range []struct {
		name, doc string
		kind      Kind
	}{
		{"null", `null`, Null},
		{"true", `true`, Bool},
		{"false between blanks of every kind", " \t\r\nfalse \t\r\n", Bool},
		{"zero", `0`, Number},
		{"negative zero", `-0`, Number},
		{"integer", `1234567890`, Number},
		{"negative fraction", `-0.50`, Number},
		{"exponent with sign", `1E+2`, Number},
		{"exponent with leading zeros", `1e-002`, Number},
		{"number too large for any machine type", `1` + strings.Repeat("0", 400), Number},
		{"exponent too large for a float", `1e999`, Number},
		{"empty string", `""`, String},
		{"every short escape", `"\"\\\/\b\f\n\r\t"`, String},
		{"escaped letter in both cases of hex", `"\u00e9\u00E9"`, String},
		{"escaped NUL", `"\u0000"`, String},
		{"surrogate pair", `"\ud83d\ude00"`, String},
		{"lone high surrogate", `"\ud800"`, String},
		{"lone low surrogate", `"\udc00"`, String},
		{"DEL and C1 controls raw", "\"\x7f\u0080\"", String},
		{"line separators raw", "\"\u2028\u2029\"", String},
		{"noncharacter raw", "\"\uffff\U0010ffff\"", String},
		{"byte order mark inside a string", "\"\ufeff\"", String},
		{"empty array", `[ ]`, Array},
		{"empty object", "{\n}", Object},
		{"empty member name", `{"":0}`, Object},
		{"same name at different levels", `{"a":{"a":{"a":1}},"b":{"a":2}}`, Object},
		{"names that differ in case", `{"a":1,"A":2}`, Object},
		{"names that case folding makes equal", "{\"s\":1,\"\u017f\":2,\"k\":3,\"\u212a\":4}", Object},
		{"names that normalisation makes equal", "{\"\u00e9\":1,\"e\u0301\":2}", Object},
		{"arrays 16 deep", nest("[", "", "]", 16), Array},
		{"objects 16 deep", nest(`{"a":`, "1", "}", 16), Object},
		{"depth is not breadth", "[" + strings.Repeat("[],", 999) + "[]]", Array},
		{"1000 members", members(1000), Object},
		{"33 members, sorted names", members(33), Object},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, err := Parse(c.doc)
			require.NoError(t, err)
			assert.Equal(t, c.kind, v.Kind())
			assert.Equal(t, strings.Trim(c.doc, " \t\r\n"), v.Raw())
		})
	}
}

const (
	valueDue = "a value is due here"
	digitDue = "a digit is due here"
	behind   = "something stands behind the value"
	control  = "a control character stands unescaped in a string"
	escape   = "a broken escape in a string"
	inside   = "the document ends inside a string"
	ends     = "the document ends where a value is due"
	deep     = "nested deeper than 16 levels"
	nameDue  = "a member name is due here"
	colon    = "a colon is due here"
	badUTF8  = "invalid UTF-8"
	inObject = "a comma or the end of the object is due here"
	inArray  = "a comma or the end of the array is due here"
)

type refusal struct {
	name, doc string
	offset    int
	reason    string
}

func checkRefusals(t *testing.T, cases []refusal) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			v, err := Parse(c.doc)
			assert.Equal(t, Value{}, v, "a failed parse gives no value")
			var syntax *SyntaxError
			require.ErrorAs(t, err, &syntax)
			assert.Equal(t, SyntaxError{Offset: c.offset, Reason: c.reason}, *syntax)
			assert.Contains(t, err.Error(), fmt.Sprintf("%s at byte %d", c.reason, c.offset))
		})
	}
}

func TestRefusesScalars(t *testing.T) {
	checkRefusals(t, []refusal{
		{"nothing", ``, 0, ends},
		{"blanks alone", "  ", 2, ends},
		{"NUL alone", "\x00", 0, valueDue},
		{"form feed before a value", "\f1", 0, valueDue},
		{"no-break space before a value", "\u00a01", 0, valueDue},
		{"byte order mark", "\ufeff{}", 0, valueDue},
		{"UTF-16", "\xff\xfe{\x00}\x00", 0, badUTF8},
		{"leading zero", `01`, 1, "a number begins with 0"},
		{"negative leading zero", `-012`, 2, "a number begins with 0"},
		{"plus sign", `+1`, 0, valueDue},
		{"minus alone", `-`, 1, digitDue},
		{"two minuses", `--1`, 1, digitDue},
		{"fraction without integer", `.5`, 0, valueDue},
		{"fraction without digits", `1.`, 2, digitDue},
		{"exponent without digits", `1e`, 2, digitDue},
		{"signed exponent without digits", `1e+`, 3, digitDue},
		{"fraction in the exponent", `1e2.5`, 3, behind},
		{"hexadecimal", `0x1`, 1, behind},
		{"full-width digit", "\uff11", 0, valueDue},
		{"NaN", `NaN`, 0, valueDue},
		{"infinity", `-Infinity`, 1, digitDue},
		{"true in capitals", `True`, 0, valueDue},
		{"half a literal", `nul`, 0, valueDue},
		{"too long a literal", `nulll`, 4, behind},
		{"single quotes", `'a'`, 0, valueDue},
		{"comment", `/**/1`, 0, valueDue},
	})
}

func TestRefusesStrings(t *testing.T) {
	long := strings.Repeat("x", 20)
	checkRefusals(t, []refusal{
		{"no end", `"abc`, 4, inside},
		{"no end behind a long text", `"` + long, 21, inside},
		{"quote alone", `"`, 1, inside},
		{"escaped end", `"\"`, 3, inside},
		{"backslash at the end", `"\`, 1, escape},
		{"raw NUL", "\"\x00\"", 1, control},
		{"raw newline", "\"a\nb\"", 2, control},
		{"raw tab behind a long text", `"` + long + "\t\"", 21, control},
		{"raw unit separator", "\"\x1f\"", 1, control},
		{"unknown escape", `"\x41"`, 1, escape},
		{"escaped capital", `"\N"`, 1, escape},
		{"escaped single quote", `"\'"`, 1, escape},
		{"three hex digits", `"\u00e"`, 1, escape},
		{"no hex digit", `"` + long + `\u00g0"`, 21, escape},
		{"capital U", `"\U0041"`, 1, escape},
		{"hex digits cut by the end", `"\u00`, 1, escape},
		{"lone continuation byte", "\"a\x80\"", 2, badUTF8},
		{"overlong slash", "\"\xc0\xaf\"", 1, badUTF8},
		{"overlong NUL", "\"\xc0\x80\"", 1, badUTF8},
		{"overlong in three bytes", "\"\xe0\x80\xaf\"", 1, badUTF8},
		{"cut sequence", "\"\xe2\x82\"", 1, badUTF8},
		{"surrogate in UTF-8", "\"\xed\xa0\x80\"", 1, badUTF8},
		{"above U+10FFFF", "\"\xf4\x90\x80\x80\"", 1, badUTF8},
		{"five-byte sequence", "\"\xf8\x88\x80\x80\x80\"", 1, badUTF8},
		{"byte FF", "\"\xff\"", 1, badUTF8},
		{"invalid byte behind good characters", "\"\u00e9\u20ac\xfe\"", 6, badUTF8},
	})
}

func TestRefusesStructures(t *testing.T) {
	checkRefusals(t, []refusal{
		{"two values", `{}{}`, 2, behind},
		{"comma behind the value", `{},`, 2, behind},
		{"closing bracket too many", `[]]`, 2, behind},
		{"NUL behind the value", "{}\x00", 2, behind},
		{"comment behind the value", `1 //`, 2, behind},
		{"open array", `[1`, 2, inArray},
		{"open array behind a comma", `[1,`, 3, ends},
		{"array closed as object", `[1}`, 2, inArray},
		{"trailing comma in an array", `[1,]`, 3, valueDue},
		{"leading comma in an array", `[,1]`, 1, valueDue},
		{"no comma in an array", `[1 2]`, 3, inArray},
		{"colon in an array", `["a":1]`, 4, inArray},
		{"open object", `{`, 1, nameDue},
		{"object closed as array", `{"a":1]`, 6, inObject},
		{"trailing comma in an object", `{"a":1,}`, 7, nameDue},
		{"no quotes on a name", `{a:1}`, 1, nameDue},
		{"number as name", `{1:1}`, 1, nameDue},
		{"no colon", `{"a" 1}`, 5, colon},
		{"no value", `{"a":}`, 5, valueDue},
		{"two colons", `{"a"::1}`, 5, valueDue},
		{"no comma in an object", `{"a":1 "b":2}`, 7, inObject},
		{"arrays 17 deep", nest("[", "", "]", 17), 16, deep},
		{"objects 17 deep", nest(`{"a":`, "1", "}", 17), 80, deep},
		{"100,000 brackets", strings.Repeat("[", 100000), 16, deep},
		{"1001 members", members(1001), len(members(1000)), "more than 1000 members in one object"},
	})
}

func TestRefusesDuplicateNames(t *testing.T) {
	many := strings.TrimSuffix(members(40), "}")
	checkRefusals(t, []refusal{
		{"plain", `{"a":1,"a":1}`, 7, reasonTwice},
		{"empty", `{"":1,"":1}`, 6, reasonTwice},
		{"with one between", `{"a":1,"b":2,"a":3}`, 13, reasonTwice},
		{"second spelt with an escape", `{"iss":1,"\u0069ss":2}`, 9, reasonTwice},
		{"first spelt with an escape", `{"\u0069ss":1,"iss":2}`, 14, reasonTwice},
		{"both spelt with escapes, in two cases of hex", `{"\u004a":1,"\u004A":2}`, 12, reasonTwice},
		{"slash escaped and not", `{"a/b":1,"a\/b":2}`, 9, reasonTwice},
		{"surrogate pair and UTF-8", "{\"\U0001f600\":1,\"\\ud83d\\ude00\":2}", 10, reasonTwice},
		{"two lone surrogates, which read alike", `{"\ud800":1,"\ud801":2}`, 12, reasonTwice},
		{"in an inner object", `{"x":{"a":1,"a":2}}`, 12, reasonTwice},
		{"in an object in an array", `[0,[{"a":1,"a":2}]]`, 11, reasonTwice},
		{"behind an inner object", `{"a":{"b":1},"a":2}`, 13, reasonTwice},
		{"behind many members", many + `,"m7":0}`, len(many) + 1, reasonTwice},
		{"behind many members, with an escape", many + `,"m\u0037":0}`, len(many) + 1, reasonTwice},
		{"behind many members, of one such", many + `,"\u006e":0,"n":1}`, len(many) + len(`,"\u006e":0,`), reasonTwice},
		{"behind many members, the first of several", many + `,"z":0,"z":1,"a":2,"a":3}`, len(many) + 7, reasonTwice},
		{"behind many members, thrice", many + `,"z":0,"z":1,"z":2}`, len(many) + 7, reasonTwice},
		{"behind many members, in an inner object", `{"in":` + many + `,"m0":0}}`, 6 + len(many) + 1, reasonTwice},
	})
}

// Few names are compared one by one, more are sorted: at no number does the last one
// stand for the second time unnoticed.
func TestTheLastNameOfAnyNumberIsNoDuplicate(t *testing.T) {
	for n := 1; n <= 130; n++ {
		open := strings.TrimSuffix(members(n), "}")
		_, err := Parse(open + "}")
		require.NoError(t, err)
		for _, again := range []string{"m0", `\u006d0`, fmt.Sprint("m", n-1)} {
			_, err := Parse(open + `,"` + again + `":0}`)
			var syntax *SyntaxError
			require.ErrorAs(t, err, &syntax, "%d and %s", n, again)
			require.Equal(t, &SyntaxError{Offset: len(open) + 1, Reason: reasonTwice}, syntax)
			require.Equal(t, "json: "+syntax.Detail(), err.Error())
		}
	}
}

// Names are equal by what they read as, whatever their hashes are.
func TestNamesWithEqualHashesAreToldApart(t *testing.T) {
	doc := strings.TrimSuffix(members(fewNames+1), "}") + `,"m\u0033":0}`
	p := parser{doc: doc}
	for at := range len(doc) {
		if strings.HasPrefix(doc[at:], `"m`) {
			n := name(at) // with a hash of 0
			assert.Equal(t, strings.HasPrefix(doc[at:], `"m\u`), p.known(n, 0), doc[at:])
			p.names.push(n)
		}
	}
	at, found := p.repeated(0)
	assert.True(t, found)
	assert.Equal(t, strings.Index(doc, `"m\u`), at)
}

func TestADocumentForScanHasABoundedNumberOfValues(t *testing.T) {
	list := func(n int) string { return "[" + strings.TrimSuffix(strings.Repeat("1,", n), ",") + "]" }
	_, err := Scan(list(MaxValues-1), nil) // the list is a value too
	require.NoError(t, err)
	_, err = Scan(list(MaxValues), nil)
	var syntax *SyntaxError
	require.ErrorAs(t, err, &syntax)
	assert.Equal(t, &SyntaxError{Offset: len(list(MaxValues)) - 2, Reason: "more than 2000 values in one document"}, syntax)
	nested := strings.TrimSuffix(strings.Repeat(`{"a":[1]},`, MaxValues/3), ",")
	_, err = Scan("["+nested+"]", nil)
	require.NoError(t, err, "%d values", 1+MaxValues/3*3)
	_, err = Scan("["+nested+",1,1]", nil)
	require.Error(t, err)
	_, err = Parse(list(10 * MaxValues))
	require.NoError(t, err, "key sets and policies are as long as they need to be")
}

func TestScanShowsTheMembersOfTheOuterObject(t *testing.T) {
	var got []string
	doc := ` {"a":1, "\u0062" : {"c":2},"d":["e"]} `
	v, err := Scan(doc, func(name string, v Value) { got = append(got, name+"="+v.Raw()) })
	require.NoError(t, err)
	assert.Equal(t, []string{"a=1", `b={"c":2}`, `d=["e"]`}, got)
	assert.Equal(t, strings.TrimSpace(doc), v.Raw())

	got = nil
	_, err = Scan(`[{"a":1}]`, func(name string, _ Value) { got = append(got, name) })
	require.NoError(t, err)
	assert.Empty(t, got, "an object inside an array is not the document's")
}

func TestReasonsAreASCIIWithoutInput(t *testing.T) {
	for _, doc := range []string{"{\"\u20ac\":1,\"\u20ac\":2}", "\u20ac", "\"\\\u20ac\""} {
		_, err := Parse(doc)
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "\u20ac")
	}
}
