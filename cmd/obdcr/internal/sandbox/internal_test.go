package sandbox

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReadyzWaitsForTheFiles(t *testing.T) {
	s := &Sandbox{}
	handler := s.untilUp(http.NotFoundHandler())
	status := func(path string) int {
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
		return answer.Code
	}
	require.Equal(t, http.StatusServiceUnavailable, status(readyPath))
	require.Equal(t, http.StatusNotFound, status("/healthz"))
	s.up.Store(true)
	require.Equal(t, http.StatusNotFound, status(readyPath))
}

func TestAFullDiskIsNamedAsTheCause(t *testing.T) {
	opening := errors.New("disk I/O error (4874)")
	for _, full := range []error{syscall.ENOSPC, syscall.EDQUOT} {
		err := unopened("obdcr.db", opening, failure("write: %w", full))
		require.ErrorIs(t, err, full)
		require.NotErrorIs(t, err, opening)
	}
	require.ErrorIs(t, unopened("obdcr.db", opening, nil), opening)
	require.ErrorIs(t, unopened("obdcr.db", opening, os.ErrPermission), opening)
	dir := folder(t.TempDir())
	require.NoError(t, dir.room())
	require.NoFileExists(t, dir.path(".room"))
	require.Error(t, folder(filepath.Join(string(dir), "none")).room())
	if runtime.GOOS == "linux" { // the only system with such a file
		require.ErrorIs(t, fill("/dev/full", neededRoom), syscall.ENOSPC)
	}
}
