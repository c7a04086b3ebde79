package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/realtest"
)

const (
	guideFile = "docs/keycloak.md"
	clone     = "../.."
	// The first start of a server compiles programs, or unpacks and builds Keycloak.
	guidePatience = 5 * time.Minute
)

var (
	commands       = regexp.MustCompile("(?ms)^```bash\n(.*?)^```$")
	configurations = regexp.MustCompile("(?ms)^```json\n(.*?)^```$")
	loopback       = regexp.MustCompile(`127\.0\.0\.1:\d+|port=\d+`)
)

// servers are the commands of the guide that do not end, in its order, and where each of
// them answers.
var servers = []struct{ line, answersAt string }{
	{"go run ./cmd/obdcr sandbox", "https://127.0.0.1:8445/keys.jwks"},
	{"bash obdcr-sandbox/keycloak-26.0.7/bin/kc.sh start-dev", "https://127.0.0.1:8543/realms/master"},
	{"go run -C examples/keycloak .\n", "https://127.0.0.1:9443" + metadataPath},
}

// guide is a clone of the project in a folder of the test, and the guide's commands with
// free ports in the place of its own.
type guide struct {
	folder string
	ports  map[string]string
}

func newGuide(t *testing.T) *guide {
	t.Helper()
	g := &guide{folder: t.TempDir(), ports: map[string]string{}}
	list := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	list.Dir = clone
	names, err := list.Output()
	require.NoError(t, err)
	for name := range strings.SplitSeq(strings.TrimSuffix(string(names), "\x00"), "\x00") {
		text, err := os.ReadFile(filepath.Join(clone, name))
		require.NoError(t, err)
		to := filepath.Join(g.folder, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(to), 0o700))
		require.NoError(t, os.WriteFile(to, text, 0o600))
	}
	bank := filepath.Join(g.folder, "examples/keycloak/bank.json")
	text, err := os.ReadFile(bank)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(bank, []byte(g.local(t, string(text))), 0o600))
	return g
}

// local puts free ports into a text, the same ones each time.
func (g *guide) local(t *testing.T, text string) string {
	t.Helper()
	return loopback.ReplaceAllStringFunc(text, func(found string) string {
		at := strings.LastIndexAny(found, ":=") + 1
		port := found[at:]
		if g.ports[port] == "" {
			g.ports[port] = fmt.Sprint(realtest.FreePort(t))
		}
		return found[:at] + g.ports[port]
	})
}

// command is a block of the guide as bash runs it: it stops at the first line that fails.
func (g *guide) command(t *testing.T, block string) *exec.Cmd {
	t.Helper()
	block = strings.Replace(block, "obdcr sandbox\n", "obdcr sandbox --listen 127.0.0.1:8443 --directory 127.0.0.1:8445\n", 1)
	cmd := exec.Command("bash", "-e", "-c", g.local(t, block))
	cmd.Dir = g.folder
	return cmd
}

// await waits until a server answers. Whose certificate it has is not known before the
// sandbox has made its CA.
func (g *guide) await(t *testing.T, server *realtest.Process, address string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), guidePatience)
	defer cancel()
	trusting := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	server.Await(ctx, trusting, g.local(t, address), http.StatusOK)
}

// TestTheGuideLeadsFromACloneToARegisteredClient runs each command of docs/keycloak.md, from
// the top down.
func TestTheGuideLeadsFromACloneToARegisteredClient(t *testing.T) {
	if !realtest.Asked(t, "Keycloak") {
		return
	}
	for _, name := range []string{"bash", "mvn", "java", "unzip", "jq", "git"} {
		if _, ok := realtest.Tool(t, name); !ok {
			return
		}
	}
	text, err := os.ReadFile(filepath.Join(clone, guideFile))
	require.NoError(t, err)
	g, started := newGuide(t), 0
	for _, block := range commands.FindAllStringSubmatch(string(text), -1) {
		cmd := g.command(t, block[1])
		if started < len(servers) && strings.Contains(block[1], servers[started].line) {
			server := realtest.Start(t, cmd)
			g.await(t, server, servers[started].answersAt)
			started++
			continue
		}
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s\n%s", block[1], out)
	}
	require.Len(t, servers, started, "all of them have been started")
}

// TestTheGuideShowsConfigurations: what a bank copies from it is taken.
func TestTheGuideShowsConfigurations(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(clone, guideFile))
	require.NoError(t, err)
	blocks := configurations.FindAllStringSubmatch(string(text), -1)
	require.NotEmpty(t, blocks)
	for _, block := range blocks {
		file := filepath.Join(t.TempDir(), "bank.json")
		require.NoError(t, os.WriteFile(file, []byte(block[1]), 0o600))
		c, err := readConfig(file)
		require.NoError(t, err)
		require.Equal(t, (*x509.CertPool)(nil), c.roots, "those of the system")
		require.Empty(t, c.DirectoryJWKS)
	}
}
