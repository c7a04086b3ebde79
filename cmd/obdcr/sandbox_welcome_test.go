package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/portaltest"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/sandbox"
	"github.com/obdcr/obdcr/ssa"
)

// nextCommands returns the commands that a sandbox prints to try, each in one line.
func nextCommands(text string) []string {
	_, text, _ = strings.Cut(text, "\nTry next, ")
	_, text, _ = strings.Cut(text, ":\n\n")
	text, _, _ = strings.Cut(text, "\n\n")
	var commands []string
	for line := range strings.Lines(strings.ReplaceAll(text, "\\\n", " ")) {
		if word := strings.TrimSpace(line); strings.HasPrefix(line, "  ") && !strings.HasPrefix(word, "#") {
			commands = append(commands, word)
		}
	}
	return commands
}

// TestWhatTheSandboxPrintsToTryWorks runs the commands by a shell, in the order in which
// they are printed.
func TestWhatTheSandboxPrintsToTryWorks(t *testing.T) {
	for name, args := range map[string][]string{
		"usual":            nil,
		"another profile":  {"--profile", "obie-3.4"},
		"a secret":         {"--auth-methods", "client_secret_basic"},
		"a policy in part": {"--policy", "policy-in.json"},
		"another time":     {"--clock", "2044-05-06T07:08:09Z", "--seed", "it's a seed"},
	} {
		t.Run(name, func(t *testing.T) {
			parent := t.TempDir()
			policy := `{"max_lifetime_seconds": 600, "application_types": ["mobile"]}`
			require.NoError(t, os.WriteFile(filepath.Join(parent, "policy-in.json"), []byte(policy), 0o600))
			for i, arg := range args {
				if strings.HasSuffix(arg, ".json") {
					args[i] = filepath.Join(parent, arg)
				}
			}
			dir := filepath.Join(parent, "it's here")
			r := runSandbox(t, dir, append([]string{"--store", "memory"}, args...)...)
			for line := range strings.Lines(r.out.String()) {
				if !strings.Contains(line, parent) {
					require.LessOrEqual(t, utf8.RuneCountInString(strings.TrimSuffix(line, "\n")), columns, line)
				}
			}
			commands := nextCommands(r.out.String())
			require.Len(t, commands, 7)
			path := "PATH=" + filepath.Dir(program(t, "obdcr")) + ":" + filepath.Dir(program(t, "curl"))
			for _, command := range commands {
				shell := exec.Command("/bin/sh", "-c", command)
				shell.Dir, shell.Env = parent, append(shell.Environ(), path)
				out, err := shell.CombinedOutput()
				require.NoError(t, err, "%s\n%s", command, out)
				if strings.Contains(command, " lint ") {
					require.Regexp(t, `(?m)^valid \(`, string(out), "and not: as far as checked")
				}
			}
		})
	}
}

// TestWithoutAShellOnlyTheContainersOwnProgramIsCalled: the test of the image runs the commands.
func TestWithoutAShellOnlyTheContainersOwnProgramIsCalled(t *testing.T) {
	var out strings.Builder
	s := &sandbox.Sandbox{Ready: sandbox.Ready{Bank: "https://localhost:8443", Discovery: "https://localhost:8443/.well-known/openid-configuration",
		Directory: "https://localhost:8445", Profile: "obie-3.3", Store: "sqlite"}}
	require.NoError(t, welcome(&out, "obdcr-sandbox", s, false))
	for line := range strings.Lines(out.String()) {
		require.LessOrEqual(t, utf8.RuneCountInString(strings.TrimSuffix(line, "\n")), columns, line)
	}
	commands := nextCommands(out.String())
	require.Len(t, commands, 5)
	for _, command := range commands[:4] {
		require.True(t, strings.HasPrefix(command, "docker exec CONTAINER "), command)
	}
	require.True(t, strings.HasPrefix(commands[4], "docker cp CONTAINER:/"), "%s", commands[4])
	require.NotContains(t, out.String(), "curl")
	require.NotContains(t, out.String(), "another terminal")
	require.True(t, hasShell(), "this machine has one")
}

// TestTheSandboxSaysWhereAPersonApproves: the register that it prints to try waits then.
func TestTheSandboxSaysWhereAPersonApproves(t *testing.T) {
	policy := filepath.Join(t.TempDir(), "policy-in.json")
	require.NoError(t, os.WriteFile(policy, []byte(`{"pending_changes": ["create"]}`), 0o600))
	for want, args := range map[bool][]string{true: {"--policy", policy}, false: nil} {
		r := runSandbox(t, t.TempDir(), append([]string{"--store", "memory"}, args...)...)
		require.Equal(t, want, strings.Contains(r.out.String(), "POST /pending/{client_id}/approve"))
		code, out, said := call("register", "--config", filepath.Join(r.dir, "conformance.json"))
		require.Equal(t, want, code == exitIO && strings.Contains(out, "pending"), said)
	}
}

