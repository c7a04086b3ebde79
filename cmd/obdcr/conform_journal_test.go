package main

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/conform"
	"github.com/obdcr/obdcr/internal/hangtest"
	"github.com/obdcr/obdcr/internal/realtest"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// tinyBank registers whatever it is sent, gives everybody a token, and deletes.
type tinyBank struct {
	mutex   sync.Mutex
	made    int
	clients map[string]bool
	instead func(w http.ResponseWriter, r *http.Request) bool // nil, or it answers a request itself
	server  *httptest.Server
	dir     string // has the files of a TPP
}

// newTinyBank starts a bank, and writes the files of a TPP.
func newTinyBank(t *testing.T) *tinyBank {
	t.Helper()
	directory, software := newSoftwareOf(t, ssatest.Options{})
	own, err := directory.ServerCertificate("127.0.0.1")
	require.NoError(t, err)
	b := &tinyBank{clients: map[string]bool{}, dir: t.TempDir()}
	b.server = httptest.NewUnstartedServer(b)
	require.NoError(t, b.server.Listener.Close())
	b.server.Listener, err = net.Listen("tcp", realtest.FreeAddress(t)) // when it has ended, nobody else gets the port
	require.NoError(t, err)
	b.server.TLS = &tls.Config{Certificates: []tls.Certificate{own}}
	b.server.StartTLS()
	t.Cleanup(b.server.Close)
	for name, text := range clientFiles(t, directory, software, "") {
		require.NoError(t, os.WriteFile(filepath.Join(b.dir, name), []byte(text), 0o600))
	}
	return b
}

// answer has a function answer requests, nil the bank itself.
func (b *tinyBank) answer(instead func(w http.ResponseWriter, r *http.Request) bool) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.instead = instead
}

// ServeHTTP answers a request.
func (b *tinyBank) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	b.mutex.Lock()
	instead := b.instead
	b.mutex.Unlock()
	if instead != nil && instead(w, r) {
		return
	}
	b.mutex.Lock()
	defer b.mutex.Unlock()
	w.Header().Set("Content-Type", "application/json")
	switch id := strings.TrimPrefix(r.URL.Path, "/register/"); {
	case r.URL.Path == "/token":
		_, _ = io.WriteString(w, `{"access_token":"a","token_type":"Bearer","expires_in":60}`)
	case r.URL.Path == "/register" && r.Method == http.MethodPost:
		b.made++
		id = fmt.Sprintf("client-%d", b.made)
		b.clients[id] = true
		w.WriteHeader(http.StatusCreated)
		_, _ = fmt.Fprintf(w, `{"client_id":%q}`, id)
	case r.Method == http.MethodDelete && b.clients[id]:
		delete(b.clients, id)
		w.WriteHeader(http.StatusNoContent)
	default:
		w.WriteHeader(http.StatusUnauthorized)
	}
}

// file is the path of a file of the TPP.
func (b *tinyBank) file(name string) string { return filepath.Join(b.dir, name) }

// args are the arguments of conform at this bank, with a journal of its own.
func (b *tinyBank) args(more ...string) []string {
	return append([]string{"conform", "--config", b.file("conformance.json"), "--discovery", b.file("discovery.json"), "--journal", b.file("journal"),
		"--registration-endpoint", b.server.URL + "/register", "--token-endpoint", b.server.URL + "/token"}, more...)
}

// edit changes members of the TPP's config.json; nil removes one.
func (b *tinyBank) edit(t *testing.T, changes map[string]any) {
	t.Helper()
	data, err := os.ReadFile(b.file("conformance.json"))
	require.NoError(t, err)
	var all map[string]any
	require.NoError(t, json.Unmarshal(data, &all))
	for name, value := range changes {
		if all[name] = value; value == nil {
			delete(all, name)
		}
	}
	data, err = json.Marshal(all)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(b.file("conformance.json"), data, 0o600))
}

// TestAFileThatIsNoJournalIsNeitherReadNorRemoved: also the configuration itself in one line, with its keys, and a journal
// of another version. Nothing is sent, and a run does not take it either.
func TestAFileThatIsNoJournalIsNeitherReadNorRemoved(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	name := filepath.Join(dir, "notes.txt")
	for _, text := range []string{
		"", "my notes\n", "my notes", `{"spec_version":"3.3","private_key":"x","kid":"k"}` + "\n", `{"made":"c1"}` + "\n", "{", "[]\n",
		`{"obdcr_conform_journal":1,"about":"","registration_endpoint":"https://b.example"}` + "\n" + `{"made":"c1","unknown":1}` + "\n",
		`{"obdcr_conform_journal":7}` + "\n",
	} {
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
		for _, args := range [][]string{{"--clean-up"}, {"--filter", "register.valid"}} {
			if args[0] != "--clean-up" { // the journal is looked at last
				require.Error(t, journalExists(name))
				continue
			}
			code, out, said := call(append([]string{"conform", "--config", "no-such-file.json", "--journal", name}, args...)...)
			assert.Equal(t, exitUsage, code, "%q: %s", text, said)
			assert.Contains(t, said, "notes.txt")
			assert.Contains(t, said, "fix:")
			assert.Empty(t, out)
		}
		there, err := os.ReadFile(name)
		require.NoError(t, err)
		require.Equal(t, text, string(there), "it is left as it is")
	}
	code, _, said := call("conform", "--config", "no-such-file.json", "--journal", dir, "--clean-up")
	require.NotEqual(t, exitFine, code, said)
	require.DirExists(t, dir)
}

