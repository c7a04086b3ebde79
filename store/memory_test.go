package store_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/store"
)

func TestMemoryKeepsTimeByTheSystemsClockUnlessGivenAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, replay := store.NewMemory(nil), store.NewMemoryReplay(nil)
		until := store.Reservation{Namespace: "request", JTI: "1", Until: time.Now().Add(time.Hour)}
		create := func(id string) error {
			return m.Create(t.Context(), store.Client{ID: id}, store.Change{Reservation: until})
		}
		require.NoError(t, create("a"))
		require.NoError(t, replay.Reserve(t.Context(), until, time.Hour))
		time.Sleep(time.Hour - 1)
		require.ErrorIs(t, create("b"), store.ErrReplayed)
		require.ErrorIs(t, replay.Reserve(t.Context(), until, time.Hour), store.ErrReplayed)
		time.Sleep(time.Nanosecond)
		until.Until = time.Now().Add(time.Hour)
		require.NoError(t, create("b"))
		require.NoError(t, replay.Reserve(t.Context(), until, time.Hour))
	})
}

func TestMemoryForgetsReservationsWhenTheyEnd(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	m := store.NewMemory(func() time.Time { return now })
	until := now.Add(time.Hour)
	create := func(id, jti string) error {
		return m.Create(t.Context(), store.Client{ID: id}, store.Change{Reservation: store.Reservation{Namespace: "request", JTI: jti, Until: until}})
	}
	require.NoError(t, create("a", "1"))
	now = until.Add(-1)
	require.ErrorIs(t, create("b", "1"), store.ErrReplayed)
	now, until = until, until.Add(time.Hour)
	require.NoError(t, create("b", "1"))
	require.ErrorIs(t, create("c", "1"), store.ErrReplayed)
}

// TestMemoryGrowsNoFurther: reservations that have ended are forgotten as fast as
// new ones are made.
func TestMemoryGrowsNoFurther(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	m := store.NewMemory(func() time.Time { return now })
	replay := store.NewMemoryReplay(func() time.Time { return now })
	for i := range 1000 {
		now = now.Add(time.Second)
		r := store.Reservation{Namespace: "request", JTI: fmt.Sprint(i), Until: now.Add(10 * time.Second)}
		require.NoError(t, m.Create(t.Context(), store.Client{ID: fmt.Sprint(i)}, store.Change{Reservation: r}))
		require.NoError(t, replay.Reserve(t.Context(), r, 10*time.Second))
	}
	require.Less(t, m.Reservations(), 30)
	require.Less(t, replay.Reservations(), 30)
}
