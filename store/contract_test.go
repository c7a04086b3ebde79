package store_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/storetest"
	"github.com/stretchr/testify/require"
)

func TestMemoryKeepsTheContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store {
		m, err := store.NewMemory(time.Now)
		require.NoError(t, err)
		return m
	}, storetest.Unfinished, storetest.Lister)
}

func TestMemoryReplayKeepsTheContract(t *testing.T) {
	storetest.RunReplay(t, func(t *testing.T) (store.Replay, func(time.Duration)) {
		var now atomic.Int64
		now.Store(time.Now().UnixNano())
		m, err := store.NewMemoryReplay(func() time.Time { return time.Unix(0, now.Load()) })
		require.NoError(t, err)
		return m, func(d time.Duration) { now.Add(int64(d)) }
	})
}

func TestMemoryReplayNeedsAClock(t *testing.T) {
	_, err := store.NewMemoryReplay(nil)
	require.Error(t, err)
}
