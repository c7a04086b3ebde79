package cert_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/ssa"
)

const (
	orgID      = "0015800000TestOrgA"
	softwareID = "3Hnx0Software00000000A"
	keysAt     = "https://keystore.example/org/software.jwks"
	revokedAt  = "https://keystore.example/org/revoked/software.jwks"
	orgRevoked = "https://keystore.example/org/revoked/org.jwks"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func clock() time.Time { return noon }

// ca issues what the fake directory does not: issuing CAs, revocation lists and
// certificates with faults.
type ca struct {
	cert   *x509.Certificate
	key    *ecdsa.PrivateKey
	parent *ca
	serial int64
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return key
}

func (c *ca) sign(t testing.TB, template *x509.Certificate, public crypto.PublicKey) *x509.Certificate {
	t.Helper()
	c.serial++
	template.SerialNumber = big.NewInt(1000 + c.serial)
	if template.NotBefore.IsZero() {
		template.NotBefore = noon.Add(-24 * time.Hour)
	}
	if template.NotAfter.IsZero() {
		template.NotAfter = noon.Add(24 * time.Hour)
	}
	parent := c.cert
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, c.key)
	require.NoError(t, err)
	made, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return made
}

func caTemplate(name string, change []func(*x509.Certificate)) *x509.Certificate {
	template := &x509.Certificate{
		Subject:  pkix.Name{Country: []string{"GB"}, Organization: []string{"OpenBanking"}, CommonName: name},
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, BasicConstraintsValid: true, IsCA: true,
	}
	for _, f := range change {
		f(template)
	}
	return template
}

func newRoot(t testing.TB, name string, change ...func(*x509.Certificate)) *ca {
	t.Helper()
	c := &ca{key: newKey(t)}
	c.cert = c.sign(t, caTemplate(name, change), c.key.Public())
	return c
}

func (c *ca) issuing(t testing.TB, name string, change ...func(*x509.Certificate)) *ca {
	t.Helper()
	below := &ca{key: newKey(t), parent: c}
	below.cert = c.sign(t, caTemplate(name, change), below.key.Public())
	return below
}

// transport issues an OB Transport certificate with a key of its own.
func (c *ca) transport(t testing.TB, change ...func(*x509.Certificate)) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{
		Subject: pkix.Name{Country: []string{"GB"}, Organization: []string{"OpenBanking"},
			OrganizationalUnit: []string{orgID}, CommonName: softwareID},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, f := range change {
		f(template)
	}
	return c.sign(t, template, newKey(t).Public())
}

func (c *ca) list(t testing.TB, change func(*x509.RevocationList), revoked ...*x509.Certificate) []byte {
	t.Helper()
	template := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: noon.Add(-time.Hour), NextUpdate: noon.Add(time.Hour)}
	for _, r := range revoked {
		template.RevokedCertificateEntries = append(template.RevokedCertificateEntries,
			x509.RevocationListEntry{SerialNumber: r.SerialNumber, RevocationTime: noon.Add(-2 * time.Hour), ReasonCode: 1})
	}
	if change != nil {
		change(template)
	}
	der, err := x509.CreateRevocationList(rand.Reader, template, c.cert, c.key)
	require.NoError(t, err)
	return der
}

// pki is a root and an issuing CA for each environment.
type pki struct {
	root, issuing, otherRoot, otherIssuing *ca
	authorities                            *cert.Authorities
}

func newPKI(t testing.TB) *pki {
	t.Helper()
	p := &pki{root: newRoot(t, "Sandbox Root"), otherRoot: newRoot(t, "Production Root")}
	p.issuing, p.otherIssuing = p.root.issuing(t, "Sandbox Issuing"), p.otherRoot.issuing(t, "Production Issuing")
	var err error
	p.authorities, err = cert.NewAuthorities(map[claims.Environment][]*x509.Certificate{
		claims.Sandbox:    {p.issuing.cert, p.root.cert},
		claims.Production: {p.otherRoot.cert, p.otherIssuing.cert},
	}, noon)
	require.NoError(t, err)
	return p
}

// lists makes revocation lists of both sandbox CAs, all in date.
func (p *pki) lists(t testing.TB, revoked ...*x509.Certificate) *cert.CRLs {
	t.Helper()
	lists, err := cert.NewCRLs(p.authorities.Certificates(), p.root.list(t, nil), p.issuing.list(t, nil, revoked...))
	require.NoError(t, err)
	return lists
}

