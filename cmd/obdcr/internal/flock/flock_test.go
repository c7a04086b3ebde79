package flock_test

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/flock"
)

func TestALockIsHeldOnceUntilItsFileIsClosed(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // it has no such locks
	}
	t.Parallel()
	name := filepath.Join(t.TempDir(), "lock")
	open := func() *os.File {
		f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
		require.NoError(t, err)
		return f
	}
	first, second := open(), open()
	require.NoError(t, flock.Try(first))
	require.ErrorIs(t, flock.Try(second), flock.ErrHeld)
	require.NoError(t, first.Close())
	require.NoError(t, flock.Try(second))
	require.NoError(t, second.Close())
}
