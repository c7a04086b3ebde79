package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/sandbox"
)

// output is what a process has written so far.
type output struct {
	mu      sync.Mutex
	text    bytes.Buffer
	changed chan struct{} // closed by the next Write
}

func newOutput() *output { return &output{changed: make(chan struct{})} }

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	close(o.changed)
	o.changed = make(chan struct{})
	return o.text.Write(p)
}

// now returns the text so far, and a channel that is closed once there is more.
func (o *output) now() (text string, more <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String(), o.changed
}

// String returns the text so far.
func (o *output) String() string {
	text, _ := o.now()
	return text
}

// running is a sandbox in another process.
type running struct {
	cmd      *exec.Cmd
	dir      string
	out, err *output
	ended    chan struct{} // closed when the process has ended
	exit     error         // what it ended with, from then on
	ready    sandbox.Ready
}

// program returns the path of this test binary under a name by which it runs as the
// command.
func program(t *testing.T, name string) string {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), name)
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	require.NoError(t, os.Symlink(self, path))
	return path
}

// says waits until the output has the words. It waits for as long as the process runs:
// a slow machine is no fault.
func (r *running) says(t *testing.T, o *output, words string) {
	t.Helper()
	for {
		text, more := o.now()
		if strings.Contains(text, words) {
			return
		}
		select {
		case <-more:
		case <-r.ended:
			require.Contains(t, o.String(), words, "it has ended (%v): %s", r.exit, r.err)
			return
		}
	}
}

// runSandbox starts a sandbox with test keys, since it takes long to make keys.
func runSandbox(t *testing.T, dir string, args ...string) *running {
	t.Helper()
	if !slices.Contains(args, "--seed") {
		args = append([]string{"--seed", "test"}, args...)
	}
	return runSandboxAs(t, "obdcr", dir, args...)
}

// run starts the process, which ends with the test.
func (r *running) run(t *testing.T) {
	t.Helper()
	require.NoError(t, r.cmd.Start())
	go func() {
		r.exit = r.cmd.Wait()
		close(r.ended)
	}()
	t.Cleanup(func() {
		_ = r.cmd.Process.Kill()
		<-r.ended
	})
}

func runSandboxAs(t *testing.T, name, dir string, args ...string) *running {
	t.Helper()
	r := &running{dir: dir, out: newOutput(), err: newOutput(), ended: make(chan struct{})}
	r.cmd = exec.Command(program(t, name), append([]string{"sandbox", "--dir", dir, "--listen", "127.0.0.1:0", "--directory", "127.0.0.1:0"}, args...)...)
	r.cmd.Stdout, r.cmd.Stderr = r.out, r.err
	r.run(t)
	r.says(t, r.out, "Ctrl-C ends the sandbox.")
	text, err := os.ReadFile(filepath.Join(dir, "ready.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &r.ready))
	return r
}

func (r *running) client(t *testing.T) *http.Client {
	t.Helper()
	roots := x509.NewCertPool()
	ca, err := os.ReadFile(filepath.Join(r.dir, "ca.pem"))
	require.NoError(t, err)
	require.True(t, roots.AppendCertsFromPEM(ca))
	pair, err := tls.LoadX509KeyPair(filepath.Join(r.dir, "tpp/transport.pem"), filepath.Join(r.dir, "tpp/transport.key"))
	require.NoError(t, err)
	return &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}}}}
}

// call runs the command in this process.
func call(args ...string) (code int, out, errors string) {
	var o, e bytes.Buffer
	code = (&app{in: strings.NewReader(""), err: &e}).run(args, &o)
	return code, o.String(), e.String()
}

func TestSandboxServesUntilASignal(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "it's here")
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		r := runSandbox(t, dir, "--portal", "127.0.0.1:0")
		response, err := r.client(t).Get(r.ready.Discovery)
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, 200, response.StatusCode)
		for _, word := range []string{r.ready.Bank, r.ready.Directory, r.ready.RegistrationEndpoint, r.ready.TokenEndpoint, r.ready.Discovery,
			`'` + strings.ReplaceAll(filepath.Join(dir, "ca.pem"), "'", `'\''`) + `'`, "  obdcr register ", "only once in 30 s"} {
			require.Contains(t, r.out.String(), word)
		}
		require.NotContains(t, r.out.String()+r.err.String(), "PRIVATE KEY")
		require.NoError(t, r.cmd.Process.Signal(signal))
		<-r.ended
		require.NoError(t, r.exit, "exit code 0: %s", r.err)
		require.NoFileExists(t, filepath.Join(dir, "ready.json"))
	}
}

