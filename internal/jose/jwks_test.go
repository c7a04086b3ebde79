package jose_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/jose"
)

// members gives a key's JWK as a map, to be changed.
func members(t *testing.T, key jose.Key) map[string]any {
	t.Helper()
	data, err := jose.MarshalJWKS([]jose.Key{key})
	require.NoError(t, err)
	var set struct{ Keys []map[string]any }
	require.NoError(t, json.Unmarshal(data, &set))
	require.Len(t, set.Keys, 1)
	return set.Keys[0]
}

func setOf(entries ...any) []byte {
	return must(json.Marshal(map[string]any{"keys": entries}))
}

func certificate(t *testing.T, key crypto.Signer) []byte {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	return must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))
}

func TestKeySetComesBackAsItWent(t *testing.T) {
	keys := []jose.Key{
		{Public: rsaKey().Public()},
		{ID: "k1", Algorithm: "PS256", Use: "sig", Public: rsaKey().Public(), Certificates: [][]byte{certificate(t, rsaKey())}},
		{ID: "k1", Use: "tls", Public: otherRSA().Public()},
		{ID: "k\"2\\<\u00e9\u2028>", Algorithm: "ES256", Ops: []string{"verify"}, Public: ecKey().Public()},
		{ID: "k3", Ops: []string{}, Public: ecKey().Public()},
	}
	data, err := jose.MarshalJWKS(keys)
	require.NoError(t, err)
	got, skipped, err := jose.ParseJWKS(data)
	require.NoError(t, err)
	assert.Empty(t, skipped)
	assert.Equal(t, keys, got)

	data, err = jose.MarshalJWKS(nil)
	require.NoError(t, err)
	assert.JSONEq(t, `{"keys":[]}`, string(data))
}

func TestMarshalRefusesWhatParseWouldSkip(t *testing.T) {
	for name, key := range map[string]jose.Key{
		"nothing":            {},
		"private key":        {Public: rsaKey()},
		"RSA of 1024 bits":   {Public: smallRSA().Public()},
		"P-384":              {Public: p384Key().Public()},
		"kid of 129 bytes":   {ID: strings.Repeat("k", 129), Public: rsaKey().Public()},
		"kid with NUL":       {ID: "a\x00", Public: rsaKey().Public()},
		"kid that is no UTF": {ID: "a\xff", Public: rsaKey().Public()},
	} {
		t.Run(name, func(t *testing.T) {
			data, err := jose.MarshalJWKS([]jose.Key{key})
			requireError(t, err, jose.ErrKey)
			assert.Nil(t, data)
		})
	}
	_, err := jose.MarshalJWKS(make([]jose.Key, jose.MaxJWKSKeys+1))
	requireError(t, err, jose.ErrKey)
}

func TestUnusableKeysAreSkippedAndHarmNoOther(t *testing.T) {
	small := map[string]any{"kty": "RSA", "e": "AQAB", "n": base64.RawURLEncoding.EncodeToString(smallRSA().N.Bytes())}
	roca := strings.TrimSpace(string(must(os.ReadFile("testdata/roca-modulus.txt"))))
	for name, c := range map[string]struct {
		change map[string]any // of a good RSA key; nil removes
		reason string
	}{
		"unknown key type":     {map[string]any{"kty": "AKP"}, "key type"},
		"Edwards key":          {map[string]any{"kty": "OKP", "crv": "Ed25519", "x": "AA"}, "key type"},
		"symmetric":            {map[string]any{"kty": "oct", "k": "AA"}, "key type"},
		"no key type":          {map[string]any{"kty": nil}, "key type"},
		"kty in lower case":    {map[string]any{"kty": "rsa"}, "key type"},
		"kty number":           {map[string]any{"kty": 1}, "kty is not"},
		"n number":             {map[string]any{"n": 1}, "n is not"},
		"private exponent":     {map[string]any{"d": "AQAB"}, "private"},
		"private exponent 0":   {map[string]any{"d": 0}, "private"},
		"prime":                {map[string]any{"p": "AQAB"}, "private"},
		"secret":               {map[string]any{"k": "AQAB"}, "private"},
		"1024 bits":            {small, "1024 bits"},
		"ROCA":                 {map[string]any{"n": roca}, "ROCA"},
		"exponent 1":           {map[string]any{"e": "AQ"}, "exponent"},
		"exponent 3":           {map[string]any{"e": "Aw"}, "exponent"},
		"exponent of 9 octets": {map[string]any{"e": "AQAAAAAAAQAB"}, "exponent"},
		"exponent 2^64+65537":  {map[string]any{"e": "AQAAAAAAAQAB"}, "exponent"},
		"exponent 2^32-1":      {map[string]any{"e": "_____w"}, "exponent"},
		"no exponent":          {map[string]any{"e": nil}, "e is absent"},
		"no modulus":           {map[string]any{"n": nil}, "n is absent"},
		"modulus empty":        {map[string]any{"n": ""}, "n is absent"},
		"modulus with padding": {map[string]any{"n": "AQA="}, "n is absent"},
		"modulus with newline": {map[string]any{"n": "AQAB\n"}, "n is absent"},
		"modulus injecting":    {map[string]any{"n": `AQAB","e":"Aw`}, "n is absent"},
		"modulus of 8200 bits": {map[string]any{"n": strings.Repeat("_", 1368)}, "larger"},
		"modulus of 16 kbit":   {map[string]any{"n": strings.Repeat("_", 2732)}, "larger"},
		"kid number":           {map[string]any{"kid": 1}, "kid"},
		"kid of 129 bytes":     {map[string]any{"kid": strings.Repeat("k", 129)}, "kid"},
		"alg list":             {map[string]any{"alg": []string{"PS256"}}, "alg"},
		"use number":           {map[string]any{"use": 1}, "use"},
		"key_ops string":       {map[string]any{"key_ops": "verify"}, "key_ops"},
		"key_ops of numbers":   {map[string]any{"key_ops": []int{1}}, "key_ops"},
	} {
		t.Run(name, func(t *testing.T) {
			entry := members(t, jose.Key{ID: "bad", Public: rsaKey().Public()})
			for member, value := range c.change {
				entry[member] = value
				if value == nil {
					delete(entry, member)
				}
			}
			good := members(t, jose.Key{ID: "good", Public: ecKey().Public()})
			keys, skipped, err := jose.ParseJWKS(setOf(entry, "no key", good))
			require.NoError(t, err)
			require.Len(t, keys, 1)
			assert.Equal(t, "good", keys[0].ID)
			require.Len(t, skipped, 2)
			assert.Equal(t, 0, skipped[0].Index)
			assert.Contains(t, skipped[0].Reason, c.reason)
			assert.LessOrEqual(t, len(skipped[0].ID), jose.MaxKeyIDSize)
			assert.Equal(t, jose.Skipped{Index: 1, Reason: "not a JSON object"}, skipped[1])
		})
	}
}

