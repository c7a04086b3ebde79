package sqlite_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/obdcr/obdcr/internal/agree"
	"github.com/obdcr/obdcr/internal/fulltest"
	"github.com/obdcr/obdcr/store/sqlite"
)

// TestBothStoresAgree asks the store in memory and the one in SQLite the same
// things in any order: they give the same answers and hold the same records.
func TestBothStoresAgree(t *testing.T) {
	agree.Checks(t, fulltest.Rounds(20))
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "agree")
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) }) // after Close
		path := emptyFile(t, dir)
		agree.WithMemory(t, func(clock func() time.Time) agree.Store {
			s, err := sqlite.Open(context.Background(), sqlite.Config{Path: path, Clock: clock})
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, s.Close()) })
			return s
		})
	})
}
