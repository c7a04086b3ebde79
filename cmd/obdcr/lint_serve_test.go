package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/validate"
)

// pageAddress is what lint --serve prints.
var pageAddress = regexp.MustCompile(`http://[^/\s]+/`)

// runPage runs lint --serve in another process.
func runPage(t *testing.T, args ...string) (r *running, address string) {
	t.Helper()
	r = &running{out: newOutput(), err: newOutput(), ended: make(chan struct{})}
	r.cmd = exec.Command(program(t, "obdcr"), append([]string{"lint", "--serve"}, args...)...)
	r.cmd.Stdout, r.cmd.Stderr = r.out, r.err
	r.run(t)
	r.says(t, r.out, "Ctrl-C ends it.")
	address = pageAddress.FindString(r.out.String())
	require.NotEmpty(t, address)
	return r, address
}

// TestLintServesAPageUntilASignal: what is pasted is judged, and nothing of it is logged.
func TestLintServesAPageUntilASignal(t *testing.T) {
	t.Parallel()
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		r, address := runPage(t, "--aud", "0015800001041RHAAY")
		response, err := http.PostForm(address, url.Values{"document": {`{"aud": "MARKER", "redirect_uris": ["http://a.example/"]}`}})
		require.NoError(t, err)
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, http.StatusOK, response.StatusCode)
		require.Contains(t, string(body), `href="/rules#`+validate.RuleRedirectURIsHTTPS+`"`)
		require.Contains(t, string(body), `href="/rules#`+validate.RuleAudIsBank+`"`, "the flags of the command count")
		require.NoError(t, r.cmd.Process.Signal(signal))
		<-r.ended
		require.NoError(t, r.exit, "exit code 0: %s", r.err)
		require.Empty(t, r.err.String())
		require.NotContains(t, r.out.String(), "MARKER")
	}
}

// TestThePageAnswersAtTheAddressThatItPrints: all of 127.0.0.0/8 is of this machine, on Linux.
func TestThePageAnswersAtTheAddressThatItPrints(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.2:0")
	if err != nil {
		return
	}
	require.NoError(t, l.Close())
	_, address := runPage(t, "--listen", "127.0.0.2:0")
	response, err := http.Get(address)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusOK, response.StatusCode)
}

// TestAPageIsForThisMachineAlone: what cannot be is refused before anything listens.
func TestAPageIsForThisMachineAlone(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"--listen", "0.0.0.0:0"}, {"--listen", "192.0.2.1:0"}, {"--listen", ":8080"}, {"--listen", "[::]:0"}, {"--listen", "bank.example:80"},
		{"--listen", "127.0.0.1"}, {"--strict"}, {"--now", "2026-01-01T00:00:00Z"}, {"-o", "json"}, {"--profile", "obie-1"}, {"request.jwt"},
	} {
		code, out, _ := call(append([]string{"lint", "--serve"}, args...)...)
		require.Equal(t, exitUsage, code, args)
		require.Empty(t, out, args)
	}
	code, _, _ := call("lint", "--listen", "127.0.0.1:0", "request.jwt")
	require.Equal(t, exitUsage, code)
	code, _, _ = call("lint", "--serve", "--listen", "127.0.0.1:1000000")
	require.Equal(t, exitIO, code)
}

// sparse is a listener of a process that has no file descriptor left, for some time.
type sparse struct {
	net.Listener

	left int
}

func (l *sparse) Accept() (net.Conn, error) {
	if l.left--; l.left >= 0 {
		return nil, &net.OpError{Op: "accept", Net: "tcp", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	}
	return l.Listener.Accept()
}

// TestThePageTellsFaultsOfItsServerAlone: once each, and nothing of a request.
func TestThePageTellsFaultsOfItsServerAlone(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, end := context.WithCancel(t.Context())
	var out bytes.Buffer
	ended := make(chan error, 1)
	page := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { panic(r.FormValue("document")) })
	go func() { ended <- servePage(ctx, &sparse{l, 3}, page, &out) }()
	for range 2 {
		_, err = http.PostForm("http://"+l.Addr().String(), url.Values{"document": {"MARKER"}}) //nolint:bodyclose // there is no answer
		require.Error(t, err)
	}
	end()
	require.NoError(t, <-ended)
	require.Equal(t, 1, strings.Count(out.String(), "too many open files"), out.String())
	require.Equal(t, 1, strings.Count(out.String(), "the page failed"), out.String())
	require.NotContains(t, out.String(), "MARKER")
}

// TestTheCommandsOfThePageRun runs those of docs/lint-page.md, at free ports.
func TestTheCommandsOfThePageRun(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/lint-page.md")
	require.NoError(t, err)
	ran := 0
	for line := range strings.Lines(string(page)) {
		if command, ok := strings.CutPrefix(strings.TrimSpace(line), "obdcr lint --serve"); ok {
			_, address := runPage(t, strings.Fields(strings.ReplaceAll(command, "127.0.0.1:8090", "127.0.0.1:0"))...)
			response, err := http.Get(address)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			require.Equal(t, http.StatusOK, response.StatusCode)
			ran++
		}
	}
	require.Equal(t, 2, ran)
}

// TestAFileForTheServedPageIsToldWhereItGoes: lint takes files, the page gets them in the browser.
func TestAFileForTheServedPageIsToldWhereItGoes(t *testing.T) {
	t.Parallel()
	code, _, said := call("lint", "--serve", "x.jwt")
	require.Equal(t, exitUsage, code)
	require.Contains(t, said, "obdcr lint x.jwt")
}
