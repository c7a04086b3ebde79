package postgres_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/obdcr/obdcr/internal/agree"
	"github.com/obdcr/obdcr/internal/fulltest"
)

// TestBothStoresAgree asks the store in memory and the one in PostgreSQL the same things in
// any order: they give the same answers and hold the same records.
func TestBothStoresAgree(t *testing.T) {
	t.Parallel()
	h, ok := homeOf(t, "")
	if !ok {
		return
	}
	agree.Checks(t, fulltest.Rounds(10))
	var clock atomic.Pointer[func() time.Time]
	dsn := h.dsn(h.server.Database(t))
	s := openAt(t, dsn, func() time.Time { return (*clock.Load())() })
	rapid.Check(t, func(t *rapid.T) {
		require.NoError(t, emptied(dsn))
		agree.WithMemory(t, func(now func() time.Time) agree.Store {
			clock.Store(&now)
			return s
		})
	})
}
