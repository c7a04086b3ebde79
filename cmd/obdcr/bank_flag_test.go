package main

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/hangtest"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/validate"
	"github.com/obdcr/obdcr/validate/dialect"
)

// ran is what came of a command.
type ran struct {
	code     int
	out, err string
}

// runs runs the command in this process.
func runs(args ...string) ran {
	var out, notes bytes.Buffer
	code := (&app{in: strings.NewReader(""), err: &notes}).run(args, &out)
	return ran{code, out.String(), notes.String()}
}

// tppFolder writes what a TPP has on its disk, and returns the function that gives paths.
func tppFolder(t *testing.T) (software *ssatest.EnrolledSoftware, at func(string) string) {
	directory, err := ssatest.New(ssatest.Options{})
	require.NoError(t, err)
	t.Cleanup(directory.Close)
	software, err = directory.NewSoftware(ssatest.SoftwareOptions{})
	require.NoError(t, err)
	dir := t.TempDir()
	at = func(name string) string { return filepath.Join(dir, name) }
	for name, text := range clientFiles(t, directory, software, "https://bank.example/discovery") {
		require.NoError(t, os.WriteFile(at(name), []byte(text), 0o600))
	}
	return software, at
}

// TestARequestBuiltForEachBankIsTakenByIt: build makes what lint, by the same dialect, finds
// nothing to warn of, but for what the dialect leaves open.
func TestARequestBuiltForEachBankIsTakenByIt(t *testing.T) {
	t.Parallel()
	software, at := tppFolder(t)
	for _, name := range dialect.Names() {
		d, err := dialect.Load(name)
		require.NoError(t, err)
		args := []string{"build", "--bank", name, "--registration-endpoint", "https://bank.example/register", "--token-endpoint", "https://bank.example/token",
			"--issuer", "https://bank.example", "--ssa", at("ssa.jwt"), "--signing-key", at("signing.key"), "--kid", software.SigningKeyID, "--cert", at("transport.pem")}
		lint := []string{"lint", "--bank", name, "--ssa-jwks", at("directory.jwks"), "--software-jwks", at("software.jwks"), "--cert", at("transport.pem"),
			"--fail-on", "warning", at(name + ".jwt")}
		if len(d.Policy.Audiences) == 0 {
			aud := "https://bank.example"
			if slices.Contains(d.Policy.AudienceKinds, validate.AudienceID) {
				aud = "0015800001041RHAAY"
			}
			args, lint = append(args, "--aud", aud), append(lint, "--aud", aud)
		}
		built := runs(args...)
		require.Equal(t, 0, built.code, "%s: %s", name, built.err)
		require.NoError(t, os.WriteFile(at(name+".jwt"), []byte(built.out), 0o600))
		linted := runs(lint...)
		assert.Equal(t, 0, linted.code, "%s: %s%s", name, linted.out, linted.err)
		assert.Contains(t, strings.Join(strings.Fields(linted.out), " "), "judged by the dialect of "+name)
	}
}

// TestThePageOfDialectsShowsCommandsThatWork runs each command of docs/dialects.md, with the
// page's example as the file of a bank.
func TestThePageOfDialectsShowsCommandsThatWork(t *testing.T) {
	t.Parallel()
	software, at := tppFolder(t)
	page, err := os.ReadFile("../../docs/dialects.md")
	require.NoError(t, err)
	example := regexp.MustCompile("(?s)```json\n(.*?)```").FindStringSubmatch(string(page))
	require.NotNil(t, example)
	require.NoError(t, os.WriteFile(at("NAME.json"), []byte(example[1]), 0o600))
	built := runs("build", "--bank", "hsbc", "--discovery", at("discovery.json"), "--ssa", at("ssa.jwt"), "--signing-key", at("signing.key"), "--kid", software.SigningKeyID)
	require.Equal(t, 0, built.code, built.err)
	require.NoError(t, os.WriteFile(at("request.jwt"), []byte(built.out), 0o600))

	var commands []string
	for _, block := range regexp.MustCompile("(?s)```\n(obdcr .*?)```").FindAllStringSubmatch(string(page), -1) {
		commands = append(commands, strings.Split(strings.TrimSpace(block[1]), "\n")...)
	}
	commands = append(commands, "obdcr lint --bank ./NAME.json request.jwt")
	require.Len(t, commands, 6)
	for _, command := range commands {
		line, file, kept := strings.Cut(strings.TrimPrefix(command, "obdcr "), " > ")
		args := strings.Fields(line)
		for i, arg := range args {
			if strings.HasSuffix(arg, ".json") || strings.HasSuffix(arg, ".jwt") {
				args[i] = at(strings.TrimPrefix(arg, "./"))
			}
		}
		did := runs(args...)
		assert.Less(t, did.code, 2, "%s: %s", command, did.err)
		assert.NotEmpty(t, did.out, command)
		if kept {
			require.NoError(t, os.WriteFile(at(file), []byte(did.out), 0o600))
		}
	}
}

