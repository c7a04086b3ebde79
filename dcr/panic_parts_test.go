package dcr_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/store"
)

// listless is a store whose lists panic.
type listless struct{ records }

func (listless) ListUnfinished(context.Context, time.Time, int) ([]store.Client, error) {
	panic("unfinished")
}

func (listless) ListPending(context.Context, string, int) ([]store.Client, error) { panic("pending") }

// A panic of a list reaches neither the operator's program nor the goroutine of Run.
func TestAListThatPanicsIsAFault(t *testing.T) {
	w, _ := newWorld(t, bothPending)
	b := openOffice(t, w, w.store, func(c *dcr.Config) { c.Store = listless{w.store} })
	_, err := b.Reconcile(t.Context(), 0)
	require.ErrorIs(t, err, dcr.ErrPanic)
	_, err = b.ListPending(t.Context(), "", 10)
	require.Equal(t, http.StatusInternalServerError, refusalOf(t, err).Status)
	over, stop := context.WithCancel(t.Context())
	stop()
	b.Run(over, time.Minute)
}

// wildReplay is a Replay one of whose methods panics.
type wildReplay struct {
	store.Replay
	at string
}

func (r wildReplay) Reserve(ctx context.Context, v store.Reservation, lease time.Duration) error {
	if r.at == "reserve" {
		panic(r.at)
	}
	return r.Replay.Reserve(ctx, v, lease)
}

func (r wildReplay) Confirm(ctx context.Context, v store.Reservation) error {
	if r.at != "reserve" {
		panic(r.at)
	}
	return r.Replay.Confirm(ctx, v)
}

func (r wildReplay) Release(ctx context.Context, v store.Reservation) error {
	if r.at == "release" {
		panic(r.at)
	}
	return r.Replay.Release(ctx, v)
}

// A Replay that panics before, in the midst of, and while a change is taken back leaves
// nothing half done; the sender gets 500.
func TestAReplayThatPanicsLeavesNothingHalfDone(t *testing.T) {
	for _, at := range []string{"reserve", "confirm", "release"} {
		w, _ := newWorld(t, nil)
		b := openOffice(t, w, w.store, func(c *dcr.Config) { c.Replay = wildReplay{store.NewMemoryReplay(c.Clock), at} })
		_, err := b.Register(t.Context(), dcr.RegisterInput{Token: claims.NewSecret(b.token(t, nil)), Certificate: b.certificate(t, b.software)})
		require.Equal(t, http.StatusInternalServerError, refusalOf(t, err).Status, at)
		all, err := w.store.List(t.Context(), "", 10)
		require.NoError(t, err)
		require.Empty(t, all, at)
	}
}
