package token_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/token"
	"github.com/obdcr/obdcr/dcr/token/tokentest"
)

// issuers makes the two Issuers with one clock.
func issuers(t *testing.T, now *time.Time) map[string]token.Issuer {
	t.Helper()
	clock := func() time.Time { return *now }
	kept, err := token.NewKept(tokentest.NewMemoryKeeper(clock), clock, rand.Reader)
	require.NoError(t, err)
	return map[string]token.Issuer{"Memory": token.NewMemory(clock, rand.Reader), "Kept": kept}
}

// TestBothIssuersAnswerAlike holds a Kept to what a Memory does, from the issue of a token to
// its end.
func TestBothIssuersAnswerAlike(t *testing.T) {
	now := time.Unix(1_790_000_000, 500).UTC()
	for name, tokens := range issuers(t, &now) {
		t.Run(name, func(t *testing.T) {
			began := now
			defer func() { now = began }()
			ctx := context.Background()
			asked := token.AccessToken{ClientID: "client", CertificateSHA256: [32]byte{1, 31: 255}, Subject: "customer", Audience: []string{"a", "b"},
				Scope: []string{"openid", "accounts"}, IssuedAt: now.Add(-time.Hour), Expiry: now.Add(-time.Minute)}
			text, err := tokens.IssueToken(ctx, asked, time.Minute)
			require.NoError(t, err)
			require.Len(t, text.Reveal(), 43)
			want := asked
			want.IssuedAt = now.Truncate(time.Second)
			want.Expiry = want.IssuedAt.Add(time.Minute)
			got, err := tokens.Introspect(ctx, text)
			require.NoError(t, err)
			require.Equal(t, want, got)
			bare, err := tokens.IssueToken(ctx, token.AccessToken{ClientID: "client", CertificateSHA256: [32]byte{1}}, time.Minute)
			require.NoError(t, err)
			got, err = tokens.Introspect(ctx, bare)
			require.NoError(t, err)
			require.Equal(t, token.AccessToken{ClientID: "client", CertificateSHA256: [32]byte{1}, IssuedAt: want.IssuedAt, Expiry: want.Expiry}, got)

			for _, other := range []string{"", "x", text.Reveal() + "A", strings.ToUpper(text.Reveal()), strings.Repeat("A", 43), strings.Repeat("é", 43)} {
				_, err = tokens.Introspect(ctx, claims.NewSecret(other))
				require.ErrorIs(t, err, token.ErrInvalid, other)
				revoked, err := tokens.Revoke(ctx, token.Revocation{Token: claims.NewSecret(other)})
				require.NoError(t, err)
				require.True(t, revoked.Ended)
			}
			for i, missing := range []token.AccessToken{{CertificateSHA256: [32]byte{1}}, {ClientID: "client"}} {
				_, err = tokens.IssueToken(ctx, missing, time.Minute)
				require.Error(t, err, i)
			}
			_, err = tokens.IssueToken(ctx, asked, time.Second-1)
			require.Error(t, err)

			revoked, err := tokens.Revoke(ctx, token.Revocation{Token: bare})
			require.NoError(t, err)
			require.True(t, revoked.Ended)
			_, err = tokens.Introspect(ctx, bare)
			require.ErrorIs(t, err, token.ErrInvalid)
			now = want.Expiry.Add(-1)
			_, err = tokens.Introspect(ctx, text)
			require.NoError(t, err)
			now = want.Expiry
			_, err = tokens.Introspect(ctx, text)
			require.ErrorIs(t, err, token.ErrInvalid)
		})
	}
}

func TestBothIssuersBoundAClientAndEndItsTokensAlone(t *testing.T) {
	now := time.Unix(1_790_000_000, 0)
	for name, tokens := range issuers(t, &now) {
		t.Run(name, func(t *testing.T) {
			ctx := context.Background()
			issue := func(id string) claims.Secret {
				text, err := tokens.IssueToken(ctx, token.AccessToken{ClientID: id, CertificateSHA256: [32]byte{1}}, time.Hour)
				require.NoError(t, err)
				return text
			}
			alive := func(text claims.Secret) bool { _, err := tokens.Introspect(ctx, text); return err == nil }
			other := issue("other")
			var issued []claims.Secret
			for range token.MaxPerClient + 20 {
				issued = append(issued, issue("greedy"))
				require.True(t, alive(issued[len(issued)-1]))
			}
			kept := 0
			for _, text := range issued {
				if alive(text) {
					kept++
				}
			}
			require.Equal(t, token.MaxPerClient, kept)
			require.NoError(t, tokens.RevokeClient(ctx, "greedy"))
			for _, text := range issued {
				require.False(t, alive(text))
			}
			require.True(t, alive(other))
		})
	}
}

