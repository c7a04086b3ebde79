package store_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/obdcr/obdcr/internal/fulltest"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/storetest"
)

func TestMemoryKeepsTheContract(t *testing.T) {
	storetest.Run(t, storetest.Config{
		Open: func(t *testing.T) store.Store {
			return store.NewMemory(time.Now)
		},
		OpenAt: func(t *testing.T, clock func() time.Time) store.Store { return store.NewMemory(clock) },
		Wanted: storetest.All(), Rounds: fulltest.Rounds(20),
	})
}

func TestMemoryReplayKeepsTheContract(t *testing.T) {
	storetest.RunReplay(t, storetest.ReplayConfig{Rounds: fulltest.Rounds(20), Open: func(t *testing.T) (store.Replay, func(time.Duration)) {
		var now atomic.Int64
		now.Store(time.Now().UnixNano())
		m := store.NewMemoryReplay(func() time.Time { return time.Unix(0, now.Load()) })
		return m, func(d time.Duration) { now.Add(int64(d)) }
	}, OpenAt: func(t *testing.T, clock func() time.Time) store.Replay { return store.NewMemoryReplay(clock) }})
}
