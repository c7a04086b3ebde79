package postgres_test

import (
	"context"
	"maps"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/obdcr/obdcr/internal/agree"
	"github.com/obdcr/obdcr/internal/fulltest"
)

// TestBothStoresAgree asks the store in memory and the one in PostgreSQL the same things in
// any order: they give the same answers and hold the same records, however PostgreSQL plans.
func TestBothStoresAgree(t *testing.T) {
	t.Parallel()
	h, ok := homeOf(t, "")
	if !ok {
		return
	}
	agree.Checks(t, fulltest.Rounds(10))
	var clock atomic.Pointer[func() time.Time]
	dsn := h.dsn(h.server.Database(t))
	planned := map[string]agree.Store{}
	for plan, options := range plans {
		// What forgets beside a change would go by the clock of the next step.
		planned[plan] = swept{openAt(t, dsn+options, func() time.Time { return (*clock.Load())() })}
	}
	broom, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	defer func() { require.NoError(t, broom.Close(context.Background())) }()
	rapid.Check(t, func(t *rapid.T) {
		require.NoError(t, emptied(broom))
		s := planned[rapid.SampledFrom(slices.Sorted(maps.Keys(planned))).Draw(t, "plan")]
		agree.WithMemory(t, func(now func() time.Time) agree.Store {
			clock.Store(&now)
			return s
		})
	})
}
