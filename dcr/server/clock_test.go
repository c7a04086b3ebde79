package server_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/store"
)

// turned is a clock that somebody sets.
type turned struct{ by atomic.Int64 }

func (c *turned) set(by time.Duration) { c.by.Store(int64(by)) }

func (c *turned) now() time.Time { return time.Now().Add(time.Duration(c.by.Load())) }

// A bank whose clock is wrong refuses, whichever way the clock is off. What it refused
// meanwhile is taken as soon as the clock is mended, and what it took before is not taken
// again.
func TestABankWhoseClockIsADayOffRefusesAndForgetsNothing(t *testing.T) {
	for name, c := range map[string]struct {
		off    time.Duration
		status int
		broken []string
	}{
		"a day ahead":          {24 * time.Hour, 400, []string{"exp.past"}},
		"two hours ahead":      {2 * time.Hour, 400, []string{"exp.past"}},
		"a day behind":         {-24 * time.Hour, 400, []string{"ssa.iat.future"}},
		"two minutes behind":   {-2 * time.Minute, 400, []string{"ssa.iat.future"}},
		"half a minute behind": {-30 * time.Second, 201, nil},
	} {
		t.Run(name, func(t *testing.T) {
			clock := &turned{}
			w := newWorld(t)
			w.store = store.NewMemory(clock.now)
			w.config.Store, w.config.Clock = w.store, clock.now
			client, raw, bank := w.serve(t, w.bank(t))
			taken, waits := w.request(t, client), w.request(t, client)
			require.Equal(t, 201, post(t, raw, bank, taken).Status)

			clock.set(c.off)
			answer := post(t, raw, bank, waits)
			require.Equal(t, c.status, answer.Status, answer.Description)
			assert.Subset(t, rules(answer), c.broken)

			clock.set(0)
			again := post(t, raw, bank, taken)
			require.Equal(t, 400, again.Status)
			assert.Equal(t, []string{"request.jti.replayed"}, rules(again))
			if c.status != 201 {
				require.Equal(t, 201, post(t, raw, bank, waits).Status, "a refusal burns no jti")
			}
		})
	}
}

// request builds a request of the software that nobody has sent, of five minutes.
func (w *world) request(t *testing.T, c *tpp.Client) string {
	t.Helper()
	return w.lasting(t, c, 5*time.Minute)
}

// lasting builds one of that lifetime.
func (w *world) lasting(t *testing.T, c *tpp.Client, lifetime time.Duration) string {
	t.Helper()
	statement, err := w.software.SSA(nil)
	require.NoError(t, err)
	request, err := c.Build(statement, tpp.RequestOptions{Audience: ssatest.DefaultAudience, AuthMethod: claims.PrivateKeyJWT, Lifetime: lifetime})
	require.NoError(t, err)
	return request
}

// A store that has forgotten a jti says so: the TPP learns that nobody knows what its request
// did, how to find out, and what to sign then.
func TestARequestWhoseJTIWasForgottenIsRefusedForThat(t *testing.T) {
	clock := &turned{}
	w := newWorld(t)
	w.store = store.NewMemory(clock.now)
	w.config.Store, w.config.Clock = w.store, clock.now
	client, raw, bank := w.serve(t, w.bank(t))
	taken := w.request(t, client)
	require.Equal(t, 201, post(t, raw, bank, taken).Status)

	clock.set(2 * time.Hour)
	for i := range 60 {
		other := store.Reservation{Namespace: "request", JTI: fmt.Sprint(i), Until: clock.now().Add(time.Hour)}
		require.NoError(t, w.store.Create(t.Context(), store.Client{ID: fmt.Sprint(i)}, store.Change{Reservation: other}))
	}
	clock.set(0)
	again := post(t, raw, bank, taken)
	require.Equal(t, 400, again.Status)
	assert.Equal(t, []string{"request.jti.replayed"}, rules(again))
	for _, part := range []string{"cannot tell whether", "ask this bank for the client_id", "sign a new request with a later exp"} {
		assert.Contains(t, again.Description, part)
	}
	require.Equal(t, 201, post(t, raw, bank, w.lasting(t, client, 6*time.Minute)).Status, "it ends after all that was forgotten")
}

// So does the token endpoint, which keeps the jti of client assertions.
func TestAnAssertionWhoseJTIWasForgottenIsRefusedForThat(t *testing.T) {
	clock := &turned{}
	w := newWorld(t)
	replay := store.NewMemoryReplay(clock.now)
	w.config.Replay, w.config.Clock = replay, clock.now
	client, raw, address := w.serve(t, w.bank(t))
	made := w.register(t, client, claims.PrivateKeyJWT)
	used, _ := tries(t, w.software, made.ClientID, claims.Secret{})[claims.PrivateKeyJWT]()
	require.Equal(t, 200, ask(t, raw, address, used, "").status)

	clock.set(2 * time.Hour)
	for i := range 60 {
		other := store.Reservation{Namespace: "client assertion", JTI: fmt.Sprint(i), Until: clock.now().Add(time.Hour)}
		require.NoError(t, replay.Reserve(t.Context(), other, time.Minute))
		require.NoError(t, replay.Confirm(t.Context(), other))
	}
	clock.set(0)
	again := ask(t, raw, address, used, "")
	requireRefused(t, again, 401, "invalid_client")
	assert.Contains(t, again.body, "sign a new one with a later exp")
}

// A form of a portal is known for a day, however short requests are. A clock that is ahead
// forgets it, and the requests that end no later are refused for it once the clock is mended: for
// as long as the clock was ahead, and a day at most.
func TestAFormThatWasForgottenHoldsRequestsUpForADayAtMost(t *testing.T) {
	for name, c := range map[string]struct{ formAge, ahead, refusedFor time.Duration }{
		"two hours ahead":   {23 * time.Hour, 2 * time.Hour, time.Hour},
		"thirty days ahead": {0, 30 * 24 * time.Hour, 24 * time.Hour},
		"an hour ahead":     {12 * time.Hour, time.Hour, 0},
	} {
		t.Run(name, func(t *testing.T) {
			clock := &turned{}
			w := newWorld(t)
			w.store = store.NewMemory(clock.now)
			w.config.Store, w.config.Clock = w.store, clock.now
			client, raw, address := w.serve(t, w.bank(t))
			form := store.Reservation{Namespace: "manual", JTI: "a form", Until: clock.now().Add(24*time.Hour - c.formAge)}
			require.NoError(t, w.store.Create(t.Context(), store.Client{ID: "by hand"}, store.Change{Reservation: form}))

			clock.set(c.ahead)
			other := store.Reservation{Namespace: "request", JTI: "another", Until: clock.now().Add(time.Hour)}
			require.NoError(t, w.store.Create(t.Context(), store.Client{ID: "meanwhile"}, store.Change{Reservation: other}))
			clock.set(0)
			waits := w.lasting(t, client, 5*time.Minute)
			if c.refusedFor == 0 {
				require.Equal(t, 201, post(t, raw, address, waits).Status)
				return
			}
			answer := post(t, raw, address, waits)
			require.Equal(t, 400, answer.Status)
			require.Equal(t, []string{"request.jti.replayed"}, rules(answer))
			later := store.Reservation{Namespace: "request", JTI: "later", Until: clock.now().Add(c.refusedFor)}
			require.NoError(t, w.store.Create(t.Context(), store.Client{ID: "later"}, store.Change{Reservation: later}), "what ends after it is served")
		})
	}
}
