package roles_test

import (
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/server"
	"github.com/obdcr/obdcr/dcr/token"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/store"
)

var errOut = errors.New("connection refused")

// world is a bank with a client, and the tokens of its authorization server.
type world struct {
	directory *ssatest.Directory
	leaf      *x509.Certificate // of the client's software
	tokens    *token.Memory
	config    server.Config
	registrar *dcr.Registrar
	id        string // of the client
	events    int
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{tokens: token.NewMemory(nil, nil)}
	var err error
	w.directory, err = ssatest.New(ssatest.Options{})
	require.NoError(t, err)
	t.Cleanup(w.directory.Close)
	software, err := w.directory.NewSoftware(ssatest.SoftwareOptions{})
	require.NoError(t, err)
	w.leaf = software.TransportCertificate.Leaf
	w.config = server.Config{
		Issuer: "https://bank.example", Audiences: []string{ssatest.DefaultAudience}, Directories: []ssa.KnownDirectory{w.directory.Known()},
		Keys: server.KeyConfig{Resolver: w.directory.Resolver()}, Store: store.NewMemory(nil), Tokens: w.tokens,
		Discovery: dcr.Discovery{TokenEndpoint: "https://as.example/token"},
		Clients: server.CertificateConfig{Trust: cert.TrustPolicy{
			Authorities: map[claims.Environment][]*x509.Certificate{claims.Sandbox: {w.directory.CA}}}},
		Observer: server.Observer{Event: func(dcr.Event) { w.events++ }},
	}
	w.registrar = w.open(t, w.tokens)
	request := software.Request()
	signed, err := software.Sign(&request)
	require.NoError(t, err)
	registration, err := w.registrar.Register(t.Context(), dcr.RegisterInput{Token: claims.NewSecret(signed), Certificate: w.leaf})
	require.NoError(t, err)
	w.id = registration.Client.ID
	return w
}

// open makes the bank over the same store with other tokens.
func (w *world) open(t *testing.T, tokens token.Tokens) *dcr.Registrar {
	t.Helper()
	config := w.config
	config.Tokens = tokens
	bank, err := server.New(config)
	require.NoError(t, err)
	t.Cleanup(bank.Close)
	return bank.Registrar()
}

// issue makes an access token of a client that is bound to a certificate.
func (w *world) issue(t *testing.T, id string, leaf *x509.Certificate) claims.Secret {
	t.Helper()
	access, err := w.tokens.Issue(t.Context(), id, sha256.Sum256(leaf.Raw), nil, time.Hour)
	require.NoError(t, err)
	return access
}

// stranger returns the certificate of another software.
func (w *world) stranger(t *testing.T) *x509.Certificate {
	t.Helper()
	other, err := w.directory.NewSoftware(ssatest.SoftwareOptions{})
	require.NoError(t, err)
	return other.TransportCertificate.Leaf
}
