package conform

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"slices"
	"strings"
	"sync"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/validate"
)

// strangers are keys that no directory knows, one of each kind. They are made once.
var strangerRSA = sync.OnceValues(func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, 2048) })

var strangerEC = sync.OnceValues(func() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) })

// stranger is a key of the kind of another one, which the directory does not know.
func (p *play) stranger(like crypto.Signer) crypto.Signer {
	make := strangerEC
	if _, is := like.Public().(*rsa.PublicKey); is {
		make = strangerRSA
	}
	key, err := make()
	if err != nil {
		p.broken("no key can be made: %s", err)
	}
	return key
}

// strangerSigns signs the request with a key that the directory does not know.
func strangerSigns(p *play) []change { return []change{signedBy(p.stranger(p.software().Signer))} }

// encoded is base64url without padding.
func encoded(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

// parts changes the three parts of a token.
func parts(edit func(part []string) []string) change {
	return body(func(jws string) string { return strings.Join(edit(strings.Split(jws, ".")), ".") })
}

// resigned makes a token with a header and a payload, written byte for byte, and signs it with the
// software's own key.
func resigned(p *play, header func(string) string, payload func(string) string) change {
	return body(func(jws string) string { return signedText(p, jws, header, payload) })
}

func signedText(p *play, jws string, header func(string) string, payload func(string) string) string {
	part := strings.Split(jws, ".")
	for i, edit := range []func(string) string{header, payload} {
		if edit == nil {
			continue
		}
		text, err := base64.RawURLEncoding.DecodeString(part[i])
		if err != nil {
			p.broken("a part of the request cannot be decoded: %s", err)
		}
		part[i] = encoded([]byte(edit(string(text))))
	}
	token, err := signParts(part[0]+"."+part[1], p.software().Signer, false)
	if err != nil {
		p.broken("the request cannot be signed: %s", err)
	}
	return token
}

// hmacWithPublicKey is a token by HS256 whose key is the software's public key: who takes the algorithm
// from the token believes it (RFC 8725 section 2.1).
func hmacWithPublicKey(p *play) []change {
	der, err := x509.MarshalPKIXPublicKey(p.software().Signer.Public())
	if err != nil {
		p.broken("the public key cannot be written: %s", err)
	}
	key := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	return []change{header("alg", "HS256"), parts(func(part []string) []string {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part[0] + "." + part[1]))
		return []string{part[0], part[1], encoded(mac.Sum(nil))}
	})}
}

// ownJWK is the public key of a signer as a JWK, as far as a header needs it.
func ownJWK(key crypto.Signer) map[string]any {
	switch public := key.Public().(type) {
	case *rsa.PublicKey:
		return map[string]any{"kty": "RSA", "n": encoded(public.N.Bytes()), "e": "AQAB"}
	case *ecdsa.PublicKey:
		point, err := public.Bytes()
		if err != nil {
			return nil
		}
		return map[string]any{"kty": "EC", "crv": "P-256", "x": encoded(point[1:33]), "y": encoded(point[33:])}
	}
	return nil
}

// flattened is a token in the JSON form of RFC 7515 section 7.2.2.
func flattened(jws string) string {
	part := strings.Split(jws, ".")
	text, err := json.Marshal(map[string]string{"protected": part[0], "payload": part[1], "signature": part[2]})
	if err != nil {
		return jws
	}
	return string(text)
}

// within puts a text before the closing brace of a JSON object.
func within(more string) func(string) string {
	return func(object string) string { return strings.TrimSuffix(object, "}") + more + "}" }
}

// lastBit changes bits of the last character of a part that no byte of it has.
func lastBit(part string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	if len(part)%4 == 0 {
		return part
	}
	i := strings.IndexByte(alphabet, part[len(part)-1])
	return part[:len(part)-1] + string(alphabet[i|1])
}

func joseCases() []Case {
	return slices.Concat(refusals("jose", joseShapes), refusals("jose", joseHeaders), refusals("jose", joseKeys), refusals("jose", joseText))
}

