package cert_test

import (
	"crypto/x509"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
)

func TestARenewedCheckerForgetsWhatItBelieved(t *testing.T) {
	p := newPKI(t)
	leaf := p.issuing.transport(t)
	s := cert.Software{Environment: claims.Sandbox, Keys: published(keyOf("a", leaf))}
	c, err := cert.NewChecker(cert.CheckerConfig{Bindings: []cert.Binding{cert.ByPublicKey}, Authorities: p.authorities, Revocation: p.lists(t), Clock: clock})
	require.NoError(t, err)
	_, err = c.Check(t.Context(), leaf, s)
	require.NoError(t, err)

	require.NoError(t, c.Renew(p.authorities, p.lists(t, leaf)))
	_, err = c.Check(t.Context(), leaf, s)
	refused(t, err, cert.ErrRevoked)

	other := newRoot(t, "Another Root")
	others, err := cert.NewAuthorities(map[claims.Environment][]*x509.Certificate{claims.Sandbox: {other.cert}}, noon)
	require.NoError(t, err)
	require.NoError(t, c.Renew(others, p.lists(t)))
	_, err = c.Check(t.Context(), leaf, s) // whose chain was remembered
	refused(t, err, cert.ErrUntrusted)

	for name, renew := range map[string]func() error{
		"no CAs":                func() error { return c.Renew(nil, nil) },
		"no revocation lists":   func() error { return c.Renew(p.authorities, nil) },
		"lists without any CAs": func() error { return c.Renew(nil, p.lists(t)) },
		"the subject without CA": func() error {
			by, err := cert.NewChecker(cert.CheckerConfig{Bindings: []cert.Binding{cert.BySubject}, Authorities: p.authorities, Clock: clock})
			require.NoError(t, err)
			return by.Renew(nil, nil)
		},
	} {
		require.Error(t, renew(), name)
	}
	_, err = c.Check(t.Context(), leaf, s)
	refused(t, err, cert.ErrUntrusted) // nothing has changed
}

func TestNextRevocationListsFollowThoseBefore(t *testing.T) {
	p := newPKI(t)
	cas := p.authorities.Certificates()
	leaf := p.issuing.transport(t)
	at := func(number int64, revoked ...*x509.Certificate) []byte {
		return p.issuing.list(t, func(l *x509.RevocationList) {
			l.Number, l.ThisUpdate = big.NewInt(number), noon.Add(time.Duration(number)*time.Minute-time.Hour)
		}, revoked...)
	}
	first, err := cert.NewCRLs(cas, p.root.list(t, nil), at(2))
	require.NoError(t, err)
	second, err := first.Next(append(cas, newRoot(t, "Another Root").cert), p.root.list(t, nil), at(3, leaf))
	require.NoError(t, err)
	chain := chainOf(t, p, leaf)
	require.NoError(t, first.CheckRevocation(t.Context(), chain, noon), "it stays as it is")
	refused(t, second.CheckRevocation(t.Context(), chain, noon), cert.ErrRevoked)

	_, err = second.Next(cas, p.root.list(t, nil), at(2))
	require.ErrorContains(t, err, "older than one that was in use")
	third, err := second.Next(cas, p.root.list(t, nil)) // the list of a CA is left out,
	require.NoError(t, err)
	_, err = third.Next(cas, p.root.list(t, nil), at(2)) // and not forgotten
	require.ErrorContains(t, err, "older than one that was in use")
	_, err = second.Next(cas[:0], p.root.list(t, nil))
	require.Error(t, err)
}
