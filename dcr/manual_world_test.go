package dcr_test

import (
	"context"
	"crypto/x509"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

// newCounter is a bank that knows the directory's CA and serves TPPs' contacts.
func newCounter(t testing.TB, policy func(*validate.Policy), change func(*dcr.Config)) *office {
	t.Helper()
	w, _ := newWorld(t, policy)
	return openCounter(t, w, w.store, change)
}

// openCounter makes such a bank in a world, with a store.
func openCounter(t testing.TB, w *world, s records, change func(*dcr.Config)) *office {
	t.Helper()
	return openOffice(t, w, s, func(c *dcr.Config) {
		authorities, err := cert.NewAuthorities(map[claims.Environment][]*x509.Certificate{claims.Sandbox: {w.directory.CA}}, w.now)
		require.NoError(t, err)
		c.Certificates, err = cert.NewChecker(cert.CheckerConfig{Bindings: []cert.Binding{cert.ByPublicKey}, Clock: w.config.Clock, Authorities: authorities})
		require.NoError(t, err)
		if change != nil {
			change(c)
		}
	})
}

// directoryIssuer is the iss of the statements of the test directory.
const directoryIssuer = "OpenBanking Ltd"

// contact is a context that names a person at the TPP.
func contact(name string) context.Context {
	return dcr.WithActor(context.Background(), dcr.Actor{Kind: dcr.ActorContact, Name: name})
}

// own is the reach of a contact of the software's organisation.
func (w *world) own() dcr.Reach {
	return dcr.Reach{Organisations: []string{w.software.OrgID}, Issuers: []string{directoryIssuer}}
}

// manual is what a contact of the software asks for who chooses nothing.
func (w *world) manual(t *testing.T, changes map[string]any) dcr.Manual {
	t.Helper()
	return dcr.Manual{Statement: w.statement(t, changes), Reach: w.own()}
}

// walkIn registers a client as a contact asks.
func (b *office) walkIn(t *testing.T, m dcr.Manual) *dcr.Registration {
	t.Helper()
	registration, err := b.RegisterManual(contact("jo@tpp.example"), m)
	require.NoError(t, err)
	return registration
}

// registeredMembers are the registered members of a client.
func registeredMembers(t *testing.T, c store.Client) *claims.Request {
	t.Helper()
	registered, err := c.Request()
	require.NoError(t, err)
	return registered
}
