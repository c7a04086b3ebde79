package sqlite_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/sqlite"
	"github.com/obdcr/obdcr/store/storetest"
	"github.com/stretchr/testify/require"
)

func open(t testing.TB, path string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.Config{Path: path, Clock: time.Now})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func TestContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store {
		return open(t, filepath.Join(t.TempDir(), "clients.db"))
	}, storetest.Unfinished, storetest.Lister)
}
