package realtest

import (
	"context"
	"crypto/x509"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/obdcr/obdcr/internal/fetch"
)

// servers is the environment variable that asks for the tests with authorization servers, with
// a browser and with other languages.
const servers = "OBDCR_SERVERS"

const (
	downloadTimeout = 15 * time.Minute
	downloads       = 3                // attempts
	startTimeout    = 10 * time.Minute // on a busy machine; a free one takes half a minute
)

// Identity is the TLS identity of a server, in PEM. Package ssatest can make one.
type Identity struct {
	Certificate, Key []byte // of the server
	// CA is what the server trusts: the CA of client certificates, and of the hosts that
	// it reads key sets from. Its own certificate is of this CA, too.
	CA []byte
}

// Asked reports whether the tests with a server that takes long to start, or may have to be
// downloaded, are to run: OBDCR_SERVERS=1. The server is Keycloak, node-oidc-provider or
// Chromium, which is a browser and comes with axe-core; or Python, Java or JavaScript, with the
// tool that downloads its libraries. If not, it says in one line what does not run. No other
// variable asks for them. Where the programs that start the server are
// missing the test fails, unless OBDCR_CI_PARTIAL=1 allows a run of what is there.
//
// Call it in the test itself, with the name of the server as it is: .ci/run finds the tests
// that do so.
func Asked(t testing.TB, server string) bool {
	t.Helper()
	if value := os.Getenv(servers); value == "" || value == "0" {
		say(t, servers+"=1 starts "+server)
		return false
	}
	for _, names := range startedBy(t, server) {
		if !slices.ContainsFunc(names, found) {
			missing(t, "there is no "+names[0], true)
			return false
		}
	}
	return true
}

// found reports whether there is a program.
func found(name string) bool { _, ok := find(name); return ok }

// startedBy returns the programs that start a server, each with the names that it may have. The
// last one downloads what is not there yet.
func startedBy(t testing.TB, server string) [][]string {
	t.Helper()
	tools, program := [][]string{{"java"}, {"bash"}, {"mvn"}}, keycloakArchive
	switch server {
	case "pre-commit":
		return [][]string{{"pre-commit"}, {"git"}}
	case "Python":
		return [][]string{{"python3"}}
	case "Java":
		return [][]string{{"java"}, {"javac"}, {"mvn"}}
	case "JavaScript":
		return [][]string{{"node"}, {"npm"}}
	case "node-oidc-provider":
		tools, program = [][]string{{"node"}, {"npm"}}, oidcProviderProgram
	case "Chromium":
		tools, program = [][]string{chromiumNames(), {"npm"}}, axeScript
	}
	if _, err := os.Stat(program(t)); err == nil {
		return tools[:len(tools)-1]
	}
	return tools
}

// downloadPause is the pause after the first failure of a download. That after the second is twice as long.
var downloadPause = 5 * time.Second

// run runs a program that downloads, to its end. A registry fails now and then: it is asked three
// times, with a pause.
func run(t testing.TB, dir, program string, args ...string) {
	t.Helper()
	for pause := range downloads {
		time.Sleep(time.Duration(pause) * downloadPause)
		out, err := once(t, dir, program, args...)
		if err == nil {
			return
		}
		if pause == downloads-1 {
			t.Fatalf("%s: %v\n%s", program, err, out)
		}
		t.Logf("%s is run again: %v", program, err)
	}
}

func once(t testing.TB, dir, program string, args ...string) ([]byte, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), downloadTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	return cmd.CombinedOutput()
}

// write puts the three files of the identity into a folder and returns their paths.
func (i Identity) write(t testing.TB, dir string) (certificate, key, ca string) {
	t.Helper()
	certificate, key, ca = filepath.Join(dir, "server.pem"), filepath.Join(dir, "server.key"), filepath.Join(dir, "ca.pem")
	for name, content := range map[string][]byte{certificate: i.Certificate, key: i.Key, ca: i.CA} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certificate, key, ca
}

// client trusts the identity's CA and presents no certificate. Each call has a connection
// of its own, so that none outlives a server that is stopped.
func (i Identity) client(t testing.TB) *http.Client {
	t.Helper()
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(i.CA) {
		t.Fatal("the identity has no CA")
	}
	transport := fetch.Transport(roots)
	transport.Proxy, transport.DisableKeepAlives, transport.ForceAttemptHTTP2 = nil, true, false
	return &http.Client{Timeout: time.Minute, Transport: transport}
}
