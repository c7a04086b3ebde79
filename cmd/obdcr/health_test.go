package main

import (
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/hangtest"
	"github.com/obdcr/obdcr/internal/realtest"
)

// moody answers as its path says.
func moody(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/fine":
		_, _ = io.WriteString(w, strings.Repeat("x", 1<<20))
	case "/empty":
		w.WriteHeader(http.StatusNoContent)
	case "/moved":
		http.Redirect(w, r, "/fine", http.StatusFound)
	case "/out":
		w.WriteHeader(http.StatusServiceUnavailable)
	case "/endless": // the status is there, the body never ends
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		hangtest.Hang(w, r)
	case "/silent":
		hangtest.Hang(w, r)
	case "/header":
		w.Header().Set("X-Large", strings.Repeat("x", 1<<20))
	default:
		http.NotFound(w, r)
	}
}

func TestHealthIsStatus200Alone(t *testing.T) {
	for name, scheme := range map[string]func(http.Handler) *httptest.Server{"http": httptest.NewServer, "https": httptest.NewTLSServer} {
		server := scheme(http.HandlerFunc(moody))
		t.Cleanup(server.Close)
		var trust []string
		if name == "https" {
			ca := filepath.Join(t.TempDir(), "ca.pem")
			block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
			require.NoError(t, os.WriteFile(ca, block, 0o600))
			trust = []string{"--ca", ca}
		}
		for path, c := range map[string]struct {
			code int
			says string
		}{
			"/fine": {exitFine, ""}, "/endless": {exitFine, ""},
			"/empty": {exitViolated, "status 204"}, "/moved": {exitViolated, "status 302"}, "/out": {exitViolated, "status 503"},
			"/none": {exitViolated, "status 404"}, "/silent": {exitViolated, "too long"}, "/header": {exitViolated, "failed"},
			"/none?token=hidden": {exitViolated, "/none: "},
		} {
			limit := "20s"
			if path == "/silent" {
				limit = "50ms"
			}
			code, out, errors := call(append([]string{"health", server.URL + path, "--timeout", limit}, trust...)...)
			require.Equal(t, c.code, code, "%s %s: %s", name, path, errors)
			require.Contains(t, errors, c.says, path)
			require.Empty(t, out)
			require.NotContains(t, errors, "hidden")
			require.LessOrEqual(t, strings.Count(errors, "\n"), 1, "one line at most: %s", errors)
		}
	}
}

func TestHealthFailsWithoutAnAnswer(t *testing.T) {
	secure, plain := httptest.NewUnstartedServer(http.HandlerFunc(moody)), httptest.NewServer(http.HandlerFunc(moody))
	secure.Config.ErrorLog = log.New(io.Discard, "", 0) // of the handshake that fails
	secure.StartTLS()
	t.Cleanup(secure.Close)
	t.Cleanup(plain.Close)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() { // no server of HTTP
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			fmt.Fprint(connection, "220 mail ready\r\n")
			_ = connection.Close()
		}
	}()
	for _, args := range [][]string{
		{secure.URL + "/fine"}, // of a CA that nobody knows
		{strings.Replace(plain.URL, "http:", "https:", 1) + "/fine"},
		{"http://" + listener.Addr().String()},
		{"http://" + realtest.FreeAddress(t)},
		{"http://nobody.invalid/"},
		{secure.URL + "/fine", "--ca", filepath.Join(t.TempDir(), "not-yet.pem")},
	} {
		code, out, errors := call(append([]string{"health"}, args...)...)
		require.Equal(t, exitViolated, code, "%v: %s", args, errors)
		require.Empty(t, out)
		require.Equal(t, 1, strings.Count(errors, "\n"), errors)
	}
}

func TestHealthHeedsNoProxy(t *testing.T) {
	asked := false
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	t.Cleanup(proxy.Close)
	cmd := exec.Command(program(t, "obdcr"), "health", "http://nobody.invalid/")
	cmd.Env = append(cmd.Environ(), "HTTP_PROXY="+proxy.URL, "http_proxy="+proxy.URL)
	require.Error(t, cmd.Run())
	require.False(t, asked)
}

func TestHealthSaysWhatIsWrong(t *testing.T) {
	wrong := filepath.Join(t.TempDir(), "wrong.pem")
	require.NoError(t, os.WriteFile(wrong, []byte("{}"), 0o600))
	for says, args := range map[string][]string{
		"needs a URL": {}, "one too many": {"http://127.0.0.1/", "http://127.0.0.1/"},
		"a URL that": {"http://127.0.0.1:port/"}, "begins with https://": {"127.0.0.1:8443"}, "or http://": {"ftp://127.0.0.1/"},
		"has a host": {"https:///readyz"}, "has user": {"https://me:secret@127.0.0.1/"}, "or a fragment": {"https://127.0.0.1/#"},
		"1..65535": {"https://127.0.0.1:99999/"}, "more than 0": {"https://127.0.0.1/", "--timeout", "0"},
		"alone": {"http://127.0.0.1/", "--ca", wrong}, wrong: {"https://127.0.0.1/", "--ca", wrong},
		"is a folder": {"https://127.0.0.1/", "--ca", filepath.Dir(wrong)},
	} {
		code, out, errors := call(append([]string{"health"}, args...)...)
		require.Equal(t, exitUsage, code, "%v: %s", args, errors)
		require.Contains(t, errors, says)
		require.NotContains(t, errors, "secret")
		require.Empty(t, out)
	}
}
