package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/store"
)

// brokenReplay is a store.Replay that is broken in one way.
type brokenReplay struct {
	store.Replay
	fault string
}

func (r brokenReplay) Reserve(ctx context.Context, reservation store.Reservation, lease time.Duration) error {
	err := r.Replay.Reserve(ctx, reservation, lease)
	switch {
	case r.fault == "tells no lease from what is confirmed" && errors.Is(err, store.ErrUnderWay):
		return fmt.Errorf("%w, however", store.ErrReplayed)
	case r.fault == "calls what is confirmed under way" && errors.Is(err, store.ErrReplayed):
		return store.ErrUnderWay
	case r.fault == "holds without end" && err == nil && lease > 0:
		return errors.Join(r.Release(ctx, reservation), r.Replay.Reserve(ctx, reservation, time.Hour))
	case r.fault == "holds nothing" && err == nil:
		return r.Release(ctx, reservation)
	}
	return err
}

func (r brokenReplay) Confirm(ctx context.Context, reservation store.Reservation) error {
	err := r.Replay.Confirm(ctx, reservation)
	if r.fault == "confirms all" && errors.Is(err, store.ErrReplayed) {
		return nil
	}
	return err
}

func (r brokenReplay) Release(ctx context.Context, reservation store.Reservation) error {
	if r.fault == "releases nothing" {
		return ctx.Err()
	}
	return r.Replay.Release(ctx, reservation)
}

// TestABrokenReplayIsFound: each fault is found, by the case that is about it.
func TestABrokenReplayIsFound(t *testing.T) {
	all := replayCases()
	const twoAnswers = "a jti that a lease holds is ErrUnderWay, and one that is confirmed is not"
	for _, c := range [][2]string{ // fault and case
		{"tells no lease from what is confirmed", twoAnswers},
		{"calls what is confirmed under way", twoAnswers},
		{"calls what is confirmed under way", "a confirmed jti stays until the end of its reservation"},
		{"holds nothing", "a jti is held once"},
		{"holds without end", "a lease ends by itself"},
		{"confirms all", "a lease that has ended is not confirmed"},
		{"confirms all", "a jti that nobody holds is not confirmed"},
		{"confirms all", "a jti is confirmed once"},
		{"releases nothing", "a released jti is free"},
	} {
		fault, name := c[0], c[1]
		t.Run(fault+": "+name, func(t *testing.T) {
			i := slices.IndexFunc(all, func(c replayCase) bool { return c.name == name })
			require.GreaterOrEqual(t, i, 0, "there is no case %q", name)
			var now atomic.Int64
			memory := store.NewMemoryReplay(func() time.Time { return time.Unix(0, now.Load()) })
			pass := func(d time.Duration) { now.Add(int64(d)) }
			assert.Error(t, all[i].run(t.Context(), brokenReplay{memory, fault}, pass, 1))
		})
	}
}
