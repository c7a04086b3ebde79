package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"maps"
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
	"github.com/obdcr/obdcr/ssa/ssatest"
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

// guide runs the guide's commands in a folder of the test, with free ports in the place of its
// own, and with this project as it stands in the place of the public one.
type guide struct {
	folder, origin string
	ports          map[string]string
}

func newGuide(t *testing.T) *guide {
	t.Helper()
	g := &guide{folder: t.TempDir(), origin: t.TempDir(), ports: map[string]string{}}
	list := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	list.Dir = clone
	names, err := list.Output()
	require.NoError(t, err)
	for name := range strings.SplitSeq(strings.TrimSuffix(string(names), "\x00"), "\x00") {
		text, err := os.ReadFile(filepath.Join(clone, name))
		require.NoError(t, err)
		to := filepath.Join(g.origin, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(to), 0o700))
		require.NoError(t, os.WriteFile(to, text, 0o600))
	}
	for _, args := range [][]string{{"init", "-q"}, {"add", "-A"}, {"-c", "user.name=test", "-c", "user.email=test@example.com", "commit", "-q", "-m", "as it stands"}} {
		cmd := exec.Command("git", args...)
		cmd.Dir = g.origin
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	return g
}

// configure gives the clone the configuration of the bank, as it stands or with free ports.
func (g *guide) configure(t *testing.T, free bool) {
	t.Helper()
	text, err := os.ReadFile("bank.json")
	require.NoError(t, err)
	if free {
		text = []byte(g.local(t, string(text)))
	}
	require.NoError(t, os.WriteFile(filepath.Join(g.folder, "obdcr/examples/keycloak/bank.json"), text, 0o600))
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
	cmd.Dir = filepath.Join(g.folder, "obdcr")
	if strings.HasPrefix(block, "git clone") {
		cmd.Dir = g.folder
	}
	cmd.Env = append(os.Environ(), "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=url."+g.origin+".insteadOf", "GIT_CONFIG_VALUE_0=https://github.com/obdcr/obdcr")
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
	for _, name := range []string{"bash", "mvn", "java", "unzip", "jq", "git", "curl"} {
		if _, ok := realtest.Tool(t, name); !ok {
			return
		}
	}
	text, err := os.ReadFile(filepath.Join(clone, guideFile))
	require.NoError(t, err)
	g, started := newGuide(t), []*realtest.Process{}
	for _, block := range commands.FindAllStringSubmatch(string(text), -1) {
		cmd := g.command(t, block[1])
		if next := len(started); next < len(servers) && strings.Contains(block[1], servers[next].line) {
			started = append(started, realtest.Start(t, cmd))
			g.await(t, started[next], servers[next].answersAt)
			continue
		}
		if strings.HasPrefix(block[1], "rm ") { // the guide says to end them first
			for _, server := range started {
				server.Stop()
			}
			g.configure(t, false)
		}
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s\n%s", block[1], out)
		if strings.HasPrefix(block[1], "git clone") {
			g.configure(t, true)
		}
	}
	require.Len(t, started, len(servers), "all of them have been started")
	require.FileExists(t, filepath.Join(g.folder, "bank", "registration"), "the program of a bank's own")
}

// TestTheGuideFitsAWindow: its commands are to be read and copied.
func TestTheGuideFitsAWindow(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(clone, guideFile))
	require.NoError(t, err)
	blocks := commands.FindAllStringSubmatch(string(text), -1)
	require.NotEmpty(t, blocks)
	for _, block := range blocks {
		for line := range strings.Lines(block[1]) {
			require.LessOrEqual(t, len(strings.TrimSuffix(line, "\n")), 100, line)
		}
	}
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
		t.Run("as it is", func(t *testing.T) { startsFrom(t, block[1], nil) })
		t.Run("with a directory to try", func(t *testing.T) {
			startsFrom(t, block[1], map[string]any{"directory_jwks": "https://127.0.0.1:8445/keys.jwks", "server_ca": "/etc/bank/openbanking-ca.pem"})
		})
	}
}

// startsFrom starts the bank from a configuration of the guide and further members, with files
// of the test in the place of those below /etc and /var, and a port of loopback. Keycloak is
// out.
func startsFrom(t *testing.T, configuration string, more map[string]any) {
	t.Helper()
	directory, err := ssatest.New(ssatest.Options{})
	require.NoError(t, err)
	t.Cleanup(directory.Close)
	own, err := directory.ServerCertificate("127.0.0.1")
	require.NoError(t, err)
	certificate, key, err := ssatest.PEM(own)
	require.NoError(t, err)
	folder, members := t.TempDir(), map[string]any{}
	for name, content := range map[string][]byte{"server.pem": certificate, "server.key": key, "openbanking-ca.pem": directory.CAPEM(),
		"keycloak.secret": []byte("secret"), "policy.json": []byte("{}")} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), content, 0o600))
	}
	address := fmt.Sprintf("127.0.0.1:%d", realtest.FreePort(t))
	here := strings.NewReplacer("/etc/bank", folder, "/var/lib/bank", folder, `":8443"`, `"`+address+`"`, "https://auth.bank.example", "https://127.0.0.1:1")
	require.NoError(t, json.Unmarshal([]byte(configuration), &members))
	maps.Copy(members, more)
	text, err := json.Marshal(members)
	require.NoError(t, err)
	file := filepath.Join(folder, "bank.json")
	require.NoError(t, os.WriteFile(file, []byte(here.Replace(string(text))), 0o600))

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, []string{"-config", file}) }()
	bank := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	status := func(path string) int {
		answer, err := bank.Get("https://" + address + path)
		if err != nil {
			return 0
		}
		defer answer.Body.Close()
		return answer.StatusCode
	}
	require.Eventually(t, func() bool { return status("/readyz") == http.StatusOK }, patience, 50*time.Millisecond)
	require.Equal(t, http.StatusServiceUnavailable, status(metadataPath), "Keycloak has it")
	stop()
	require.NoError(t, <-ended)
}
