package jsonscan

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func parse(t *testing.T, doc string) Value {
	t.Helper()
	v, err := Parse(doc)
	require.NoError(t, err)
	return v
}

func TestText(t *testing.T) {
	for _, c := range []struct {
		name, doc, want string
		clean           bool
	}{
		{"plain", `"abc"`, "abc", true},
		{"empty", `""`, "", true},
		{"every short escape", `"\"\\\/\b\f\n\r\t"`, "\"\\/\b\f\n\r\t", true},
		{"escape between plain text", `"one\u002Ctwo"`, "one,two", true},
		{"surrogate pair", `"a\ud83d\ude00b"`, "a\U0001f600b", true},
		{"escaped U+FFFD is itself", `"\ufffd"`, "\ufffd", true},
		{"NUL", `"a\u0000b"`, "a\x00b", false},
		{"lone high surrogate", `"a\ud800b"`, "a\ufffdb", false},
		{"lone low surrogate", `"\udc00"`, "\ufffd", false},
		{"surrogates in the wrong order", `"\udc00\ud800"`, "\ufffd\ufffd", false},
		{"high surrogate before a pair", `"\ud800\ud83d\ude00"`, "\ufffd\U0001f600", false},
		{"high surrogate before another escape", `"\ud800\n"`, "\ufffd\n", false},
		{"high surrogate before a letter's escape", `"\ud800\u0041"`, "\ufffdA", false},
		{"a clean escape does not whiten a dirty one", `"\u0000\n"`, "\x00\n", false},
		{"number", `1`, "", false},
		{"null", `null`, "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, clean := parse(t, c.doc).Text()
			assert.Equal(t, c.want, got)
			assert.Equal(t, c.clean, clean)
		})
	}
}

func TestInt64(t *testing.T) {
	for _, c := range []struct {
		doc  string
		want int64
		ok   bool
	}{
		{`0`, 0, true},
		{`-1`, -1, true},
		{`9223372036854775807`, 1<<63 - 1, true},
		{`-9223372036854775808`, -1 << 63, true},
		{`9223372036854775808`, 0, false},
		{`-9223372036854775809`, 0, false},
		{`1` + strings.Repeat("0", 400), 0, false},
		{`-0`, 0, false},
		{`1.0`, 0, false},
		{`1e3`, 0, false},
		{`"1"`, 0, false},
		{`true`, 0, false},
		{`null`, 0, false},
	} {
		got, ok := parse(t, c.doc).Int64()
		assert.Equal(t, c.ok, ok, c.doc)
		if ok {
			assert.Equal(t, c.want, got, c.doc)
		}
	}
}

func TestBool(t *testing.T) {
	assert.True(t, parse(t, `true`).Bool())
	for _, doc := range []string{`false`, `"true"`, `1`, `null`, `[true]`} {
		assert.False(t, parse(t, doc).Bool(), doc)
	}
}

func TestKindNames(t *testing.T) {
	want := []string{"nothing", "null", "boolean", "number", "string", "array", "object"}
	for k := Invalid; k <= Object; k++ {
		assert.Equal(t, want[k], k.String())
	}
	assert.Equal(t, Invalid, Value{}.Kind())
}

func TestMembersAndElements(t *testing.T) {
	v := parse(t, "{ \"a\" : [ 1 , \"]\\\"\" ,{}] ,\n\"b\\u0063\":{\"}\":\"{\"}, \"d\" :-1.5e3 }")
	var got []string
	for name, m := range v.Members() {
		got = append(got, name+"="+m.Raw())
	}
	assert.Equal(t, []string{`a=[ 1 , "]\"" ,{}]`, `bc={"}":"{"}`, `d=-1.5e3`}, got)
	assert.Equal(t, 3, v.Len())

	list, ok := v.Member("a")
	require.True(t, ok)
	got = nil
	for i, e := range list.Elements() {
		got = append(got, fmt.Sprintf("%d %s", i, e.Raw()))
	}
	assert.Equal(t, []string{`0 1`, `1 "]\""`, `2 {}`}, got)
	assert.Equal(t, 3, list.Len())

	for range v.Members() {
		break // stopping early is allowed
	}
	for range list.Elements() {
		break
	}
	for range v.Elements() {
		t.Error("an object has no elements")
	}
	for range list.Members() {
		t.Error("an array has no members")
	}
	assert.Zero(t, parse(t, `"[1,2]"`).Len())
	assert.Zero(t, parse(t, `[ ]`).Len())
	assert.Zero(t, Value{}.Len())
}

func TestMemberMatchesNamesExactly(t *testing.T) {
	v := parse(t, "{\"Issuer\":1,\"i\u017fs\":2,\" iss\":3,\"iss\\u0000\":4,\"iss2\":5}")
	_, ok := v.Member("iss")
	assert.False(t, ok)
	m, ok := v.Member("i\u017fs")
	assert.True(t, ok)
	assert.Equal(t, "2", m.Raw())
}