// TestAJournalIsOfOneRunAtATime: neither another run nor --clean-up takes that of a run that goes on.
func TestAJournalIsOfOneRunAtATime(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // it has no such locks
	}
	t.Parallel()
	name := filepath.Join(t.TempDir(), "journal")
	running, err := openJournal(name)
	require.NoError(t, err)
	_, err = running.Write([]byte(`{"obdcr_conform_journal":1,"about":"","registration_endpoint":"https://b.example"}` + "\n"))
	require.NoError(t, err)
	code, _, said := call("conform", "--config", "no-such-file.json", "--journal", name, "--clean-up")
	require.Equal(t, exitUsage, code, said)
	require.Contains(t, said, "goes on")
	_, err = openJournal(name)
	require.ErrorContains(t, err, "goes on")
	require.NoError(t, running.end(false))
	_, err = openJournal(name)
	require.ErrorContains(t, err, "--clean-up")

	taken, read, err := takeJournal(name)
	require.NoError(t, err)
	require.NotNil(t, read)
	require.NoError(t, os.Rename(name, name+".old"))
	require.NoError(t, os.WriteFile(name, []byte("another"), 0o600))
	require.NoError(t, taken.end(true))
	require.FileExists(t, name, "the file that has the name now is another one")
	require.FileExists(t, name+".old")
}

// TestAWriteThatFailsHalfwayLeavesNoHalfLine: the next line would be of no use behind it.
func TestAWriteThatFailsHalfwayLeavesNoHalfLine(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "journal")
	journal, err := openJournal(name)
	require.NoError(t, err)
	_, err = journal.Write([]byte("one\n"))
	require.NoError(t, err)
	_, err = journal.File.WriteString("tw") // as a disk that is full takes it
	require.NoError(t, err)
	require.NoError(t, journal.Truncate(journal.size))
	_, err = journal.Write([]byte("three\n"))
	require.NoError(t, err)
	data, err := os.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, "one\nthree\n", string(data))
	require.NoError(t, journal.end(true))
}

// TestAConfigurationThatSaysNothingOfDELETELeavesNoClient: the member is optional, and false where it is not there.
func TestAConfigurationThatSaysNothingOfDELETELeavesNoClient(t *testing.T) {
	t.Parallel()
	b := newTinyBank(t)
	b.edit(t, map[string]any{"get_implemented": nil, "put_implemented": nil, "delete_implemented": nil})
	code, out, said := call(b.args("--filter", "register.valid", "--filter", "register.again", "--filter", "delete.own")...)
	require.Contains(t, []int{exitFine, exitViolated}, code, said)
	require.Contains(t, out, "1 not offered")
	require.NotZero(t, b.made)
	require.Empty(t, b.clients)
	require.NoFileExists(t, b.file("journal"))

	b.answer(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodDelete {
			w.WriteHeader(http.StatusMethodNotAllowed)
		}
		return r.Method == http.MethodDelete
	})
	_, _, said = call(b.args("--filter", "register.valid")...)
	require.Len(t, b.clients, 1)
	require.FileExists(t, b.file("journal"), "a client is left")
	for id := range b.clients {
		require.Contains(t, said, id)
	}
	code, _, said = call(b.args("--filter", "register.valid")...)
	require.Equal(t, exitUsage, code, said)
	require.Contains(t, said, "another --journal")
	b.answer(nil)
	code, _, said = call(b.args("--clean-up")...)
	require.Equal(t, exitFine, code, said)
	require.Empty(t, b.clients)
	require.NoFileExists(t, b.file("journal"))
}

// TestWhatABankThatAnswers500HasLeftIsToldInShort: by the run and by --clean-up, which says that the bank is not there.
func TestWhatABankThatAnswers500HasLeftIsToldInShort(t *testing.T) {
	t.Parallel()
	b := newTinyBank(t)
	b.answer(func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusInternalServerError)
		return true
	})
	_, _, said := call(b.args("--filter", "register")...)
	require.Contains(t, said, "the answer was 500")
	require.Less(t, strings.Count(said, "\n"), 12, said)
	for line := range strings.Lines(said) {
		require.Less(t, len(line), 200)
	}
	code, _, said := call(b.args("--clean-up")...)
	require.Equal(t, exitIO, code)
	require.NotContains(t, said, "killed")
	require.Equal(t, strings.Count(said, "  jti of its request"), strings.Count(said, ", case "), "each once")
	require.FileExists(t, b.file("journal"))

	b.server.Close()
	code, _, said = call(b.args("--clean-up")...)
	require.Equal(t, exitIO, code)
	require.Contains(t, said, "cannot be reached")
	require.Contains(t, said, "refused")
	require.FileExists(t, b.file("journal"))
	code, _, said = call(b.args("--clean-up", "--discovery", b.server.URL)...)
	require.Equal(t, exitIO, code)
	require.Contains(t, said, "nothing was deleted")
	require.FileExists(t, b.file("journal"))
}

