// Package servicetest makes what tests of obdcr serve need: a directory with a software, and a
// folder with the files of a bank. For tests only.
//
// [New] makes a World, World.Config a configuration that serves.
package servicetest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// World is a directory with one software, and the folder of a bank: bank.pem and bank.key for
// 127.0.0.1, ca.pem of the directory, and sealing.key.
type World struct {
	Directory *ssatest.Directory
	Software  *ssatest.EnrolledSoftware
	Folder    string
}

// New makes a World, which ends with the test.
func New(t testing.TB) *World {
	t.Helper()
	w := &World{Folder: t.TempDir()}
	var err error
	w.Directory, err = ssatest.New(ssatest.Options{})
	require.NoError(t, err)
	t.Cleanup(w.Directory.Close)
	w.Software, err = w.Directory.NewSoftware(ssatest.SoftwareOptions{})
	require.NoError(t, err)
	own, err := w.Directory.ServerCertificate("127.0.0.1")
	require.NoError(t, err)
	w.WritePair(t, "bank", own)
	w.Write(t, "ca.pem", string(w.Directory.CAPEM()))
	w.Write(t, "sealing.key", strings.Repeat("5a", 32))
	return w
}

// Path returns the path of a file in the folder.
func (w *World) Path(name string) string { return filepath.Join(w.Folder, name) }

// Write writes a file into the folder, by a rename as careful programs do.
func (w *World) Write(t testing.TB, name, content string) {
	t.Helper()
	require.NoError(t, os.WriteFile(w.Path(name)+".new", []byte(content), 0o600))
	require.NoError(t, os.Rename(w.Path(name)+".new", w.Path(name)))
}

// WritePair writes a certificate with its key, name.pem and name.key.
func (w *World) WritePair(t testing.TB, name string, pair tls.Certificate) {
	t.Helper()
	certificate, key, err := ssatest.PEM(pair)
	require.NoError(t, err)
	w.Write(t, name+".pem", string(certificate))
	w.Write(t, name+".key", string(key))
}

// Config is a configuration that serves at a free port of loopback, without a store and
// without what tells who issues tokens.
func (w *World) Config() string {
	host := strings.TrimPrefix(w.Directory.URL(), "https://")
	return fmt.Sprintf(`issuer: https://bank.example
audiences: [%q]
listen: 127.0.0.1:0
anchors:
  - {name: test, issuer: %q, environment: sandbox, jwks_url: %q, jwks_hosts: [%q]}
keys: {ca_files: [ca.pem]}
tls: {certificate_file: bank.pem, key_file: bank.key}
clients: {authorities: {sandbox: [ca.pem]}}
`, ssatest.DefaultAudience, w.Directory.Anchor().Issuer, w.Directory.URL()+"/keys.jwks", host)
}

// Roots has the CA of the directory.
func (w *World) Roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(w.Directory.CA)
	return pool
}

// Client is a software's client of a bank at HOST:PORT that issues tokens itself.
func (w *World) Client(t testing.TB, s *ssatest.EnrolledSoftware, address string) *tpp.Client {
	t.Helper()
	transport := tpp.MutualTLS(s.TransportCertificate, w.Roots())
	t.Cleanup(transport.CloseIdleConnections)
	bank := "https://" + address
	client, err := tpp.NewClient(tpp.Config{HTTP: transport, Signer: s.SigningKey, KeyID: s.SigningKeyID,
		Metadata: &tpp.Metadata{Issuer: bank, RegistrationEndpoint: bank + "/register", TokenEndpoint: bank + "/token",
			TokenAudience: "https://bank.example/token"}})
	require.NoError(t, err)
	return client
}

// Request makes a registration request of a software.
func (w *World) Request(t testing.TB, s *ssatest.EnrolledSoftware, client *tpp.Client) string {
	t.Helper()
	statement, err := s.SSA(nil)
	require.NoError(t, err)
	request, err := client.Build(statement, tpp.RequestOptions{Audience: ssatest.DefaultAudience})
	require.NoError(t, err)
	return request
}

// Register registers the software of the World.
func (w *World) Register(t testing.TB, client *tpp.Client) (*tpp.ClientInformation, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	return client.Register(ctx, w.Request(t, w.Software, client))
}
