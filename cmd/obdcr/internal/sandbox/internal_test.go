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
	"time"

	"github.com/stretchr/testify/require"
)

func TestReadyzWaitsForTheFiles(t *testing.T) {
	s := &Sandbox{files: folder(t.TempDir())}
	handler := s.untilUp(http.NotFoundHandler())
	status := func(path string) int {
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
		return answer.Code
	}
	require.Equal(t, http.StatusServiceUnavailable, status(readyPath))
	require.Equal(t, http.StatusNotFound, status("/healthz"))
	require.NoError(t, s.files.write(readyFile, nil, public))
	require.Equal(t, http.StatusServiceUnavailable, status(readyPath), "another sandbox left it")
	s.up.Store(true)
	require.Equal(t, http.StatusNotFound, status(readyPath), "the bank answers")
	require.NoError(t, s.files.remove(readyFile))
	require.Equal(t, http.StatusServiceUnavailable, status(readyPath), "somebody removed it")
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

func TestTheDirectoryIsAskedByItsNamesAlone(t *testing.T) {
	n, err := parseNames([]string{"bank_1", "192.0.2.7", "fd00::7"})
	require.NoError(t, err)
	handler := n.guard(http.NotFoundHandler())
	for host, status := range map[string]int{
		"localhost": 404, "localhost:443": 404, "LocalHost:1": 404, "127.0.0.1:65535": 404, "[::1]": 404, "[0:0:0:0:0:0:0:1]:8445": 404,
		"bank_1": 404, "BANK_1:8445": 404, "192.0.2.7:8445": 404, "[fd00::7]:8445": 404,
		"": 421, "localhost.": 421, "localhost:": 421, "localhost:0": 421, "localhost:65536": 421, "me@localhost": 421, "localhost,bank_1": 421,
		"::1": 421, "fd00::7": 421, "[::ffff:127.0.0.1]": 421, "127.1": 421, "2130706433": 421, "0.0.0.0": 421, "sub.bank_1": 421, "bank": 421,
		"localhost.stranger.example": 421, "[::1%25lo]": 421, "loc\u0430lhost": 421, "\u212ank_1": 421, "localhost/": 421, " localhost": 421,
	} {
		request := httptest.NewRequest(http.MethodGet, "/keys.jwks", nil)
		request.Host = host
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, request)
		require.Equal(t, status, answer.Code, "%q", host)
	}
	for _, origins := range [][]string{{"https://localhost"}, {"https://localhost:443"}, {"https://LOCALHOST"}, {"https://localhost", "https://localhost"}, {""}} {
		request := httptest.NewRequest(http.MethodPost, "/ssa", nil)
		request.Host, request.Header["Origin"] = "localhost", origins
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, request)
		want := http.StatusNotFound
		if len(origins) > 1 || origins[0] == "" {
			want = http.StatusForbidden
		}
		require.Equal(t, want, answer.Code, origins)
	}
}

// TestADelayMayBeLongerThanTheTimeoutsOfTheServer: it is not cut off by them.
func TestADelayMayBeLongerThanTheTimeoutsOfTheServer(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		wait(w, r, 100*time.Millisecond)
		w.WriteHeader(http.StatusTeapot)
	}))
	s.Config.WriteTimeout = 50 * time.Millisecond
	s.Start()
	defer s.Close()
	response, err := http.Get(s.URL)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusTeapot, response.StatusCode)
}
