package dcr_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr"
)

func newMemoryTokens(t *testing.T, now *time.Time) *dcr.MemoryTokens {
	t.Helper()
	tokens, err := dcr.NewMemoryTokens(func() time.Time { return *now }, rand.Reader)
	require.NoError(t, err)
	return tokens
}

func TestATokenIsWhatWasIssuedUntilItEnds(t *testing.T) {
	now := time.Unix(1_790_000_000, 500)
	tokens, ctx := newMemoryTokens(t, &now), context.Background()
	scope := []string{"accounts"}
	text, err := tokens.Issue(ctx, "client", [32]byte{1}, scope, time.Minute)
	require.NoError(t, err)
	require.Len(t, text, 43)
	scope[0] = "changed"
	got, err := tokens.Introspect(ctx, text)
	require.NoError(t, err)
	issued := time.Unix(1_790_000_000, 0).UTC()
	require.Equal(t, dcr.AccessToken{ClientID: "client", CertificateSHA256: [32]byte{1}, IssuedAt: issued, Expiry: issued.Add(time.Minute), Scope: []string{"accounts"}}, got)
	got.Scope[0] = "changed"
	got, err = tokens.Introspect(ctx, text)
	require.NoError(t, err)
	require.Equal(t, []string{"accounts"}, got.Scope)
	now = got.Expiry
	_, err = tokens.Introspect(ctx, text)
	require.ErrorIs(t, err, dcr.ErrInvalidToken)
	_, err = tokens.Introspect(ctx, "")
	require.ErrorIs(t, err, dcr.ErrInvalidToken)
}

func TestTokensAreRevokedOneByOneAndByClient(t *testing.T) {
	now := time.Unix(1_790_000_000, 0)
	tokens, ctx := newMemoryTokens(t, &now), context.Background()
	issue := func(id string) string {
		text, err := tokens.Issue(ctx, id, [32]byte{1}, nil, time.Minute)
		require.NoError(t, err)
		return text
	}
	alive := func(text string) bool { _, err := tokens.Introspect(ctx, text); return err == nil }
	a, b, c, other := issue("one"), issue("one"), issue("one"), issue("another")
	require.NoError(t, tokens.Revoke(ctx, a))
	require.NoError(t, tokens.Revoke(ctx, a))
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
	for range dcr.MaxMemoryTokens - 1 {
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
	for _, issue := range []func() (string, error){
		func() (string, error) { return tokens.Issue(ctx, "", [32]byte{1}, nil, time.Minute) },
		func() (string, error) { return tokens.Issue(ctx, "client", [32]byte{}, nil, time.Minute) },
		func() (string, error) { return tokens.Issue(ctx, "client", [32]byte{1}, nil, 0) },
	} {
		text, err := issue()
		require.Error(t, err)
		require.Empty(t, text)
	}
	_, err := dcr.NewMemoryTokens(nil, rand.Reader)
	require.Error(t, err)
	_, err = dcr.NewMemoryTokens(time.Now, nil)
	require.Error(t, err)
	dry, err := dcr.NewMemoryTokens(time.Now, bytes.NewReader([]byte(strings.Repeat("x", 31))))
	require.NoError(t, err)
	_, err = dry.Issue(ctx, "client", [32]byte{1}, nil, time.Minute)
	require.ErrorContains(t, err, "no randomness")
}
