package main

import (
	"strings"

	"github.com/obdcr/obdcr/validate"
)

// with returns a change that replaces a member of a header, or adds it.
func with(member, value string) func(string) string {
	return func(text string) string {
		d, err := read([]byte(text))
		if err != nil {
			panic("generate: " + err.Error())
		}
		d[member] = []byte(value)
		if value == "" {
			delete(d, member)
		}
		return marshal(d)
	}
}

// always returns a change to a text, whatever was there.
func always(text string) func(string) string { return func(string) string { return text } }

// inFront returns a change that puts members in front of those of an object, unread.
func inFront(members string) func(string) string {
	return func(text string) string { return "{" + members + "," + strings.TrimPrefix(text, "{") }
}

// replaced returns a change that replaces a part of a text, which must be there.
func replaced(old, by string) func(string) string {
	return func(text string) string {
		if !strings.Contains(text, old) {
			panic("generate: there is no " + old)
		}
		return strings.Replace(text, old, by, 1)
	}
}

// senderKey is the key of RFC 7515 appendix A.3.
const senderKey = `{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}`

// headerTricks are headers that a reader must refuse or may take.
func headerTricks() []trick {
	alg := func(name, value, comment string) trick {
		return trick{name: name, comment: comment, forgery: forgery{header: with("alg", value)}, rules: []string{validate.RuleHeaderAlg}}
	}
	member := func(name, member, value, comment, rule string) trick {
		return trick{name: name, comment: comment, forgery: forgery{header: with(member, value)}, rules: []string{rule}}
	}
	text := func(name string, change func(string) string, comment string) trick {
		return trick{name: name, comment: comment, forgery: forgery{header: change}, rules: []string{validate.RuleRequestJWS}}
	}
	unsigned := alg("alg-none-unsigned", `"none"`, "A token that says it needs no signature, and has none.")
	unsigned.forgery.unsigned = true
	return []trick{
		unsigned,
		alg("alg-none", `"none"`, "A token that says it needs no signature, and has one."),
		alg("alg-none-in-mixed-case", `"nOnE"`, "A reader that compares without regard to case, or with one spelling alone, lets none pass."),
		alg("alg-hs256", `"HS256"`, "The published key set is the secret of an HMAC: whoever has read it can sign."),
		alg("alg-hs512", `"HS512"`, "No symmetric algorithm is taken, whatever its length."),
		alg("alg-rs256", `"RS256"`, "RSASSA-PKCS1-v1_5 is outside of FAPI."),
		alg("alg-ps384", `"PS384"`, "An algorithm that is sound, and not one of the two."),
		alg("alg-ps512", `"PS512"`, "A longer hash is another algorithm."),
		alg("alg-es384", `"ES384"`, "Another curve is another algorithm."),
		alg("alg-es256k", `"ES256K"`, "The curve of a currency is none of the two."),
		alg("alg-eddsa", `"EdDSA"`, "Ed25519 is sound, and not one of the two."),
		alg("alg-in-lower-case", `"ps256"`, "Names of algorithms have a case."),
		alg("alg-with-a-blank", `"PS256 "`, "Names of algorithms are not trimmed."),
		alg("alg-of-encryption", `"RSA-OAEP"`, "An algorithm of encryption signs nothing."),
		member("alg-empty", "alg", `""`, "An empty alg names none.", validate.RuleHeaderAlg),
		member("alg-absent", "alg", ``, "A header without alg.", validate.RuleHeaderAlgRequired),
		member("alg-null", "alg", `null`, "A null alg names none.", validate.RuleHeaderMemberType),
		member("alg-a-number", "alg", `256`, "An alg that is a number.", validate.RuleHeaderMemberType),
		member("alg-an-array", "alg", `["PS256"]`, "Several algorithms to choose from.", validate.RuleHeaderMemberType),
		member("crit-exp", "crit", `["exp"]`, "An extension that has to be understood, and is a claim.", validate.RuleHeaderCrit),
		member("crit-empty", "crit", `[]`, "An empty list of extensions, which RFC 7515 forbids.", validate.RuleHeaderCrit),
		member("crit-null", "crit", `null`, "A null list of extensions is there all the same.", validate.RuleHeaderCrit),
		member("crit-a-text", "crit", `"b64"`, "A list of extensions that is no list.", validate.RuleHeaderCrit),
		member("crit-b64", "crit", `["b64"]`, "The payload would not be base64url.", validate.RuleHeaderCrit),
		member("jwk-of-the-sender", "jwk", senderKey,
			"The header brings the key that is to verify it.", validate.RuleHeaderEmbeddedKey),
		member("jwk-null", "jwk", `null`, "A null key is there all the same.", validate.RuleHeaderEmbeddedKey),
		member("jku", "jku", `"https://evil.example/keys.jwks"`, "The header says where the keys are.", validate.RuleHeaderEmbeddedKey),
		member("x5u", "x5u", `"https://evil.example/chain.pem"`, "The header says where the certificate is.", validate.RuleHeaderEmbeddedKey),
		member("x5c", "x5c", `["MIIB"]`, "The header brings a certificate.", validate.RuleHeaderEmbeddedKey),
		member("kid-absent", "kid", ``, "A header without kid.", validate.RuleHeaderKIDRequired),
		member("kid-null", "kid", `null`, "A null kid names no key.", validate.RuleHeaderMemberType),
		member("kid-empty", "kid", `""`, "An empty kid names no key.", validate.RuleHeaderKIDFormat),
		member("kid-a-number", "kid", `1`, "A kid that is a number.", validate.RuleHeaderMemberType),
		member("kid-unknown", "kid", `"nobody-has-this-key"`, "A kid that the key set does not have.", validate.RuleRequestKeyFound),
		member("kid-in-another-case", "kid", `"HCGEX1MTXPPA8QBZKQLRMV7WFY0"`, "A kid has a case.", validate.RuleRequestKeyFound),
		member("kid-a-path", "kid", `"../../../../dev/null"`, "A kid that is a path to an empty file.", validate.RuleRequestKeyFound),
		member("kid-sql", "kid", `"x' UNION SELECT 'key"`, "A kid that ends a statement of a database.", validate.RuleRequestKeyFound),
		member("kid-a-url", "kid", `"https://evil.example/key"`, "A kid that is an address.", validate.RuleRequestKeyFound),
		member("typ-jose", "typ", `"JOSE"`, "A typ of JOSE alone.", validate.RuleHeaderTyp),
		member("typ-at-jwt", "typ", `"at+jwt"`, "An access token is no request.", validate.RuleHeaderTyp),
		member("typ-null", "typ", `null`, "A typ that is null.", validate.RuleHeaderMemberType),
		member("typ-empty", "typ", `""`, "A typ that is empty.", validate.RuleHeaderTyp),
		member("typ-a-number", "typ", `1`, "A typ that is a number.", validate.RuleHeaderMemberType),
		text("twice-alg", inFront(`"alg":"none"`), "Two alg: readers differ on which counts."),
		text("twice-kid", inFront(`"kid":"another"`), "Two kid: readers differ on which counts."),
		text("twice-alg-escaped", inFront(`"\u0061lg":"none"`), "Two alg, one of them in an escaped spelling."),
		text("an-array", always(`["alg","PS256"]`), "A header that is an array."),
		text("a-text", always(`"alg"`), "A header that is a text."),
		text("null", always(`null`), "A header that is null."),
		text("empty", always(``), "A header of no bytes."),
		text("trailing-comma", replaced(`}`, `,}`), "A comma behind the last member of the header."),
		text("trailing-object", func(s string) string { return s + `{"alg":"none"}` }, "A second object behind the header."),
		text("byte-order-mark", func(s string) string { return "\uFEFF" + s }, "A byte order mark in front of the header."),
		text("invalid-utf-8", inFront("\"x\":\"\xff\""), "A byte in the header that is no UTF-8."),
		text("deep", inFront(`"x":`+strings.Repeat("[", 10_000)+strings.Repeat("]", 10_000)), "A header that is nested ten thousand deep."),
		text("comment", replaced(`{`, `{/* none */`), "A comment in the header."),
		text("single-quotes", always(`{'alg':'PS256','kid':'hcgex1mTXPpA8QBZkqLRMv7WFY0'}`), "A header in single quotes."),
		text("cut-off", func(s string) string { return s[:len(s)-1] }, "A header without its last brace."),
	}
}
