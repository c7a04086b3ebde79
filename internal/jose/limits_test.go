package jose_test

import (
	"crypto/rsa"
	"encoding/base64"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/jose"
)

// A token of exactly the greatest size is made and read, one a byte longer neither.
func TestTheGreatestToken(t *testing.T) {
	const header = `{"alg":"PS256","kid":"k"}`
	around := len(forge(header, "", pss(rsaKey(), 32)))
	size := base64.RawURLEncoding.DecodedLen(jose.MaxTokenSize - around)
	greatest, err := jose.Sign(make([]byte, size), rsaKey(), "PS256", "k", "")
	require.NoError(t, err)
	require.Equal(t, jose.MaxTokenSize, len(greatest), "choose a kid of another length")
	require.NoError(t, verify(greatest, rsaJOSE(), all))

	beyond := forge(header, string(make([]byte, size+1)), pss(rsaKey(), 32))
	require.Equal(t, jose.MaxTokenSize+1, len(beyond))
	requireError(t, verify(beyond, rsaJOSE(), all), jose.ErrMalformed)
	token, err := jose.Sign(make([]byte, size+1), rsaKey(), "PS256", "k", "")
	requireError(t, err, jose.ErrMalformed)
	require.True(t, token == "", "a token came with the error")
}

func TestTheLongestKeyIDSigns(t *testing.T) {
	kid := strings.Repeat("k", jose.MaxKeyIDSize)
	token, err := jose.Sign([]byte(`{}`), ecKey(), "ES256", kid, "")
	require.NoError(t, err)
	require.NoError(t, verify(token, ecJOSE(), all))
}

// A kid of the greatest length is written and read, one a byte longer neither.
func TestTheLongestKeyIDOfASet(t *testing.T) {
	key := ecJOSE()
	key.ID = strings.Repeat("k", jose.MaxKeyIDSize)
	data, err := jose.MarshalJWKS([]jose.Key{key})
	require.NoError(t, err)
	keys, skipped, err := jose.ParseJWKS(data)
	require.NoError(t, err)
	require.Empty(t, skipped)
	require.Equal(t, key.ID, keys[0].ID)

	keys, skipped, err = jose.ParseJWKS([]byte(strings.Replace(string(data), key.ID, key.ID+"k", 1)))
	require.NoError(t, err)
	require.Empty(t, keys)
	require.Len(t, skipped, 1)
	key.ID += "k"
	_, err = jose.MarshalJWKS([]jose.Key{key})
	requireError(t, err, jose.ErrKey)
}

// The two numbers of an ES256 signature have one form each (RFC 7518 section 3.4): zeros in
// front of one, which leave it the same number, break the signature.
func TestTheNumbersOfASignatureHaveOneForm(t *testing.T) {
	const header = `{"alg":"ES256","kid":"k"}`
	sign := es256(ecKey())
	require.NoError(t, verify(forge(header, "{}", sign), ecJOSE(), all))
	for name, change := range map[string]func(signature []byte) []byte{
		"a zero before s":     func(b []byte) []byte { return slices.Insert(b, 32, 0) },
		"many zeros before s": func(b []byte) []byte { return slices.Insert(b, 32, make([]byte, 32)...) },
		"a zero before r":     func(b []byte) []byte { return slices.Insert(b, 0, 0) },
		"a zero behind":       func(b []byte) []byte { return append(b, 0) },
		"zeros for r and s":   func(b []byte) []byte { return make([]byte, len(b)) },
		"s alone":             func(b []byte) []byte { return b[32:] },
		"nothing":             func([]byte) []byte { return nil },
	} {
		forged := forge(header, "{}", func(input string) []byte { return change(sign(input)) })
		require.Error(t, verify(forged, ecJOSE(), all), name)
	}
}

func TestTheGreatestKeySetIsWrittenAndRead(t *testing.T) {
	data, err := jose.MarshalJWKS(slices.Repeat([]jose.Key{ecJOSE()}, jose.MaxJWKSKeys))
	require.NoError(t, err)
	keys, skipped, err := jose.ParseJWKS(data)
	require.NoError(t, err)
	assert.Len(t, keys, jose.MaxJWKSKeys)
	assert.Empty(t, skipped)

	whole := string(data) + strings.Repeat(" ", jose.MaxJWKSSize-len(data))
	_, _, err = jose.ParseJWKS([]byte(whole))
	require.NoError(t, err)
	_, _, err = jose.ParseJWKS([]byte(whole + " "))
	requireError(t, err, jose.ErrMalformed)
}

func TestSizesOfRSAKeys(t *testing.T) {
	for bits, usable := range map[uint]bool{2047: false, 2048: true, 8192: true, 8193: false} {
		n := new(big.Int).Lsh(big.NewInt(1), bits-1)
		_, err := jose.Thumbprint(&rsa.PublicKey{N: n.SetBit(n, 0, 1), E: 65537})
		if usable {
			assert.NoError(t, err, bits)
			continue
		}
		requireError(t, err, jose.ErrKey)
	}
}

func TestNumbersOfRSAKeysAreLimited(t *testing.T) {
	octets := base64.RawURLEncoding.EncodeToString
	large := new(big.Int).Lsh(big.NewInt(1), jose.MaxRSAKeyBits-1)
	large.SetBit(large, 0, 1)
	for name, c := range map[string]struct {
		member string
		octets []byte
		usable bool
	}{
		"the greatest exponent":                       {"e", []byte{0x7f, 0xff, 0xff, 0xff}, true},
		"an exponent one step beyond":                 {"e", []byte{0x80, 0, 0, 1}, false},
		"an exponent of four octets, one of them 0":   {"e", []byte{0, 1, 0, 1}, true},
		"an exponent of five octets, two of them 0":   {"e", []byte{0, 0, 1, 0, 1}, false},
		"the greatest modulus":                        {"n", large.Bytes(), true},
		"the greatest modulus behind one zero":        {"n", append([]byte{0}, large.Bytes()...), true},
		"the greatest modulus behind two zeros":       {"n", append([]byte{0, 0}, large.Bytes()...), false},
		"a modulus of one bit more than the greatest": {"n", new(big.Int).Add(new(big.Int).Lsh(large, 1), big.NewInt(-1)).Bytes(), false},
	} {
		t.Run(name, func(t *testing.T) {
			entry := members(t, rsaJOSE())
			entry[c.member] = octets(c.octets)
			keys, skipped, err := jose.ParseJWKS(setOf(entry))
			require.NoError(t, err)
			if c.usable {
				assert.Len(t, keys, 1)
				assert.Empty(t, skipped)
				return
			}
			assert.Empty(t, keys)
			assert.Len(t, skipped, 1)
		})
	}
}
