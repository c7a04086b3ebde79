package ssa_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

func TestAStatementThatWasVerifiedOnceIsReadAgainThoughItIsOld(t *testing.T) {
	now := time.Unix(1_790_000_000, 0)
	clock := func() time.Time { return now }
	directory, err := ssatest.New(ssatest.Options{Clock: clock})
	require.NoError(t, err)
	t.Cleanup(directory.Close)
	software, err := directory.NewSoftware(ssatest.SoftwareOptions{})
	require.NoError(t, err)
	verifier := func(change func(*ssa.Anchor)) *ssa.Verifier {
		anchor := directory.Anchor()
		change(&anchor)
		v, err := ssa.NewVerifier(ssa.VerifierConfig{Anchors: []ssa.Anchor{anchor}, Clock: clock})
		require.NoError(t, err)
		return v
	}
	same := verifier(func(*ssa.Anchor) {})
	token, err := software.SSA(nil)
	require.NoError(t, err)
	parsed, err := ssa.Parse(token)
	require.NoError(t, err)
	verified, err := same.Verify(context.Background(), parsed)
	require.NoError(t, err)

	now = now.Add(1000 * time.Hour)
	again, err := same.RereadUnsafe(token, claims.Sandbox)
	require.NoError(t, err)
	require.Equal(t, verified, again)

	named, err := verifier(func(a *ssa.Anchor) { a.ClaimNames = map[string]string{"org_id": "org_name"} }).RereadUnsafe(token, claims.Sandbox)
	require.NoError(t, err)
	require.Equal(t, "Test Organisation", named.Claims().OrgID.Or(""), "in the names of the anchor")

	for name, c := range map[string]struct {
		v     *ssa.Verifier
		token string
		env   claims.Environment
		kind  error
	}{
		"another environment":            {same, token, claims.Production, ssa.ErrUnknownIssuer},
		"an anchor that is gone":         {verifier(func(a *ssa.Anchor) { a.Issuer = "Another Ltd" }), token, claims.Sandbox, ssa.ErrUnknownIssuer},
		"keys at a host that is no more": {verifier(func(a *ssa.Anchor) { a.JWKSHosts = nil }), token, claims.Sandbox, ssa.ErrJWKSHost},
		"what is no statement":           {same, "hello", claims.Sandbox, ssa.ErrMalformed},
	} {
		found, err := c.v.RereadUnsafe(c.token, c.env)
		require.ErrorIs(t, err, c.kind, name)
		require.Nil(t, found, name)
	}
}

// A stored statement does not say which anchor verified it. So two anchors that could read
// it in two ways do not stand together.
func TestAnchorsOfOneIssuerAndEnvironmentReadStatementsInOneWay(t *testing.T) {
	directory, err := ssatest.New(ssatest.Options{})
	require.NoError(t, err)
	t.Cleanup(directory.Close)
	names := map[string]string{"software_jwks_endpoint": "software_jwks_uri"}
	for name, c := range map[string]struct {
		change func(second *ssa.Anchor)
		good   bool
	}{
		"the same names":         {func(a *ssa.Anchor) { a.ClaimNames = map[string]string{"software_jwks_endpoint": "software_jwks_uri"} }, true},
		"no names":               {func(a *ssa.Anchor) { a.ClaimNames = nil }, false},
		"other names":            {func(a *ssa.Anchor) { a.ClaimNames = map[string]string{"software_jwks_endpoint": "jwks_uri"} }, false},
		"another environment":    {func(a *ssa.Anchor) { a.ClaimNames, a.Environment = nil, claims.Production }, true},
		"another issuer":         {func(a *ssa.Anchor) { a.ClaimNames, a.Issuer = nil, "Another Ltd" }, true},
		"other names of another": {func(a *ssa.Anchor) { a.ClaimNames, a.Name = map[string]string{"org_id": "id"}, "by another name" }, false},
	} {
		first := directory.Anchor()
		first.ClaimNames = names
		second := first
		c.change(&second)
		_, err := ssa.NewVerifier(ssa.VerifierConfig{Anchors: []ssa.Anchor{first, second}})
		if c.good {
			require.NoError(t, err, name)
			continue
		}
		var config *ssa.ConfigError
		require.ErrorAs(t, err, &config, name)
		require.ErrorContains(t, err, "ClaimNames", name)
		requireText(t, err)
	}
}
