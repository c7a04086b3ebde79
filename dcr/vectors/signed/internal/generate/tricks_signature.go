package main

import (
	"crypto"
	"encoding/asn1"
	"encoding/base64"
	"math/big"
	"strings"

	"github.com/obdcr/obdcr/validate"
)

// signature returns a change of the bytes of the signature.
func signature(change func([]byte) []byte) func(string) string {
	return part(2, func(s string) string {
		data, err := base64.RawURLEncoding.DecodeString(s)
		if err != nil {
			panic("generate: " + err.Error())
		}
		return base64.RawURLEncoding.EncodeToString(change(data))
	})
}

// payloadOf returns a change of the claims under a signature that was made before.
func payloadOf(change func(string) string) func(string) string {
	return part(1, func(s string) string {
		data, err := base64.RawURLEncoding.DecodeString(s)
		if err != nil {
			panic("generate: " + err.Error())
		}
		return base64.RawURLEncoding.EncodeToString([]byte(change(string(data))))
	})
}

// asDER writes an ECDSA signature as X.509 does, and not as JOSE does.
func asDER(raw []byte) []byte {
	half := len(raw) / 2
	der, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(raw[:half]), new(big.Int).SetBytes(raw[half:])})
	if err != nil {
		panic("generate: " + err.Error())
	}
	return der
}

// signatureTricks are signatures that do not hold.
func signatureTricks() []trick {
	bad := func(name string, f forgery, comment string) trick {
		return trick{name: name, comment: comment, forgery: f, rules: []string{validate.RuleRequestSignature}}
	}
	bytes := func(change func([]byte) []byte) forgery { return forgery{jws: signature(change)} }
	es256 := func(f forgery) forgery { f.header = with("alg", `"ES256"`); return f }
	flip := func(at int) func([]byte) []byte {
		return func(s []byte) []byte { s[(at+len(s))%len(s)] ^= 1; return s }
	}
	foreign := func(w *world) crypto.Signer { return w.directory.ForgedKey() }
	return []trick{
		bad("another-key", forgery{key: foreign}, "Signed by a key that no key set has, under the kid of one that is there."),
		bad("first-bit", bytes(flip(0)), "One bit of the first byte of the signature is another."),
		bad("last-bit", bytes(flip(-1)), "One bit of the last byte of the signature is another."),
		bad("cut-off", bytes(func(s []byte) []byte { return s[:len(s)-1] }), "The signature lacks its last byte."),
		bad("a-byte-more", bytes(func(s []byte) []byte { return append(s, 0) }), "The signature has a byte more."),
		bad("none", forgery{unsigned: true}, "A token whose third part is empty."),
		bad("zeros", bytes(func(s []byte) []byte { return make([]byte, len(s)) }), "The signature is zero."),
		bad("one-byte", bytes(func([]byte) []byte { return []byte{1} }), "The signature is a single byte."),
		bad("salt-of-one-byte", forgery{salt: 1}, "PS256 with a salt of one byte: RFC 7518 demands 32."),
		bad("salt-of-20-bytes", forgery{salt: 20}, "PS256 with a salt of SHA-1's length."),
		bad("salt-of-33-bytes", forgery{salt: 33}, "PS256 with a salt of a byte more."),
		bad("pkcs1-as-ps256", forgery{algorithm: "RS256"}, "A signature of RS256 under a header that says PS256."),
		bad("claims-changed", forgery{jws: payloadOf(replaced(`"`, ` "`))}, "The claims are written in another way than when they were signed."),
		bad("header-changed", forgery{jws: reheaded(`{"alg"`, `{ "alg"`)}, "The header is written in another way than when it was signed."),
		bad("es256-as-der", es256(bytes(asDER)), "An ECDSA signature as X.509 writes it."),
		bad("es256-zeros", es256(bytes(func([]byte) []byte { return make([]byte, 64) })), "Zero for r and s, which broken verifiers take for any token."),
		bad("es256-r-alone", es256(bytes(func(s []byte) []byte { return s[:32] })), "An ECDSA signature without its s."),
		bad("es256-first-bit", es256(bytes(flip(0))), "One bit of r is another."),
		bad("es256-63-bytes", es256(bytes(func(s []byte) []byte { return s[1:] })), "An ECDSA signature without its first byte."),
		{name: "es256", comment: "ECDSA on P-256 is the other algorithm that is taken.", forgery: es256(forgery{})},
		{name: "es256-with-an-rsa-key", comment: "The header says ES256, and the key of its kid is RSA.", rules: []string{validate.RuleRequestSignature},
			forgery: forgery{jws: reheaded(`"PS256"`, `"ES256"`)}},
	}
}

// reheaded returns a change of the text of the header under a signature that was made before.
func reheaded(old, by string) func(string) string {
	return part(0, func(s string) string {
		data, err := base64.RawURLEncoding.DecodeString(s)
		if err != nil {
			panic("generate: " + err.Error())
		}
		return base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(data), old, by, 1)))
	})
}
