package main

import (
	"bytes"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/servicetest"
	"github.com/obdcr/obdcr/internal/realtest"
)

// serving is obdcr serve as a process of its own.
type serving struct {
	*realtest.Process
	address string
	process *os.Process
}

// serveProcess starts obdcr serve with the configuration bank.yaml in a folder, and waits
// until it serves.
func serveProcess(t *testing.T, folder string) *serving {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program(t, "obdcr"), "serve", "--config", "bank.yaml")
	cmd.Dir = folder
	s := &serving{Process: realtest.Start(t, cmd)}
	said := outputHas(t, s.Process, `"msg":"the bank serves"`)
	for line := range strings.Lines(said) {
		var entry struct{ Msg, Address string }
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Msg == "the bank serves" {
			s.address = entry.Address
		}
	}
	require.NotEmpty(t, s.address, said)
	s.process = cmd.Process
	return s
}

// outputHas waits until a process has printed the words, and returns all that it printed.
func outputHas(t *testing.T, p *realtest.Process, words string) string {
	t.Helper()
	require.Eventually(t, func() bool { return p.Ended() || strings.Contains(p.Output(), words) }, time.Minute, 5*time.Millisecond)
	require.Contains(t, p.Output(), words)
	return p.Output()
}

const jsonLog = "log: {format: json}\n"

func TestServeKnowsItsClientsAgainAndEndsInOrder(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		realtest.Missing(t, "Windows has no SIGTERM")
		return
	}
	w := servicetest.New(t)
	w.Write(t, "bank.yaml", w.Config()+"store: {path: clients.db}\ntokens: {own_endpoint: true}\n"+jsonLog)
	first := serveProcess(t, w.Folder)
	client := w.Client(t, w.Software, first.address)
	registered, err := w.Register(t, client)
	require.NoError(t, err)
	require.NoError(t, first.process.Signal(syscall.SIGHUP))
	outputHas(t, first.Process, "are read again")
	first.Stop()
	require.NotContains(t, first.Output(), "ERROR")

	second := serveProcess(t, w.Folder)
	client = w.Client(t, w.Software, second.address)
	access, err := client.AccessToken(t.Context(), registered.Credentials())
	require.NoError(t, err)
	_, err = client.Get(t.Context(), registered.ClientID, access)
	require.NoError(t, err)
	second.Kill()
}

// TestASecondSignalEndsServeAtOnce: the first one waits for a hook that does not answer.
func TestASecondSignalEndsServeAtOnce(t *testing.T) {
	if runtime.GOOS == "windows" {
		realtest.Missing(t, "Windows has no SIGTERM")
		return
	}
	w := servicetest.New(t)
	silent, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, silent.Close()) })
	w.WritePair(t, "hooks", w.Software.TransportCertificate)
	w.Write(t, "bank.yaml", w.Config()+"store: {path: clients.db}\ntokens: {own_endpoint: true}\n"+jsonLog+
		"hooks: {url: 'https://"+silent.Addr().String()+"', certificate_file: hooks.pem, key_file: hooks.key, timeout: 25s}\n")
	s := serveProcess(t, w.Folder)
	client := w.Client(t, w.Software, s.address)
	answered := make(chan error, 1)
	go func() {
		_, err := w.Register(t, client)
		answered <- err
	}()
	asked, err := silent.Accept()
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, asked.Close()) })
	require.NoError(t, s.process.Signal(syscall.SIGTERM))
	require.Never(t, s.Ended, 500*time.Millisecond, 10*time.Millisecond)
	require.NoError(t, s.process.Signal(syscall.SIGTERM))
	require.Eventually(t, s.Ended, 20*time.Second, 10*time.Millisecond, "before the hook's time is up")
	require.Error(t, <-answered)
}

// TestServeTellsByItsExitCode: 2 is for who writes the configuration, 3 for who runs the
// machine.
func TestServeTellsByItsExitCode(t *testing.T) {
	w := servicetest.New(t)
	good := w.Config() + "store: {path: clients.db}\ntokens: {own_endpoint: true}\n"
	w.Write(t, "broken.db", strings.Repeat("no database ", 1000))
	for name, c := range map[string]struct {
		config string
		args   []string
		code   int
		says   string
	}{
		"a good configuration":  {good, []string{"--check"}, exitFine, ""},
		"a mistake":             {good + "lissten: a\n", nil, exitUsage, "bank.yaml:11:1: lissten: is unknown: did you mean to write listen?"},
		"two mistakes":          {strings.Replace(good, "sandbox:", "sand:", 1) + "lissten: a\n", nil, exitUsage, "lissten"},
		"a mistake to check":    {good + "lissten: a\n", []string{"--check"}, exitUsage, "lissten"},
		"a mistake to print":    {good + "lissten: a\n", []string{"--print-config"}, exitUsage, "lissten"},
		"a file that is absent": {strings.ReplaceAll(good, "bank.key", "absent.key"), nil, exitIO, "absent.key cannot be read"},
		"a broken store":        {strings.Replace(good, "clients.db", "broken.db", 1), nil, exitIO, "the store "},
		"no configuration":      {"", []string{"--config", w.Path("absent.yaml")}, exitIO, "absent.yaml cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			w.Write(t, "bank.yaml", c.config)
			code, _, said := call(append([]string{"serve", "--config", w.Path("bank.yaml")}, c.args...)...)
			require.Equal(t, c.code, code, said)
			require.Contains(t, said, c.says)
			require.NoFileExists(t, w.Path("clients.db"))
		})
	}
	code, _, said := call("serve")
	require.Equal(t, exitUsage, code)
	require.Contains(t, said, "--config")
	code, start, _ := call("serve", "--print-config")
	require.Zero(t, code)
	w.Write(t, "bank.yaml", start)
	code, _, said = call("serve", "--config", w.Path("bank.yaml"), "--check")
	require.Equal(t, exitUsage, code)
	for _, required := range []string{"issuer: is missing", "tls: is missing", "store: needs exactly one of"} {
		require.Contains(t, said, required)
	}
	require.NotContains(t, said, "is unknown")
	code, printed, _ := call("serve", "--schema")
	require.Zero(t, code)
	want, err := os.ReadFile("../../docs/serve.schema.json")
	require.NoError(t, err)
	require.True(t, bytes.Equal(want, []byte(printed)))
}