// joseShapes are bodies that are no compact JWS.
var joseShapes = []refusal{
	{id: "empty", title: "A request without a body is refused", rules: []string{validate.RuleRequestJWS},
		changes: with(body(func(string) string { return " " }))},
	{id: "not-a-token", title: "A body that is no token is refused", rules: []string{validate.RuleRequestJWS},
		changes: with(body(func(string) string { return "hello" }))},
	{id: "json", title: "The claims without a signature are refused", rules: []string{validate.RuleRequestJWS},
		changes: with(body(func(jws string) string {
			_, payload := decoded(jws)
			return payload
		}))},
	{id: "two-parts", title: "A token without its third part is refused", rules: []string{validate.RuleRequestJWS},
		changes: with(parts(func(part []string) []string { return part[:2] }))},
	{id: "four-parts", title: "A token of four parts is refused", rules: []string{validate.RuleRequestJWS},
		changes: with(parts(func(part []string) []string { return append(part, part[2]) }))},
	{id: "five-parts", title: "A token of five parts, as an encrypted one has, is refused", rules: []string{validate.RuleRequestJWS},
		changes: with(parts(func(part []string) []string { return []string{part[0], "", part[2], part[1], part[2]} }))},
	{id: "empty-signature", title: "A token whose signature is empty is refused", rules: []string{validate.RuleRequestJWS,
		validate.RuleRequestSignature}, changes: with(unsigned())},
	{id: "empty-header", title: "A token whose header is empty is refused", rules: []string{validate.RuleRequestJWS},
		changes: with(parts(func(part []string) []string { return []string{"", part[1], part[2]} }))},
	{id: "empty-payload", title: "A token whose payload is empty is refused", rules: []string{validate.RuleRequestJWS},
		changes: with(parts(func(part []string) []string { return []string{part[0], "", part[2]} }))},
	{id: "flattened", title: "A token in the JSON form is refused", rules: []string{validate.RuleRequestJWS}, changes: with(body(flattened))},
	{id: "padding", title: "A token whose parts are padded is refused", rules: []string{validate.RuleRequestJWS},
		changes: with(parts(func(part []string) []string {
			for i := range part {
				part[i] += strings.Repeat("=", (4-len(part[i])%4)%4)
			}
			part[2] += "=="
			return part
		}))},
	{id: "spare-bits", title: "A signature whose spare bits are set is refused", rules: []string{validate.RuleRequestJWS,
		validate.RuleRequestSignature},
		changes: with(parts(func(part []string) []string { return []string{part[0], part[1], lastBit(part[2])} }))},
	{id: "standard-alphabet", title: "A token in the alphabet of base64 with + and / is refused", rules: []string{validate.RuleRequestJWS},
		changes: with(parts(func(part []string) []string {
			part[2] = "+/" + strings.NewReplacer("-", "+", "_", "/").Replace(part[2][2:])
			return part
		}))},
	{id: "blank-inside", title: "A token with a blank inside is refused", rules: []string{validate.RuleRequestJWS},
		changes: with(parts(func(part []string) []string { return []string{part[0], part[1][:4] + " " + part[1][4:], part[2]} }))},
	{id: "newline-inside", title: "A token with a newline inside is refused", rules: []string{validate.RuleRequestJWS},
		changes: with(parts(func(part []string) []string { return []string{part[0], part[1][:4] + "\n" + part[1][4:], part[2]} }))},
	{id: "quoted", title: "A token as a JSON string is refused", rules: []string{validate.RuleRequestJWS},
		changes: with(body(func(jws string) string { return `"` + jws + `"` }))},
	{id: "form", title: "A token as a field of a form is refused", rules: []string{validate.RuleRequestJWS},
		changes: with(body(func(jws string) string { return "request=" + jws }))},
	{id: "two-tokens", title: "Two tokens in one body are refused", rules: []string{validate.RuleRequestJWS},
		changes: with(body(func(jws string) string { return jws + "\n" + jws }))},
}