func TestUnusableCurveKeysAreSkipped(t *testing.T) {
	good := members(t, jose.Key{ID: "k", Public: ecKey().Public()})
	for name, c := range map[string]struct {
		member string
		value  any
		reason string
	}{
		"P-384":                  {"crv", "P-384", "curve"},
		"secp256k1":              {"crv", "secp256k1", "curve"},
		"no curve":               {"crv", "", "curve"},
		"crv number":             {"crv", 1, "crv is not"},
		"x number":               {"x", 1, "x is not"},
		"off the curve":          {"y", good["x"], "not a point"},
		"coordinate too short":   {"x", "AQ", "octets"},
		"coordinate of 33 bytes": {"x", strings.Repeat("A", 44), "octets"},
		"no coordinate":          {"y", "", "y is absent"},
		"private":                {"d", good["x"], "private"},
	} {
		t.Run(name, func(t *testing.T) {
			entry := members(t, jose.Key{ID: "k", Public: ecKey().Public()})
			entry[c.member] = c.value
			keys, skipped, err := jose.ParseJWKS(setOf(entry))
			require.NoError(t, err)
			assert.Empty(t, keys)
			require.Len(t, skipped, 1)
			assert.Contains(t, skipped[0].Reason, c.reason)
			assert.Equal(t, "k", skipped[0].ID)
		})
	}
}

func TestOddMembersDoNotLoseTheKey(t *testing.T) {
	cert := base64.StdEncoding.EncodeToString(certificate(t, rsaKey()))
	foreign := base64.StdEncoding.EncodeToString(certificate(t, otherRSA()))
	zero := base64.RawURLEncoding.EncodeToString(append([]byte{0}, rsaKey().N.Bytes()...))
	for name, c := range map[string]struct {
		member string
		value  any
		chain  int
	}{
		"x5c":                         {"x5c", []string{cert, foreign}, 2},
		"x5c no base64":               {"x5c", []string{"%%%"}, 0},
		"x5c no certificate":          {"x5c", []string{"AAAA"}, 0},
		"x5c with a PEM line break":   {"x5c", []string{cert[:64] + "%" + cert[64:]}, 0},
		"x5c a string":                {"x5c", cert, 0},
		"x5c of numbers":              {"x5c", []int{1}, 0},
		"x5c null":                    {"x5c", nil, 0},
		"x5c of another key":          {"x5c", []string{foreign}, 0},
		"x5c broken behind the first": {"x5c", []string{cert, "AAAA"}, 0},
		"x5c of ten":                  {"x5c", slices.Repeat([]string{cert}, 10), 10},
		"x5c of eleven":               {"x5c", slices.Repeat([]string{cert}, 11), 0},
		"x5c with text behind":        {"x5c", []string{cert + "%%%%"}, 0},
		"x5c with a byte behind":      {"x5c", []string{base64.StdEncoding.EncodeToString(append(certificate(t, rsaKey()), 0))}, 0},
		"x5c with loose bits":         {"x5c", []string{loosened(t, certificate(t, rsaKey()))}, 0},
		"x5t number":                  {"x5t", 1, 0},
		"x5t#S256 number":             {"x5t#S256", 1, 0},
		"x5t#S256 of SHA-1's length":  {"x5t#S256", "AAAAAAAAAAAAAAAAAAAAAAAAAAA", 0},
		"x5u number":                  {"x5u", 1, 0},
		"unknown member":              {"iat", map[string]any{"a": 1}, 0},
		"unknown algorithm":           {"alg", "RSA-OAEP-512", 0},
		"modulus with a leading zero": {"n", zero, 0},
	} {
		t.Run(name, func(t *testing.T) {
			entry := members(t, rsaJOSE())
			entry[c.member] = c.value
			keys, skipped, err := jose.ParseJWKS(setOf(entry))
			require.NoError(t, err)
			assert.Empty(t, skipped)
			require.Len(t, keys, 1)
			assert.True(t, rsaKey().PublicKey.Equal(keys[0].Public))
			assert.Len(t, keys[0].Certificates, c.chain)
			assert.Nil(t, keys[0].X5TS256)
		})
	}
}

