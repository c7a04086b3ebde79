package store_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/store"
)

// TestNoJTIIsConfirmedTwiceWhereverTheClockGoes: holders reserve, confirm and release in any
// order while the clock goes ahead and back. No Confirm succeeds that ends no later than an
// earlier one of its jti.
func TestNoJTIIsConfirmedTwiceWhereverTheClockGoes(t *testing.T) {
	seed := rand.Uint64()
	t.Log("seed", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	turns := []time.Duration{time.Second, time.Minute, time.Hour, 24 * time.Hour}
	for range 300 {
		now := time.Unix(1_800_000_000, 0)
		replay := store.NewMemoryReplay(func() time.Time { return now })
		confirmed := map[string]time.Time{}
		var known []store.Reservation // some holder has each of them
		for step := range 200 {
			if len(known) == 0 || random.IntN(4) == 0 {
				known = append(known, store.Reservation{Namespace: "request", JTI: fmt.Sprint(random.IntN(3)), Until: now.Add(turns[random.IntN(len(turns))])})
			}
			r := known[random.IntN(len(known))]
			switch random.IntN(8) {
			case 0, 1:
				now = now.Add(turns[random.IntN(len(turns))] * time.Duration(random.IntN(3)-1))
			case 2:
				require.NoError(t, replay.Release(t.Context(), r))
			case 3, 4:
				if replay.Confirm(t.Context(), r) == nil {
					require.True(t, r.Until.After(confirmed[r.JTI]), "step %d: jti %s", step, r.JTI)
					confirmed[r.JTI] = r.Until
				}
			default:
				if err := replay.Reserve(t.Context(), r, time.Minute); err != nil {
					require.ErrorIs(t, err, store.ErrReplayed)
				}
			}
		}
	}
}
