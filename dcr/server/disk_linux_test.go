package server_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/realtest"
	"github.com/obdcr/obdcr/store/sqlite"
)

// lines is a log that several goroutines write.
type lines struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.String()
}

// diskFault is what happens to the file of a running bank.
type diskFault struct {
	happen func(t *testing.T, path string)
	mend   func(t *testing.T, path string) // nil: the bank is started again
	log    string                          // is in a line at ERROR
	moves  bool                            // only another process can open the file again: the test opens a copy
}

func remove(suffix string) func(t *testing.T, path string) {
	return func(t *testing.T, path string) { require.NoError(t, os.Remove(path+suffix)) }
}

var diskFaults = map[string]diskFault{
	"the disk is full": {
		happen: func(t *testing.T, path string) {
			filler, err := os.Create(path + ".filler")
			require.NoError(t, err)
			for err == nil {
				_, err = filler.Write(make([]byte, 4096))
			}
			require.ErrorIs(t, err, syscall.ENOSPC)
			require.NoError(t, filler.Close())
		},
		mend: remove(".filler"), log: "make room on the disk",
	},
	"the log is deleted":        {happen: remove("-wal"), log: "the log of the store was deleted"},
	"the log and -shm are gone": {happen: func(t *testing.T, path string) { remove("-shm")(t, path); remove("-wal")(t, path) }, log: "the log of the store was deleted", moves: true},
}

// A fault of the disk is an outage to who registers, not ready to who watches, and an ERROR
// with what to do to who operates. Nothing acknowledged is lost, and the bank takes
// registrations again once the fault is mended.
func TestAFaultOfTheDiskIsToldToAllWhoAsk(t *testing.T) {
	for name, f := range diskFaults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			err := syscall.Mount("obdcr-test", folder, "tmpfs", 0, "size=2m")
			if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) {
				realtest.Missing(t, "root may mount a disk that can be full")
				return
			}
			require.NoError(t, err)
			defer func() { require.NoError(t, syscall.Unmount(folder, syscall.MNT_DETACH)) }()
			path, log := filepath.Join(folder, "clients.db"), &lines{}
			w := newWorld(t)
			w.config.Logger = slog.New(slog.NewTextHandler(log, nil))
			open := func() (*sqlite.Store, *http.Client, string) {
				s, err := sqlite.Open(t.Context(), sqlite.Config{Path: path, Logger: w.config.Logger})
				require.NoError(t, err)
				w.config.Store = s
				_, client, bank := w.serve(t, w.bank(t))
				return s, client, bank
			}
			s, client, bank := open()
			writer := w.client(t, client, bank)
			acknowledged, waits := w.request(t, writer), w.request(t, writer)
			require.Equal(t, 201, post(t, client, bank, acknowledged).Status)
			status, _ := askFor(t, client, bank+"/readyz", "")
			require.Equal(t, 200, status)

			f.happen(t, path)
			answer := post(t, client, bank, waits)
			require.Equal(t, 503, answer.Status, answer.Description)
			require.Empty(t, answer.Code)
			require.Equal(t, 10*time.Second, answer.RetryAfter)
			require.NotContains(t, string(answer.Body), "clients.db")
			var body string
			require.Eventually(t, func() bool { // as the refused change has put the good answer in doubt
				status, body = askFor(t, client, bank+"/readyz", "")
				return status == 503
			}, time.Minute, 50*time.Millisecond)
			require.Contains(t, body, "cannot take changes")
			require.Regexp(t, `level=ERROR.*`+f.log, log.String())

			if f.mend != nil {
				f.mend(t, path)
			} else {
				_ = s.Close() // says once more that the bank has to be started again
				if f.moves {
					saved, err := os.ReadFile(path)
					require.NoError(t, err)
					path += ".db"
					require.NoError(t, os.WriteFile(path, saved, 0o600))
				}
				s, client, bank = open()
			}
			require.Equal(t, 201, post(t, client, bank, waits).Status, "what was refused was not half done")
			require.Eventually(t, func() bool {
				status, _ := askFor(t, client, bank+"/readyz", "")
				return status == 200
			}, time.Minute, 50*time.Millisecond)
			all, err := s.List(t.Context(), "", 10)
			require.NoError(t, err)
			require.Len(t, all, 2)
			require.NoError(t, s.Close())
		})
	}
}
