package sandbox

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"net"
	"slices"
	"strings"
	"time"
)

const (
	caLife    = 20 * 365 * 24 * time.Hour
	leafLife  = 395 * 24 * time.Hour // 13 months, like the OBIE directory's certificates
	leafRenew = 30 * 24 * time.Hour  // a start renews a certificate that expires within this time
	backdate  = time.Hour            // notBefore lies this far back, because clocks differ
)

// documentSigning is the extended key usage of the directory's signing certificates.
var documentSigning = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 311, 10, 3, 12}

// authority is the CA of all certificates of the sandbox.
type authority struct {
	key  *rsa.PrivateKey
	cert *x509.Certificate
	now  time.Time
	make maker
	wide bool        // certificates are valid from 1970 to 2099
	seen []time.Time // when a certificate has to be valid, so that it is kept
}

// openAuthority reads ca.key and ca.pem. It makes both if there are none, but refuses a
// ca.pem without its key: a new CA would make every certificate in the folder invalid. A new
// one certifies the names alone, and no other CA.
func openAuthority(f folder, c *Config) (*authority, error) {
	_, hasKey, err := f.read("ca.key")
	if err != nil {
		return nil, err
	}
	found, err := f.certificate("ca.pem")
	if err != nil {
		return nil, err
	}
	if found != nil && !hasKey {
		return nil, failure("ca.key is missing beside %s: put it back, or remove ca.pem too for a new CA", f.path("ca.pem"))
	}
	a := newAuthority(c)
	a.cert = found
	if a.key, err = f.key("ca.key", a.make, placeCA); err != nil {
		return nil, err
	}
	if found != nil {
		if !a.key.PublicKey.Equal(found.PublicKey) {
			return nil, failure("ca.key is not the key of %s: put the right one back, or remove both for a new CA", f.path("ca.pem"))
		}
		return a, a.covers(f)
	}
	template := &x509.Certificate{
		Subject:  pkix.Name{Country: []string{"GB"}, Organization: []string{"obdcr"}, CommonName: "obdcr sandbox CA"},
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, BasicConstraintsValid: true, IsCA: true, MaxPathLenZero: true,
	}
	c.names.constrain(template)
	if a.cert, err = a.issue(template, &a.key.PublicKey); err != nil {
		return nil, err
	}
	return a, f.write("ca.pem", marshalCertificate(a.cert), public)
}

// newAuthority makes an authority without key and certificate.
func newAuthority(c *Config) *authority {
	now := c.Clock()
	a := &authority{now: now, make: maker{c.Seed}, wide: c.wide(), seen: []time.Time{now, now.Add(leafRenew)}}
	if c.held != nil { // the clock of clients may be another
		a.seen = []time.Time{now, c.real(), c.real().Add(leafRenew)}
	}
	return a
}

// covers refuses a CA that is not valid at the time of the sandbox's clock: every certificate
// of the folder would be refused. The error is a *UsageError.
func (a *authority) covers(f folder) error {
	if !a.now.Before(a.cert.NotBefore) && !a.now.After(a.cert.NotAfter) {
		return nil
	}
	return usage("the clock is at %s, and %s is valid from %s to %s: give --dir another folder, or --clock a time within that",
		a.now.UTC().Format(time.RFC3339), f.path("ca.pem"), a.cert.NotBefore.Format(time.RFC3339), a.cert.NotAfter.Format(time.RFC3339))
}

// serial derives the serial number of a certificate from its subject and key, so that the
// certificates of a seed are the same each time.
func (a *authority) serial(template *x509.Certificate, key *rsa.PublicKey) *big.Int {
	serial := a.make.bytes("serial "+template.Subject.String()+" "+strings.Join(template.DNSNames, " ")+" "+key.N.String(), 16)
	serial[0] = serial[0]&0x7f | 0x40
	return new(big.Int).SetBytes(serial)
}

