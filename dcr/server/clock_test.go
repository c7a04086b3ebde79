package server_test

import (
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

// request builds a request of the software that nobody has sent.
func (w *world) request(t *testing.T, c *tpp.Client) string {
	t.Helper()
	statement, err := w.software.SSA(nil)
	require.NoError(t, err)
	request, err := c.Build(statement, tpp.RequestOptions{Audience: ssatest.DefaultAudience, AuthMethod: claims.PrivateKeyJWT, Lifetime: 5 * time.Minute})
	require.NoError(t, err)
	return request
}
