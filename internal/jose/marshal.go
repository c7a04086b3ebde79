package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/lestrrat-go/jwx/v2/jwk"
)

// MarshalJWKS writes a JWK set (RFC 7517 section 5) that ParseJWKS reads back as
// the same keys: one object a key, its members in fixed order, nothing private in
// it. The error is an *Error of kind ErrKey for a key that ParseJWKS would skip.
func MarshalJWKS(keys []Key) ([]byte, error) {
	if len(keys) > MaxJWKSKeys {
		return nil, fail(ErrKey, "more than "+strconv.Itoa(MaxJWKSKeys)+" keys")
	}
	out := []byte(`{"keys":[`)
	for i, key := range keys {
		if i > 0 {
			out = append(out, ',')
		}
		var err error
		if out, err = appendKey(out, key); err != nil {
			return nil, err
		}
	}
	return append(out, `]}`...), nil
}

func appendKey(out []byte, key Key) ([]byte, error) {
	if err := checkPublic(key.Public); err != nil {
		return nil, err
	}
	if len(key.ID) > MaxKeyIDSize {
		return nil, fail(ErrKey, "the key's ID is longer than "+strconv.Itoa(MaxKeyIDSize)+" bytes")
	}
	for _, text := range append([]string{key.ID, key.Algorithm, key.Use}, key.Ops...) {
		if !plain(text) {
			return nil, fail(ErrKey, "the key's ID, algorithm, use or an operation is not plain UTF-8")
		}
	}
	out = appendPublic(append(out, '{'), key.Public)
	for _, m := range [...]struct{ name, text string }{{"kid", key.ID}, {"use", key.Use}, {"alg", key.Algorithm}} {
		if m.text != "" {
			out = appendString(append(out, `,"`+m.name+`":`...), m.text)
		}
	}
	if key.Ops != nil {
		out = appendList(append(out, `,"key_ops":`...), key.Ops)
	}
	if len(key.Certificates) > 0 {
		chain := make([]string, len(key.Certificates))
		for i, der := range key.Certificates {
			chain[i] = base64.StdEncoding.EncodeToString(der)
		}
		out = appendList(append(out, `,"x5c":`...), chain)
	}
	if key.X5TS256 != nil {
		out = appendString(append(out, `,"x5t#S256":`...), encoding.EncodeToString(key.X5TS256))
	}
	return append(out, '}'), nil
}

// appendPublic writes the parameters of a key that checkPublic has let through.
func appendPublic(out []byte, public crypto.PublicKey) []byte {
	switch pub := public.(type) {
	case *rsa.PublicKey:
		out = append(out, `"kty":"RSA","n":"`...)
		out = encoding.AppendEncode(out, pub.N.Bytes())
		out = append(out, `","e":"`...)
		out = encoding.AppendEncode(out, big.NewInt(int64(pub.E)).Bytes())
	case *ecdsa.PublicKey:
		point, _ := uncompressed(pub)
		out = append(out, `"kty":"EC","crv":"P-256","x":"`...)
		out = encoding.AppendEncode(out, point[1:1+p256Size])
		out = append(out, `","y":"`...)
		out = encoding.AppendEncode(out, point[1+p256Size:])
	}
	return append(out, '"')
}

func appendList(out []byte, texts []string) []byte {
	out = append(out, '[')
	for i, text := range texts {
		if i > 0 {
			out = append(out, ',')
		}
		out = appendString(out, text)
	}
	return append(out, ']')
}

// plain reports whether a string reads back from JSON as it is.
func plain(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

func appendString(out []byte, s string) []byte {
	quoted, err := json.Marshal(s)
	if err != nil { // a string always has a JSON form
		quoted = []byte(`""`)
	}
	return append(out, quoted...)
}

// Thumbprint is the SHA-256 JWK thumbprint of a key (RFC 7638) in base64url. The
// error is an *Error of kind ErrKey for keys that this package does not use.
func Thumbprint(public crypto.PublicKey) (string, error) {
	if err := checkPublic(public); err != nil {
		return "", err
	}
	key, err := jwk.FromRaw(public)
	if err != nil {
		return "", fail(ErrKey, "the key has no JWK form")
	}
	sum, err := key.Thumbprint(crypto.SHA256)
	if err != nil {
		return "", fail(ErrKey, "the key has no thumbprint")
	}
	return encoding.EncodeToString(sum), nil
}