// joseHeaders are headers that must not be believed.
var joseHeaders = []refusal{
	{id: "alg-none", title: "A request that nobody signed is refused", rules: []string{validate.RuleHeaderAlg},
		changes: with(header("alg", "none"), unsigned())},
	{id: "alg-none-in-capitals", title: "A request that nobody signed is refused, however none is written", rules: []string{validate.RuleHeaderAlg},
		changes: with(header("alg", "nOnE"), unsigned())},
	{id: "alg-none-signed", title: "A request with the algorithm none is refused though it is signed", rules: []string{validate.RuleHeaderAlg},
		changes: with(header("alg", "none"))},
	{id: "alg-hs256", title: "A request signed by HMAC with the public key is refused", rules: []string{validate.RuleHeaderAlg},
		changes: hmacWithPublicKey},
	{id: "alg-absent", title: "A request without an algorithm is refused", rules: []string{validate.RuleHeaderAlgRequired},
		changes: with(header("alg", nil))},
	{id: "alg-null", title: "A request whose algorithm is null is refused", rules: []string{validate.RuleHeaderAlg, validate.RuleHeaderMemberType,
		validate.RuleHeaderAlgRequired}, changes: with(resignedHeader("alg", nil))},
	{id: "alg-lower-case", title: "An algorithm in lower case is refused", rules: []string{validate.RuleHeaderAlg}, changes: with(lowerAlgorithm())},
	{id: "alg-number", title: "An algorithm that is a number is refused", rules: []string{validate.RuleHeaderMemberType, validate.RuleHeaderAlg},
		changes: with(header("alg", 256))},
	{id: "alg-other-kind", title: "An algorithm of another kind than the key is refused", rules: []string{validate.RuleRequestSignature},
		changes: otherKind},
	{id: "kid-absent", title: "A request that names no key is refused", rules: []string{validate.RuleHeaderKIDRequired},
		changes: with(header("kid", nil))},
	{id: "kid-empty", title: "A request with an empty kid is refused", rules: []string{validate.RuleHeaderKIDFormat},
		changes: with(header("kid", ""))},
	{id: "kid-number", title: "A kid that is a number is refused", rules: []string{validate.RuleHeaderMemberType}, changes: with(header("kid", 7))},
	{id: "kid-unknown", title: "A request signed under a kid that the directory does not know is refused",
		rules: []string{validate.RuleRequestKeyFound}, changes: with(header("kid", "obdcr-unknown-key"))},
	{id: "kid-of-payload", title: "A kid that stands in the payload alone names no key", rules: []string{validate.RuleHeaderKIDRequired},
		changes: func(p *play) []change { return []change{header("kid", nil), set("/kid", p.software().KeyID)} }},
	{id: "typ-of-access-token", title: "A token of another type is refused", rules: []string{validate.RuleHeaderTyp},
		changes: with(header("typ", "at+jwt"))},
	{id: "typ-number", title: "A type that is a number is refused", rules: []string{validate.RuleHeaderMemberType}, changes: with(header("typ", 1))},
	{id: "crit-unknown", title: "A header with an extension that is critical is refused", rules: []string{validate.RuleHeaderCrit},
		changes: with(header("crit", []any{"exp"}), header("exp", 1))},
	{id: "crit-empty", title: "A header whose list of critical extensions is empty is refused", rules: []string{validate.RuleHeaderCrit},
		changes: with(header("crit", []any{}))},
	{id: "b64-false", title: "A payload that is said not to be encoded is refused", rules: []string{validate.RuleHeaderCrit},
		changes: with(header("b64", false), header("crit", []any{"b64"}))},
	{id: "zip", title: "A header that asks for compression is refused", rules: []string{validate.RuleHeaderCrit},
		changes: with(header("zip", "DEF"))},
	{id: "jwk", title: "A key inside the token is not believed", rules: []string{validate.RuleHeaderEmbeddedKey}, changes: embeddedKey},
	{id: "jwk-own", title: "A header with the software's own key is refused", rules: []string{validate.RuleHeaderEmbeddedKey},
		changes: func(p *play) []change { return []change{header("jwk", ownJWK(p.software().Signer))} }},
	{id: "jku", title: "The address of a key set inside the token is not asked", rules: []string{validate.RuleHeaderEmbeddedKey},
		changes: with(header("jku", "https://keys.example/keys.jwks"))},
	{id: "x5u", title: "The address of a certificate inside the token is not asked", rules: []string{validate.RuleHeaderEmbeddedKey},
		changes: with(header("x5u", "https://keys.example/key.pem"))},
	{id: "x5c", title: "A certificate inside the token is not believed", rules: []string{validate.RuleHeaderEmbeddedKey},
		changes: func(p *play) []change {
			return []change{header("x5c", []any{base64.StdEncoding.EncodeToString(p.software().Certificate.Certificate[0])})}
		}},
}

