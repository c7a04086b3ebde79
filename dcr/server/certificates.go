package server

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
)

// LoadCertificates reads from PEM files what a bank needs that ends TLS itself: its own
// certificate, followed by those that lead to its CA, the key of that certificate, and
// by environment the root and issuing CAs of client certificates, all in one file. The
// other fields of the result are left to the caller.
func LoadCertificates(certificate, key string, authorities map[claims.Environment]string) (CertificateConfig, error) {
	own, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		return CertificateConfig{}, fmt.Errorf("server: the bank's own certificate %s with the key %s: %w", certificate, key, err)
	}
	c := CertificateConfig{Server: []tls.Certificate{own}}
	c.Trust.Authorities = make(map[claims.Environment][]*x509.Certificate, len(authorities))
	for env, file := range authorities {
		text, err := os.ReadFile(file)
		if err != nil {
			return CertificateConfig{}, fmt.Errorf("server: the CAs of client certificates: %w", err)
		}
		if c.Trust.Authorities[env], err = cert.ParseAuthorities(text); err != nil {
			return CertificateConfig{}, fmt.Errorf("server: the CAs of client certificates in %s: %w", file, err)
		}
	}
	return c, nil
}
