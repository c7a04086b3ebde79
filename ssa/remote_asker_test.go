package ssa_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/ssa"
)

func TestAStrangerCannotUseUpTheRefetchOfASoftware(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{says: good("a").cached("max-age=86400")}
		keys := remote(t, s)
		require.NoError(t, own(keys, "a", "tpp"))
		began := time.Now()
		requireUnknown(t, own(keys, "x", "stranger"), began, began.Add(30*time.Second))
		time.Sleep(time.Second)
		requireUnknown(t, own(keys, "y", "stranger"), began, began.Add(30*time.Second))
		require.Equal(t, 2, s.fetches())
		s.say(good("a", "b").cached("max-age=86400"))
		require.NoError(t, own(keys, "b", "tpp"), "the TPP has its own refetch")
		require.Equal(t, 3, s.fetches())

		// All together have eight within an interval.
		for i := range 6 {
			time.Sleep(time.Second)
			require.ErrorIs(t, own(keys, "z", fmt.Sprint("stranger ", i)), ssa.ErrKeyNotFound)
		}
		require.Equal(t, 9, s.fetches())
		readAt := time.Now()
		time.Sleep(time.Second)
		requireUnknown(t, own(keys, "z", "one more"), readAt, began.Add(30*time.Second))
		requireUnknown(t, own(keys, "z", "tpp"), readAt, began.Add(31*time.Second))
		require.Equal(t, 9, s.fetches())
		time.Sleep(time.Until(began.Add(30 * time.Second)))
		require.ErrorIs(t, own(keys, "z", "one more"), ssa.ErrKeyNotFound)
		require.Equal(t, 10, s.fetches(), "the first one counts no more")
	})
}

func TestTheReadsOfAnAddressForUnknownKidsMayBeLowered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{says: good("a").cached("max-age=86400")}
		keys := remote(t, s, func(c *ssa.RemoteConfig) { c.Limits.MaxUnknownReads = 1 })
		require.NoError(t, own(keys, "a", "tpp"))
		began := time.Now()
		for _, asker := range []string{"one", "another", ""} {
			requireUnknown(t, own(keys, "x", asker), began, began.Add(30*time.Second))
		}
		require.Equal(t, 2, s.fetches())
	})
}
