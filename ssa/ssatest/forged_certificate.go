package ssatest

import (
	"cmp"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"time"

	"github.com/obdcr/obdcr/claims"
)

// CertificateForgery has the differences of a client certificate from the good one of a
// software. What is not set stays as in the good one.
type CertificateForgery struct {
	NotBefore, NotAfter time.Time
	Subject             *pkix.Name
	RawSubject          []byte             // the subject as DER, for names that pkix.Name does not write
	Usage               []x509.ExtKeyUsage // extended key usages
	Key                 crypto.Signer      // that the certificate is for, instead of the software's transport key
	ForeignCA           bool               // the issuer has the name of the Directory's CA, and another key
}

// CertificateWith issues a client certificate that must be refused. No key set publishes it.
func (s *EnrolledSoftware) CertificateWith(f CertificateForgery) (tls.Certificate, error) {
	ca := s.directory.ca
	if f.ForeignCA {
		other := productionSet
		if s.directory.opts.Environment == claims.Production {
			other = sandboxSet
		}
		var err error
		if ca, err = newAuthority(keySet(other), string(s.directory.opts.Environment)); err != nil {
			return tls.Certificate{}, err
		}
	}
	good := s.TransportCertificate.Leaf
	template := &x509.Certificate{Subject: good.Subject, NotBefore: good.NotBefore, NotAfter: good.NotAfter, KeyUsage: good.KeyUsage,
		ExtKeyUsage: good.ExtKeyUsage, SignatureAlgorithm: x509.SHA256WithRSA}
	if f.Subject != nil {
		template.Subject = *f.Subject
	}
	template.RawSubject = f.RawSubject
	if !f.NotBefore.IsZero() {
		template.NotBefore = f.NotBefore
	}
	if !f.NotAfter.IsZero() {
		template.NotAfter = f.NotAfter
	}
	if f.Usage != nil {
		template.ExtKeyUsage = f.Usage
	}
	key := cmp.Or(f.Key, s.TransportCertificate.PrivateKey.(crypto.Signer)) // NewSoftware has put a key there
	serial := sha256.Sum256(fmt.Append(nil, "forged ", template.Subject, template.RawSubject, template.NotBefore, template.NotAfter))
	template.SerialNumber = new(big.Int).SetBytes(serial[1:16])
	raw, err := x509.CreateCertificate(rand.Reader, template, ca.cert, key.Public(), ca.key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("ssatest: %w", err)
	}
	leaf, err := x509.ParseCertificate(raw)
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key, Leaf: leaf}, err
}
