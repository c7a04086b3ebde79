package lintpage

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/ssa"
)

// secretIn says what of a text or a file whoever has it could act by, with its article; ""
// where there is nothing. A token is looked into.
func secretIn(document string) string {
	for _, magic := range []string{"\xFE\xED\xFE\xED", "\xCE\xCE\xCE\xCE"} {
		if strings.HasPrefix(document, magic) {
			return "a Java key store"
		}
	}
	if of := kindOfDER(document); of.secret() {
		return string(of)
	}
	decoded, _ := text.Decode(document)
	decoded = strings.TrimSpace(decoded)
	switch {
	case strings.Contains(decoded, "PRIVATE KEY-----"), hasPrivateJWK(decoded):
		return string(privateKey)
	}
	if of := kindOfDER(fromBase64(decoded)); of.secret() {
		return string(of)
	}
	if signed, err := ssa.ParseSigned(decoded); err == nil && hasPrivateJWK(signed.UnverifiedPayload()) {
		return "a token with a private key in its claims"
	}
	return ""
}

// hasPrivateKey reports whether secretIn finds anything.
func hasPrivateKey(document string) bool { return secretIn(document) != "" }

// der is what a file of ASN.1 is, with its article.
type der string

// What is told apart. All else is no der.
const (
	privateKey  der = "a private key"
	storeOfKeys der = "a PKCS#12 store of keys"
	certificate der = "a certificate"
)

func (d der) secret() bool { return d == privateKey || d == storeOfKeys }

// maxKey bounds a private key in bytes: to check an RSA key costs with the cube of its length.
const maxKey = 16 << 10

// contentOfStore is the type of what a PKCS#12 store holds, in BER.
const contentOfStore = "\x2A\x86\x48\x86\xF7\x0D\x01\x07\x01"

// kindOfDER says what the bytes of a file are; "" for most.
func kindOfDER(data string) der {
	if len(data) < 2 || data[0] != 0x30 {
		return ""
	}
	raw := []byte(data)
	if data[1] == 0x80 && strings.Contains(data, contentOfStore) { // of indefinite length
		return storeOfKeys
	}
	var store struct {
		Version int
		Content asn1.RawValue
		MAC     asn1.RawValue `asn1:"optional"`
	}
	if _, err := asn1.Unmarshal(raw, &store); err == nil && store.Version == 3 && bytes.Contains(store.Content.Bytes, []byte(contentOfStore)) {
		return storeOfKeys
	}
	if _, err := x509.ParseCertificate(raw); err == nil {
		return certificate
	}
	if len(raw) > maxKey {
		return ""
	}
	var encrypted struct { // PKCS#8
		Algorithm struct {
			ID         asn1.ObjectIdentifier
			Parameters asn1.RawValue `asn1:"optional"`
		}
		Data []byte
	}
	_, pkcs8 := x509.ParsePKCS8PrivateKey(raw)
	_, pkcs1 := x509.ParsePKCS1PrivateKey(raw)
	_, ec := x509.ParseECPrivateKey(raw)
	_, locked := asn1.Unmarshal(raw, &encrypted)
	if pkcs8 == nil || pkcs1 == nil || ec == nil || locked == nil {
		return privateKey
	}
	return ""
}

// fromBase64 decodes base64 without the lines of PEM around it; "" for all else.
func fromBase64(document string) string {
	if !strings.HasPrefix(document, "M") { // as a sequence of ASN.1 begins
		return ""
	}
	data, err := base64.StdEncoding.DecodeString(document) // it skips line breaks
	if err != nil {
		return ""
	}
	return string(data)
}

// In a text that is no strict JSON a private JWK is recognised by its members.
var (
	keyMember     = regexp.MustCompile(`"kty"\s*:`)
	privateMember = regexp.MustCompile(`"[dk]"\s*:\s*"`)
)

// hasPrivateJWK reports whether a text has a private or a symmetric JWK, at any depth.
func hasPrivateJWK(document string) bool {
	if !keyMember.MatchString(document) {
		return false
	}
	v, err := jsonscan.Parse(document)
	if err != nil {
		return privateMember.MatchString(document)
	}
	return isPrivateJWK(v)
}

