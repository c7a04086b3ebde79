package cert_test

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
)

func TestAuthoritiesThatCannotServeAreRefused(t *testing.T) {
	root := newRoot(t, "Root")
	issuing := root.issuing(t, "Issuing")
	listed := func(env claims.Environment, list ...*x509.Certificate) error {
		_, err := cert.NewAuthorities(map[claims.Environment][]*x509.Certificate{env: list}, noon)
		return err
	}
	require.NoError(t, listed(claims.Sandbox, root.cert, issuing.cert))
	at := func(from, until time.Time) *x509.Certificate {
		return newRoot(t, "Other", func(c *x509.Certificate) { c.NotBefore, c.NotAfter = from, until }).cert
	}
	require.NoError(t, listed(claims.Sandbox, at(noon, noon)))
	for name, list := range map[string][]*x509.Certificate{
		"nothing is listed":                           nil,
		"a nil certificate":                           {root.cert, nil},
		"an expired root":                             {at(noon.Add(-time.Hour), noon.Add(-time.Second))},
		"a root of the future":                        {at(noon.Add(time.Second), noon.Add(time.Hour))},
		"a client certificate":                        {root.cert, root.transport(t)},
		"a CA that may not sign certificates":         {newRoot(t, "CRLs only", func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign }).cert},
		"an issuing CA without its root":              {issuing.cert},
		"an issuing CA with another root of the name": {newRoot(t, "Root").cert, issuing.cert},
	} {
		misconfigured(t, listed(claims.Sandbox, list...), name)
	}
	misconfigured(t, listed("prdtst", root.cert), "an environment that is none")
	_, err := cert.NewAuthorities(nil, noon)
	misconfigured(t, err, "no environment")
}

// leaves counts the errors that were joined into one, at whatever depth.
func leaves(err error) int {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		n := 0
		for _, e := range joined.Unwrap() {
			n += leaves(e)
		}
		return n
	}
	if inner := errors.Unwrap(err); inner != nil {
		return leaves(inner)
	}
	return 1
}

func TestAllFaultyAuthoritiesAreNamedAtOnce(t *testing.T) {
	old := newRoot(t, "Old", func(c *x509.Certificate) { c.NotAfter = noon.Add(-time.Second) })
	_, err := cert.NewAuthorities(map[claims.Environment][]*x509.Certificate{
		claims.Sandbox: {old.cert, old.issuing(t, "Below").cert}, claims.Production: {newRoot(t, "Root").transport(t)},
	}, noon)
	require.Equal(t, 3, leaves(err), "%v", err)
}

func TestPEMFilesOfAuthorities(t *testing.T) {
	root := newRoot(t, "Root")
	issuing := root.issuing(t, "Issuing")
	list, err := cert.ParseAuthorities(append([]byte("# the root\n"), certPEM(root.cert, issuing.cert)...))
	require.NoError(t, err)
	require.Len(t, list, 2)
	assert.True(t, list[1].Equal(issuing.cert))

	longest := certPEM(root.cert)
	longest = append(longest, bytes.Repeat([]byte("\n"), 1<<20-len(longest))...)
	_, err = cert.ParseAuthorities(longest)
	require.NoError(t, err)
	broken := certPEM(root.cert)
	broken[40] = '!'
	for name, data := range map[string][]byte{
		"nothing":                   nil,
		"DER":                       root.cert.Raw,
		"a key":                     pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte{1}}),
		"a broken block before one": append(broken, certPEM(issuing.cert)...),
		"a broken block behind one": append(certPEM(issuing.cert), broken...),
		"no certificate inside":     pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte{1, 2}}),
		"too long":                  append(bytes.Clone(longest), '\n'),
	} {
		_, err := cert.ParseAuthorities(data)
		misconfigured(t, err, name)
	}
}

func TestChainsLeadToTheRootOfTheEnvironment(t *testing.T) {
	p := newPKI(t)
	leaf := p.issuing.transport(t)
	chain, err := p.authorities.Chain(claims.Sandbox, leaf, noon)
	require.NoError(t, err)
	require.Equal(t, []*x509.Certificate{leaf, p.issuing.cert, p.root.cert}, chain)
	require.Len(t, p.authorities.Certificates(), 4)

	_, err = p.authorities.Chain(claims.Production, leaf, noon)
	require.Contains(t, refused(t, err, cert.ErrUntrusted).Detail, "it was issued under the CAs of sandbox, not of production")
}