func certPEM(list ...*x509.Certificate) []byte {
	var all []byte
	for _, c := range list {
		all = append(all, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return all
}

func keyOf(id string, c *x509.Certificate) ssa.Key {
	return ssa.Key{ID: id, Use: "tls", Public: c.PublicKey}
}

func namedBy(id string, c *x509.Certificate, public crypto.PublicKey) ssa.Key {
	return ssa.Key{ID: id, Use: "tls", Public: public, CertificateSHA256: [][32]byte{sha256.Sum256(c.Raw)}}
}

// keySource is a resolver whose answers a test can change.
type keySource struct {
	sets       map[string][]ssa.Key
	revoked    map[string]ssa.KeySet
	err        error
	revokedErr error
	unknown    func(ssa.KeyRef) error // asked for a kid that is not there
	asked      []ssa.KeyRef
}

func (s *keySource) ResolveKeys(ctx context.Context, ref ssa.KeyRef) ([]ssa.Key, error) {
	s.asked = append(s.asked, ref)
	if s.err != nil {
		return nil, s.err
	}
	if ref.KeyID != "" && s.unknown != nil {
		return nil, s.unknown(ref)
	}
	return ssa.KeySet{Keys: s.sets[ref.URL]}.ResolveKeys(ctx, ref)
}

func (s *keySource) ResolveRevokedKeys(_ context.Context, url string) (ssa.KeySet, error) {
	if s.revokedErr != nil {
		return ssa.KeySet{}, s.revokedErr
	}
	return s.revoked[url], nil
}

// published are fixed keys, none of them withdrawn.
func published(keys ...ssa.Key) ssa.SoftwareKeys {
	return ssa.SoftwareKeys{Source: &keySource{sets: map[string][]ssa.Key{"": keys}}}
}

// withdrawn are fixed keys and what is withdrawn of them.
func withdrawn(revoked ssa.KeySet, keys ...ssa.Key) ssa.SoftwareKeys {
	return ssa.SoftwareKeys{Revoked: []string{"revoked"},
		Source: &keySource{sets: map[string][]ssa.Key{"": keys}, revoked: map[string]ssa.KeySet{"revoked": revoked}}}
}

func (p *pki) checker(t testing.TB, source *keySource, change ...func(*cert.CheckerConfig)) *cert.Checker {
	t.Helper()
	config := cert.CheckerConfig{Bindings: []cert.Binding{cert.ByPublicKey, cert.ByThumbprint}, Authorities: p.authorities,
		Clock: clock, Keys: source}
	for _, f := range change {
		f(&config)
	}
	c, err := cert.NewChecker(config)
	require.NoError(t, err)
	return c
}

func application(attributes ...string) claims.Application {
	app := claims.Application{Name: "Test TPP", ID: softwareID}
	for i := 0; i < len(attributes); i += 2 {
		app.Attributes = append(app.Attributes, claims.Attribute{Name: attributes[i], Values: []string{attributes[i+1]}})
	}
	return app
}

// refused wants an *Error of a kind, in the house style.
func refused(t testing.TB, err, kind error) *cert.Error {
	t.Helper()
	require.ErrorIs(t, err, kind)
	var e *cert.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, kind, e.Kind)
	require.Regexp(t, `^cert: [ -~]+$`, e.Error())
	return e
}

func outcomes(r *cert.Acceptance) string {
	text := ""
	for _, c := range r.Checks {
		text += fmt.Sprintf("%s=%s ", c.Name, c.Outcome)
	}
	return text
}

var organizationIdentifier = asn1.ObjectIdentifier{2, 5, 4, 97}

func subjectOf(organization, cn string) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		c.Subject = pkix.Name{Country: []string{"GB"}, Organization: []string{"TPP Ltd"}, CommonName: cn,
			ExtraNames: []pkix.AttributeTypeAndValue{{Type: organizationIdentifier, Value: organization}}}
	}
}

func authorities(t testing.TB, list []*x509.Certificate) *cert.Authorities {
	t.Helper()
	a, err := cert.NewAuthorities(map[claims.Environment][]*x509.Certificate{claims.Sandbox: list}, noon)
	require.NoError(t, err)
	return a
}
