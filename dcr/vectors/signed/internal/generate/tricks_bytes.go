package main

import (
	"encoding/base64"
	"strings"

	"github.com/obdcr/obdcr/validate"
)

// part returns a change of one of the parts of a compact token: 0 header, 1 payload,
// 2 signature.
func part(n int, change func(string) string) func(string) string {
	return func(token string) string {
		parts := strings.Split(token, ".")
		parts[n] = change(parts[n])
		return strings.Join(parts, ".")
	}
}

// flattened writes a token in the flattened JSON form of RFC 7515.
func flattened(token string) string {
	p := strings.Split(token, ".")
	return `{"protected":"` + p[0] + `","payload":"` + p[1] + `","signature":"` + p[2] + `"}`
}

// general writes a token in the general JSON form of RFC 7515.
func general(token string) string {
	p := strings.Split(token, ".")
	return `{"payload":"` + p[1] + `","signatures":[{"protected":"` + p[0] + `","signature":"` + p[2] + `"}]}`
}

// standard writes a part of base64url in the other alphabet, and as it is if both are equal.
func standard(s string) string { return strings.NewReplacer("-", "+", "_", "/").Replace(s) }

// loose sets a bit behind the last byte of a part, which base64url readers often ignore.
func loose(s string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	at := strings.IndexByte(alphabet, s[len(s)-1])
	return s[:len(s)-1] + string(alphabet[at^1])
}

// byteTricks are spellings of a token: it has one alone.
func byteTricks() []trick {
	bad := func(name string, change func(string) string, comment string) trick {
		return trick{name: name, comment: comment, forgery: forgery{jws: change}, rules: []string{validate.RuleRequestJWS}}
	}
	add := func(front, behind string) func(string) string {
		return func(s string) string { return front + s + behind }
	}
	request := func(t trick) trick { t.only = "request"; return t }
	all := []trick{
		bad("padded-header", part(0, add("", "=")), "Padding behind the header, which base64url of JOSE has not."),
		bad("padded-payload", part(1, add("", "==")), "Padding behind the payload."),
		bad("padded-signature", part(2, add("", "==")), "Padding behind the signature: the same token spelt in another way."),
		bad("other-alphabet", part(2, standard), "A signature in base64 instead of base64url."),
		bad("loose-bits", part(2, loose), "A bit behind the last byte of the signature, which a loose decoder does not see."),
		bad("blank-inside", part(1, func(s string) string { return s[:40] + " " + s[40:] }), "A blank in the payload."),
		bad("line-break-inside", part(1, func(s string) string { return s[:76] + "\n" + s[76:] }), "The payload is broken into lines, as MIME does."),
		bad("two-parts", func(s string) string { return s[:strings.LastIndex(s, ".")] }, "A token without its third part."),
		bad("four-parts", add("", ".AAAA"), "A token with a fourth part."),
		bad("five-parts", add("", ".AAAA.AAAA"), "A token of five parts, as an encrypted one has."),
		bad("no-header", part(0, always("")), "A token whose first part is empty."),
		bad("no-payload", part(1, always("")), "A token whose second part is empty.").and(validate.RuleRequestSignature),
		bad("dots-alone", always(".."), "Three parts, all of them empty."),
		bad("a-word", always("token"), "A word that is no token."),
		bad("scheme-in-front", add("Bearer ", ""), "The scheme of an Authorization header in front of the token."),
		bad("percent-encoded", strings.NewReplacer(".", "%2E").Replace, "The dots are percent-encoded."),
		bad("base64-of-a-token", func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }, "The token is encoded once more."),
		bad("zero-byte-inside",
			part(1, func(s string) string { return s[:40] + "\x00" + s[40:] }), "A zero byte in the payload, where a reader in C ends.").asText(),
		bad("letter-outside-of-the-alphabet", part(1, func(s string) string { return s[:40] + "*" + s[41:] }), "A character that base64url does not have."),
		bad("a-length-of-one-too-many", part(2, func(s string) string { return s[:len(s)-1] }), "A signature of a length that no bytes encode to."),
		request(bad("flattened", flattened, "The flattened JSON form: its header may be unprotected.")),
		request(bad("general", general, "The general JSON form: it may have several signatures.")),
		request(bad("form-encoded", add("request=", ""), "The token as a field of a form.")),
	}
	return append(all, aroundTricks()...)
}

// aroundTricks have something around the token. A bank takes none of it; a lint says how it
// came there.
func aroundTricks() []trick {
	around := func(name, front, behind, comment string) trick {
		return trick{name: name, comment: comment, only: "request",
			rules: []string{validate.RuleRequestJWS}, warnings: []string{validate.RuleInputEncoding}, tolerated: true,
			forgery: forgery{jws: func(s string) string { return front + s + behind }}}
	}
	return []trick{
		around("line-end-behind", "", "\n", "A line end behind the token, as an editor leaves it."),
		around("line-end-of-windows-behind", "", "\r\n", "A line end of Windows behind the token."),
		around("blank-in-front", " ", "", "A blank in front of the token."),
		around("byte-order-mark-in-front", "\uFEFF", "", "A byte order mark in front of the token."),
	}
}
