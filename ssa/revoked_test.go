package ssa_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// softwareSource has the same keys at each address, and what each revoked address
// lists; one that is not in the map cannot be read.
type softwareSource struct {
	ssa.KeyResolver
	withdrawn map[string]ssa.KeySet
}

var errBroken = errors.New("the answer is a page of HTML")

func (s softwareSource) ResolveRevokedKeys(_ context.Context, url string) (ssa.KeySet, error) {
	set, ok := s.withdrawn[url]
	if !ok {
		return ssa.KeySet{}, errBroken
	}
	return set, nil
}

const (
	bySoftware     = "https://keystore.example/revoked/software.jwks"
	byOrganisation = "https://keystore.example/revoked/organisation.jwks"
)

// softwareKeys shares keys with its source, as a cache does.
func softwareKeys(keys []ssa.Key, withdrawn map[string]ssa.KeySet) ssa.SoftwareKeys {
	shared := resolverFunc(func(ref ssa.KeyRef) ([]ssa.Key, error) {
		if ref.KeyID == "" {
			return keys, nil
		}
		return ssa.StaticKeys(keys...).ResolveKeys(context.Background(), ref)
	})
	return ssa.SoftwareKeys{
		Source:  softwareSource{shared, withdrawn},
		Address: "https://keystore.example/software.jwks", Revoked: []string{bySoftware, byOrganisation},
	}
}

// A key may be the one that is withdrawn, as long as nobody can tell: no key is used
// while one of the two sets cannot be read.
func TestNoKeyIsUsedWhileARevokedSetCannotBeRead(t *testing.T) {
	d := newDirectory(t, ssatest.Options{})
	signed, err := ssa.ParseSigned(mint(t, newSoftware(t, d), nil))
	require.NoError(t, err)
	for name, readable := range map[string]map[string]ssa.KeySet{
		"the software's":     {byOrganisation: {}},
		"the organisation's": {bySoftware: {}},
		"both":               {},
	} {
		t.Run(name, func(t *testing.T) {
			keys := softwareKeys(staticKeys(t, d), readable)
			found, err := keys.ResolveKeys(context.Background(), ssa.KeyRef{KeyID: d.KeyID()})
			require.ErrorIs(t, err, errBroken)
			require.Nil(t, found)
			all, err := keys.ResolveWithdrawn(context.Background())
			require.ErrorIs(t, err, errBroken)
			require.Equal(t, ssa.KeySet{}, all)

			err = signed.Verify(context.Background(), keys, "", []claims.Algorithm{claims.PS256})
			require.ErrorIs(t, err, ssa.ErrKeySourceUnavailable)
			require.ErrorIs(t, err, errBroken)
		})
	}
	keys := softwareKeys(staticKeys(t, d), map[string]ssa.KeySet{bySoftware: {}, byOrganisation: {}})
	require.NoError(t, signed.Verify(context.Background(), keys, "", []claims.Algorithm{claims.PS256}), "both can be read")
}

func TestWithdrawnKeysAreLeftOut(t *testing.T) {
	a, b, c, nameless := ssa.Key{ID: "a", Public: ecKey(t)}, ssa.Key{ID: "b", Public: ecKey(t)}, ssa.Key{ID: "c", Public: ecKey(t)}, ssa.Key{Public: ecKey(t)}
	published := []ssa.Key{a, b, c, nameless}
	set := func(keys ...ssa.Key) ssa.KeySet { return ssa.KeySet{Keys: keys} }
	skipped := func(ids ...string) (set ssa.KeySet) {
		for _, id := range ids {
			set.Skipped = append(set.Skipped, ssa.SkippedKey{ID: id, Reason: "it is small"})
		}
		return set
	}
	for name, test := range map[string]struct {
		software, organisation ssa.KeySet
		left                   []ssa.Key
	}{
		"by none":                          {set(), set(), published},
		"by the software's set":            {set(a), set(), []ssa.Key{b, c, nameless}},
		"by the organisation's set":        {set(), set(a), []ssa.Key{b, c, nameless}},
		"by both":                          {set(a), set(c), []ssa.Key{b, nameless}},
		"by a kid over another key":        {set(ssa.Key{ID: "a", Public: ecKey(t)}), set(), []ssa.Key{b, c, nameless}},
		"by the key under another kid":     {set(ssa.Key{ID: "z", Public: a.Public}), set(), []ssa.Key{b, c, nameless}},
		"by the key without a kid":         {set(ssa.Key{Public: a.Public}), set(), []ssa.Key{b, c, nameless}},
		"by the kid of an unusable key":    {skipped("a"), skipped("b"), []ssa.Key{c, nameless}},
		"not by another key without a kid": {set(ssa.Key{Public: ecKey(t)}), skipped(""), published},
	} {
		t.Run(name, func(t *testing.T) {
			before := slices.Clone(published)
			keys := softwareKeys(published, map[string]ssa.KeySet{bySoftware: test.software, byOrganisation: test.organisation})
			left, err := keys.ResolveKeys(context.Background(), ssa.KeyRef{})
			require.NoError(t, err)
			require.Equal(t, test.left, left)
			require.Equal(t, before, published, "the keys of a cache were changed")
			all, err := keys.ResolveWithdrawn(context.Background())
			require.NoError(t, err)
			require.Equal(t, slices.Concat(test.software.Keys, test.organisation.Keys), all.Keys)
			require.Equal(t, slices.Concat(test.software.Skipped, test.organisation.Skipped), all.Skipped)
		})
	}
}

