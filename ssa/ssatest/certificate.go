package ssatest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"slices"
	"sync"
	"time"
)

// All certificates are valid for any time a test is likely to play in, so that
// they depend on no clock.
var (
	validFrom = time.Date(2015, 1, 1, 0, 0, 0, 0, time.UTC)
	validTo   = time.Date(2049, 12, 31, 23, 59, 59, 0, time.UTC)
)

// documentSigning is the extended key usage of the directory's signing certificates.
var documentSigning = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 311, 10, 3, 12}

// authority is the CA. Its signatures are RSA PKCS #1 v1.5, which is deterministic.
type authority struct {
	key  *authorityKey
	cert *x509.Certificate
}

// authorityKey keeps what it has signed, since the directories of a process issue the same
// certificates again and again.
type authorityKey struct {
	key  *rsa.PrivateKey
	mu   sync.Mutex
	kept map[[sha256.Size]byte][]byte
}

// maxKept is how many signatures a key keeps.
const maxKept = 4096

// authorityKeys has the key of each set.
var authorityKeys = []func() (*authorityKey, error){sandboxSet: keyOfAuthority(sandboxSet), productionSet: keyOfAuthority(productionSet)}

func keyOfAuthority(set keySet) func() (*authorityKey, error) {
	return sync.OnceValues(func() (*authorityKey, error) {
		key, err := set.rsaKey(caKey)
		return &authorityKey{key: key, kept: map[[sha256.Size]byte][]byte{}}, err
	})
}

// Public is the public key.
func (k *authorityKey) Public() crypto.PublicKey { return k.key.Public() }

// Sign signs a digest by SHA-256 with PKCS #1 v1.5, as all certificates are signed.
func (k *authorityKey) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if _, pss := opts.(*rsa.PSSOptions); pss || opts.HashFunc() != crypto.SHA256 || len(digest) != sha256.Size {
		return nil, errors.New("ssatest: the CA signs by SHA-256 with RSA alone")
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	at := [sha256.Size]byte(digest)
	if signature, known := k.kept[at]; known {
		return slices.Clone(signature), nil
	}
	signature, err := k.key.Sign(random, digest, opts)
	if err == nil && len(k.kept) < maxKept {
		k.kept[at] = slices.Clone(signature)
	}
	return signature, err
}

func newAuthority(set keySet, env string) (*authority, error) {
	key, err := authorityKeys[set]()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		Subject:               subject("", "Public test CA, "+env),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	a := &authority{key: key}
	a.cert, err = a.issue(template, key.Public())
	return a, err
}

// issue signs a certificate for public. The CA's own is signed by itself.
func (a *authority) issue(template *x509.Certificate, public crypto.PublicKey) (*x509.Certificate, error) {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, err
	}
	serial := sha256.Sum256(append([]byte(template.Subject.String()), der...))
	serial[0] |= 0x40 // never short, never negative
	template.SerialNumber = new(big.Int).SetBytes(serial[:16])
	template.NotBefore, template.NotAfter = validFrom, validTo
	template.SignatureAlgorithm = x509.SHA256WithRSA
	parent := a.cert
	if parent == nil {
		parent = template
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, parent, public, a.key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(raw)
}

// subject is the name of an OB certificate, encoded in the order C, O, OU, CN.
func subject(org, name string) pkix.Name {
	n := pkix.Name{Country: []string{"GB"}, Organization: []string{"OpenBanking"}, CommonName: name}
	if org != "" {
		n.OrganizationalUnit = []string{org}
	}
	return n
}

// transport issues an OB Transport certificate.
func (a *authority) transport(org, software string, public crypto.PublicKey) (*x509.Certificate, error) {
	return a.issue(&x509.Certificate{
		Subject:     subject(org, software),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, public)
}

// signing issues an OB Signing certificate.
func (a *authority) signing(org, software string, public crypto.PublicKey) (*x509.Certificate, error) {
	return a.issue(&x509.Certificate{
		Subject:            subject(org, software),
		KeyUsage:           x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment,
		UnknownExtKeyUsage: []asn1.ObjectIdentifier{documentSigning},
	}, public)
}

// server issues a certificate for hosts, names or IP addresses.
func (a *authority) server(key *rsa.PrivateKey, hosts ...string) (tls.Certificate, error) {
	template := &x509.Certificate{
		Subject:     subject("", hosts[0]),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
			continue
		}
		template.DNSNames = append(template.DNSNames, host)
	}
	cert, err := a.issue(template, key.Public())
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key, Leaf: cert}, nil
}

// PEM encodes a certificate with its chain, and its key in PKCS #8, for programs that
// read files.
func PEM(c tls.Certificate) (certificate, key []byte, err error) {
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		return nil, nil, fmt.Errorf("ssatest: %w", err)
	}
	for _, link := range c.Certificate {
		certificate = append(certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: link})...)
	}
	return certificate, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}