// joseKeys are signatures that are not the software's.
var joseKeys = []refusal{
	{id: "stranger", title: "A request that a stranger signed under the software's kid is refused", rules: []string{validate.RuleRequestSignature},
		changes: strangerSigns},
	{id: "transport-key", title: "A request that the software's transport key signed is refused", rules: []string{validate.RuleRequestSignature},
		changes: transportSigns},
	{id: "second", title: "A request that another software signed is refused", rules: []string{validate.RuleRequestSignature,
		validate.RuleRequestKeyFound}, needs: []Need{NeedSecondTPP},
		changes: func(p *play) []change { return []change{signedBy(p.second().Signer), header("kid", p.second().KeyID)} }},
	{id: "changed", title: "A request that was changed after it was signed is refused", rules: []string{validate.RuleRequestSignature},
		changes: with(parts(func(part []string) []string {
			text, err := base64.RawURLEncoding.DecodeString(part[1])
			if err != nil {
				return part
			}
			return []string{part[0], encoded([]byte(within(`,"more":1`)(string(text)))), part[2]}
		}))},
	{id: "signature-bit", title: "A signature of which a bit is wrong is refused", rules: []string{validate.RuleRequestSignature},
		changes: with(parts(func(part []string) []string {
			other := "B"
			if part[2][:1] == other {
				other = "C"
			}
			return []string{part[0], part[1], other + part[2][1:]}
		}))},
	{id: "signature-short", title: "A signature that is cut is refused", rules: []string{validate.RuleRequestSignature, validate.RuleRequestJWS},
		changes: with(parts(func(part []string) []string { return []string{part[0], part[1], part[2][:len(part[2])-8]} }))},
	{id: "signature-long", title: "A signature with more bytes behind it is refused", rules: []string{validate.RuleRequestSignature,
		validate.RuleRequestJWS},
		changes: with(parts(func(part []string) []string { return []string{part[0], part[1], "AAAA" + part[2]} }))},
	{id: "signature-zero", title: "A signature of zeros is refused", rules: []string{validate.RuleRequestSignature},
		changes: with(parts(func(part []string) []string {
			return []string{part[0], part[1], encoded(make([]byte, len(part[2])*3/4))}
		}))},
	{id: "signature-of-another", title: "The signature of another request is refused", rules: []string{validate.RuleRequestSignature},
		changes: func(p *play) []change {
			return []change{parts(func(part []string) []string {
				other, err := signParts(part[0]+"."+encoded([]byte("{}")), p.software().Signer, false)
				if err != nil {
					p.broken("a request cannot be signed: %s", err)
				}
				return []string{part[0], part[1], other[strings.LastIndexByte(other, '.')+1:]}
			})}
		}},
	{id: "alg-rs256", title: "A request signed by RS256 is refused", rules: []string{validate.RuleHeaderAlg}, obie: []string{"DCR-004"},
		changes: byRS256},
}