func TestCertificatesThatNoChainHelps(t *testing.T) {
	p := newPKI(t)
	change := func(f func(*x509.Certificate)) *x509.Certificate { return p.issuing.transport(t, f) }
	shortLived := p.root.issuing(t, "Short-lived", func(c *x509.Certificate) { c.NotAfter = noon.Add(time.Hour) })
	serversOnly := p.root.issuing(t, "Servers", func(c *x509.Certificate) {
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	})
	authorities, err := cert.NewAuthorities(map[claims.Environment][]*x509.Certificate{
		claims.Sandbox: {p.root.cert, p.issuing.cert, shortLived.cert, serversOnly.cert}}, noon)
	require.NoError(t, err)
	for _, c := range []struct {
		name string
		leaf *x509.Certificate
		now  time.Time
		kind error
		says string
	}{
		{"none", nil, noon, cert.ErrNoCertificate, ""},
		{"one that nobody has parsed", &x509.Certificate{}, noon, cert.ErrNoCertificate, ""},
		{"an expired one", p.issuing.transport(t), noon.Add(48 * time.Hour), cert.ErrExpired, "it expired on 2026-11-22"},
		{"one of the future", p.issuing.transport(t), noon.Add(-48 * time.Hour), cert.ErrExpired, "not valid before"},
		{"an expired CA", shortLived.transport(t), noon.Add(2 * time.Hour), cert.ErrExpired, `the CA "CN=Short-lived,`},
		{"an unknown CA", newRoot(t, "Sandbox Issuing").transport(t), noon, cert.ErrUntrusted, "leads to no root"},
		{"a CA", p.root.issuing(t, "Another", func(c *x509.Certificate) {
			c.KeyUsage |= x509.KeyUsageDigitalSignature
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		}).cert, noon, cert.ErrUsage, "of a CA"},
		{"servers only", change(func(c *x509.Certificate) { c.ExtKeyUsage = c.ExtKeyUsage[:1] }), noon, cert.ErrUsage, "clientAuth"},
		{"a use that nobody knows", change(func(c *x509.Certificate) {
			c.ExtKeyUsage, c.UnknownExtKeyUsage = nil, []asn1.ObjectIdentifier{{1, 3, 6, 1, 4, 1, 99999, 2}}
		}), noon, cert.ErrUsage, "clientAuth"},
		{"encryption only", change(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment }), noon, cert.ErrUsage, "digitalSignature"},
		{"a CA for servers", serversOnly.transport(t), noon, cert.ErrUsage, "a CA of its chain"},
		{"an unknown critical extension", change(func(c *x509.Certificate) {
			c.ExtraExtensions = append(c.ExtraExtensions, criticalExtension(asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 99999, 1}))
		}), noon, cert.ErrUntrusted, "critical extension"},
	} {
		t.Run(c.name, func(t *testing.T) {
			chain, err := authorities.Chain(claims.Sandbox, c.leaf, c.now)
			require.Nil(t, chain)
			require.Contains(t, refused(t, err, c.kind).Detail, c.says)
		})
	}
	for name, anything := range map[string]func(*x509.Certificate){
		"no extended key usage":  func(c *x509.Certificate) { c.ExtKeyUsage = nil },
		"any extended key usage": func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageAny} },
		"no key usage":           func(c *x509.Certificate) { c.KeyUsage = 0 },
	} {
		chain, err := authorities.Chain(claims.Sandbox, change(anything), noon)
		require.NoError(t, err, name)
		require.Len(t, chain, 3)
	}
	_, err = authorities.Chain(claims.Production, p.issuing.transport(t), noon)
	require.Contains(t, refused(t, err, cert.ErrUntrusted).Detail, "no CA is listed")
}

func TestErrorsRepeatLittleOfASubject(t *testing.T) {
	p := newPKI(t)
	stranger := newRoot(t, strings.Repeat("x", 60)+"\n\u00e9"+strings.Repeat("y", 300)).transport(t)
	_, err := p.authorities.Chain(claims.Sandbox, stranger, noon)
	require.NotContains(t, refused(t, err, cert.ErrUntrusted).Error(), "yy")
}
