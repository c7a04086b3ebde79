package main

import (
	"fmt"
	"strings"

	"github.com/obdcr/obdcr/validate"
)

// jsonTricks are payloads that readers of JSON understand in different ways, and some that
// all understand in one.
func jsonTricks() []trick {
	bad := func(name string, change func(string) string, comment string) trick {
		return trick{name: name, comment: comment, forgery: forgery{payload: change}, rules: []string{validate.RuleRequestJWS}}
	}
	good := func(name string, change func(string) string, comment string) trick {
		return trick{name: name, comment: comment, forgery: forgery{payload: change}}
	}
	behind := func(text string) func(string) string { return func(s string) string { return s + text } }
	all := []trick{
		bad("twice", func(s string) string { return inFront(`"iss":"another"`)(s) }, "Two iss: the first counts for one reader, the last for another."),
		bad("twice-and-equal", func(s string) string { return inFront(`"org":1,"org":1`)(s) }, "A name that stands twice, with one value."),
		bad("twice-escaped", inFront(`"\u0069ss":"another"`), "Two iss, one of them in an escaped spelling."),
		bad("twice-further-down", inFront(`"x":{"y":{"z":1,"z":2}}`), "A name that stands twice in an object of a member that nobody reads."),
		bad("trailing-comma", func(s string) string { return strings.TrimSuffix(s, "}") + ",}" }, "A comma behind the last member."),
		bad("two-commas", inFront(`"x":1,`), "Two commas in a row."),
		bad("comment", replaced(`{`, `{/* x */`), "A comment."),
		bad("line-comment", behind("// x"), "A comment behind the object."),
		bad("single-quotes", inFront(`'x':1`), "A name in single quotes."),
		bad("no-quotes", inFront(`x:1`), "A name without quotes."),
		bad("trailing-text", behind("x"), "A letter behind the object."),
		bad("two-objects", behind("{}"), "A second object behind the first."),
		bad("trailing-zero-byte", behind("\x00"), "A zero byte behind the object."),
		bad("cut-off", func(s string) string { return s[:len(s)-1] }, "An object without its last brace."),
		bad("a-brace-more", behind("}"), "A brace too many."),
		bad("an-array", func(s string) string { return "[" + s + "]" }, "An array around the object."),
		bad("a-text", always(`"claims"`), "A payload that is a text."),
		bad("a-number", always(`1`), "A payload that is a number."),
		bad("null", always(`null`), "A payload that is null."),
		bad("true", always(`true`), "A payload that is true."),
		bad("blanks", always(` `), "A payload of a blank."),
		bad("not-a-number", inFront(`"x":NaN`), "NaN, which JSON has not."),
		bad("infinity", inFront(`"x":Infinity`), "Infinity, which JSON has not."),
		bad("plus", inFront(`"x":+1`), "A number with a plus."),
		bad("leading-zero", inFront(`"x":01`), "A number with a zero in front, which may be octal."),
		bad("hexadecimal", inFront(`"x":0x10`), "A hexadecimal number."),
		bad("no-digit-behind-the-point", inFront(`"x":1.`), "A number that ends at its point."),
		bad("no-digit-before-the-point", inFront(`"x":.5`), "A number that begins at its point."),
		bad("minus-alone", inFront(`"x":-`), "A minus without a number."),
		bad("exponent-alone", inFront(`"x":1e`), "An exponent without digits."),
		bad("upper-case-literal", inFront(`"x":TRUE`), "A literal in upper case."),
		bad("line-break-in-a-text", inFront("\"x\":\"a\nb\""), "A line break in a text, which has to be escaped."),
		bad("tab-in-a-text", inFront("\"x\":\"a\tb\""), "A tab in a text, which has to be escaped."),
		bad("zero-byte-in-a-text", inFront("\"x\":\"a\x00b\""), "A zero byte in a text, where a reader in C ends."),
		bad("unknown-escape", inFront(`"x":"\x41"`), "An escape that JSON has not."),
		bad("short-escape", inFront(`"x":"\u12"`), "An escape of two digits."),
		bad("invalid-utf-8", inFront("\"x\":\"\xff\""), "A byte that is no UTF-8."),
		bad("overlong-utf-8", inFront("\"x\":\"\xc0\xaf\""), "A slash in two bytes of UTF-8, which filters do not see."),
		bad("surrogate-in-utf-8", inFront("\"x\":\"\xed\xa0\x80\""), "A surrogate in UTF-8."),
		bad("cut-off-utf-8", inFront("\"x\":\"\xe2\x82\""), "A character of UTF-8 without its last byte."),
		bad("utf-16", func(s string) string { return "\xff\xfe" + strings.Join(strings.Split(s, ""), "\x00") + "\x00" }, "Claims in UTF-16."),
		bad("byte-order-mark", func(s string) string { return "\uFEFF" + s }, "A byte order mark in front of the claims."),
		bad("no-break-space", func(s string) string { return "\u00a0" + s }, "A blank in front that is none of JSON."),
		bad("deep-arrays", inFront(`"x":`+strings.Repeat("[", 10_000)+strings.Repeat("]", 10_000)), "Ten thousand arrays in each other."),
		bad("deep-objects", inFront(`"x":`+strings.Repeat(`{"x":`, 5_000)+"1"+strings.Repeat("}", 5_000)), "Five thousand objects in each other."),
		bad("deep-and-open", inFront(`"x":`+strings.Repeat("[", 10_000)), "Ten thousand arrays that do not end."),
		bad("deep-17", inFront(`"x":`+strings.Repeat("[", 16)+strings.Repeat("]", 16)), "Sixteen arrays in each other, in the object: a level more than is read."),
		good("deep-16", inFront(`"x":`+strings.Repeat("[", 15)+strings.Repeat("]", 15)), "Fifteen arrays in each other, in the object: as deep as is read."),
		bad("members-1001", inFront(`"x":{`+manyMembers(1001)+`}`), "An object of 1001 members, one more than is read."),
		good("members-1000", inFront(`"x":{`+manyMembers(1000)+`}`), "An object of 1000 members, as many as are read."),
		good("white-space",
			func(s string) string { return " \t\r\n" + strings.ReplaceAll(s, `":`, `" : `) + "\n " }, "White space of JSON between tokens."),
		good("escaped-name", replaced(`"iss":`, `"\u0069ss":`), "A name in an escaped spelling is the same name."),
		good("escaped-slash", func(s string) string { return strings.ReplaceAll(s, `https://`, `https:\/\/`) }, "An escaped slash is a slash."),
		good("escaped-letter", func(s string) string { return strings.ReplaceAll(s, "https", `\u0068ttps`) }, "An escaped letter is that letter."),
	}
	return append(append(all, surrogateTricks()...), numberTricks()...)
}

