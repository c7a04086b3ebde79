package main

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestAJournalThatIsNoFileIsRefused: neither a run nor --clean-up waits for a pipe, or says that a link is gone.
func TestAJournalThatIsNoFileIsRefused(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // it has no pipes in a directory
	}
	t.Parallel()
	dir := t.TempDir()
	pipe, link, file := filepath.Join(dir, "pipe"), filepath.Join(dir, "link"), filepath.Join(dir, "file")
	require.NoError(t, exec.Command("mkfifo", pipe).Run())
	require.NoError(t, os.WriteFile(file, []byte(`{"obdcr_conform_journal":1,"about":"","registration_endpoint":"https://b.example"}`+"\n"), 0o600))
	require.NoError(t, os.Symlink(file, link))
	for _, name := range []string{pipe, link, dir} {
		refused := make(chan error, 2)
		go func() {
			_, err := openJournal(name)
			refused <- err
			_, _, err = takeJournal(name)
			refused <- err
		}()
		for range 2 {
			select {
			case err := <-refused:
				var exit *exitError
				require.ErrorAs(t, err, &exit, name)
				require.Equal(t, exitUsage, exit.code, name)
			case <-time.After(10 * time.Second):
				require.FailNow(t, "it waits", name)
			}
		}
	}
	require.FileExists(t, file)
}

// TestALastLineIsCutOffOnlyWhereTheNextIsWritten: a file that is refused stays as it is.
func TestALastLineIsCutOffOnlyWhereTheNextIsWritten(t *testing.T) {
	t.Parallel()
	b := newTinyBank(t)
	whole := `{"obdcr_conform_journal":1,"about":"","registration_endpoint":"https://b.example"}` + "\n"
	require.NoError(t, os.WriteFile(b.file("journal"), []byte(whole+`{"ma`), 0o600))
	code, _, said := call(b.args("--clean-up")...)
	require.Equal(t, exitUsage, code, said)
	data, err := os.ReadFile(b.file("journal"))
	require.NoError(t, err)
	require.Equal(t, whole+`{"ma`, string(data), "it is of another bank")
	journal, _, err := takeJournal(b.file("journal"))
	require.NoError(t, err)
	_, err = journal.Write([]byte("{}\n"))
	require.NoError(t, err)
	require.NoError(t, journal.end(false))
	data, err = os.ReadFile(b.file("journal"))
	require.NoError(t, err)
	require.Equal(t, whole+"{}\n", string(data))
}

// TestWhatIsWrongHereIsToldBeforeAnythingIsSent: a report that cannot be written, a journal that exists, another software.
func TestWhatIsWrongHereIsToldBeforeAnythingIsSent(t *testing.T) {
	t.Parallel()
	b := newTinyBank(t)
	var mutex sync.Mutex
	asked := 0
	b.answer(func(http.ResponseWriter, *http.Request) bool {
		mutex.Lock()
		defer mutex.Unlock()
		asked++
		return false
	})
	there := b.file("there")
	require.NoError(t, os.WriteFile(there, []byte("notes"), 0o600))
	discovery := b.server.URL + "/.well-known/openid-configuration"
	for _, wrong := range [][]string{{"--report", b.file("none/report.json")}, {"--journal", there}, {"--second", b.file("none.json")}} {
		code, _, said := call(b.args(append(wrong, "--discovery", discovery, "--test-directory", b.server.URL)...)...)
		require.Contains(t, []int{exitUsage, exitIO}, code, said)
		require.Contains(t, said, wrong[0])
		require.Contains(t, said, filepath.Base(wrong[1]))
		require.Zero(t, asked, said)
	}
}