func TestPointers(t *testing.T) {
	doc := `{"a":{"":1,"b/c":2,"~1":3,"x":["p",["q"]]},"":{"":4},"0":5}`
	for pointer, want := range map[string]string{
		"": doc, "/a/": "1", "/a/b~1c": "2", "/a/~01": "3", "/a/x/0": `"p"`, "/a/x/1/0": `"q"`,
		"/": `{"":4}`, "//": "4", "/0": "5",
	} {
		v, ok := Lookup(doc, pointer)
		assert.True(t, ok, pointer)
		assert.Equal(t, want, v.Raw(), pointer)
	}
	for _, pointer := range []string{"a", "/b", "/a/x/2", "/a/x/-1", "/a/x/00", "/a/x/+0", "/a/x/-", "/a/x/", "/0/0", "/a/x/0/", "///"} {
		_, ok := Lookup(doc, pointer)
		assert.False(t, ok, pointer)
	}
	_, ok := Lookup(`{"a":1`, "/a")
	assert.False(t, ok, "a broken document has nothing in it")
	assert.Equal(t, "/a/b~1c~0d", AppendPointer("/a", "b/c~d"))
}

func TestIndent(t *testing.T) {
	lines := Indent(`{"a":[1,{"b":""}],"c":{},"d":[]}`)
	want := []Line{
		{Text: `{`, Pointer: "", Start: 0, End: 1},
		{Text: `  "a": [`, Pointer: "/a", Start: 7, End: 8},
		{Text: `    1,`, Pointer: "/a/0", Start: 4, End: 5},
		{Text: `    {`, Pointer: "/a/1", Start: 4, End: 5},
		{Text: `      "b": ""`, Pointer: "/a/1/b", Start: 11, End: 13},
		{Text: `    }`, Pointer: "/a/1", Closing: true},
		{Text: `  ],`, Pointer: "/a", Closing: true},
		{Text: `  "c": {},`, Pointer: "/c", Start: 7, End: 9},
		{Text: `  "d": []`, Pointer: "/d", Start: 7, End: 9},
		{Text: `}`, Pointer: "", Closing: true},
	}
	assert.Equal(t, want, lines)
	assert.Nil(t, Indent(`{`))
	assert.Equal(t, []Line{{Text: "1", End: 1}}, Indent(" 1 "))
}

func TestIndentedLinesFormTheDocumentAgain(t *testing.T) {
	var b strings.Builder
	for _, line := range Indent(statement) {
		b.WriteString(line.Text + "\n")
		if v, ok := Lookup(statement, line.Pointer); !line.Closing && v.Len() == 0 {
			assert.True(t, ok, line.Pointer)
			assert.Equal(t, v.Raw(), line.Text[line.Start:line.End])
		}
	}
	assert.JSONEq(t, statement, b.String())
}

func TestIndentStopsInsteadOfGrowing(t *testing.T) {
	doc := `{"` + strings.Repeat("n", 30000) + `":[` + strings.Repeat("1,", 9999) + `1]}`
	lines := Indent(doc)
	require.NotEmpty(t, lines)
	assert.Equal(t, Line{Text: "..."}, lines[len(lines)-1])
}

func ExampleParse() {
	v, err := Parse(`{"iss": "OpenBanking Ltd", "iat": 1700000000}`)
	if err != nil {
		fmt.Println(err)
		return
	}
	for name, member := range v.Members() {
		fmt.Println(name, "is a", member.Kind())
	}
	_, err = Parse(`{"iss": "A", "\u0069ss": "B"}`)
	fmt.Println(err)
	// Output:
	// iss is a string
	// iat is a number
	// json: a member name stands twice in one object at byte 13
}

func ExampleLookup() {
	v, ok := Lookup(`{"redirect_uris": ["https://a.example", "https://b.example"]}`, "/redirect_uris/1")
	fmt.Println(v.Raw(), ok)
	// Output: "https://b.example" true
}

func TestTheTextOfAMemberIsThatOfAString(t *testing.T) {
	v, err := Parse(`{"a": "b", "n": 1, "half": "\ud800", "": "unnamed"}`)
	require.NoError(t, err)
	for name, want := range map[string]struct {
		text  string
		clean bool
	}{"a": {"b", true}, "n": {"", false}, "half": {"\ufffd", false}, "": {"unnamed", true}, "A": {"", false}} {
		text, clean := v.MemberText(name)
		assert.Equal(t, want.text, text, name)
		assert.Equal(t, want.clean, clean, name)
	}
	text, clean := Value{}.MemberText("a")
	assert.Empty(t, text)
	assert.False(t, clean)
}

func TestTheSpanOfAValueIsItsPlaceInTheText(t *testing.T) {
	const doc = " {\"a\" : [1, {\"b~/\": \"x\"} ],\r\n\t\"\\u0063\":null, \"\": 7 }"
	v, err := Parse(doc)
	require.NoError(t, err)
	for pointer, want := range map[string]string{
		"": v.Raw(), "/a": `[1, {"b~/": "x"} ]`, "/a/0": "1", "/a/1": `{"b~/": "x"}`, "/a/1/b~0~1": `"x"`, "/c": "null", "/": "7",
	} {
		start, end, ok := v.Span(pointer)
		require.True(t, ok, pointer)
		assert.Equal(t, want, v.Raw()[start:end], pointer)
	}
	for _, pointer := range []string{"a", "/a/2", "/a/01", "/a/-1", "/a/x", "/c/0", "/b", "/a/0/0"} {
		_, _, ok := v.Span(pointer)
		assert.False(t, ok, pointer)
	}
	_, _, ok := Value{}.Span("/a")
	assert.False(t, ok, "no value has no members")
}