// loosened is base64 whose last character has bits behind the last octet. A lenient decoder
// does not look at them, and reads the same octets.
func loosened(t *testing.T, der []byte) string {
	t.Helper()
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	text := base64.StdEncoding.EncodeToString(der)
	bare := strings.TrimRight(text, "=")
	if bare == text {
		t.Fatal("the certificate has no such bits: take one of another length")
	}
	last := strings.IndexByte(alphabet, bare[len(bare)-1])
	loose := bare[:len(bare)-1] + alphabet[last+1:last+2] + text[len(bare):]
	same, err := base64.StdEncoding.DecodeString(loose)
	require.NoError(t, err)
	require.Equal(t, der, same)
	return loose
}

func TestDocumentsThatAreNoKeySet(t *testing.T) {
	for name, doc := range map[string]string{
		"nothing":              ``,
		"page":                 `<html>`,
		"array":                `[]`,
		"null":                 `null`,
		"no keys":              `{}`,
		"keys of another case": `{"Keys":[]}`,
		"keys an object":       `{"keys":{}}`,
		"keys null":            `{"keys":null}`,
		"duplicate keys":       `{"keys":[],"keys":[]}`,
		"duplicate in a key":   `{"keys":[{"kty":"RSA","kty":"EC"}]}`,
		"two documents":        `{"keys":[]}{"keys":[]}`,
		"too deep":             `{"keys":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`,
		"too many keys":        `{"keys":[` + strings.Repeat("0,", jose.MaxJWKSKeys) + `0]}`,
		"too large":            `{"keys":[]}` + strings.Repeat(" ", jose.MaxJWKSSize),
	} {
		t.Run(name, func(t *testing.T) {
			keys, skipped, err := jose.ParseJWKS([]byte(doc))
			requireError(t, err, jose.ErrMalformed)
			if !json.Valid([]byte(doc)) {
				assert.ErrorContains(t, err, "not strict JSON", "the cause is told")
			}
			assert.Nil(t, keys)
			assert.Nil(t, skipped)
		})
	}
}

func TestThumbprintOfRFC7638(t *testing.T) {
	keys, _, err := jose.ParseJWKS(must(os.ReadFile("testdata/rfc7638.jwks.json")))
	require.NoError(t, err)
	require.Len(t, keys, 1)
	got, err := jose.Thumbprint(keys[0].Public)
	require.NoError(t, err)
	assert.Equal(t, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs", got)
}

func TestThumbprintRefusesOtherKeys(t *testing.T) {
	for _, public := range []crypto.PublicKey{nil, (*ecdsa.PublicKey)(nil), rsaKey(), smallRSA().Public(), []byte("secret")} {
		_, err := jose.Thumbprint(public)
		requireError(t, err, jose.ErrKey)
	}
}

func TestPublicKeysAreTheSameByTypeAndValue(t *testing.T) {
	rsaA, ecA := rsaKey().Public().(*rsa.PublicKey), ecKey().Public().(*ecdsa.PublicKey)
	edwards, _, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	same := []crypto.PublicKey{rsaA, ecA, edwards}
	for i, a := range same {
		for k, b := range same {
			assert.Equal(t, i == k, jose.SamePublicKey(a, b), "%T %T", a, b)
		}
		assert.False(t, jose.SamePublicKey(a, nil))
		assert.False(t, jose.SamePublicKey(nil, a))
	}
	copied := &rsa.PublicKey{N: new(big.Int).Set(rsaA.N), E: rsaA.E}
	assert.True(t, jose.SamePublicKey(rsaA, copied))
	assert.False(t, jose.SamePublicKey(rsaA, &rsa.PublicKey{N: rsaA.N, E: 3}), "another exponent")
	assert.False(t, jose.SamePublicKey(rsaA, &rsa.PublicKey{N: new(big.Int).Add(rsaA.N, big.NewInt(2)), E: rsaA.E}), "another modulus")
	assert.False(t, jose.SamePublicKey(ecA, newEC(elliptic.P256()).Public()))
}