// TestIssuersThatShareAKeeperKnowEachOthersTokens: of two processes, and after a restart.
func TestIssuersThatShareAKeeperKnowEachOthersTokens(t *testing.T) {
	keeper, ctx := tokentest.NewMemoryKeeper(nil), context.Background()
	one, err := token.NewKept(keeper, nil, nil)
	require.NoError(t, err)
	two, err := token.NewKept(keeper, nil, nil)
	require.NoError(t, err)
	text, err := one.IssueToken(ctx, token.AccessToken{ClientID: "client", CertificateSHA256: [32]byte{1}}, time.Hour)
	require.NoError(t, err)
	got, err := two.Introspect(ctx, text)
	require.NoError(t, err)
	require.Equal(t, "client", got.ClientID)
	require.NoError(t, two.RevokeClient(ctx, "client"))
	_, err = one.Introspect(ctx, text)
	require.ErrorIs(t, err, token.ErrInvalid)
}

// TestAKeeperThatFailsIsAnOutage: no call may say that a token is invalid, or ended.
func TestAKeeperThatFailsIsAnOutage(t *testing.T) {
	keeper, ctx, outage := tokentest.NewMemoryKeeper(nil), context.Background(), errors.New("the database is away")
	kept, err := token.NewKept(keeper, nil, nil)
	require.NoError(t, err)
	asked := token.AccessToken{ClientID: "client", CertificateSHA256: [32]byte{1}}
	text, err := kept.IssueToken(ctx, asked, time.Hour)
	require.NoError(t, err)
	keeper.Fail(outage)
	_, err = kept.IssueToken(ctx, asked, time.Hour)
	require.ErrorIs(t, err, outage)
	_, err = kept.Introspect(ctx, text)
	require.ErrorIs(t, err, outage)
	require.NotErrorIs(t, err, token.ErrInvalid)
	revoked, err := kept.Revoke(ctx, token.Revocation{Token: text})
	require.ErrorIs(t, err, outage)
	require.False(t, revoked.Ended)
	require.ErrorIs(t, kept.RevokeClient(ctx, "client"), outage)
	keeper.Fail(nil)
	_, err = kept.Introspect(ctx, text)
	require.NoError(t, err)
}

// otherwise is a Keeper that returns another content than it was given.
type otherwise struct {
	*tokentest.MemoryKeeper
	content string
}

func (o otherwise) KeptToken(context.Context, [32]byte) ([]byte, error) {
	return []byte(o.content), nil
}

// TestWhatCannotBeReadIsAnOutage: another version of the program wrote it, beside this one.
func TestWhatCannotBeReadIsAnOutage(t *testing.T) {
	certificate := `"` + strings.Repeat("A", 43) + `="`
	for _, content := range []string{"", "{}", "null", "[]", `{"v":2,"client_id":"c","x5t":` + certificate + `,"exp":4000000000}`,
		`{"v":1,"x5t":` + certificate + `,"exp":4000000000}`, `{"v":1,"client_id":"c","x5t":"AA==","exp":4000000000}`, `{"v":1,"client_id":"c"`} {
		kept, err := token.NewKept(otherwise{tokentest.NewMemoryKeeper(nil), content}, nil, nil)
		require.NoError(t, err)
		_, err = kept.Introspect(context.Background(), claims.NewSecret(strings.Repeat("A", 43)))
		require.Error(t, err, content)
		require.NotErrorIs(t, err, token.ErrInvalid, content)
	}
	kept, err := token.NewKept(otherwise{tokentest.NewMemoryKeeper(nil), fmt.Sprintf(`{"v":1,"client_id":"c","x5t":%s,"exp":%d}`, certificate, time.Now().Unix()-1)}, nil, nil)
	require.NoError(t, err)
	_, err = kept.Introspect(context.Background(), claims.NewSecret(strings.Repeat("A", 43)))
	require.ErrorIs(t, err, token.ErrInvalid, "the Keeper's clock is slow")
	_, err = token.NewKept(nil, nil, nil)
	require.Error(t, err)
}

// recorded is a Keeper that remembers what it was given.
type recorded struct {
	*tokentest.MemoryKeeper
	seen []string
}

func (r *recorded) KeepToken(ctx context.Context, hash [32]byte, clientID string, content []byte, expiry time.Time, most int) error {
	r.seen = append(r.seen, string(hash[:]), clientID, string(content))
	return r.MemoryKeeper.KeepToken(ctx, hash, clientID, content, expiry, most)
}

func TestAKeeperNeverSeesAToken(t *testing.T) {
	keeper := &recorded{MemoryKeeper: tokentest.NewMemoryKeeper(nil)}
	kept, err := token.NewKept(keeper, nil, nil)
	require.NoError(t, err)
	text, err := kept.IssueToken(context.Background(), token.AccessToken{ClientID: "client", CertificateSHA256: [32]byte{1}}, time.Hour)
	require.NoError(t, err)
	require.Len(t, keeper.seen, 3)
	require.NotContains(t, strings.Join(keeper.seen, "\n"), text.Reveal())
}