// isPrivateJWK reports whether a value is a private JWK or has one inside. jsonscan bounds
// how deep values are.
func isPrivateJWK(v jsonscan.Value) bool {
	switch v.Kind() {
	case jsonscan.Object:
		_, typed := v.Member("kty")
		_, private := v.Member("d")
		_, symmetric := v.Member("k")
		if typed && (private || symmetric) {
			return true
		}
		for _, member := range v.Members() {
			if isPrivateJWK(member) {
				return true
			}
		}
	case jsonscan.Array:
		for _, element := range v.Elements() {
			if isPrivateJWK(element) {
				return true
			}
		}
	}
	return false
}

// resembles says what a text is that is neither token nor claims; "" where there is nothing
// to say.
func resembles(document string) string {
	decoded, encoding := text.Decode(document)
	decoded = strings.TrimSpace(decoded)
	head := strings.ToLower(decoded[:min(len(decoded), 512)])
	switch {
	case strings.HasPrefix(document, "\x1f\x8b"), strings.HasPrefix(document, "PK\x03\x04"):
		return "This is an archive. Unpack it, and give the file inside."
	case kindOfDER(document) == certificate, kindOfDER(fromBase64(decoded)) == certificate:
		return "This is a certificate in DER. It belongs, as PEM, into the field for the transport certificate below."
	case encoding == text.UTF16LE || encoding == text.UTF16BE:
		return "The file is in " + string(encoding) + ". It is judged by its text; a bank wants the token in ASCII."
	case !utf8.ValidString(decoded), strings.ContainsRune(decoded, 0):
		return "This is binary data, and no token: a token is three parts of letters and digits with dots between."
	case strings.HasPrefix(head, "<"):
		return "This looks like a page in HTML or XML, and no token. If you have downloaded it, the server gave an error or a sign-in instead."
	case strings.HasPrefix(head, `"ey`) && strings.HasSuffix(decoded, `"`):
		return "The token stands in quotation marks, as jq writes a text without -r. Take them away: a bank reads the token alone."
	case strings.HasPrefix(head, "bearer ey"):
		return "This is the value of an Authorization header. Take the word Bearer away, if what follows is a request; an access token is none."
	case strings.HasPrefix(head, "-----begin certificate request"), strings.HasPrefix(head, "-----begin new certificate request"):
		return "This is a certificate signing request. The directory issues a certificate for it; neither is a registration request."
	case strings.HasPrefix(head, "-----begin public key"):
		return "This is a public key in PEM. The fields below take public keys as a key set (JWKS)."
	case strings.HasPrefix(head, "-----begin certificate"):
		return "This is a certificate. It belongs into the field for the transport certificate below."
	case strings.HasPrefix(head, "{"):
		return resemblesObject(decoded)
	}
	return ""
}

// objects are JSON objects that are no claims, by members that they have all of.
var objects = []struct {
	members []string
	means   string
}{
	{[]string{"keys"}, "This is a key set. It belongs into one of the fields for key sets below."},
	{[]string{"kty"}, "This is a public key (JWK). It belongs into one of the fields for key sets below."},
	{[]string{"payload", "signatures"}, "This is a token in the general JSON form of JWS. A bank wants the compact form: three parts with dots between."},
	{[]string{"payload", "signature"}, "This is a token in the flattened JSON form of JWS. A bank wants the compact form: its three parts with dots between."},
	{[]string{"ciphertext"}, "This is an encrypted token (JWE). A bank wants the request signed, and not encrypted."},
	{[]string{"issuer", "registration_endpoint"}, "This is a bank's discovery document. Its issuer belongs into the field for the bank's identifier below."},
	{[]string{"issuer", "token_endpoint"}, "This is a bank's discovery document. Its issuer belongs into the field for the bank's identifier below."},
	{[]string{"client_id", "client_id_issued_at"}, "This is a bank's answer about a registered client, and no request."},
	{[]string{"error"}, "This is a bank's answer that refuses, and no request. Give the request that it is about."},
}

// resemblesObject says what a JSON object is.
func resemblesObject(document string) string {
	v, err := jsonscan.Parse(document)
	if err != nil {
		return ""
	}
next:
	for _, o := range objects {
		for _, name := range o.members {
			if _, has := v.Member(name); !has {
				continue next
			}
		}
		return o.means
	}
	return ""
}