func marshalCertificate(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

// issue signs a certificate. The first one is the CA's own; it signs itself.
func (a *authority) issue(template *x509.Certificate, key *rsa.PublicKey) (*x509.Certificate, error) {
	template.SerialNumber = a.serial(template, key)
	template.NotBefore, template.NotAfter = a.now.Add(-backdate), a.now.Add(leafLife)
	parent := a.cert
	if parent == nil {
		parent, template.NotAfter = template, a.now.Add(caLife)
	}
	if a.wide {
		template.NotBefore, template.NotAfter = wideFrom, wideTo
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, parent, key, a.key)
	if err != nil {
		return nil, failure("certificate: %w", err)
	}
	return x509.ParseCertificate(raw)
}

// pair is a certificate with its key.
type pair struct {
	cert *x509.Certificate
	key  *rsa.PrivateKey
}

func (p pair) tls() tls.Certificate {
	return tls.Certificate{Certificate: [][]byte{p.cert.Raw}, PrivateKey: p.key, Leaf: p.cert}
}

// keep reads a certificate and its key, NAME.pem and NAME.key. It makes a key if there is
// none. It issues a new certificate if the old one is not valid under this CA, is for another
// key or other hosts, or expires soon.
func (a *authority) keep(f folder, name string, place int, template *x509.Certificate) (pair, error) {
	key, err := f.key(name+".key", a.make, place)
	if err != nil {
		return pair{}, err
	}
	found, err := f.certificate(name + ".pem")
	if err != nil {
		return pair{}, err
	}
	if found != nil && key.PublicKey.Equal(found.PublicKey) && a.certifies(found, template) {
		return pair{found, key}, nil
	}
	issued, err := a.issue(template, &key.PublicKey)
	if err != nil {
		return pair{}, err
	}
	return pair{issued, key}, f.write(name+".pem", marshalCertificate(issued), public)
}

// at returns the same authority at another time.
func (a *authority) at(now time.Time) *authority {
	later := *a
	later.now = now
	return &later
}

// draw makes the key of a place and issues a certificate for it.
func (a *authority) draw(place int, template *x509.Certificate) (pair, error) {
	key, err := a.make.key(place)
	if err != nil {
		return pair{}, err
	}
	issued, err := a.issue(template, &key.PublicKey)
	return pair{issued, key}, err
}

// certifies reports whether a certificate is valid under this CA for a while, and for the
// hosts of the template.
func (a *authority) certifies(found, template *x509.Certificate) bool {
	roots := x509.NewCertPool()
	roots.AddCert(a.cert)
	for _, at := range a.seen {
		if _, err := found.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
			return false
		}
	}
	for _, name := range template.DNSNames {
		if found.VerifyHostname(name) != nil {
			return false
		}
	}
	return !slices.ContainsFunc(template.IPAddresses, func(ip net.IP) bool { return found.VerifyHostname(ip.String()) != nil })
}

// serverTemplate is the certificate of bank and directory.
func serverTemplate(n names) *x509.Certificate {
	dns, ips := n.split()
	return &x509.Certificate{
		Subject:     pkix.Name{Country: []string{"GB"}, Organization: []string{"obdcr"}, CommonName: "obdcr sandbox"},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:    dns,
		IPAddresses: ips,
	}
}

// subject returns the subject of an OB certificate. It is encoded in the order C, O, OU,
// CN, like the OBIE directory's.
func subject(org, software string) pkix.Name {
	return pkix.Name{Country: []string{"GB"}, Organization: []string{"OpenBanking"},
		OrganizationalUnit: []string{org}, CommonName: software}
}

// transportTemplate is an OB Transport certificate. It has both usages, as the OBIE
// directory's have.
func transportTemplate(org, software string) *x509.Certificate {
	return &x509.Certificate{
		Subject: subject(org, software), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
}

// signingTemplate is an OB Signing certificate.
func signingTemplate(org, software string) *x509.Certificate {
	return &x509.Certificate{
		Subject:            subject(org, software),
		KeyUsage:           x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment,
		UnknownExtKeyUsage: []asn1.ObjectIdentifier{documentSigning},
	}
}