// TestASecondSignalEndsTheCleanUpAtOnce: the first is answered at once, also where standard error is no terminal, and the
// journal keeps what is not deleted.
func TestASecondSignalEndsTheCleanUpAtOnce(t *testing.T) {
	if runtime.GOOS == "windows" {
		return
	}
	t.Parallel()
	b := newTinyBank(t)
	arrived := make(chan struct{})
	var once sync.Once
	b.answer(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/token" { // the clean-up hangs
			once.Do(func() { close(arrived) })
			hangtest.Hang(w, r)
		}
		return r.URL.Path == "/token"
	})
	r := &running{dir: b.dir, out: newOutput(), err: newOutput(), ended: make(chan struct{})}
	r.cmd = exec.Command(program(t, "obdcr"), b.args("--filter", "register.valid", "--timeout", "5m")...)
	r.cmd.Dir, r.cmd.Stdout, r.cmd.Stderr = b.dir, r.out, r.err
	r.run(t)
	select {
	case <-arrived:
	case <-r.ended:
		require.Fail(t, "it has ended", r.err.String())
	}
	require.NoError(t, r.cmd.Process.Signal(os.Interrupt))
	for said, more := r.err.now(); !strings.Contains(said, "interrupted:"); said, more = r.err.now() {
		select {
		case <-more:
		case <-r.ended:
			require.Fail(t, "it has ended", r.err.String())
		}
	}
	begun := time.Now()
	for ended := false; !ended; {
		_ = r.cmd.Process.Signal(os.Interrupt) // a first one may come before the program has let go of them
		select {
		case <-r.ended:
			ended = true
		case <-time.After(20 * time.Millisecond):
		}
	}
	require.Less(t, time.Since(begun), 20*time.Second)
	require.Empty(t, r.out.String(), "no report")
	require.Equal(t, []string{"client-1"}, clientsOfJournal(t, b.file("journal")))
	b.answer(nil)
	code, _, said := call(b.args("--clean-up")...)
	require.Equal(t, exitFine, code, said)
	require.Empty(t, b.clients)
}

// TestMisusedConfigurationsOfConformAreTold: nothing is sent, and the message says what to do.
func TestMisusedConfigurationsOfConformAreTold(t *testing.T) {
	t.Parallel()
	b := newTinyBank(t)
	b.answer(func(http.ResponseWriter, *http.Request) bool { t.Error("a request came"); return true })
	second := b.file("second.json")
	data, err := os.ReadFile(b.file("conformance.json"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(second, data, 0o600))
	code, _, said := call(b.args("--second", second)...)
	require.Equal(t, exitUsage, code, said)
	require.Contains(t, said, "--second")
	require.Contains(t, said, "software_id")
	require.NoFileExists(t, b.file("journal"))

	for version, near := range map[string]string{"9": "", "3.33": "3.3", "v3.2": "3.2"} {
		b.edit(t, map[string]any{"spec_version": version})
		code, _, said := call(b.args()...)
		require.Equal(t, exitUsage, code, said)
		require.Contains(t, said, "spec_version")
		require.Contains(t, said, "3.2, 3.3")
		require.Contains(t, said, "--profile")
		if near != "" {
			require.Contains(t, said, "did you mean "+near)
		}
	}
	b.edit(t, map[string]any{"profile": "obie3.4", "spec_version": "3.3"})
	code, _, said = call(b.args()...)
	require.Equal(t, exitUsage, code, said)
	require.Contains(t, said, "did you mean obie-3.4")
	b.edit(t, map[string]any{"profile": "", "spec_version": "3.3", "redirect_uris": []any{nil}})
	code, _, said = call(b.args()...)
	require.Equal(t, exitUsage, code)
	require.Contains(t, said, "conformance.json")
	require.Contains(t, said, "redirect_uris/0")
}

// TestACleanUpThatTakesLongIsTold: by messages, also where standard error is no terminal.
func TestACleanUpThatTakesLongIsTold(t *testing.T) {
	t.Parallel()
	said := newOutput()
	told := (&app{err: said}).watch(t.Context(), &progress{}, "interrupted")
	told.progress(conform.Progress{CleaningUp: 3})
	require.Empty(t, said.String(), "it may be a short one")
	told.next = time.Now().Add(-time.Second)
	told.progress(conform.Progress{CleaningUp: 2})
	told.progress(conform.Progress{CleaningUp: 1})
	told.end()
	require.Equal(t, 1, strings.Count(said.String(), "\n"), said.String())
	require.Contains(t, said.String(), "2 clients")
}
