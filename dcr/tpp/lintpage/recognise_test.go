package lintpage_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"net/http"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/tpp/lintpage"
)

// utf16LE is a text as editors on Windows save it.
func utf16LE(s string) string {
	wide := "\xff\xfe"
	for _, unit := range utf16.Encode([]rune(s)) {
		wide += string([]byte{byte(unit), byte(unit >> 8)})
	}
	return wide
}

// marshal is DER of a value.
func marshal(t *testing.T, value any) string {
	t.Helper()
	der, err := asn1.Marshal(value)
	require.NoError(t, err)
	return string(der)
}

// TestASecretIsNeitherJudgedNorShown: whatever form a key has, and however deep it lies.
func TestASecretIsNeitherJudgedNorShown(t *testing.T) {
	t.Parallel()
	s := serve(t, lintpage.Config{})
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	sec1, err := x509.MarshalECPrivateKey(key)
	require.NoError(t, err)
	locked := marshal(t, struct {
		Algorithm pkix.AlgorithmIdentifier
		Data      []byte
	}{pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}}, []byte("MARKER")})
	store := marshal(t, struct {
		Version int
		Content struct{ Type asn1.ObjectIdentifier }
	}{3, struct{ Type asn1.ObjectIdentifier }{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}}})
	const jwk = `{"kty": "EC", "crv": "P-256", "x": "MARKER", "y": "MARKER", "d": "MARKER"}`
	text := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
	claims := base64.RawURLEncoding.EncodeToString([]byte(`{"jwks": {"keys": [` + jwk + `]}}`))
	for name, secret := range map[string]string{
		"PKCS#8": string(pkcs8), "SEC 1": string(sec1), "encrypted": locked, "PKCS#12": store, "PKCS#12 in BER": "\x30\x80\x02\x01\x03\x30\x80\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x07\x01",
		"base64": base64.StdEncoding.EncodeToString(pkcs8), "a store in base64": base64.StdEncoding.EncodeToString([]byte(store)), "JKS": "\xFE\xED\xFE\xEDMARKER",
		"UTF-16 PEM": utf16LE(text), "UTF-16 JWK": utf16LE(jwk), "PEM": text, "PEM in JSON": `{"key": "` + strings.ReplaceAll(text, "\n", `\n`) + `"}`,
		"JWK": jwk, "a list": "[" + jwk + "]", "a claim": `{"jwks": {"keys": [` + jwk + `]}, "redirect_uris": ["http://x.example/"]}`,
		"JSON with a comma too many": strings.Replace(jwk, "}", ",}", 1), "symmetric": `{"keys": [{"kty": "oct", "k": "MARKER"}]}`,
		"claims of a token": base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"PS256","kid":"x"}`)) + "." + claims + ".AAAA",
	} {
		got := s.upload("/", secret, nil)
		assert.Equal(t, http.StatusUnprocessableEntity, got.status, name)
		assert.Contains(t, got.body, `id="document-wrong"`, name)
		for _, part := range []string{"MARKER", claims, base64.StdEncoding.EncodeToString(pkcs8)[:40]} {
			assert.NotContains(t, got.body, part, name)
		}
	}
}

// TestAWrongFileIsNamed: a hint tells what was given, where that is no token.
func TestAWrongFileIsNamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := serve(t, lintpage.Config{})
	token := w.request(t, good)
	leaf := w.software.TransportCertificate.Leaf.Raw
	for file, word := range map[string]string{
		string(leaf):                                  "certificate in DER",
		base64.StdEncoding.EncodeToString(leaf):       "certificate in DER",
		w.certificate():                               "certificate",
		"\n" + w.certificate():                        "certificate",
		"-----BEGIN CERTIFICATE REQUEST-----\nMIIB":   "signing request",
		"-----BEGIN PUBLIC KEY-----\nMIIB":            "public key",
		string(w.software.JWKS()):                     "key set",
		`{"kty": "RSA", "n": "x", "e": "AQAB"}`:       "public key",
		`"` + token + `"`:                             "quotation marks",
		"Bearer " + token:                             "Authorization",
		`{"payload": "e30", "signatures": []}`:        "general JSON form",
		`{"payload": "e30", "signature": ""}`:         "flattened JSON form",
		`{"issuer": "x", "token_endpoint": "y"}`:      "discovery document",
		`{"client_id": "x", "client_id_issued_at":1}`: "answer about a registered client",
		`{"error": "invalid_software_statement"}`:     "answer that refuses",
		"\xEF\xBB\xBF <!doctype html>":                "page in HTML",
		"PK\x03\x04":                                  "archive",
		"\x00\x01\x02\xff\xfe":                        "binary data",
	} {
		got := s.upload("/", file, map[string]string{"kind": "request"})
		_, verdict, _ := strings.Cut(got.body, `id="verdict-title"`)
		verdict, _, _ = strings.Cut(verdict, "The bank would answer")
		assert.Contains(t, verdict, word, "%.40q", file)
	}
	assert.NotContains(t, s.upload("/", token, nil).body, "This is", "a request is one")
}
