// Package realtest starts servers that others wrote, such as Keycloak and nginx, for
// tests. Every server listens on loopback alone, and ends with its test. For tests only.
//
// A laptop may lack such a server, or another program: a test then says in one line what it
// did not run, which go test shows with -v alone. OBDCR_FULL=1, which the project's own run
// sets, makes that a failure, and OBDCR_SERVERS=1 does where an authorization server is
// missing.
package realtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/obdcr/obdcr/internal/fulltest"
)

// shownLines is how many lines of a server's output a failed test prints.
const shownLines = 40

// samples is the environment variable with the folder of public samples.
const samples = "OBDCR_SAMPLES"

// stopTimeout is how long Stop waits before it kills.
const stopTimeout = 20 * time.Second

// Process is a server that a test has started.
type Process struct {
	t    testing.TB
	name string
	cmd  *exec.Cmd
	log  string // file with the output
	done chan struct{}
	once sync.Once
}

// Tool returns the path of a program, from PATH or the folders of system programs. Without
// it ok is false: the test has said what it does not run and returns. With OBDCR_FULL=1
// the test fails instead, as Missing says.
func Tool(t testing.TB, name string) (path string, ok bool) {
	t.Helper()
	path, ok = find(name)
	if !ok {
		Missing(t, "there is no "+name)
	}
	return path, ok
}

// find looks for a program.
func find(name string) (path string, ok bool) {
	for _, folder := range []string{"", "/usr/sbin", "/usr/local/sbin", "/sbin"} {
		if path, err := exec.LookPath(filepath.Join(folder, name)); err == nil {
			return path, true
		}
	}
	return "", false
}

// Missing says that a test does not run, and why. With OBDCR_FULL=1 the test fails, unless
// OBDCR_CI_PARTIAL=1 allows a run of what is there.
func Missing(t testing.TB, why string) {
	t.Helper()
	missing(t, why, fulltest.Asked())
}

// missing is Missing. The test fails if what is missing was needed.
func missing(t testing.TB, why string, needed bool) {
	t.Helper()
	if needed && os.Getenv("OBDCR_CI_PARTIAL") != "1" {
		t.Fatalf("%s cannot run: %s", t.Name(), why)
	}
	say(t, why)
}

// say prints the line of a test that does not run. It begins the line with the name, which
// t.Log does not, so that a search finds both in one line.
func say(t testing.TB, why string) {
	t.Helper()
	fmt.Printf("%s did not run: %s\n", t.Name(), why)
}

// Long reports whether a test that takes long, most often with a server that others wrote, is to
// run: OBDCR_FULL=1. If not, it says in one line what does not run.
func Long(t testing.TB) bool {
	t.Helper()
	if !fulltest.Asked() {
		say(t, "OBDCR_FULL=1 runs what takes long")
	}
	return fulltest.Asked()
}

// Samples returns the folder with the public samples, which are not part of the repository.
// Without it ok is false: the test has said that it does not run and returns. The project's
// own run counts the tests that had them.
func Samples(t testing.TB) (folder string, ok bool) {
	t.Helper()
	if folder := os.Getenv(samples); folder != "" {
		return folder, true
	}
	say(t, samples+" is unset")
	return "", false
}

// Start starts a server in a process group of its own. The group ends with the test. If
// the test fails, the last lines of the server's output are printed.
func Start(t testing.TB, cmd *exec.Cmd) *Process {
	t.Helper()
	name := filepath.Base(cmd.Path)
	out, err := os.CreateTemp(t.TempDir(), name+"-*.log")
	if err != nil {
		t.Fatal(err)
	}
	p := launch(t, cmd, out)
	t.Cleanup(func() {
		p.Stop()
		if t.Failed() {
			t.Logf("%s said at the end:\n%s", name, p.tail())
		}
	})
	return p
}

// launch starts a server that does not end with the test, unless the caller sees to it. Its
// output goes into a file, which it closes at the end.
func launch(t testing.TB, cmd *exec.Cmd, out *os.File) *Process {
	t.Helper()
	name := filepath.Base(cmd.Path)
	cmd.Stdout, cmd.Stderr = out, out
	ownGroup(cmd)
	if err := cmd.Start(); err != nil {
		t.Fatalf("%s does not start: %v", name, err)
	}
	p := &Process{t: t, name: name, cmd: cmd, log: out.Name(), done: make(chan struct{})}
	go func() {
		defer close(p.done)
		_ = cmd.Wait() // how the server ended is seen in its output
		_ = out.Close()
	}()
	return p
}

// Kill ends the server and its children at once, by SIGKILL.
func (p *Process) Kill() { kill(p.cmd); <-p.done }

// Stop asks the server to end, by SIGTERM, and kills it if it does not. A second call does
// nothing.
func (p *Process) Stop() {
	p.once.Do(func() {
		terminate(p.cmd)
		select {
		case <-p.done:
			kill(p.cmd) // children that are left
		case <-time.After(stopTimeout):
			p.Kill()
		}
	})
}

// Ended reports whether the server has ended.
func (p *Process) Ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Output returns what the server has printed.
func (p *Process) Output() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func (p *Process) tail() string {
	lines := strings.Split(strings.TrimRight(p.Output(), "\n"), "\n")
	return strings.Join(lines[max(len(lines)-shownLines, 0):], "\n")
}

// Await asks for an address until it answers with the status. The test fails if the server
// ends, or if the context does.
func (p *Process) Await(ctx context.Context, client *http.Client, address string, status int) {
	p.t.Helper()
	last := errors.New("nothing was asked")
	for ctx.Err() == nil {
		if p.Ended() {
			p.t.Fatalf("%s has ended:\n%s", p.name, p.tail())
		}
		if last = answers(ctx, client, address, status); last == nil {
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
	p.t.Fatalf("%s does not answer at %s: %v\n%s", p.name, address, last, p.tail())
}

func answers(ctx context.Context, client *http.Client, address string, status int) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return err
	}
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != status {
		return fmt.Errorf("it answered %d", answer.StatusCode)
	}
	return nil
}

// The ports of FreePort. Systems give those above 32767 to connections and to listeners at
// port 0, of other tests too, before the server of this test has taken its own.
const (
	firstPort = 20000
	lastPort  = 32767
)

// FreeAddress returns an address of loopback with a port of FreePort.
func FreeAddress(t testing.TB) string {
	t.Helper()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(FreePort(t)))
}

// FreePort returns a port of loopback that nobody listens at, and that no other call returns before
// the test ends: neither in this process nor in one that runs other tests meanwhile. A server may
// take a second before it listens, and does not while it is restarted. The same port of UDP, which
// no server of a test uses, is held as the sign of that. The system frees it, however the process ends.
func FreePort(t testing.TB) int {
	t.Helper()
	for range 100 {
		port := firstPort + rand.IntN(lastPort-firstPort+1)
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		held, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", address)
		if err != nil {
			continue
		}
		listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", address)
		if err != nil {
			_ = held.Close() // somebody else's port
			continue
		}
		t.Cleanup(func() { _ = held.Close() })
		if err := listener.Close(); err != nil {
			t.Fatal(err)
		}
		return port
	}
	t.Fatalf("no port between %d and %d is free", firstPort, lastPort)
	return 0
}