func TestAnExposedSandboxNamesTheDanger(t *testing.T) {
	r := runSandboxAs(t, "obdcr", t.TempDir(), "--store", "memory", "--expose", "bank,second.example", "--listen", "0.0.0.0:0", "--directory", "0.0.0.0:0")
	r.says(t, r.err, "let no other system trust its keys\n")
	require.Contains(t, r.err.String(), "warning: --expose: ")
	for line := range strings.Lines(r.err.String()) {
		if strings.HasPrefix(line, "obdcr: ") || strings.HasPrefix(line, indented) { // and no line of the log
			require.LessOrEqual(t, len(line), columns, "also where nothing is wrapped: %s", line)
		}
	}
	for _, address := range []string{r.ready.Bank, r.ready.Directory} {
		require.True(t, strings.HasPrefix(address, "https://bank:"), address)
		require.Contains(t, r.out.String(), address)
	}
	require.NotContains(t, r.out.String(), "0.0.0.0")
	code, _, errors := call("health", "https://localhost:"+r.ready.Bank[len("https://bank:"):]+"/readyz", "--ca", filepath.Join(r.dir, "ca.pem"))
	require.Zero(t, code, errors)

	local := runSandboxAs(t, "obdcr", t.TempDir(), "--store", "memory")
	require.NotContains(t, local.err.String(), "--expose")
	code, _, errors = call("sandbox", "--dir", r.dir, "--listen", "127.0.0.1:0", "--directory", "127.0.0.1:0")
	require.Equal(t, exitIO, code, "it runs: %s", errors)
	require.NoError(t, r.cmd.Process.Kill())
	<-r.ended
	code, _, errors = call("sandbox", "--dir", r.dir, "--listen", "127.0.0.1:0", "--directory", "127.0.0.1:0")
	require.Equal(t, exitUsage, code, errors)
	require.Contains(t, errors, "--expose is missing: ")
}

// TestASecondSignalEndsTheSandboxAtOnce: the sandbox of this test never ends otherwise.
func TestASecondSignalEndsTheSandboxAtOnce(t *testing.T) {
	r := runSandboxAs(t, "obdcr-held", t.TempDir(), "--store", "memory")
	require.NoError(t, r.cmd.Process.Signal(os.Interrupt))
	r.says(t, r.err, "once more ends it at once")
	require.NoError(t, r.cmd.Process.Signal(os.Interrupt))
	<-r.ended
	var exit *exec.ExitError
	require.ErrorAs(t, r.exit, &exit)
	require.False(t, exit.Exited(), "it was ended by the signal")
}

func TestSandboxAndTheVerbsOfATPP(t *testing.T) {
	r := runSandbox(t, t.TempDir())
	config := filepath.Join(r.dir, "conformance.json")
	code, out, errors := call("register", "--config", config)
	require.Zero(t, code, errors)
	var client struct {
		ID string `json:"client_id"`
	}
	require.NoError(t, json.Unmarshal([]byte(out), &client))
	for _, verb := range []string{"get", "update", "delete"} {
		code, _, errors = call(verb, client.ID, "--config", config)
		require.Zero(t, code, "%s: %s", verb, errors)
	}
	code, _, _ = call("get", client.ID, "--config", config)
	require.Equal(t, exitViolated, code)
	kid, err := os.ReadFile(filepath.Join(r.dir, "tpp/signing.kid"))
	require.NoError(t, err)
	of := func(name string) string { return filepath.Join(r.dir, filepath.FromSlash(name)) }
	code, _, errors = call("register", "--discovery", r.ready.Discovery, "--ca", of("ca.pem"), "--cert", of("tpp/transport.pem"),
		"--key", of("tpp/transport.key"), "--signing-key", of("tpp/signing.key"), "--kid", string(kid), "--ssa", of("tpp/ssa.jwt"))
	require.Zero(t, code, errors)
	code, out, errors = call("lint", filepath.Join(r.dir, "tpp/request.jwt"), "--ca", filepath.Join(r.dir, "ca.pem"), "--aud", r.ready.Audience,
		"--ssa-jwks", r.ready.Directory+"/keys.jwks", "--cert", filepath.Join(r.dir, "tpp/transport.pem"))
	require.Zero(t, code, out+errors)
}

func TestAMissingScopeNamesItsFlag(t *testing.T) {
	policy, client := filepath.Join(t.TempDir(), "policy.json"), filepath.Join(t.TempDir(), "client.json")
	require.NoError(t, os.WriteFile(policy, []byte(`{"management_scope": "accounts"}`), 0o600))
	config := filepath.Join(runSandbox(t, t.TempDir(), "--policy", policy).dir, "conformance.json")
	code, _, errors := call("register", "--config", config, "--client-out", client)
	require.Zero(t, code, errors)
	for _, verb := range []string{"get", "update", "delete"} {
		code, _, errors := call(verb, "--config", config, "--client", client, "--token-scope", "openid")
		require.Equal(t, exitViolated, code, errors)
		require.Contains(t, errors, ": accounts\n", verb)
		require.Contains(t, errors, "--token-scope SCOPE", verb)
		code, _, errors = call(verb, "--config", config, "--client", client, "--token-scope", "accounts")
		require.Zero(t, code, "%s: %s", verb, errors)
		require.NotContains(t, errors, "--token-scope", verb)
	}
}