// manyMembers are n members of an object.
func manyMembers(n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf(`"%d":1`, i)
	}
	return strings.Join(all, ",")
}

// surrogateTricks are escapes of half a character. Readers refuse them, keep them, or put
// another character in their place, so that two texts become one (RFC 8259 section 8.2).
func surrogateTricks() []trick {
	half := func(name, value, comment string) trick {
		return trick{name: name, comment: comment, forgery: forgery{payload: with("jti", value)},
			rules: []string{validate.RuleRequestMemberType}, ssa: []string{validate.RuleSSAMemberType}}
	}
	return []trick{
		half("first-half-of-a-character", `"\ud800"`, "An escape that is the first half of a character, without the second."),
		half("second-half-of-a-character", `"\udc00"`, "An escape that is the second half of a character, without the first."),
		half("halves-the-other-way-round", `"\udc00\ud800"`, "The halves of a character in the wrong order."),
		half("escaped-zero-byte", `"\u0000"`, "An escaped zero byte, where a reader in C ends."),
	}
}

// numberTricks are spellings of times.
func numberTricks() []trick {
	iat := func(name, value, comment string, request, statement []string) trick {
		return trick{name: name, comment: comment, rules: request, ssa: statement,
			forgery: forgery{payload: func(s string) string { return with("iat", value)(s) }}}
	}
	both := func(name, value, comment, request, statement string) trick {
		return iat(name, value, comment, []string{request}, []string{statement})
	}
	return []trick{
		iat("number-with-a-fraction-of-zero", "1699999940.0", "A whole number with a fraction of zero is whole.", nil, nil),
		iat("number-with-an-exponent", "169999994e1", "A whole number with an exponent is whole.", nil, nil),
		both("number-as-text", `"1699999940"`, "A time that is a text.", validate.RuleRequestMemberType, validate.RuleSSAMemberType),
		both("number-in-an-array", `[1699999940]`, "A time in an array.", validate.RuleRequestMemberType, validate.RuleSSAMemberType),
		both("number-true", `true`, "A time that is true.", validate.RuleRequestMemberType, validate.RuleSSAMemberType),
		both("number-of-a-million-digits-by-exponent", `1e1000000`, "A number that would fill the memory of a reader that writes it out.",
			validate.RuleRequestMemberType, validate.RuleSSAMemberType),
		both("number-beyond-64-bits",
			`18446744073709551617`, "A time of more than 64 bits must not wrap.", validate.RuleRequestMemberType, validate.RuleSSAMemberType),
		both("number-below-zero", `-1`, "A time before 1970.", validate.RuleIatRange, validate.RuleSSAIatRange),
		both("number-of-milliseconds", `1699999940000`, "A time in milliseconds.", validate.RuleIatRange, validate.RuleSSAIatRange),
	}
}
