package server_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/server"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/store"
)

// world is a directory with one software, and what a bank there is made from.
type world struct {
	directory *ssatest.Directory
	software  *ssatest.EnrolledSoftware
	store     *store.Memory
	config    server.Config
}

// newWorld makes a world whose bank issues tokens itself, and whose signatures are quick.
func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldBy(t, claims.ES256)
}

// newWorldBy makes such a world whose directory and software sign by an algorithm.
func newWorldBy(t *testing.T, algorithm claims.Algorithm) *world {
	t.Helper()
	w := &world{store: store.NewMemory(nil)}
	var err error
	w.directory, err = ssatest.New(ssatest.Options{Algorithm: algorithm})
	require.NoError(t, err)
	t.Cleanup(w.directory.Close)
	w.software, err = w.directory.NewSoftware(ssatest.SoftwareOptions{Algorithm: algorithm})
	require.NoError(t, err)
	own, err := w.directory.ServerCertificate("127.0.0.1")
	require.NoError(t, err)
	w.config = server.Config{
		Issuer: "https://bank.example", Audiences: []string{ssatest.DefaultAudience}, Anchors: []ssa.Anchor{w.anchor()},
		Keys: server.KeyConfig{Resolver: w.directory.Resolver()}, Store: w.store, TokenEndpoint: true,
		Clients: server.CertificateConfig{Server: []tls.Certificate{own},
			Trust: cert.TrustPolicy{Authorities: map[claims.Environment][]*x509.Certificate{claims.Sandbox: {w.directory.CA}}}},
	}
	return w
}

// anchor returns the directory's anchor without the fields that the policy sets.
func (w *world) anchor() ssa.Anchor {
	a := w.directory.Anchor()
	a.Algorithms, a.MaxAge = nil, 0
	return a
}

func (w *world) bank(t *testing.T) *server.Bank {
	t.Helper()
	b, err := server.New(w.config)
	require.NoError(t, err)
	t.Cleanup(b.Close)
	return b
}

func (w *world) roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(w.directory.CA)
	return pool
}

// serve runs a bank over TLS and returns the software's client of it.
func (w *world) serve(t *testing.T, b *server.Bank) (*tpp.Client, *http.Client, string) {
	t.Helper()
	at := httptest.NewUnstartedServer(b.Handler())
	at.TLS = b.HTTPServer().TLSConfig
	at.Config.ErrorLog = b.HTTPServer().ErrorLog
	at.StartTLS()
	t.Cleanup(at.Close)
	transport := w.transport(t, w.software.TransportCertificate)
	return w.client(t, transport, at.URL), transport, at.URL
}

// transport sends a certificate to the bank.
func (w *world) transport(t *testing.T, c tls.Certificate) *http.Client {
	t.Helper()
	client := tpp.MutualTLS(c, w.roots())
	t.Cleanup(client.CloseIdleConnections)
	return client
}

// client makes the software's client of the bank at an address.
func (w *world) client(t *testing.T, transport *http.Client, address string) *tpp.Client {
	t.Helper()
	leaf, err := x509.ParseCertificate(w.software.TransportCertificate.Certificate[0])
	require.NoError(t, err)
	client, err := tpp.NewClient(tpp.Config{HTTP: transport, Signer: w.software.SigningKey, KeyID: w.software.SigningKeyID, Certificate: leaf,
		Metadata: &tpp.Metadata{Issuer: "https://bank.example", RegistrationEndpoint: address + "/register", TokenEndpoint: address + "/token",
			TokenAudience: "https://bank.example/token"}})
	require.NoError(t, err)
	return client
}

// register registers a client with an authentication method.
func (w *world) register(t *testing.T, c *tpp.Client, method claims.AuthMethod) *tpp.ClientInformation {
	t.Helper()
	statement, err := w.software.SSA(nil)
	require.NoError(t, err)
	request, err := c.Build(statement, tpp.RequestOptions{Audience: ssatest.DefaultAudience, AuthMethod: method, Lifetime: 5 * time.Minute})
	require.NoError(t, err)
	registered, err := c.Register(context.Background(), request)
	require.NoError(t, err)
	return registered
}