// joseText are headers and payloads that are not strict JSON.
var joseText = []refusal{
	{id: "payload-array", title: "A payload that is an array is refused", rules: []string{validate.RuleRequestJWS}, changes: written(nil,
		func(all string) string { return "[" + all + "]" })},
	{id: "payload-string", title: "A payload that is a string is refused", rules: []string{validate.RuleRequestJWS}, changes: written(nil,
		func(string) string { return `"claims"` })},
	{id: "payload-null", title: "A payload that is null is refused", rules: []string{validate.RuleRequestJWS}, changes: written(nil,
		func(string) string { return "null" })},
	{id: "payload-cut", title: "A payload that is cut is refused", rules: []string{validate.RuleRequestJWS}, changes: written(nil,
		func(all string) string { return all[:len(all)-1] })},
	{id: "payload-more", title: "A payload with something behind its object is refused", rules: []string{validate.RuleRequestJWS}, changes: written(nil,
		func(all string) string { return all + "{}" })},
	{id: "payload-bom", title: "A payload with a byte order mark is refused", rules: []string{validate.RuleRequestJWS}, changes: written(nil,
		func(all string) string { return "\uFEFF" + all })},
	{id: "payload-invalid-utf-8", title: "A payload that is no UTF-8 is refused", rules: []string{validate.RuleRequestJWS},
		changes: written(nil, within(`,"more":"`+"\xff"+`"`))},
	{id: "payload-comment", title: "A payload with a comment is refused", rules: []string{validate.RuleRequestJWS},
		changes: written(nil, within(`/* more */`))},
	{id: "payload-trailing-comma", title: "A payload with a comma too many is refused", rules: []string{validate.RuleRequestJWS},
		changes: written(nil, within(`,`))},
	{id: "payload-deep", title: "A payload that is nested a thousand deep is refused", rules: []string{validate.RuleRequestJWS},
		changes: written(nil, within(`,"more":`+strings.Repeat("[", 1000)+strings.Repeat("]", 1000)))},
	{id: "payload-member-twice", title: "A payload with a member twice is refused", rules: []string{validate.RuleRequestJWS},
		changes: written(nil, within(`,"scope":"openid"`))},
	{id: "payload-member-twice-escaped", title: "A payload with a member twice is refused, also where one is written with an escape",
		rules:   []string{validate.RuleRequestJWS},
		changes: written(nil, within(`,"\u0073cope":"openid"`))},
	{id: "payload-huge-number", title: "A time of a thousand digits is refused", rules: []string{validate.RuleRequestJWS,
		validate.RuleRequestMemberType, validate.RuleExpRange},
		changes: written(nil, func(all string) string { return numberOf(all, "exp", "1"+strings.Repeat("0", 1000)) })},
	{id: "payload-fraction", title: "A time with an exponent beyond all years is refused", rules: []string{validate.RuleRequestJWS,
		validate.RuleRequestMemberType, validate.RuleExpRange},
		changes: written(nil, func(all string) string { return numberOf(all, "exp", "1e400") })},
	{id: "header-member-twice", title: "A header with a member twice is refused", rules: []string{validate.RuleRequestJWS},
		changes: written(within(`,"alg":"none"`), nil)},
	{id: "header-array", title: "A header that is an array is refused", rules: []string{validate.RuleRequestJWS},
		changes: written(func(all string) string { return "[" + all + "]" }, nil)},
	{id: "header-more", title: "A header with something behind its object is refused", rules: []string{validate.RuleRequestJWS},
		changes: written(func(all string) string { return all + "x" }, nil)},
}

// written writes header and payload anew and signs them.
func written(header, payload func(string) string) func(*play) []change {
	return func(p *play) []change { return []change{resigned(p, header, payload)} }
}

// numberOf replaces the number of a member at the top of an object.
func numberOf(object, name, number string) string {
	at := strings.Index(object, `"`+name+`":`)
	if at < 0 {
		return object
	}
	begin := at + len(name) + 3
	end := begin + strings.IndexAny(object[begin:], ",}")
	return object[:begin] + number + object[end:]
}

// resignedHeader sets a member of the header, also to null.
func resignedHeader(name string, value any) change {
	return edit(func(m *message) { m.header[name] = value })
}

// lowerAlgorithm names the algorithm in lower case.
func lowerAlgorithm() change {
	return edit(func(m *message) {
		name, _ := m.header["alg"].(string)
		m.header["alg"] = strings.ToLower(name)
	})
}

// otherKind names the other algorithm of FAPI than that of the key.
func otherKind(p *play) []change {
	other := string(claims.ES256)
	if algorithmOf(p.software().Signer) == other {
		other = string(claims.PS256)
	}
	return []change{header("alg", other)}
}

// embeddedKey is the attack that the rule is about: the sender's own key, in the token.
func embeddedKey(p *play) []change {
	key := p.stranger(p.software().Signer)
	return []change{header("jwk", ownJWK(key)), signedBy(key)}
}

// transportSigns signs with the key of the client certificate.
func transportSigns(p *play) []change {
	key, is := p.software().Certificate.PrivateKey.(crypto.Signer)
	if !is {
		p.notRun("the key of the client certificate is not at hand")
	}
	return []change{signedBy(key)}
}

// byRS256 signs by RS256, where the bank does not take that.
func byRS256(p *play) []change {
	if _, is := p.software().Signer.Public().(*rsa.PublicKey); !is {
		p.notRun("the signing key is no RSA key")
	}
	for _, algorithm := range p.policy().SigningAlgorithms {
		if algorithm == claims.RS256 {
			p.allowed("signing_algorithms", "this bank takes RS256")
		}
	}
	return []change{header("alg", string(claims.RS256))}
}
