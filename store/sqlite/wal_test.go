package sqlite_test

import (
	"bufio"
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/sqlite"
)

// TestADeletedLogLosesNothingThatWasAcknowledged: a child registers, and the log is deleted
// under it. The child refuses to go on, and dies without closing the file.
func TestADeletedLogLosesNothingThatWasAcknowledged(t *testing.T) {
	for name, deleted := range map[string][]string{"log": {"-wal"}, "log and index": {"-wal", "-shm"}} {
		t.Run(name, func(t *testing.T) {
			path := file(t)
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), crashWriter+"=the store", crashFile+"="+path, crashPrefix+"=c")
			var complaint strings.Builder
			cmd.Stderr = &complaint
			out, err := cmd.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, cmd.Start())
			var names []string
			for lines := bufio.NewScanner(out); lines.Scan(); {
				if names = append(names, lines.Text()); len(names) == 10 {
					for _, end := range deleted {
						require.NoError(t, os.Remove(path+end))
					}
				}
			}
			require.Error(t, cmd.Wait())
			require.Contains(t, complaint.String(), "was deleted or replaced")
			require.GreaterOrEqual(t, len(names), 10)
			faults, _ := faultsAfter(t, path, names)
			require.Empty(t, faults)
		})
	}
}

// TestAStoreWithoutItsLogRefusesChangesAndSaysSo, a probe as well. It is still read.
func TestAStoreWithoutItsLogRefusesChangesAndSaysSo(t *testing.T) {
	for name, fault := range map[string]struct {
		does func(t *testing.T, path string)
		says string
	}{
		"deleted": {func(t *testing.T, path string) { require.NoError(t, os.Remove(path+"-wal")) }, "is saved in the file"},
		"replaced": {func(t *testing.T, path string) {
			require.NoError(t, os.Rename(path+"-wal", path+"-old"))
			require.NoError(t, os.WriteFile(path+"-wal", nil, 0o600))
		}, "is saved in the copy"},
		"index deleted": {func(t *testing.T, path string) { require.NoError(t, os.Remove(path+"-shm")) }, "-shm, was deleted or replaced"},
		"index replaced": {func(t *testing.T, path string) {
			index, err := os.ReadFile(path + "-wal")
			require.NoError(t, err)
			require.NoError(t, os.Remove(path+"-shm"))
			require.NoError(t, os.WriteFile(path+"-shm", index, 0o600))
		}, "-shm, was deleted or replaced"},
		"the file itself": {func(t *testing.T, path string) { require.NoError(t, os.Rename(path, path+"-old")) }, "is saved in the copy"},
	} {
		t.Run(name, func(t *testing.T) {
			var log strings.Builder
			path := file(t)
			s, err := sqlite.Open(t.Context(), sqlite.Config{Path: path, Logger: slog.New(slog.NewTextHandler(&log, nil))})
			require.NoError(t, err)
			require.NoError(t, s.Create(t.Context(), registration("a"), requestOf("a")))
			require.NoError(t, s.Probe(t.Context()))
			fault.does(t, path)
			err = s.Probe(t.Context())
			require.ErrorContains(t, err, "start the bank again")
			require.ErrorContains(t, err, path)
			require.Error(t, s.Create(t.Context(), registration("b"), requestOf("b")))
			require.Equal(t, 1, strings.Count(log.String(), "level=ERROR"), log.String())
			require.Contains(t, log.String(), fault.says)
			require.NotContains(t, log.String(), "error=")
			_, err = s.Get(t.Context(), "b")
			require.ErrorIs(t, err, store.ErrNotFound)
			got, err := s.Get(t.Context(), "a")
			require.NoError(t, err)
			require.Equal(t, registration("a"), got)
			if _, copied, found := strings.Cut(log.String(), "copy="); found {
				copied = strings.Fields(copied)[0]
				faults, _ := faultsAfter(t, copied, []string{"a"})
				require.Empty(t, faults)
			}
			require.Error(t, s.Close())
		})
	}
}

// TestADamagedFileDoesNotOpen: the error says what to do.
func TestADamagedFileDoesNotOpen(t *testing.T) {
	path := file(t)
	s, err := sqlite.Open(t.Context(), sqlite.Config{Path: path})
	require.NoError(t, err)
	for _, name := range strings.Split("abcdefghijklmnopqrstuvwxyz", "") {
		require.NoError(t, s.Create(t.Context(), registration(name), requestOf(name)))
	}
	require.NoError(t, s.Close())
	sound, err := os.ReadFile(path)
	require.NoError(t, err)
	for name, at := range map[string]int{"the first page": 0, "a page amid": len(sound) / 2 / 4096 * 4096} {
		t.Run(name, func(t *testing.T) {
			damaged := append([]byte(nil), sound...)
			for i := range 8192 {
				damaged[at+i] = byte(i*7 + 3)
			}
			require.NoError(t, os.WriteFile(path, damaged, 0o600))
			s, err := sqlite.Open(t.Context(), sqlite.Config{Path: path})
			require.ErrorContains(t, err, "put a backup in its place")
			require.ErrorContains(t, err, path)
			require.Nil(t, s)
		})
	}
}

// TestDamageThatAnyStatementMeetsIsToldByTheProbe, though the probe itself meets none.
func TestDamageThatAnyStatementMeetsIsToldByTheProbe(t *testing.T) {
	path := file(t)
	s, err := sqlite.Open(t.Context(), sqlite.Config{Path: path})
	require.NoError(t, err)
	for i := range 200 {
		require.NoError(t, s.Create(t.Context(), registration(fmt.Sprint(i)), requestOf(fmt.Sprint(i))))
	}
	require.NoError(t, s.Close())
	sound, err := os.ReadFile(path)
	require.NoError(t, err)
	s, err = sqlite.Open(t.Context(), sqlite.Config{Path: path})
	require.NoError(t, err)
	damaged, err := os.OpenFile(path, os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = damaged.WriteAt(bytes.Repeat([]byte{0x5a}, len(sound)/2), int64(len(sound)/2/4096*4096))
	require.NoError(t, err)
	require.NoError(t, s.Probe(t.Context()))
	_, err = s.List(t.Context(), "", 1000)
	require.ErrorContains(t, err, "damaged")
	require.ErrorContains(t, s.Probe(t.Context()), "put a backup in its place")
	_ = s.Close() // the file is beyond a clean end
	require.NoError(t, damaged.Close())
}

// TestACheckThatDoesNotEndIsAWarning: the store opens.
func TestACheckThatDoesNotEndIsAWarning(t *testing.T) {
	var log strings.Builder
	s, err := sqlite.Open(t.Context(), sqlite.Config{Path: file(t), CheckTimeout: 1, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	require.Contains(t, log.String(), "level=WARN")
}
