package service_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/service"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// world is a directory with one software, and the folder of a bank.
type world struct {
	directory *ssatest.Directory
	software  *ssatest.EnrolledSoftware
	folder    string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{folder: t.TempDir()}
	var err error
	w.directory, err = ssatest.New(ssatest.Options{})
	require.NoError(t, err)
	t.Cleanup(w.directory.Close)
	w.software, err = w.directory.NewSoftware(ssatest.SoftwareOptions{})
	require.NoError(t, err)
	own, err := w.directory.ServerCertificate("127.0.0.1")
	require.NoError(t, err)
	w.writePair(t, "bank", own)
	w.write(t, "ca.pem", string(w.directory.CAPEM()))
	w.write(t, "sealing.key", strings.Repeat("5a", 32))
	return w
}

// write writes a file into the bank's folder, by a rename as careful programs do.
func (w *world) write(t *testing.T, name, content string) {
	t.Helper()
	path := filepath.Join(w.folder, name)
	require.NoError(t, os.WriteFile(path+".new", []byte(content), 0o600))
	require.NoError(t, os.Rename(path+".new", path))
}

func (w *world) writePair(t *testing.T, name string, pair tls.Certificate) {
	t.Helper()
	certificate, key, err := ssatest.PEM(pair)
	require.NoError(t, err)
	w.write(t, name+".pem", string(certificate))
	w.write(t, name+".key", string(key))
}

// config is a configuration that serves, without store and what tells who issues tokens.
func (w *world) config() string {
	host := strings.TrimPrefix(w.directory.URL(), "https://")
	return fmt.Sprintf(`issuer: https://bank.example
audiences: [%q]
listen: 127.0.0.1:0
anchors:
  - {name: test, issuer: %q, environment: sandbox, jwks_url: %q, jwks_hosts: [%q]}
keys: {ca_files: [ca.pem]}
tls: {certificate_file: bank.pem, key_file: bank.key}
clients: {authorities: {sandbox: [ca.pem]}}
`, ssatest.DefaultAudience, w.directory.Anchor().Issuer, w.directory.URL()+"/keys.jwks", host)
}

// served is a bank that serves in this process.
type served struct {
	address, admin string
	log            *journal
	reload         chan os.Signal
	stop           context.CancelFunc
	ended          chan error
}

// journal is a log that a test reads while the bank writes it.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

func (w *world) load(t *testing.T, config string) *service.Config {
	t.Helper()
	w.write(t, "bank.yaml", config)
	c, err := service.Load(filepath.Join(w.folder, "bank.yaml"))
	require.NoError(t, err)
	return c
}

// serve serves a configuration until the end of the test.
func (w *world) serve(t *testing.T, config string) *served {
	t.Helper()
	s := &served{log: &journal{}, reload: make(chan os.Signal, 1), ended: make(chan error, 1)}
	c := w.load(t, config)
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	ready := make(chan struct{})
	go func() {
		s.ended <- service.Run(ctx, c, service.Options{Log: s.log, Reload: s.reload, Ready: func(address, admin string) {
			s.address, s.admin = address, admin
			close(ready)
		}})
	}()
	select {
	case <-ready:
	case err := <-s.ended:
		require.NoError(t, err)
	}
	t.Cleanup(func() { stop(); assert.NoError(t, <-s.ended) })
	return s
}

func (w *world) roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(w.directory.CA)
	return pool
}

// client is the software's client of a bank at an address, for the audience of its token
// endpoint.
func (w *world) client(t *testing.T, address string) *tpp.Client {
	t.Helper()
	transport := tpp.MutualTLS(w.software.TransportCertificate, w.roots())
	t.Cleanup(transport.CloseIdleConnections)
	bank := "https://" + address
	client, err := tpp.NewClient(tpp.Config{HTTP: transport, Signer: w.software.SigningKey, KeyID: w.software.SigningKeyID,
		Metadata: &tpp.Metadata{Issuer: bank, RegistrationEndpoint: bank + "/register", TokenEndpoint: bank + "/token",
			TokenAudience: "https://bank.example/token"}})
	require.NoError(t, err)
	return client
}

// register registers the software.
func (w *world) register(t *testing.T, client *tpp.Client) (*tpp.ClientInformation, error) {
	t.Helper()
	statement, err := w.software.SSA(nil)
	require.NoError(t, err)
	request, err := client.Build(statement, tpp.RequestOptions{Audience: ssatest.DefaultAudience})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	return client.Register(ctx, request)
}

// status asks for an address over plain HTTP.
func status(t *testing.T, address string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
	require.NoError(t, err)
	answer, err := http.DefaultTransport.RoundTrip(request)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	return answer.StatusCode
}
