package roles_test

import (
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"testing"
	"time"

	"github.com/obdcr/obdcr/dcr/dcrtest"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/server"
	"github.com/obdcr/obdcr/dcr/token"
)

var errOut = errors.New("connection refused")

// world is a bank with a client, and the tokens of its authorization server.
type world struct {
	bank      *dcrtest.Bank
	leaf      *x509.Certificate // of the client's software
	tokens    *token.Memory
	registrar *dcr.Registrar
	id        string // of the client
	events    int
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{tokens: token.NewMemory(nil, nil)}
	w.bank = dcrtest.NewBank(t, dcrtest.WithKeysAtOnce(), w.with(w.tokens))
	w.registrar = w.bank.Server().Registrar()
	software := w.bank.NewTPP(t)
	w.leaf, w.id = software.Software().TransportCertificate.Leaf, software.MustRegister().ClientID
	return w
}

// with has a bank ask tokens, and the world count its events.
func (w *world) with(tokens token.Tokens) dcrtest.Option {
	return dcrtest.WithServerConfig(func(c *server.Config) {
		c.TokenEndpoint, c.Tokens, c.Discovery.TokenEndpoint = false, tokens, "https://as.example/token"
		c.Observer.Event = func(dcr.Event) { w.events++ }
	})
}

// open makes the bank over the same store with other tokens.
func (w *world) open(t *testing.T, tokens token.Tokens) *dcr.Registrar {
	t.Helper()
	return dcrtest.NewBank(t, dcrtest.WithDirectory(w.bank.Directory()), dcrtest.WithStore(w.bank.Store()), dcrtest.WithKeysAtOnce(), w.with(tokens)).
		Server().Registrar()
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
	return w.bank.NewTPP(t).Software().TransportCertificate.Leaf
}