// TestTheGuideOfThePortalAddsAnotherTPP, and another bank, by the commands that docs/portal.md
// shows.
func TestTheGuideOfThePortalAddsAnotherTPP(t *testing.T) {
	page, err := os.ReadFile("../../docs/portal.md")
	require.NoError(t, err)
	parent := t.TempDir()
	r := runSandbox(t, filepath.Join(parent, "obdcr-sandbox"), "--store", "memory")
	var said []string
	for _, block := range strings.Split(string(page), "```\ncurl ")[1:] {
		commands, _, _ := strings.Cut("curl "+block, "```")
		shell := exec.Command("/bin/sh", "-e", "-c", commands)
		shell.Dir, shell.Env = parent, append(shell.Environ(), "PATH="+filepath.Dir(program(t, "curl")), "DIRECTORY="+r.ready.Directory)
		out, err := shell.CombinedOutput()
		require.NoError(t, err, "%s", out)
		said = append(said, string(out))
	}
	require.Len(t, said, 2)
	statement, err := ssa.Parse(said[0])
	require.NoError(t, err)
	require.Contains(t, statement.Signed().UnverifiedPayload(), `"org_id":"0015800000another1"`)
	b := r.visitor(t)
	b.SignIn(r.ready.Portal, "new@tpp.example", "p", "123456")
	require.Equal(t, http.StatusOK, b.Status, b.Body)
	b.Add(r.ready.Portal, said[0])
	require.Equal(t, http.StatusOK, b.Status, b.Body)

	b.Get(r.ready.Directory + "/sign-in/authorize?client_id=example-bank&response_type=code&scope=openid&code_challenge_method=S256&code_challenge=" +
		strings.Repeat("a", 43) + "&redirect_uri=https://portal.bank.example/sign-in/answer")
	require.Equal(t, http.StatusOK, b.Status, b.Body)
	require.Contains(t, b.Body, "example-bank")
}

// visitor returns a browser that trusts the sandbox.
func (r *running) visitor(t *testing.T) *portaltest.Browser {
	t.Helper()
	roots := x509.NewCertPool()
	ca, err := os.ReadFile(filepath.Join(r.dir, "ca.pem"))
	require.NoError(t, err)
	require.True(t, roots.AppendCertsFromPEM(ca))
	return portaltest.New(t, roots, func(address string) string { return address })
}

// curl is as much of curl as the sandbox prints: not every machine has the real one. It ends
// with 22 for a refusal, as curl --fail does.
func curl(args []string) error {
	var ca, cert, key, body, address, method string
	headers := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	for ; len(args) > 0; args = args[1:] {
		to := map[string]*string{"--cacert": &ca, "--cert": &cert, "--key": &key, "-d": &body, "-X": &method}[args[0]]
		switch {
		case !strings.HasPrefix(args[0], "-"):
			address = args[0]
			continue
		case len(args) == 1:
			return errors.New("a flag has no value")
		case to != nil:
			*to = args[1]
		case args[0] == "-H":
			name, value, _ := strings.Cut(args[1], ": ")
			headers.Set(name, value)
		case args[0] == "--data-binary":
			data, err := os.ReadFile(strings.TrimPrefix(args[1], "@"))
			if err != nil {
				return err
			}
			body = string(data)
		case args[0] == "--data-urlencode":
			name, file, _ := strings.Cut(args[1], "@")
			data, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			body = url.Values{name: {string(data)}}.Encode()
		default:
			return fmt.Errorf("no flag %s", args[0])
		}
		args = args[1:]
	}
	roots := x509.NewCertPool()
	data, err := os.ReadFile(ca)
	if err != nil || !roots.AppendCertsFromPEM(data) {
		return errors.Join(err, errors.New("--cacert"))
	}
	config := &tls.Config{RootCAs: roots}
	if cert != "" {
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			return err
		}
		config.Certificates = []tls.Certificate{pair}
	}
	switch {
	case method != "":
	case body != "":
		method = http.MethodPost
	default:
		method = http.MethodGet
	}
	r, err := http.NewRequest(method, address, strings.NewReader(body))
	if err != nil {
		return err
	}
	r.Header = headers
	response, err := (&http.Client{Transport: &http.Transport{TLSClientConfig: config}}).Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("status %d", response.StatusCode)
	}
	_, err = io.Copy(os.Stdout, response.Body)
	return err
}

func curlMain() {
	if err := curl(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "curl:", err)
		os.Exit(22)
	}
}