// TestADiscoveryDocumentThatIsNoneIsTold: a policy is written, or nothing and why.
func TestADiscoveryDocumentThatIsNoneIsTold(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.HandleFunc("/good", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"issuer": "https://bank.example", "token_endpoint_auth_methods_supported": ["tls_client_auth"], "scopes_supported": ["openid", "accounts"]}`)
	})
	mux.HandleFunc("/page", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "<html><title>Welcome</title></html>")
	})
	mux.HandleFunc("/other", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"keys": []}`) })
	mux.HandleFunc("/apart", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"grant_types_supported": ["password"]}`)
	})
	mux.HandleFunc("/hangs", hangtest.Hang)
	mux.HandleFunc("/long", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"issuer": "https://bank.example", "x": "`+strings.Repeat("a", 10<<20)+`"}`)
	})
	mux.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/good", http.StatusFound) })
	server := httptest.NewTLSServer(mux)
	t.Cleanup(server.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600))

	good := runs("policy", "from-discovery", server.URL+"/good", "--ca", ca)
	require.Equal(t, 0, good.code, good.err)
	policy, err := validate.ParsePolicy([]byte(good.out), validate.OBIE33)
	require.NoError(t, err)
	assert.Equal(t, []string{"openid", "accounts"}, policy.Scopes)
	assert.Equal(t, validate.DefaultPolicy(validate.OBIE33).GrantTypes, policy.GrantTypes, "what is not told is the default")
	assert.Contains(t, good.err, "grant_types_supported", "and that is said")
	assert.Contains(t, good.err, "audiences")
	assert.NotContains(t, good.err, "scopes_supported")

	for name, want := range map[string]ran{
		server.URL + "/page":    {code: exitIO, err: "discovery document"},
		server.URL + "/other":   {code: exitUsage, err: "no member of a discovery document"},
		server.URL + "/apart":   {code: exitUsage, err: "grant_types_supported"},
		server.URL + "/missing": {code: exitIO, err: "404"},
		server.URL + "/hangs":   {code: exitIO, err: "200ms"},
		server.URL + "/long":    {code: exitIO, err: "long"},
		server.URL + "/moved":   {code: exitIO, err: "302"},
		"http://" + strings.TrimPrefix(server.URL, "https://") + "/good": {code: exitUsage, err: "https"},
		ca:                           {code: exitUsage, err: "certificate"},
		filepath.Join(ca, "nowhere"): {code: exitIO, err: "nowhere"},
	} {
		timeout := "1m"
		if strings.HasSuffix(name, "/hangs") {
			timeout = "200ms"
		}
		got := runs("policy", "from-discovery", name, "--ca", ca, "--timeout", timeout)
		assert.Equal(t, want.code, got.code, "%s: %s", name, got.err)
		assert.Contains(t, got.err, want.err, name)
		assert.Empty(t, got.out, name)
		assert.Less(t, len(got.err), 1000, "%s: %s", name, fmt.Sprintf("%.200s", got.err))
	}
}
