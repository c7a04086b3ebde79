package server_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// authority is a root CA with an issuing CA, in which a proxy trusts and the bank does not.
type authority struct {
	root, issuing *x509.Certificate
	rootKey       *ecdsa.PrivateKey
	issuingKey    *ecdsa.PrivateKey
	pem           []byte // both
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{rootKey: newKey(t), issuingKey: newKey(t)}
	template := func(name string) *x509.Certificate {
		return &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, IsCA: true,
			BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	}
	a.root = signed(t, template("Root"), nil, a.rootKey, a.rootKey)
	a.issuing = signed(t, template("Issuing"), a.root, a.issuingKey, a.rootKey)
	for _, c := range []*x509.Certificate{a.root, a.issuing} {
		a.pem = append(a.pem, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return key
}

// signed makes a certificate for key, by parent's key; without a parent it signs itself.
func signed(t *testing.T, template, parent *x509.Certificate, key, by *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), by)
	require.NoError(t, err)
	c, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return c
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.root)
	pool.AddCert(a.issuing)
	return pool
}

// leafOptions say what is special about a certificate. The zero value is a client's.
type leafOptions struct {
	hosts   []string         // a server's
	names   int              // as many long names make it large
	expired bool             //
	chain   bool             // the issuing CA comes with it
	other   *authority       // has the same names, and signs in the place of this one
	usage   x509.ExtKeyUsage // in the place of client authentication
}

// pair issues a certificate with its key.
func (a *authority) pair(t *testing.T, o leafOptions) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "leaf"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	if o.usage != 0 {
		template.ExtKeyUsage = []x509.ExtKeyUsage{o.usage}
	}
	if len(o.hosts) > 0 {
		template.DNSNames, template.ExtKeyUsage = o.hosts, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}
	for i := range o.names {
		template.DNSNames = append(template.DNSNames, "n"+strconv.Itoa(i)+strings.Repeat("a", 50)+".example")
	}
	if o.expired {
		template.NotAfter = time.Now().Add(-time.Minute)
	}
	signer := a
	if o.other != nil {
		signer = o.other
	}
	key := newKey(t)
	leaf := signed(t, template, signer.issuing, key, signer.issuingKey)
	pair := tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}
	if o.chain {
		pair.Certificate = append(pair.Certificate, signer.issuing.Raw)
	}
	return pair
}
