package server

import (
	"crypto/tls"
	"crypto/x509"
	"errors"

	"github.com/obdcr/obdcr/cert"
)

// tlsParts are what a bank's own TLS goes by. They do not change: Reload puts others in
// their place.
type tlsParts struct {
	server  []tls.Certificate
	gated   []tls.Certificate // server, with keys that share the bank's places
	clients *x509.CertPool    // the CAs of those who connect; nil where none are asked for
}

func (b *Bank) newTLSParts(c *CertificateConfig, authorities *cert.Authorities) *tlsParts {
	made := &tlsParts{server: c.Server, gated: gated(c.Server, b.places)}
	switch {
	case b.fromTLS && authorities != nil:
		made.clients = poolOf(authorities.Certificates())
	case len(c.ProxyAuthorities) > 0:
		made.clients = poolOf(c.ProxyAuthorities)
	}
	return made
}

// Reload puts other certificates in the place of those in force, without a restart: the bank's
// own (Server), the CAs of clients and their revocation lists (Trust), and the CAs of proxies
// (ProxyAuthorities). Give all of them, also those that stay. Bindings and Proxy stay as New
// had them: those of c count for nothing.
//
// The next handshake goes by the new ones, and so does the next judgement of a client
// certificate, also in a connection that is open. No connection is closed, and what is being
// answered is answered. Every HTTPServer takes part, and a tls.Config of another program does
// not.
//
// Revocation lists stay safe against older ones only if they come from cert.CRLs.Next of the
// last ones, or are the same *cert.CRLs. What New would refuse is an error, and so is to take
// away certificates of a kind that the bank had, or to add one that it had none of. On an error
// nothing changes.
func (b *Bank) Reload(c CertificateConfig) error {
	b.reloading.Lock()
	defer b.reloading.Unlock()
	config := b.config
	c.Proxy, c.Trust.Bindings = config.Clients.Proxy, config.Clients.Trust.Bindings
	last := &config.Clients
	var f faults
	for _, kind := range []struct {
		name     string
		had, has bool
	}{
		{"Server", len(last.Server) > 0, len(c.Server) > 0},
		{"Trust.Authorities", len(last.Trust.Authorities) > 0, len(c.Trust.Authorities) > 0},
		{"Trust.CRLs", last.Trust.CRLs != nil, c.Trust.CRLs != nil},
		{"ProxyAuthorities", len(last.ProxyAuthorities) > 0, len(c.ProxyAuthorities) > 0},
	} {
		f.add(kind.had && !kind.has, "Reload has no %s, and the bank has: give those in force where there are no others", kind.name)
		f.add(!kind.had && kind.has, "Reload has %s, and the bank was made without: give them to New", kind.name)
	}
	config.Clients = c
	config.checkClients(&f)
	if len(f) > 0 {
		return errors.Join(f...)
	}
	checked, err := config.checkerConfig()
	if err != nil {
		return err
	}
	if err := b.checker.Renew(checked.Authorities, checked.Revocation); err != nil {
		return err
	}
	b.config.Clients = c
	b.tls.Store(b.newTLSParts(&c, checked.Authorities))
	return nil
}

// followed makes a tls.Config follow Reload. Until the first one the config is used as it is.
// Afterwards each handshake has a copy of it, as its owner has set it up since, with the
// certificates in force.
func (b *Bank) followed(config *tls.Config, made *tlsParts) *tls.Config {
	config.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		current := b.tls.Load()
		if current == made {
			return nil, nil
		}
		next := config.Clone()
		next.Certificates, next.GetConfigForClient = current.gated, nil
		if next.ClientCAs != nil {
			next.ClientCAs = current.clients
		}
		return next, nil
	}
	return config
}
