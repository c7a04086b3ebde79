package jose_test

import (
	"crypto"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/jose"
)

func TestSignedTokensVerify(t *testing.T) {
	for alg, key := range map[string]crypto.Signer{"PS256": rsaKey(), "RS256": rsaKey(), "ES256": ecKey()} {
		for _, typ := range []string{"", "JWT"} {
			token, err := jose.Sign([]byte(`{"a":1}`), key, alg, "k\"1\\<\u00e9>", typ)
			require.NoError(t, err)
			j, err := jose.Parse(token)
			require.NoError(t, err)
			require.NoError(t, j.Verify(jose.Key{Public: key.Public()}, all))
			kid, found := j.KeyID()
			assert.True(t, found)
			assert.Equal(t, "k\"1\\<\u00e9>", kid)
			assert.Equal(t, alg, j.Algorithm())
			assert.Equal(t, `{"a":1}`, string(j.Payload()))
			assert.Equal(t, typ != "", strings.Contains(string(j.HeaderJSON()), `"typ":"JWT"`))
		}
	}
}

// hsm is a signing key that answers with something else.
type hsm struct {
	crypto.Signer
	answer []byte
	err    error
}

func (h hsm) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) { return h.answer, h.err }

func TestSignRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		signer        crypto.Signer
		alg, kid, typ string
		kind          error
	}{
		"none":                    {rsaKey(), "none", "k", "", jose.ErrAlgorithm},
		"HS256":                   {rsaKey(), "HS256", "k", "", jose.ErrAlgorithm},
		"no algorithm":            {rsaKey(), "", "k", "", jose.ErrAlgorithm},
		"no kid":                  {rsaKey(), "PS256", "", "", jose.ErrHeader},
		"kid of 129 bytes":        {rsaKey(), "PS256", strings.Repeat("k", 129), "", jose.ErrHeader},
		"kid that is no UTF-8":    {rsaKey(), "PS256", "\xff", "", jose.ErrHeader},
		"typ with NUL":            {rsaKey(), "PS256", "k", "\x00", jose.ErrHeader},
		"no key":                  {nil, "PS256", "k", "", jose.ErrKey},
		"1024 bits":               {smallRSA(), "PS256", "k", "", jose.ErrKey},
		"P-384":                   {p384Key(), "ES256", "k", "", jose.ErrKey},
		"ECDSA key for PS256":     {ecKey(), "PS256", "k", "", jose.ErrKey},
		"RSA key for ES256":       {rsaKey(), "ES256", "k", "", jose.ErrKey},
		"failing device":          {hsm{Signer: rsaKey(), err: errors.New("door open \u00e9")}, "PS256", "k", "", jose.ErrSignature},
		"device with another key": {hsm{Signer: rsaKey(), answer: make([]byte, 256)}, "PS256", "k", "", jose.ErrSignature},
		"device without ASN.1":    {hsm{Signer: ecKey(), answer: make([]byte, 64)}, "ES256", "k", "", jose.ErrSignature},
		"device with zeros":       {hsm{Signer: ecKey(), answer: []byte{0x30, 6, 2, 1, 0, 2, 1, 0}}, "ES256", "k", "", jose.ErrSignature},
		"device with negatives":   {hsm{Signer: ecKey(), answer: []byte{0x30, 6, 2, 1, 0xff, 2, 1, 1}}, "ES256", "k", "", jose.ErrSignature},
	} {
		t.Run(name, func(t *testing.T) {
			token, err := jose.Sign([]byte(`{}`), c.signer, c.alg, c.kid, c.typ)
			requireError(t, err, c.kind)
			assert.Empty(t, token)
		})
	}
	_, err := jose.Sign(make([]byte, jose.MaxTokenSize), rsaKey(), "PS256", "k", "")
	requireError(t, err, jose.ErrMalformed)
}
