package nodes

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/internal/fulltest"
	"github.com/obdcr/obdcr/internal/realtest"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// issuer is the bank's name. Nothing listens there: a balancer would.
const issuer = "https://bank.example"

// program is the command, built once for all tests.
var program struct {
	sync.Once
	folder string
	said   []byte
	err    error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if program.folder != "" {
		_ = os.RemoveAll(program.folder)
	}
	os.Exit(code)
}

// command returns the path of the command. Under the race detector the processes have one too.
func command(t *testing.T) string {
	t.Helper()
	program.Do(func() {
		if program.folder, program.err = os.MkdirTemp("", "obdcr-nodes-"); program.err == nil {
			program.said, program.err = exec.Command("go", "build", "-race="+strconv.FormatBool(fulltest.RaceDetector),
				"-o", filepath.Join(program.folder, "obdcr"), "../../cmd/obdcr").CombinedOutput()
		}
	})
	require.NoError(t, program.err, "%s", program.said)
	return filepath.Join(program.folder, "obdcr")
}

// world is a directory with one software, and the files of a bank there.
type world struct {
	directory *ssatest.Directory
	software  *ssatest.EnrolledSoftware
	transport *http.Client // of the software, to every node
	dir       string
	policy    map[string]any // what differs from the default
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{dir: t.TempDir(), policy: map[string]any{}}
	var err error
	w.directory, err = ssatest.New(ssatest.Options{})
	require.NoError(t, err)
	t.Cleanup(w.directory.Close)
	w.directory.Publish("/keys.jwks", w.directory.JWKS())
	w.software, err = w.directory.NewSoftware(ssatest.SoftwareOptions{})
	require.NoError(t, err)
	roots := x509.NewCertPool()
	roots.AddCert(w.directory.CA)
	w.transport = tpp.MutualTLS(w.software.TransportCertificate, roots)
	w.transport.Timeout = answerTimeout
	t.Cleanup(w.transport.CloseIdleConnections)

	own, err := w.directory.ServerCertificate("127.0.0.1")
	require.NoError(t, err)
	key, err := x509.MarshalPKCS8PrivateKey(own.PrivateKey)
	require.NoError(t, err)
	w.write(t, "ca.pem", w.directory.CAPEM())
	w.write(t, "bank.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: own.Certificate[0]}))
	w.write(t, "bank.key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))
	return w
}

func (w *world) write(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(w.dir, name)
	require.NoError(t, os.WriteFile(path, content, 0o600))
	return path
}

// node is one process of the bank.
type node struct {
	world   *world
	address string // as a URL
	config  string // file
	dsn     string
	process *realtest.Process
}

// node starts a process over a database, at a port of its own.
func (w *world) node(t *testing.T, dsn string) *node {
	t.Helper()
	port := strconv.Itoa(realtest.FreePort(t))
	anchor := w.directory.Anchor()
	config, err := json.MarshalIndent(map[string]any{ // JSON is YAML
		"issuer": issuer, "audiences": []string{ssatest.DefaultAudience}, "policy": w.policy,
		"anchors": []any{map[string]any{"name": anchor.Name, "issuer": anchor.Issuer, "environment": anchor.Environment,
			"jwks_url": w.directory.URL() + "/keys.jwks", "jwks_hosts": anchor.JWKSHosts}},
		"keys":    map[string]any{"ca_files": []string{"ca.pem"}, "networks": []string{"127.0.0.1/32"}},
		"listen":  "127.0.0.1:" + port,
		"tls":     map[string]any{"certificate_file": "bank.pem", "key_file": "bank.key"},
		"clients": map[string]any{"authorities": map[string]any{string(anchor.Environment): []string{"ca.pem"}}},
		"store":   map[string]any{"dsn_env": "OBDCR_DSN"},
		"tokens":  map[string]any{"own_endpoint": true},
	}, "", " ")
	require.NoError(t, err)
	n := &node{world: w, address: "https://127.0.0.1:" + port, dsn: dsn, config: w.write(t, "serve-"+port+".yaml", config)}
	n.start(t)
	return n
}

// nodes starts three processes over a database.
func (w *world) nodes(t *testing.T, dsn string) []*node {
	t.Helper()
	return []*node{w.node(t, dsn), w.node(t, dsn), w.node(t, dsn)}
}

// start starts the process, as a supervisor would after its end, and waits until it is ready.
func (n *node) start(t *testing.T) {
	t.Helper()
	cmd := exec.Command(command(t), "serve", "--config", n.config)
	cmd.Env = append(os.Environ(), "OBDCR_DSN="+n.dsn)
	process := realtest.Start(t, cmd)
	n.process = process
	t.Cleanup(func() {
		process.Kill() // at once: the answers to wait for have been given
		assert.NotContains(t, process.Output(), "DATA RACE")
		assert.NotContains(t, process.Output(), "panic")
	})
	n.ready(t)
}

// ready waits until the process says that it is ready.
func (n *node) ready(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	n.process.Await(ctx, n.world.transport, n.address+"/readyz", http.StatusOK)
}

// client returns the software's client of one node.
func (n *node) client(t *testing.T) *tpp.Client {
	t.Helper()
	leaf, err := x509.ParseCertificate(n.world.software.TransportCertificate.Certificate[0])
	require.NoError(t, err)
	client, err := tpp.NewClient(tpp.Config{HTTP: n.world.transport, Signer: n.world.software.SigningKey, KeyID: n.world.software.SigningKeyID,
		Certificate: leaf, Metadata: &tpp.Metadata{Issuer: issuer, RegistrationEndpoint: n.address + "/register",
			TokenEndpoint: n.address + "/token", TokenAudience: issuer + "/token"}})
	require.NoError(t, err)
	return client
}

// request makes a registration request with a statement of its own.
func (w *world) request(by *tpp.Client) (request, statement string, err error) {
	if statement, err = w.software.SSA(nil); err != nil {
		return "", "", err
	}
	request, err = by.Build(statement, tpp.RequestOptions{Audience: ssatest.DefaultAudience, Lifetime: 5 * time.Minute})
	return request, statement, err
}

// figures writes a line of times, sorted: the least, the middle, and the greatest.
func figures(what string, took []time.Duration) string {
	if len(took) == 0 {
		return what + ": none"
	}
	at := func(part int) time.Duration { return took[(len(took)-1)*part/20].Round(time.Millisecond) }
	return fmt.Sprintf("%s, %d rounds: least %v, middle %v, 19 of 20 %v, greatest %v", what, len(took), at(0), at(10), at(19), at(20))
}
