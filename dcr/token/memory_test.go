package token_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/token"
)

func newMemoryTokens(t *testing.T, now *time.Time) *token.Memory {
	t.Helper()
	tokens := token.NewMemory(func() time.Time { return *now }, rand.Reader)
	return tokens
}

func TestATokenIsWhatWasIssuedUntilItEnds(t *testing.T) {
	now := time.Unix(1_790_000_000, 500)
	tokens, ctx := newMemoryTokens(t, &now), context.Background()
	scope := []string{"accounts"}
	text, err := tokens.Issue(ctx, "client", [32]byte{1}, scope, time.Minute)
	require.NoError(t, err)
	require.Len(t, text.Reveal(), 43)
	scope[0] = "changed"
	got, err := tokens.Introspect(ctx, text)
	require.NoError(t, err)
	issued := time.Unix(1_790_000_000, 0).UTC()
	require.Equal(t, token.AccessToken{ClientID: "client", CertificateSHA256: [32]byte{1}, IssuedAt: issued, Expiry: issued.Add(time.Minute), Scope: []string{"accounts"}}, got)
	got.Scope[0] = "changed"
	got, err = tokens.Introspect(ctx, text)
	require.NoError(t, err)
	require.Equal(t, []string{"accounts"}, got.Scope)
	now = got.Expiry
	_, err = tokens.Introspect(ctx, text)
	require.ErrorIs(t, err, token.ErrInvalid)
	_, err = tokens.Introspect(ctx, claims.Secret{})
	require.ErrorIs(t, err, token.ErrInvalid)
}

func TestATokenHasTheSubjectAndTheAudienceItWasIssuedWith(t *testing.T) {
	now := time.Unix(1_790_000_000, 0).UTC()
	tokens, ctx := newMemoryTokens(t, &now), context.Background()
	want := token.AccessToken{ClientID: "client", CertificateSHA256: [32]byte{1}, Subject: "customer", Audience: []string{"a", "b"}, Scope: []string{"c"},
		IssuedAt: now.Add(-time.Hour), Expiry: now.Add(-time.Minute)}
	text, err := tokens.IssueToken(ctx, want, time.Minute)
	require.NoError(t, err)
	want.IssuedAt, want.Expiry = now, now.Add(time.Minute)
	for range 2 {
		got, err := tokens.Introspect(ctx, text)
		require.NoError(t, err)
		require.Equal(t, want, got)
		got.Audience[0] = "changed"
	}
}

func TestAMemoryNeedsNeitherAClockNorRandomness(t *testing.T) {
	tokens, ctx := token.NewMemory(nil, nil), context.Background()
	one, err := tokens.Issue(ctx, "client", [32]byte{1}, nil, time.Minute)
	require.NoError(t, err)
	two, err := tokens.Issue(ctx, "client", [32]byte{1}, nil, time.Minute)
	require.NoError(t, err)
	require.False(t, one.Equal(two))
	got, err := tokens.Introspect(ctx, one)
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), got.IssuedAt, 2*time.Second)
}

func TestTokensAreRevokedOneByOneAndByClient(t *testing.T) {
	now := time.Unix(1_790_000_000, 0)
	tokens, ctx := newMemoryTokens(t, &now), context.Background()
	issue := func(id string) claims.Secret {
		text, err := tokens.Issue(ctx, id, [32]byte{1}, nil, time.Minute)
		require.NoError(t, err)
		return text
	}
	alive := func(text claims.Secret) bool { _, err := tokens.Introspect(ctx, text); return err == nil }
	a, b, c, other := issue("one"), issue("one"), issue("one"), issue("another")
	for range 2 {
		revoked, err := tokens.Revoke(ctx, token.Revocation{Token: a})
		require.NoError(t, err)
		require.True(t, revoked.Ended)
	}
	require.Equal(t, []bool{false, true, true, true}, []bool{alive(a), alive(b), alive(c), alive(other)})
	require.NoError(t, tokens.RevokeClient(ctx, "one"))
	require.NoError(t, tokens.RevokeClient(ctx, "nobody"))
	require.Equal(t, []bool{false, false, false, true}, []bool{alive(a), alive(b), alive(c), alive(other)})
}

func TestTheNumberOfTokensIsBoundedAndEndedOnesMakeRoom(t *testing.T) {
	now := time.Unix(1_790_000_000, 0)
	tokens, ctx := newMemoryTokens(t, &now), context.Background()
	issue := func(life time.Duration) error {
		_, err := tokens.Issue(ctx, "client", [32]byte{1}, nil, life)
		return err
	}
	for range token.MaxInMemory - 1 {
		require.NoError(t, issue(time.Hour))
	}
	require.NoError(t, issue(time.Second))
	require.Error(t, issue(time.Second))
	now = now.Add(time.Second)
	require.NoError(t, issue(time.Hour))
	require.Error(t, issue(time.Hour))
}

func TestATokenBoundToNothingIsNotIssued(t *testing.T) {
	now := time.Unix(1_790_000_000, 0)
	tokens, ctx := newMemoryTokens(t, &now), context.Background()
	for _, issue := range []func() (claims.Secret, error){
		func() (claims.Secret, error) { return tokens.Issue(ctx, "", [32]byte{1}, nil, time.Minute) },
		func() (claims.Secret, error) { return tokens.Issue(ctx, "client", [32]byte{}, nil, time.Minute) },
		func() (claims.Secret, error) { return tokens.Issue(ctx, "client", [32]byte{1}, nil, 0) },
	} {
		text, err := issue()
		require.Error(t, err)
		require.True(t, text.IsZero())
	}
	dry := token.NewMemory(time.Now, bytes.NewReader([]byte(strings.Repeat("x", 31))))
	_, err := dry.Issue(ctx, "client", [32]byte{1}, nil, time.Minute)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}