func TestSandboxSaysWhatIsWrong(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = taken.Close() })
	folder := t.TempDir()
	file := filepath.Join(folder, "file")
	require.NoError(t, os.WriteFile(file, []byte("{"), 0o600))
	for _, c := range []struct {
		code int
		says string
		args []string
	}{
		{exitIO, "is taken", []string{"--listen", taken.Addr().String()}},
		{exitIO, "is taken", []string{"--listen", "127.0.0.1:0", "--directory", taken.Addr().String()}},
		{exitIO, "not a directory", []string{"--dir", filepath.Join(file, "below")}},
		{exitIO, "--policy " + filepath.Join(folder, "none") + ": no such file", []string{"--policy", filepath.Join(folder, "none")}},
		{exitIO, "the store postgres://127.0.0.1:1/bank cannot be opened", []string{"--store", "postgres://bank:secret@127.0.0.1:1/bank", "--listen", "127.0.0.1:0", "--directory", "127.0.0.1:0"}},
		{exitUsage, "sqlite, memory or postgres://", []string{"--store", "oracle"}},
		{exitUsage, "--policy", []string{"--policy", file}},
		{exitUsage, "use one of obie-3.2, obie-3.3", []string{"--profile", "obie-1"}},
		{exitUsage, `--auth-methods "password": use some of private_key_jwt, tls_client_auth, client_secret_jwt`, []string{"--auth-methods", "private_key_jwt,password"}},
		{exitUsage, "is empty", []string{"--auth-methods", ""}},
		{exitUsage, "loopback", []string{"--listen", "192.0.2.1:443"}},
		{exitUsage, "--expose NAME", []string{"--listen", "0.0.0.0:8443"}},
		{exitUsage, "--expose is empty", []string{"--expose", ""}},
		{exitUsage, `--expose ""`, []string{"--expose", "bank,"}},
		{exitUsage, `--expose "bank\nx"`, []string{"--expose", "bank\nx"}},
		{exitUsage, `--expose "\"bank\""`, []string{"--expose", `"bank"`}},
		{exitUsage, `private_key_jwt\nx`, []string{"--auth-methods", "private_key_jwt\nx"}},
		{exitUsage, `--expose "*.example": there is no wildcard`, []string{"--expose", "bank,*.example"}},
		{exitUsage, `--expose "0.0.0.0": this is an address to listen at`, []string{"--expose", "0.0.0.0"}},
		{exitUsage, "host:port", []string{"--portal", "here"}},
		{exitUsage, "--seed is empty", []string{"--seed", ""}},
		{exitUsage, `--seed "a\nb": use visible characters`, []string{"--seed", "a\nb"}},
		{exitUsage, "--seed has 100000 bytes: use at most 200", []string{"--seed", strings.Repeat("s", 100_000)}},
		{exitUsage, "or give --expose-public-keys too", []string{"--seed", "s", "--expose", "bank"}},
		{exitUsage, "with --seed and --expose alone", []string{"--expose-public-keys"}},
		{exitUsage, `--clock "yesterday" is no time`, []string{"--clock", "yesterday"}},
		{exitUsage, `--clock "" is no time`, []string{"--clock", ""}},
		{exitUsage, "from 1970-01-02T00:00:00Z to 2099-12-30T23:59:59Z", []string{"--clock", "1969-12-31T23:59:59Z"}},
		{exitUsage, "from 1970-01-02T00:00:00Z to 2099-12-30T23:59:59Z", []string{"--clock", "2100-01-01T00:00:00Z"}},
		{exitUsage, "from 1970-01-02T00:00:00Z to 2099-12-30T23:59:59Z", []string{"--clock", "0001-01-01T00:00:00Z"}},
		{exitUsage, "has no flag --nonsense", []string{"--nonsense"}},
		{exitUsage, `sandbox takes no argument, only flags: "now" is one too many`, []string{"now"}},
	} {
		args := append([]string{"sandbox", "--dir", filepath.Join(folder, "sandbox")}, c.args...)
		code, out, errors := call(args...)
		require.Equal(t, c.code, code, "%v: %s", c.args, errors)
		require.Contains(t, errors, c.says, c.args)
		require.NotContains(t, errors, "secret@")
		require.NotContains(t, errors, "sandbox: ", "the package is nobody's business")
		require.Empty(t, out)
		require.NoFileExists(t, filepath.Join(folder, "sandbox", "ready.json"))
	}
}

func TestNamesAreQuotedForAShell(t *testing.T) {
	for name, want := range map[string]string{
		"obdcr-sandbox/ca.pem": "obdcr-sandbox/ca.pem", "a b": "'a b'", "": "''", "it's": `'it'\''s'`, "$x": "'$x'",
	} {
		require.Equal(t, want, shellWord(name))
	}
	require.Equal(t, "go run ./cmd/obdcr", ownName(filepath.FromSlash("/tmp/go-build12/b001/exe/obdcr")))
	require.Equal(t, "./obdcr", ownName("./obdcr"))
	require.Equal(t, "obdcr", ownName("obdcr"))
}
