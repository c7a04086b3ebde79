package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/obdcr/obdcr/store"
	"github.com/stretchr/testify/require"
)

func TestMemoryNeedsAClock(t *testing.T) {
	_, err := store.NewMemory(nil)
	require.Error(t, err)
}

func TestMemoryForgetsReservationsWhenTheyEnd(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	m, err := store.NewMemory(func() time.Time { return now })
	require.NoError(t, err)
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
	m, err := store.NewMemory(func() time.Time { return now })
	require.NoError(t, err)
	replay, err := store.NewMemoryReplay(func() time.Time { return now })
	require.NoError(t, err)
	for i := range 1000 {
		now = now.Add(time.Second)
		r := store.Reservation{Namespace: "request", JTI: fmt.Sprint(i), Until: now.Add(10 * time.Second)}
		require.NoError(t, m.Create(t.Context(), store.Client{ID: fmt.Sprint(i)}, store.Change{Reservation: r}))
		require.NoError(t, replay.Reserve(t.Context(), r, 10*time.Second))
	}
	require.Less(t, m.Reservations(), 30)
	require.Less(t, replay.Reservations(), 30)
}
