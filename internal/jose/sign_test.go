package jose_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"math/big"
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
			assert.Equal(t, `{"a":1}`, j.Payload())
			assert.Equal(t, typ != "", strings.Contains(j.HeaderJSON(), `"typ":"JWT"`))
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

// spoilt is a signing key that changes its answers.
type spoilt struct {
	crypto.Signer
	change func(signature []byte) []byte
}

func (s spoilt) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	signature, err := s.Signer.Sign(random, digest, opts)
	return s.change(signature), err
}

// salted is an RSA key that makes salts of its own length.
type salted struct {
	*rsa.PrivateKey
	length int
}

func (s salted) Sign(random io.Reader, digest []byte, _ crypto.SignerOpts) ([]byte, error) {
	return s.PrivateKey.Sign(random, digest, &rsa.PSSOptions{SaltLength: s.length, Hash: crypto.SHA256})
}

// recorder is a signing key that keeps what it was asked for.
type recorder struct {
	crypto.Signer
	digest *[]byte
	opts   *crypto.SignerOpts
}

func (r recorder) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	*r.digest, *r.opts = bytes.Clone(digest), opts
	return r.Signer.Sign(random, digest, opts)
}

func TestADeviceIsAskedAsCryptoDoes(t *testing.T) {
	for name, c := range map[string]struct {
		key  crypto.Signer
		alg  string
		opts crypto.SignerOpts
	}{
		"PS256, with the salt's length as a number": {rsaKey(), jose.PS256, &rsa.PSSOptions{SaltLength: 32, Hash: crypto.SHA256}},
		"RS256": {rsaKey(), jose.RS256, crypto.SHA256},
		"ES256": {ecKey(), jose.ES256, crypto.SHA256},
	} {
		t.Run(name, func(t *testing.T) {
			var digest []byte
			var opts crypto.SignerOpts
			token, err := jose.Sign([]byte(`{}`), recorder{c.key, &digest, &opts}, c.alg, "k", "")
			require.NoError(t, err)
			sum := sha256.Sum256([]byte(token[:strings.LastIndexByte(token, '.')]))
			assert.Equal(t, sum[:], digest)
			assert.Equal(t, c.opts, opts)
		})
	}
}

// ecdsaDER is an ECDSA signature of these two numbers.
func ecdsaDER(r, s *big.Int) []byte { return must(asn1.Marshal(struct{ R, S *big.Int }{r, s})) }

func TestSignRefuses(t *testing.T) {
	huge := new(big.Int).Lsh(big.NewInt(1), 320)
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
		"a nil RSA key":           {(*rsa.PrivateKey)(nil), "PS256", "k", "", jose.ErrKey},
		"a nil ECDSA key":         {(*ecdsa.PrivateKey)(nil), "ES256", "k", "", jose.ErrKey},
		"1024 bits":               {smallRSA(), "PS256", "k", "", jose.ErrKey},
		"P-384":                   {p384Key(), "ES256", "k", "", jose.ErrKey},
		"ECDSA key for PS256":     {ecKey(), "PS256", "k", "", jose.ErrKey},
		"RSA key for ES256":       {rsaKey(), "ES256", "k", "", jose.ErrKey},
		"failing device":          {hsm{Signer: rsaKey(), err: errors.New("door open \u00e9")}, "PS256", "k", "", jose.ErrSigning},
		"device with another key": {hsm{Signer: rsaKey(), answer: make([]byte, 256)}, "PS256", "k", "", jose.ErrSigning},
		"device without ASN.1":    {hsm{Signer: ecKey(), answer: make([]byte, 64)}, "ES256", "k", "", jose.ErrSigning},
		"device with zeros":       {hsm{Signer: ecKey(), answer: []byte{0x30, 6, 2, 1, 0, 2, 1, 0}}, "ES256", "k", "", jose.ErrSigning},
		"device with negatives":   {hsm{Signer: ecKey(), answer: []byte{0x30, 6, 2, 1, 0xff, 2, 1, 1}}, "ES256", "k", "", jose.ErrSigning},
		"device with large r":     {hsm{Signer: ecKey(), answer: ecdsaDER(huge, big.NewInt(1))}, "ES256", "k", "", jose.ErrSigning},
		"device with large s":     {hsm{Signer: ecKey(), answer: ecdsaDER(big.NewInt(1), huge)}, "ES256", "k", "", jose.ErrSigning},
		"device with more behind": {spoilt{ecKey(), func(s []byte) []byte { return append(s, 0) }}, "ES256", "k", "", jose.ErrSigning},
		"device of other ECDSA":   {hsm{Signer: ecKey(), answer: es256DER(newEC(elliptic.P256()))("x")}, "ES256", "k", "", jose.ErrSigning},
		"device with a short RSA": {spoilt{rsaKey(), func(s []byte) []byte { return s[1:] }}, "PS256", "k", "", jose.ErrSigning},
		"device with salt of 20":  {salted{rsaKey(), 20}, "PS256", "k", "", jose.ErrSigning},
		"device with long salt":   {salted{rsaKey(), rsa.PSSSaltLengthAuto}, "PS256", "k", "", jose.ErrSigning},
		"device that signs PSS":   {salted{rsaKey(), 32}, "RS256", "k", "", jose.ErrSigning},
	} {
		t.Run(name, func(t *testing.T) {
			token, err := jose.Sign([]byte(`{}`), c.signer, c.alg, c.kid, c.typ)
			requireError(t, err, c.kind)
			assert.Empty(t, token)
		})
	}
}

func TestWhyADeviceFailedIsToldByItsOwnErrors(t *testing.T) {
	locked := errors.New("the device is locked")
	for alg, key := range map[string]crypto.Signer{jose.PS256: rsaKey(), jose.RS256: rsaKey(), jose.ES256: ecKey()} {
		for _, cause := range []error{locked, context.Canceled} {
			_, err := jose.Sign([]byte(`{}`), hsm{Signer: key, err: fmt.Errorf("slot 1: %w", cause)}, alg, "k", "")
			requireError(t, err, jose.ErrSigning)
			require.ErrorIs(t, err, cause, alg)
			require.NotErrorIs(t, err, jose.ErrSignature, alg)
		}
	}
}
