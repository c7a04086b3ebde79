package main

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/internal/hangtest"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// TestASignalEndsTheWaitAndSaysWhatTheBankMayHaveDone: nothing is left of the file for the
// answer.
func TestASignalEndsTheWaitAndSaysWhatTheBankMayHaveDone(t *testing.T) {
	directory, software := newSoftwareOf(t, ssatest.Options{})
	own, err := directory.ServerCertificate("127.0.0.1")
	require.NoError(t, err)
	arrived := make(chan struct{})
	silent := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		close(arrived)
		hangtest.Hang(w, r)
	}))
	silent.TLS = &tls.Config{Certificates: []tls.Certificate{own}}
	silent.StartTLS()
	t.Cleanup(silent.Close)
	dir := t.TempDir()
	for name, text := range clientFiles(t, directory, software, "") {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	r := &running{dir: dir, out: newOutput(), err: newOutput(), ended: make(chan struct{})}
	r.cmd = exec.Command(program(t, "obdcr"), "register", "--config", "conformance.json", "--discovery", "discovery.json",
		"--registration-endpoint", silent.URL+"/register", "--client-out", "client.json", "--timeout", "10m")
	r.cmd.Dir, r.cmd.Stdout, r.cmd.Stderr = dir, r.out, r.err
	r.run(t)
	r.interrupt(t, arrived)
	require.Contains(t, r.err.String(), "the client may be registered")
	left, err := filepath.Glob(filepath.Join(dir, ".client-*"))
	require.NoError(t, err)
	require.Empty(t, left)
	kept, err := filepath.Glob(filepath.Join(dir, "request-*.jwt"))
	require.NoError(t, err)
	require.Len(t, kept, 1, "only the very same request is safe to send again")
	require.Contains(t, r.err.String(), "--request ")
	request, err := os.ReadFile(kept[0])
	require.NoError(t, err)
	_, err = dcr.ParseRequest(string(request))
	require.NoError(t, err)
}

// TestVerboseShowsNoSecretOfAnyMethod registers a client by each method that a bank can have,
// and greps for what nobody may see.
func TestVerboseShowsNoSecretOfAnyMethod(t *testing.T) {
	methods := authMethods()
	r := runSandbox(t, t.TempDir(), "--store", "memory", "--auth-methods", strings.Join(methods, ","))
	config := filepath.Join(r.dir, "conformance.json")
	for _, method := range methods {
		t.Run(method, func(t *testing.T) {
			client := filepath.Join(t.TempDir(), "client.json")
			code, out, said := call("register", "--config", config, "--auth-method", method, "--client-out", client, "--verbose")
			require.Zero(t, code, said)
			kept, err := os.ReadFile(client)
			require.NoError(t, err)
			secret := memberOf(t, kept, "client_secret")
			for _, verb := range []string{"get", "update", "delete"} {
				args := []string{verb, "--config", config, "--client", client, "--verbose"}
				if verb == "update" {
					args = append(args, "--client-out", client)
				}
				code, more, heard := call(args...)
				require.Zero(t, code, "%s: %s", verb, heard)
				out, said = out+more, said+heard
			}
			if secret != "" {
				require.NotContains(t, out+said, secret)
			}
			require.NotContains(t, said, "PRIVATE KEY")
			require.NotRegexp(t, `(Bearer|Basic) [^("]`, said)
			require.NotRegexp(t, `"access_token": "[^(]`, said)
			require.NotRegexp(t, `eyJ[\w-]+\.[\w-]+\.[\w-]+`, said, "no token as a whole")
			require.Contains(t, said, "< 204 No Content")
		})
	}
}

// memberOf returns a member of a JSON object as text, "" if there is none.
func memberOf(t *testing.T, document []byte, name string) string {
	t.Helper()
	members := map[string]any{}
	require.NoError(t, json.Unmarshal(document, &members))
	if members[name] == nil {
		return ""
	}
	return fmt.Sprint(members[name])
}

// interrupt sends the signal of Ctrl-C when something has arrived at a server, and waits for
// the end, which has the exit code of an answer that did not come.
func (r *running) interrupt(t *testing.T, arrived <-chan struct{}) {
	t.Helper()
	select {
	case <-arrived:
	case <-r.ended:
		require.Fail(t, "it has ended", r.err.String())
	}
	require.NoError(t, r.cmd.Process.Signal(os.Interrupt))
	<-r.ended
	var exit *exec.ExitError
	require.ErrorAs(t, r.exit, &exit)
	require.Equal(t, exitIO, exit.ExitCode(), r.err.String())
}
