package service

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/server"
	"github.com/obdcr/obdcr/internal/text"
)

// certificates reads what can be read again while the bank serves: its own certificate, the
// CAs of clients and proxies, and the revocation lists.
func (c *Config) certificates(log *slog.Logger) (server.CertificateConfig, error) {
	var s server.CertificateConfig
	var err error
	if s.Server, err = c.own(log); err != nil {
		return s, err
	}
	if s.ProxyAuthorities, err = c.proxyAuthorities(); err != nil {
		return s, err
	}
	s.Trust, err = c.trust(nil)
	return s, err
}

// own reads the bank's own certificate.
func (c *Config) own(log *slog.Logger) ([]tls.Certificate, error) {
	if c.TLS == nil {
		return nil, nil
	}
	own, err := c.pair(log, "tls", *c.TLS)
	if err != nil {
		return nil, err
	}
	return []tls.Certificate{own}, nil
}

func (c *Config) proxyAuthorities() ([]*x509.Certificate, error) {
	if c.Proxy == nil {
		return nil, nil
	}
	return c.authorities("proxy/authority_files", c.Proxy.AuthorityFiles)
}

// trust reads the CAs of clients and the revocation lists that they have signed. No list may
// be older than one that before has used; nil: there is none before.
func (c *Config) trust(before *cert.CRLs) (cert.TrustPolicy, error) {
	p := cert.TrustPolicy{Bindings: c.Clients.Bindings}
	var issuers []*x509.Certificate
	for _, env := range []claims.Environment{claims.Sandbox, claims.Production} {
		list, err := c.authorities("clients/authorities/"+string(env), c.Clients.Authorities[env])
		if err != nil {
			return p, err
		}
		if len(list) > 0 {
			if p.Authorities == nil {
				p.Authorities = map[claims.Environment][]*x509.Certificate{}
			}
			p.Authorities[env], issuers = list, append(issuers, list...)
		}
	}
	if p.Authorities != nil {
		if _, err := cert.NewAuthorities(p.Authorities, time.Now()); err != nil {
			return p, c.faultAt("clients/authorities", "%s", text.Detail(err))
		}
	}
	if len(c.Clients.CRLFiles) == 0 {
		return p, nil
	}
	lists := make([][]byte, len(c.Clients.CRLFiles))
	for i, name := range c.Clients.CRLFiles {
		var err error
		if lists[i], err = c.read(place("clients/crl_files", i), name, maxCRL); err != nil {
			return p, err
		}
	}
	var err error
	if before == nil {
		p.CRLs, err = cert.NewCRLs(issuers, lists...)
	} else {
		p.CRLs, err = before.Next(issuers, lists...)
	}
	if err != nil {
		return p, c.faultAt("clients/crl_files", "%s", text.Detail(err))
	}
	return p, nil
}

// maxCRL bounds a file of revocation lists, in bytes, as package cert does.
const maxCRL = 32 << 20

// parseKey reads a private key in PEM.
func parseKey(data []byte) (crypto.Signer, error) {
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, errors.New("is no PEM")
	}
	if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
		if signer, ok := key.(crypto.Signer); ok {
			return signer, nil
		}
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	if key, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	return nil, errors.New("holds no private key that can be read")
}

// reloadable are the files that are read again while the bank serves.
func (c *Config) reloadable() []string {
	var all []string
	if c.TLS != nil {
		all = append(all, c.TLS.CertificateFile, c.TLS.KeyFile)
	}
	if c.Portal != nil && c.Portal.TLS != nil {
		all = append(all, c.Portal.TLS.CertificateFile, c.Portal.TLS.KeyFile)
	}
	for _, list := range c.Clients.Authorities {
		all = append(all, list...)
	}
	all = append(all, c.Clients.CRLFiles...)
	if c.Proxy != nil {
		all = append(all, c.Proxy.AuthorityFiles...)
	}
	for i := range all {
		all[i] = filepath.Clean(c.file(all[i]))
	}
	return all
}

// stamp tells whether a file was changed since, as far as the system tells.
type stamp struct {
	size, modified int64
	missing        bool
}

func stamps(paths []string) map[string]stamp {
	all := make(map[string]stamp, len(paths))
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			all[path] = stamp{missing: true}
			continue
		}
		all[path] = stamp{size: info.Size(), modified: info.ModTime().UnixNano()}
	}
	return all
}
