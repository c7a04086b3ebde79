package postgres_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/obdcr/obdcr/dcr/token"
	"github.com/obdcr/obdcr/dcr/token/tokentest"
	"github.com/obdcr/obdcr/internal/fulltest"
	"github.com/obdcr/obdcr/internal/realtest"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/storetest"
)

const serializable = "&default_transaction_isolation=serializable"

func keepsTheContract(t *testing.T, h *home, rounds int) {
	t.Helper()
	open := func(t *testing.T, clock func() time.Time) store.Store {
		s := h.seat(t, clock)
		return storetest.Replicas(s.stores[0], s.stores[1])
	}
	storetest.Run(t, storetest.Config{
		Open:   func(t *testing.T) store.Store { return open(t, time.Now) },
		OpenAt: open, Wanted: storetest.All(), Rounds: rounds,
	})
	tokentest.RunKeeper(t, func(t *testing.T, clock func() time.Time) token.Keeper { return h.seat(t, clock) })
	storetest.RunReplay(t, storetest.ReplayConfig{
		Open: func(t *testing.T) (store.Replay, func(time.Duration)) {
			var passed atomic.Int64
			start := time.Now()
			clock := func() time.Time { return start.Add(time.Duration(passed.Load())) }
			return h.seat(t, clock), func(d time.Duration) { passed.Add(int64(d)) }
		},
		OpenAt: func(t *testing.T, clock func() time.Time) store.Replay { return h.seat(t, clock) },
		Rounds: rounds,
	})
}

func TestTwoStoresOnOneDatabaseKeepTheContract(t *testing.T) {
	t.Parallel()
	if h, ok := homeOf(t, ""); ok {
		keepsTheContract(t, h, fulltest.Rounds(2))
	}
}

func TestTheContractHoldsAtSerializable(t *testing.T) {
	if !realtest.Long(t) {
		return
	}
	if h, ok := homeOf(t, serializable); ok {
		keepsTheContract(t, h, fulltest.Rounds(1))
	}
}

func TestTheContractHoldsBehindAPooler(t *testing.T) {
	if !realtest.Long(t) {
		return
	}
	h, ok := homeOf(t, "")
	if !ok {
		return
	}
	pooler, ok := realtest.StartPgBouncer(t, h.server, "transaction")
	if !ok {
		return
	}
	h.dsn = func(database string) string { return pooler.DSN(database) + "&pooler=transaction" }
	keepsTheContract(t, h, fulltest.Rounds(1))
}
