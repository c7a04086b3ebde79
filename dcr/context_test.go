package dcr_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/token"
	"github.com/obdcr/obdcr/store"
)

// contexts are the contexts that the bank's own systems were called with, by call.
type contexts struct {
	mu     sync.Mutex
	called map[string][]context.Context
}

func (c *contexts) keep(call string, ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.called[call] = append(c.called[call], ctx)
}

// keepingServer is an authorization server that remembers its contexts.
type keepingServer struct {
	*authorizationServer
	*contexts
}

func (k keepingServer) Provision(ctx context.Context, p dcr.Provisioning) (dcr.Provisioned, error) {
	k.keep("Provision", ctx)
	return k.authorizationServer.Provision(ctx, p)
}

func (k keepingServer) Deprovision(ctx context.Context, d dcr.Deprovisioning) error {
	k.keep("Deprovision", ctx)
	return k.authorizationServer.Deprovision(ctx, d)
}

// keepingTokens is a token.Tokens that remembers its contexts.
type keepingTokens struct {
	*token.Memory
	*contexts
}

func (k keepingTokens) Revoke(ctx context.Context, r token.Revocation) (token.Revoked, error) {
	k.keep("Revoke", ctx)
	return k.Memory.Revoke(ctx, r)
}

func (k keepingTokens) RevokeClient(ctx context.Context, id string) error {
	k.keep("RevokeClient", ctx)
	return k.Memory.RevokeClient(ctx, id)
}

// keepingReplay is a Replay that remembers its contexts.
type keepingReplay struct {
	store.Replay
	*contexts
}

func (k keepingReplay) Release(ctx context.Context, r store.Reservation) error {
	k.keep("Release", ctx)
	return k.Replay.Release(ctx, r)
}

// TestNoContextOutlivesItsChange: each is cancelled with the call that it was made for,
// and holds no timer for the half minute that the call might have taken.
func TestNoContextOutlivesItsChange(t *testing.T) {
	ctx := context.Background()
	w, _ := newWorld(t, nil)
	kept := &contexts{called: map[string][]context.Context{}}
	server := newAuthorizationServer()
	b := openOffice(t, w, w.store, func(c *dcr.Config) {
		c.Tokens = keepingTokens{c.Tokens.(*token.Memory), kept}
		c.Provisioner = keepingServer{server, kept}
		c.Replay = keepingReplay{store.NewMemoryReplay(c.Clock), kept}
		c.Hooks.Done = func(ctx context.Context, _ dcr.Change) { kept.keep("Done", ctx) }
	})
	id := b.enrol(t, nil).Client.ID
	server.fail = func(verb string) error {
		if verb == "provision" {
			return errOut
		}
		return nil
	}
	_, refusal := b.register(t, b.Registrar, b.token(t, nil))
	require.NotNil(t, refusal, "it is taken back")
	server.fail = func(string) error { return nil }
	_, err := b.Get(ctx, "another", b.caller(t, id))
	require.Error(t, err, "the token is revoked")
	require.NoError(t, b.records.Create(ctx, store.Client{ID: "stuck", State: store.Creating, Since: w.now.Add(-time.Hour)}, store.Change{}))
	_, err = b.Reconcile(ctx, time.Minute)
	require.NoError(t, err)
	require.NoError(t, b.Delete(ctx, id, b.caller(t, id)))

	plain := openOffice(t, w, w.store, func(c *dcr.Config) {
		c.Store, c.Tokens = plainStore{c.Store}, keepingTokens{c.Tokens.(*token.Memory), kept}
	})
	id = plain.enrol(t, nil).Client.ID
	require.NoError(t, plain.Delete(ctx, id, plain.caller(t, id)))

	for _, call := range []string{"Provision", "Deprovision", "Revoke", "RevokeClient", "Release", "Done"} {
		require.NotEmpty(t, kept.called[call], call)
		for _, of := range kept.called[call] {
			require.ErrorIs(t, of.Err(), context.Canceled, call)
		}
	}
}
