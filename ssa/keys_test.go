package ssa_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

func ecKey(t testing.TB) crypto.PublicKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return key.Public()
}

func TestParseJWKSKeepsWhatIsGood(t *testing.T) {
	d := newDirectory(t, ssatest.Options{})
	s := newSoftware(t, d)
	var set struct {
		Keys []map[string]any `json:"keys"`
	}
	require.NoError(t, json.Unmarshal(s.JWKS(), &set))
	sig := set.Keys[0]
	with := func(changes map[string]any) map[string]any {
		out := map[string]any{}
		for name, value := range sig {
			out[name] = value
		}
		for name, value := range changes {
			out[name] = value
		}
		return out
	}
	const pemInX5C = "-----BEGIN CERTIFICATE-----\nMIIC\n-----END CERTIFICATE-----"
	doc, err := json.Marshal(map[string]any{"keys": []any{
		map[string]any{"kty": "oct", "k": "c2VjcmV0", "kid": "hmac"},
		map[string]any{"kty": "OKP", "crv": "Ed25519", "x": "AA", "kid": "okp"},
		map[string]any{"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "small"},
		with(map[string]any{"d": "AQAB", "kid": "private"}),
		"no object",
		with(map[string]any{"kid": "broken x5c", "x5c": []string{pemInX5C}}),
		with(map[string]any{"kid": "padded=="}),
		sig,
		set.Keys[1],
	}})
	require.NoError(t, err)
	keys, err := ssa.ParseJWKS(doc)
	require.NoError(t, err)
	require.Len(t, keys.Skipped, 5)
	for i, id := range []string{"hmac", "okp", "small", "private", ""} {
		require.Equal(t, i, keys.Skipped[i].Index)
		require.Equal(t, id, keys.Skipped[i].ID)
		require.NotEmpty(t, keys.Skipped[i].Reason)
	}
	require.Len(t, keys.Keys, 4)
	for _, kid := range []string{"broken x5c", "padded==", s.SigningKeyID, s.TransportKeyID} {
		found, err := keys.ResolveKeys(context.Background(), ssa.KeyRef{URL: "https://any.example", KeyID: kid})
		require.NoError(t, err)
		require.Len(t, found, 1)
		require.Equal(t, kid, found[0].ID)
		require.Empty(t, found[0].Algorithm, "the directory's keys have no alg")
	}
	require.Equal(t, "tls", keys.Keys[3].Use)
	all, err := keys.ResolveKeys(context.Background(), ssa.KeyRef{})
	require.NoError(t, err)
	require.Len(t, all, 4)
	_, err = keys.ResolveKeys(context.Background(), ssa.KeyRef{KeyID: "padded"})
	require.ErrorIs(t, err, ssa.ErrKeyNotFound, "a kid is opaque: padding is part of it")
}

func TestParseJWKSRefusesWhatIsNoSet(t *testing.T) {
	for name, doc := range map[string]string{
		"nothing":            "",
		"no JSON":            "<html>",
		"an array":           "[]",
		"no keys":            "{}",
		"keys null":          `{"keys":null}`,
		"keys twice":         `{"keys":[],"keys":[]}`,
		"no key":             `{"keys":[]}`,
		"no usable key":      `{"keys":[{"kty":"oct","k":"AA"}]}`,
		"something behind":   `{"keys":[]} {}`,
		"more than 1 MiB":    `{"keys":[],"x":"` + strings.Repeat("x", 1<<20) + `"}`,
		"nested too deep":    strings.Repeat("[", 100000),
		"a certificate":      "-----BEGIN CERTIFICATE-----",
		"one key, not a set": `{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}`,
	} {
		t.Run(name, func(t *testing.T) {
			set, err := ssa.ParseJWKS([]byte(doc))
			require.ErrorIs(t, err, ssa.ErrMalformed)
			require.Equal(t, ssa.KeySet{}, set)
			requireText(t, err)
		})
	}
}

// key_ops of a published key are kept, though Key does not show them.
func TestKeyOperationsAreHonoured(t *testing.T) {
	d := newDirectory(t, ssatest.Options{})
	s := newSoftware(t, d)
	parse := func(ops string) ssa.Anchor {
		doc := strings.Replace(string(d.JWKS()), `"use":"sig"`, `"key_ops":`+ops, 1)
		set, err := ssa.ParseJWKS([]byte(doc))
		require.NoError(t, err)
		a := d.Anchor()
		a.Keys = ssa.StaticKeys(set.Keys...)
		return a
	}
	_, err := verify(newVerifier(t, parse(`["verify"]`)), mint(t, s, nil))
	require.NoError(t, err)
	verified, err := verify(newVerifier(t, parse(`["encrypt"]`)), mint(t, s, nil))
	requireRefused(t, verified, err, ssa.ErrBadSignature, "ssa.signature")
}

func TestStaticKeysAreCopied(t *testing.T) {
	d := newDirectory(t, ssatest.Options{})
	keys := staticKeys(t, d)
	resolver := ssa.StaticKeys(keys...)
	keys[0] = ssa.Key{}
	found, err := resolver.ResolveKeys(context.Background(), ssa.KeyRef{KeyID: d.KeyID()})
	require.NoError(t, err)
	require.NotNil(t, found[0].Public)
	found[0].Public = nil
	again, err := resolver.ResolveKeys(context.Background(), ssa.KeyRef{KeyID: d.KeyID()})
	require.NoError(t, err)
	require.NotNil(t, again[0].Public)
	require.Equal(t, claims.Algorithm(""), again[0].Algorithm)
}
