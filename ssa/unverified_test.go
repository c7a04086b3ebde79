package ssa_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/rule"
	"github.com/obdcr/obdcr/ssa"
)

// The addresses in unverified claims are held to the anchor's hosts as those of a verified
// statement are.
func TestUnverifiedAddressesAreHeldToTheHostsOfTheAnchor(t *testing.T) {
	anchor := ssa.Anchor{Issuer: "A", JWKSHosts: []string{"Keys.example"}}
	c := claims.SSA{SoftwareJWKSEndpoint: claims.Some("https://keys.example/a.jwks"), OrgJWKSRevokedEndpoint: claims.Some("https://keys.example/b.jwks")}
	keys, err := anchor.UnverifiedSoftwareKeys(&c, nil)
	require.NoError(t, err)
	require.Equal(t, "https://keys.example/a.jwks", keys.Address)
	require.Equal(t, []string{"https://keys.example/b.jwks"}, keys.Revoked)
	for _, c := range []claims.SSA{
		{}, {SoftwareJWKSEndpoint: claims.Some("https://elsewhere.example/a.jwks")}, {SoftwareJWKSEndpoint: claims.Some("http://keys.example/a.jwks")},
		{SoftwareJWKSEndpoint: c.SoftwareJWKSEndpoint, SoftwareJWKSRevokedEndpoint: claims.Some("https://elsewhere.example/a.jwks")},
	} {
		keys, err := anchor.UnverifiedSoftwareKeys(&c, nil)
		require.ErrorIs(t, err, ssa.ErrJWKSHost)
		var refused *ssa.Error
		require.ErrorAs(t, err, &refused)
		require.Equal(t, rule.SSAJWKSEndpointHost, refused.Rule)
		require.Zero(t, keys)
	}
	var wrong *ssa.ConfigError
	_, err = ssa.Anchor{JWKSHosts: []string{"https://keys.example/"}}.UnverifiedSoftwareKeys(&c, nil)
	require.ErrorAs(t, err, &wrong)
}

// A set of withdrawn keys may be empty; a set of keys may not.
func TestASetOfWithdrawnKeysMayBeEmpty(t *testing.T) {
	empty := []byte(`{"keys":[]}`)
	set, err := ssa.ParseRevokedJWKS(empty)
	require.NoError(t, err)
	require.Empty(t, set.Keys)
	_, err = ssa.ParseJWKS(empty)
	require.ErrorIs(t, err, ssa.ErrMalformed)
	_, err = ssa.ParseRevokedJWKS([]byte("[]"))
	require.ErrorIs(t, err, ssa.ErrMalformed)
}

func TestTheShortNamesOfDirectoriesAreOneWordEach(t *testing.T) {
	seen := map[string]bool{}
	for _, d := range ssa.KnownDirectories() {
		require.NotEmpty(t, d.Short)
		require.False(t, seen[d.Short])
		require.Equal(t, strings.ToLower(d.Short), d.Short)
		require.NotContains(t, d.Short, " ")
		seen[d.Short] = true
	}
}
