package jose_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"math/big"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/jose"
)

var (
	rsaKey   = sync.OnceValue(func() *rsa.PrivateKey { return newRSA(2048) })
	otherRSA = sync.OnceValue(func() *rsa.PrivateKey { return newRSA(2048) })
	smallRSA = sync.OnceValue(func() *rsa.PrivateKey { return newRSA(1024) })
	ecKey    = sync.OnceValue(func() *ecdsa.PrivateKey { return newEC(elliptic.P256()) })
	p384Key  = sync.OnceValue(func() *ecdsa.PrivateKey { return newEC(elliptic.P384()) })
)

var (
	fapi = []string{jose.PS256, jose.ES256}
	all  = []string{jose.PS256, jose.ES256, jose.RS256}
)

func newRSA(bits int) *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		panic(err)
	}
	return key
}

func newEC(curve elliptic.Curve) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
}

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// signer makes the signature over a signing input.
type signer func(input string) []byte

func pss(key *rsa.PrivateKey, salt int) signer {
	return func(input string) []byte {
		digest := sha256.Sum256([]byte(input))
		opts := &rsa.PSSOptions{SaltLength: salt, Hash: crypto.SHA256}
		return must(rsa.SignPSS(rand.Reader, key, crypto.SHA256, digest[:], opts))
	}
}

func pkcs1(key *rsa.PrivateKey) signer {
	return func(input string) []byte {
		digest := sha256.Sum256([]byte(input))
		return must(rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:]))
	}
}

func es256(key *ecdsa.PrivateKey) signer {
	return func(input string) []byte {
		digest := sha256.Sum256([]byte(input))
		r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
		return append(fixed(must(r, err)), fixed(s)...)
	}
}

func es256DER(key *ecdsa.PrivateKey) signer {
	return func(input string) []byte {
		digest := sha256.Sum256([]byte(input))
		return must(ecdsa.SignASN1(rand.Reader, key, digest[:]))
	}
}

func fixed(n *big.Int) []byte { return n.FillBytes(make([]byte, 32)) }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// forge makes a token with exactly this header, really signed.
func forge(header, payload string, sign signer) string {
	input := b64(header) + "." + b64(payload)
	return input + "." + b64(string(sign(input)))
}

// verify is what a caller does with a token and a key.
func verify(token string, key jose.Key, allowed []string) error {
	j, err := jose.Parse(token)
	if err != nil {
		return err
	}
	return j.Verify(key, allowed)
}

// requireError checks the promises every error of the package makes.
func requireError(t *testing.T, err, kind error) {
	t.Helper()
	require.ErrorIs(t, err, kind)
	checkErrorText(t, err)
}

func checkErrorText(t *testing.T, err error) {
	t.Helper()
	var own *jose.Error
	require.ErrorAs(t, err, &own)
	require.LessOrEqual(t, len(err.Error()), 500)
	for _, r := range err.Error() {
		require.True(t, r >= ' ' && r < 0x7f, "error text is not ASCII: %q", err.Error())
	}
}

func rsaJOSE() jose.Key { return jose.Key{Public: rsaKey().Public()} }
func ecJOSE() jose.Key  { return jose.Key{Public: ecKey().Public()} }
