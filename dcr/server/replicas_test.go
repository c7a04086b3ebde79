package server_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/token"
	"github.com/obdcr/obdcr/dcr/token/tokentest"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/store"
)

// keepingStore is a store that keeps tokens and jti too, as one of a database does.
type keepingStore struct {
	*store.Memory
	*tokentest.MemoryKeeper
	*store.MemoryReplay
}

// replicas serves two banks over one store that keeps everything.
func (w *world) replicas(t *testing.T) (kept *keepingStore, one, two *tpp.Client, addresses []string, transport *http.Client) {
	t.Helper()
	kept = &keepingStore{w.store, tokentest.NewMemoryKeeper(nil), store.NewMemoryReplay(nil)}
	w.config.Store = kept
	one, transport, first := w.serve(t, w.bank(t))
	two, _, second := w.serve(t, w.bank(t))
	return kept, one, two, []string{first, second}, transport
}

func TestReplicasKnowEachOthersTokens(t *testing.T) {
	w := newWorld(t)
	_, one, two, _, _ := w.replicas(t)
	made := w.register(t, one, claims.PrivateKeyJWT)
	access, err := two.AccessToken(t.Context(), made.Credentials())
	require.NoError(t, err)
	for _, client := range []*tpp.Client{one, two} {
		_, err = client.Get(t.Context(), made.ClientID, access)
		require.NoError(t, err)
	}
	again, _, _ := w.serve(t, w.bank(t)) // a restart ends no token
	_, err = again.Get(t.Context(), made.ClientID, access)
	require.NoError(t, err)
	require.NoError(t, one.Delete(t.Context(), made.ClientID, access))
	_, err = two.Get(t.Context(), made.ClientID, access)
	var refused *tpp.ResponseError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, http.StatusUnauthorized, refused.Status)
}

// assertionOf makes a client assertion of the world's software.
func (w *world) assertionOf(t *testing.T, id string) url.Values {
	t.Helper()
	form, _ := tries(t, w.software, id, claims.Secret{})[claims.PrivateKeyJWT]()
	return form
}

func TestReplicasTakeAClientAssertionOnce(t *testing.T) {
	w := newWorld(t)
	_, one, _, addresses, transport := w.replicas(t)
	made := w.register(t, one, claims.PrivateKeyJWT)
	form := w.assertionOf(t, made.ClientID)
	require.Equal(t, http.StatusOK, ask(t, transport, addresses[0], form, "").status)
	for _, at := range addresses {
		requireRefused(t, ask(t, transport, at, form, ""), http.StatusUnauthorized, "invalid_client")
	}
	w.config.Replay = store.NewMemoryReplay(nil) // which Config names comes before the Store
	_, _, another := w.serve(t, w.bank(t))
	require.Equal(t, http.StatusOK, ask(t, transport, another, form, "").status)
}

func TestAStoreThatCannotKeepTokensNowIsAnOutage(t *testing.T) {
	w := newWorld(t)
	kept, client, _, addresses, transport := w.replicas(t)
	made := w.register(t, client, claims.PrivateKeyJWT)
	access, err := client.AccessToken(t.Context(), made.Credentials())
	require.NoError(t, err)
	kept.Fail(errors.New("the database is away"))
	requireRefused(t, ask(t, transport, addresses[0], w.assertionOf(t, made.ClientID), ""), http.StatusServiceUnavailable, "temporarily_unavailable")
	var refused *tpp.ResponseError
	_, err = client.Get(t.Context(), made.ClientID, access)
	require.ErrorAs(t, err, &refused)
	require.Equal(t, http.StatusServiceUnavailable, refused.Status)
	kept.Fail(nil)
	_, err = client.Get(t.Context(), made.ClientID, access)
	require.NoError(t, err)
}

// awayReplay is a store.Replay that cannot answer.
type awayReplay struct {
	*store.Memory
	*tokentest.MemoryKeeper
}

var errAway = errors.New("the database is away")

func (awayReplay) Reserve(context.Context, store.Reservation, time.Duration) error { return errAway }
func (awayReplay) Confirm(context.Context, store.Reservation) error                { return errAway }
func (awayReplay) Release(context.Context, store.Reservation) error                { return errAway }

func TestAStoreThatCannotKeepAssertionsNowIsAnOutage(t *testing.T) {
	w := newWorld(t)
	w.config.Store = awayReplay{w.store, tokentest.NewMemoryKeeper(nil)}
	client, transport, address := w.serve(t, w.bank(t))
	made := w.register(t, client, claims.PrivateKeyJWT)
	requireRefused(t, ask(t, transport, address, w.assertionOf(t, made.ClientID), ""), http.StatusServiceUnavailable, "temporarily_unavailable")
}

var (
	_ token.Keeper = (*keepingStore)(nil)
	_ store.Replay = (*keepingStore)(nil)
)
