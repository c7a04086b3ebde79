package token_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
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
	before := time.Now()
	one, err := tokens.Issue(ctx, "client", [32]byte{1}, nil, time.Minute)
	require.NoError(t, err)
	two, err := tokens.Issue(ctx, "client", [32]byte{1}, nil, time.Minute)
	require.NoError(t, err)
	require.False(t, one.Equal(two))
	got, err := tokens.Introspect(ctx, one)
	require.NoError(t, err)
	require.WithinRange(t, got.IssuedAt, before.Truncate(time.Second), time.Now())
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

// TestAGreedyClientLosesItsOwnOldestTokensAlone: others go on, and what the client keeps are
// its newest tokens.
func TestAGreedyClientLosesItsOwnOldestTokensAlone(t *testing.T) {
	now := time.Unix(1_790_000_000, 0)
	tokens, ctx := newMemoryTokens(t, &now), context.Background()
	alive := func(text claims.Secret) bool { _, err := tokens.Introspect(ctx, text); return err == nil }
	other, err := tokens.Issue(ctx, "other", [32]byte{1}, nil, time.Hour)
	require.NoError(t, err)
	issued := make([]claims.Secret, 3*token.MaxPerClient)
	for i := range issued {
		issued[i], err = tokens.Issue(ctx, "greedy", [32]byte{1}, nil, time.Duration(len(issued)-i)*time.Minute) // the newest one expires first
		require.NoError(t, err)
		require.True(t, alive(issued[i]))
	}
	for i, text := range issued {
		require.Equal(t, i >= len(issued)-token.MaxPerClient, alive(text), "%d", i)
	}
	require.True(t, alive(other))
	require.NoError(t, tokens.RevokeClient(ctx, "greedy"))
	for _, text := range issued {
		require.False(t, alive(text))
	}
	require.True(t, alive(other))
}

// TestEndedTokensMakeRoomForAClient: a token that has expired or was revoked does not count.
func TestEndedTokensMakeRoomForAClient(t *testing.T) {
	now := time.Unix(1_790_000_000, 0)
	tokens, ctx := newMemoryTokens(t, &now), context.Background()
	issue := func(life time.Duration) claims.Secret {
		text, err := tokens.Issue(ctx, "client", [32]byte{1}, nil, life)
		require.NoError(t, err)
		return text
	}
	alive := func(text claims.Secret) bool { _, err := tokens.Introspect(ctx, text); return err == nil }
	oldest := issue(time.Hour)
	for range token.MaxPerClient - 2 {
		issue(time.Minute)
	}
	_, err := tokens.Revoke(ctx, token.Revocation{Token: issue(time.Hour)})
	require.NoError(t, err)
	second := issue(time.Hour)
	require.True(t, alive(oldest))
	now = now.Add(time.Minute)
	for range token.MaxPerClient - 2 {
		issue(time.Hour)
	}
	require.True(t, alive(oldest))
	issue(time.Hour)
	require.Equal(t, []bool{false, true}, []bool{alive(oldest), alive(second)})
}

// TestAFullMemoryTakesFromAClientThatHoldsMost: many clients fill it, and each one that comes
// later gets its token. A client with fewer tokens than others loses none.
func TestAFullMemoryTakesFromAClientThatHoldsMost(t *testing.T) {
	now := time.Unix(1_790_000_000, 0)
	tokens, ctx := newMemoryTokens(t, &now), context.Background()
	held := map[string][]claims.Secret{}
	issue := func(id string) {
		text, err := tokens.Issue(ctx, id, [32]byte{1}, nil, time.Hour)
		require.NoError(t, err)
		held[id] = append(held[id], text)
	}
	all := func() (alive int, lost map[string]int) {
		lost = map[string]int{}
		for id, texts := range held {
			for _, text := range texts {
				if _, err := tokens.Introspect(ctx, text); err != nil {
					lost[id]++
				} else {
					alive++
				}
			}
		}
		return alive, lost
	}
	for range token.MaxPerClient {
		for i := range token.MaxInMemory/token.MaxPerClient - 1 {
			issue("greedy" + strconv.Itoa(i))
		}
	}
	for i := range token.MaxPerClient {
		issue("small" + strconv.Itoa(i/2))
	}
	alive, lost := all()
	require.Equal(t, token.MaxInMemory, alive)
	require.Empty(t, lost)
	for i := range 300 {
		issue("late" + strconv.Itoa(i))
	}
	alive, lost = all()
	require.Equal(t, token.MaxInMemory, alive)
	n := 0
	for id, count := range lost {
		require.True(t, strings.HasPrefix(id, "greedy"), id)
		n += count
	}
	require.Equal(t, 300, n)
}

func TestManyIssueAndRevokeAtOnce(t *testing.T) {
	tokens, ctx := token.NewMemory(nil, nil), context.Background()
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			id := strconv.Itoa(i % 2)
			for n := range 3 * token.MaxPerClient {
				text, err := tokens.Issue(ctx, id, [32]byte{1}, nil, time.Hour)
				assert.NoError(t, err)
				switch n % 7 {
				case 0:
					assert.NoError(t, tokens.RevokeClient(ctx, id))
				case 1:
					_, err = tokens.Revoke(ctx, token.Revocation{Token: text})
					assert.NoError(t, err)
				}
				_, _ = tokens.Introspect(ctx, text)
			}
		})
	}
	all.Wait()
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

// BenchmarkIssue issues to a client that holds few tokens, to one that holds as many as it may,
// and where all the room is used.
func BenchmarkIssue(b *testing.B) {
	ctx := context.Background()
	for name, held := range map[string]int{"empty": 0, "full": token.MaxInMemory} {
		for _, greedy := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s/greedy=%t", name, greedy), func(b *testing.B) {
				tokens := token.NewMemory(nil, nil)
				for i := range held {
					_, err := tokens.Issue(ctx, "client"+strconv.Itoa(i/token.MaxPerClient), [32]byte{1}, nil, time.Hour)
					require.NoError(b, err)
				}
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					id := "greedy"
					if !greedy {
						id = "other" + strconv.Itoa(i)
					}
					_, err := tokens.Issue(ctx, id, [32]byte{1}, nil, time.Hour)
					require.NoError(b, err)
				}
			})
		}
	}
}