// A withdrawn key is refused as that, and not as one that nobody has published: the
// two mean different things to whoever signed with it.
func TestASignatureWithAWithdrawnKeySaysSo(t *testing.T) {
	d := newDirectory(t, ssatest.Options{})
	signed, err := ssa.ParseSigned(mint(t, newSoftware(t, d), nil))
	require.NoError(t, err)
	for name, withdrawn := range map[string]map[string]ssa.KeySet{
		"by the software":     {bySoftware: {Keys: staticKeys(t, d)}, byOrganisation: {}},
		"by the organisation": {bySoftware: {}, byOrganisation: {Skipped: []ssa.SkippedKey{{ID: d.KeyID()}}}},
	} {
		t.Run(name, func(t *testing.T) {
			keys := softwareKeys(staticKeys(t, d), withdrawn)
			_, err := keys.ResolveKeys(context.Background(), ssa.KeyRef{KeyID: d.KeyID()})
			require.ErrorIs(t, err, ssa.ErrKeyRevoked)
			require.ErrorIs(t, err, ssa.ErrKeyNotFound)
			requireText(t, err)

			err = signed.Verify(context.Background(), keys, "", []claims.Algorithm{claims.PS256})
			requireSigned(t, err, ssa.ErrKeyRevoked, "/kid")
		})
	}
	// A kid that is neither published nor withdrawn is unknown, and nothing else.
	keys := softwareKeys([]ssa.Key{{ID: "another", Public: ecKey(t)}}, map[string]ssa.KeySet{bySoftware: {Keys: staticKeys(t, d)}, byOrganisation: {}})
	err = signed.Verify(context.Background(), keys, "", []claims.Algorithm{claims.PS256})
	requireSigned(t, err, ssa.ErrKeyNotFound, "/kid")
	require.NotErrorIs(t, err, ssa.ErrKeyRevoked)
}

// requireSigned checks the refusal of a token whose rule is the caller's to name.
func requireSigned(t *testing.T, err, kind error, pointer string) {
	t.Helper()
	var e *ssa.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, kind, e.Kind)
	require.Equal(t, pointer, e.Pointer)
	require.True(t, e.Header)
	requireText(t, err)
}

func TestATokenWithoutAKidIsRefusedBeforeAKeyIsLookedFor(t *testing.T) {
	d := newDirectory(t, ssatest.Options{})
	s := newSoftware(t, d)
	for name, kid := range map[string]any{"absent": nil, "a number": 1, "empty": ""} {
		t.Run(name, func(t *testing.T) {
			signed, err := ssa.ParseSigned(forge(t, s, ssatest.Forgery{Members: map[string]any{"kid": kid}}))
			require.NoError(t, err)
			asked := resolverFunc(func(ssa.KeyRef) ([]ssa.Key, error) {
				t.Error("a key was looked for")
				return staticKeys(t, d), nil
			})
			allowed := []claims.Algorithm{claims.PS256}
			require.ErrorIs(t, signed.Verify(context.Background(), asked, "", allowed), ssa.ErrMalformed)
			require.ErrorIs(t, signed.CheckHeader(allowed), ssa.ErrMalformed)
			if name == "absent" {
				requireSigned(t, signed.CheckHeader(allowed), ssa.ErrMalformed, "/kid")
			}
		})
	}
}

// What an anchor admits of the software's own key set it admits of the withdrawn ones.
func TestRevokedAddressesAreOnTheAnchorsHostsToo(t *testing.T) {
	d := newDirectory(t, ssatest.Options{})
	s := newSoftware(t, d)
	for _, claim := range []string{"software_jwks_revoked_endpoint", "org_jwks_revoked_endpoint"} {
		t.Run(claim, func(t *testing.T) {
			verified, err := verify(newVerifier(t, d.Anchor()), mint(t, s, map[string]any{claim: "https://elsewhere.example/revoked.jwks"}))
			require.NoError(t, err)
			keys, err := verified.SoftwareKeys(d.Resolver())
			requireRefused(t, nil, err, ssa.ErrJWKSHost, "ssa.jwks_endpoint.host")
			require.Equal(t, ssa.SoftwareKeys{}, keys)
			var e *ssa.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, "/"+claim, e.Pointer)
		})
	}
	verified, err := verify(newVerifier(t, d.Anchor()), mint(t, s, map[string]any{
		"software_jwks_revoked_endpoint": "", "org_jwks_revoked_endpoint": s.JWKSURL()}))
	require.NoError(t, err)
	keys, err := verified.SoftwareKeys(d.Resolver())
	require.NoError(t, err)
	require.Equal(t, []string{s.JWKSURL()}, keys.Revoked, "an empty address is none")
}

func TestWithoutRevocationNoKeyIsWithdrawn(t *testing.T) {
	key := ssa.Key{ID: "a", Public: ecKey(t)}
	source := ssa.WithoutRevocationUnsafe(ssa.StaticKeys(key))
	withdrawn, err := source.ResolveRevokedKeys(context.Background(), bySoftware)
	require.NoError(t, err)
	require.Equal(t, ssa.KeySet{}, withdrawn)
	found, err := ssa.SoftwareKeys{Source: source, Revoked: []string{bySoftware}}.ResolveKeys(context.Background(), ssa.KeyRef{KeyID: "a"})
	require.NoError(t, err)
	require.Equal(t, []ssa.Key{key}, found)
	_, err = ssa.SoftwareKeys{Source: source}.ResolveKeys(context.Background(), ssa.KeyRef{KeyID: "b"})
	require.ErrorIs(t, err, ssa.ErrKeyNotFound)
}
