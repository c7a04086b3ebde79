package ssa_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

func TestParseBelievesNothing(t *testing.T) {
	d := newDirectory(t, ssatest.Options{})
	s := newSoftware(t, d)
	token := forge(t, s, ssatest.Forgery{Algorithm: "none", KeyID: "k", Unsigned: true})
	statement, err := ssa.Parse(token)
	require.NoError(t, err, "a lint must be able to show it")
	require.Equal(t, token, statement.Token())
	require.Equal(t, "none", statement.UnverifiedHeader().Algorithm.Or(""))
	require.Equal(t, s.SoftwareID, statement.UnverifiedClaims().SoftwareID.Or(""))
}

// The claims are those of the bytes that were verified, whatever has become of
// what was parsed before.
func TestVerifiedClaimsComeFromVerifiedBytes(t *testing.T) {
	d := newDirectory(t, ssatest.Options{})
	s := newSoftware(t, d)
	v := newVerifier(t, d.Anchor())
	statement, err := ssa.Parse(mint(t, s, nil))
	require.NoError(t, err)

	early := statement.UnverifiedClaims()
	early.SoftwareID, early.SoftwareJWKSEndpoint = claims.Some("forged"), claims.Some("https://evil.example/k")
	early.IssuedAt, early.SoftwareEnvironment = claims.Some(int64(0)), claims.Some("production")
	early.SoftwareRedirectURIs.Or(nil)[0] = "https://evil.example/cb"

	verified, err := v.Verify(context.Background(), statement)
	require.NoError(t, err)
	require.Equal(t, s.SoftwareID, verified.Claims().SoftwareID.Or(""))
	require.Equal(t, now.Unix(), verified.Claims().IssuedAt.Or(0))
	require.NotContains(t, verified.Claims().SoftwareRedirectURIs.Or(nil), "https://evil.example/cb")

	// And what a caller does to the claims does not reach the proof.
	late := verified.Claims()
	late.SoftwareJWKSEndpoint, late.SoftwareID = claims.Some("https://evil.example/k"), claims.Some("forged")
	require.Equal(t, s.SoftwareID, verified.Claims().SoftwareID.Or(""))
	address, err := verified.SoftwareJWKS()
	require.NoError(t, err)
	require.Equal(t, s.JWKSURL(), address)

	// Nor what happens to the statement.
	other, err := ssa.Parse(forge(t, s, ssatest.Forgery{Unsigned: true}))
	require.NoError(t, err)
	token := verified.Token()
	*statement = *other
	require.Equal(t, token, verified.Token())
}

// What is done to the claims and faults of a refusal does not reach the statement.
func TestARefusedStatementIsRefusedForTheSameReasonAgain(t *testing.T) {
	d := newDirectory(t, ssatest.Options{})
	s := newSoftware(t, d)
	v := newVerifier(t, d.Anchor())
	statement, err := ssa.Parse(mint(t, s, map[string]any{"org_id": 1}))
	require.NoError(t, err)
	for range 2 {
		_, err := v.Verify(context.Background(), statement)
		var e *ssa.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, "/org_id", e.Faults[0].Pointer)
		require.Equal(t, s.SoftwareID, e.Claims.SoftwareID.Or(""))
		e.Faults[0].Pointer, e.Claims.SoftwareID = "/forged", claims.Some("forged")
	}
}

// An unverified claim may point to an anchor; it does not make that anchor vouch.
func TestTheIssuerOfTheVerifiedBytesCounts(t *testing.T) {
	d := newDirectory(t, ssatest.Options{})
	s := newSoftware(t, d)
	statement, err := ssa.Parse(mint(t, s, map[string]any{"iss": "somebody else"}))
	require.NoError(t, err)
	statement.UnverifiedClaims().Issuer = claims.Some("OpenBanking Ltd")
	verified, err := newVerifier(t, d.Anchor()).Verify(context.Background(), statement)
	requireRefused(t, verified, err, ssa.ErrUnknownIssuer, "ssa.issuer.trusted")
}

func TestZeroValuesAreOfNoUse(t *testing.T) {
	d := newDirectory(t, ssatest.Options{})
	v := newVerifier(t, d.Anchor())
	for name, statement := range map[string]*ssa.Statement{"nil": nil, "zero": {}} {
		t.Run(name+" statement", func(t *testing.T) {
			verified, err := v.Verify(context.Background(), statement)
			requireRefused(t, verified, err, ssa.ErrMalformed, "ssa.jws")
		})
	}
	t.Run("zero statement says nothing", func(t *testing.T) {
		var s ssa.Statement
		require.Empty(t, s.Token())
		require.Equal(t, &claims.SSA{}, s.UnverifiedClaims())
		require.Equal(t, &claims.Header{}, s.UnverifiedHeader())
		require.Empty(t, s.Signed().Token())
	})
	t.Run("verified", func(t *testing.T) {
		var verified ssa.Verified
		require.Empty(t, verified.Environment())
		require.Empty(t, verified.Anchor())
		require.Empty(t, verified.Token())
		require.Equal(t, &claims.SSA{}, verified.Claims())
		require.Equal(t, &claims.Header{}, verified.Header())
		_, err := verified.SoftwareJWKS()
		requireRefused(t, nil, err, ssa.ErrJWKSHost, "ssa.jwks_endpoint.host")
	})
	t.Run("verifier", func(t *testing.T) {
		verified, err := verify(new(ssa.Verifier), mint(t, newSoftware(t, d), nil))
		requireRefused(t, verified, err, ssa.ErrUnknownIssuer, "ssa.issuer.trusted")
	})
	t.Run("signed", func(t *testing.T) {
		var s ssa.Signed
		require.Empty(t, s.Token())
		require.Empty(t, s.UnverifiedPayload())
		require.Empty(t, s.UnverifiedHeaderJSON())
		err := s.Verify(context.Background(), ssa.StaticKeys(), "", []claims.Algorithm{claims.PS256})
		require.ErrorIs(t, err, ssa.ErrMalformed)
	})
	t.Run("signed without a resolver", func(t *testing.T) {
		s, err := ssa.ParseSigned(mint(t, newSoftware(t, d), nil))
		require.NoError(t, err)
		err = s.Verify(context.Background(), nil, "", []claims.Algorithm{claims.PS256})
		require.ErrorIs(t, err, ssa.ErrKeySourceUnavailable)
		err = s.Verify(context.Background(), ssa.KeySet{}, "", []claims.Algorithm{claims.PS256})
		require.ErrorIs(t, err, ssa.ErrKeyNotFound)
		err = s.Verify(context.Background(), d.Anchor().Keys, "", nil)
		require.ErrorIs(t, err, ssa.ErrAlgorithm)
	})
}
