package main

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"fmt"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/input"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/obieconfig"
)

// settings are what --config and the flags say. A flag takes precedence.
type settings struct {
	*obieconfig.Config
	signer    crypto.Signer       // nil if there is none
	chain     []*x509.Certificate // of the client, its own first; nil if there is none
	key       crypto.Signer       // of the client's certificate; nil if there is none
	roots     *x509.CertPool      // of the bank; nil means the system's
	ownRoots  []*x509.Certificate // that roots was made from
	statement *input.File         // nil if there is none
}

// settings reads --config, then the flags.
func (a *app) settings(o *clientOptions) (*settings, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if err := a.readPassword(o.password); err != nil {
		return nil, err
	}
	s := &settings{Config: &obieconfig.Config{}}
	config, err := a.readConfig("--config", o.config, s)
	if err != nil {
		return nil, err
	}
	for _, f := range []struct {
		value string
		to    *string
	}{
		{o.discovery, &s.WellknownEndpoint}, {o.kid, &s.Kid}, {o.aud, &s.Aud}, {o.iss, &s.Issuer}, {o.subjectDN, &s.TransportCertSubjectDN},
		{o.directory, &s.DirectoryURL}, {o.directoryTokens, &s.DirectoryTokenEndpoint},
	} {
		if f.value != "" {
			*f.to = f.value
		}
	}
	if o.redirectURIs != nil {
		s.RedirectURIs = o.redirectURIs
	}
	for _, read := range []func(*clientOptions, *settings, *input.File) error{
		a.readSigningKey, a.readTransport, a.readRoots, a.readStatement,
	} {
		if err := read(o, s, config); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// readConfig reads a config.json, the file of a flag, into the settings; nil if name is "".
func (a *app) readConfig(flag, name string, s *settings) (*input.File, error) {
	if name == "" {
		return nil, nil
	}
	f, err := a.open(flag, name)
	if err != nil {
		return nil, err
	}
	document, err := f.Document(input.ToolConfig)
	if err != nil {
		return nil, usageError("%w", err)
	}
	if s.Config, err = obieconfig.Parse([]byte(document)); err != nil {
		return nil, usageError("%s: %s", f.Where(), detail(err))
	}
	return f, nil
}

// either returns the file of a flag, or else the member of the configuration; nil if there
// is neither.
func (a *app) either(flag, name string, config *input.File, member, value string) (*input.File, error) {
	switch {
	case name != "":
		return a.open(flag, name)
	case value != "":
		return config.Member(member, value), nil
	}
	return nil, nil
}

// readSigningKey also takes the kid of a JWK, unless --kid names another one.
func (a *app) readSigningKey(o *clientOptions, s *settings, config *input.File) error {
	f, err := a.either("--signing-key", o.signingKey, config, "private_key", s.PrivateKey)
	if f == nil || err != nil {
		return err
	}
	signer, kid, err := f.SigningKey(s.Kid, a.opens)
	if err != nil {
		return usageError("%w", err)
	}
	if s.signer = signer; kid != "" && o.kid == "" && (o.signingKey != "" || s.Kid == "") {
		s.Kid = kid
	}
	return nil
}

// readTransport takes the key from the file of the certificate if no flag names another one
// and the file holds both.
func (a *app) readTransport(o *clientOptions, s *settings, config *input.File) error {
	cert, err := a.either("--cert", o.cert, config, "transport_cert", s.TransportCert)
	if err != nil {
		return err
	}
	if cert != nil {
		if s.chain, err = cert.Certificates(a.opens, true); err != nil {
			return usageError("%w", err)
		}
	}
	var key *input.File
	if o.key == "" && o.cert != "" && cert.HoldsKey(a.opens) {
		key = cert
	} else if key, err = a.either("--key", o.key, config, "transport_key", s.TransportKey); key == nil || err != nil {
		return err
	}
	if s.key, err = key.TransportKey(a.opens); err != nil {
		return usageError("%w", err)
	}
	if s.chain == nil {
		return nil
	}
	if !isOf(s.key, s.chain[0]) {
		return usageError("%s: this is the key of another certificate than that of %s\n  fix: give the two that belong together; dn shows whose a certificate is",
			key.Where(), cert.Where())
	}
	return nil
}

// isOf reports whether a certificate is of a key.
func isOf(key crypto.Signer, c *x509.Certificate) bool {
	public, compares := c.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	return key != nil && compares && public.Equal(key.Public())
}

func (a *app) readRoots(o *clientOptions, s *settings, config *input.File) error {
	var files []*input.File
	if o.ca != "" {
		f, err := a.open("--ca", o.ca)
		if err != nil {
			return err
		}
		files = []*input.File{f}
	} else {
		for i, text := range s.TransportRootCAs {
			files = append(files, config.Member(fmt.Sprintf("transport_root_cas/%d", i), text))
		}
	}
	for _, f := range files {
		certs, err := f.Authorities(a.opens)
		if err != nil {
			return usageError("%w", err)
		}
		s.ownRoots = append(s.ownRoots, certs...)
	}
	if len(s.ownRoots) > 0 {
		if a.cas = "--ca " + shownName(o.ca); o.ca == "" {
			a.cas = "transport_root_cas of --config " + shownName(o.config)
		}
		s.roots = x509.NewCertPool()
		addAll(s.roots, s.ownRoots)
	}
	return nil
}

func addAll(to *x509.CertPool, certs []*x509.Certificate) {
	for _, c := range certs {
		to.AddCert(c)
	}
}

// readStatement checks the file of --ssa. It lets a member of the configuration be, which
// most verbs do not use.
func (a *app) readStatement(o *clientOptions, s *settings, config *input.File) error {
	f, err := a.either("--ssa", o.ssa, config, "ssa", s.SSA)
	if s.statement = f; o.ssa == "" || err != nil {
		return err
	}
	_, err = s.token()
	return err
}

// token returns the software statement.
func (s *settings) token() (string, error) {
	token, err := s.statement.Token(input.Statement)
	if err != nil {
		return "", usageError("%w", err)
	}
	return token, nil
}

// pair returns the client certificate with its key for TLS; the zero one if there is no key.
func (s *settings) pair() tls.Certificate {
	if s.key == nil || s.chain == nil {
		return tls.Certificate{}
	}
	c := tls.Certificate{PrivateKey: s.key, Leaf: s.chain[0]}
	for _, one := range s.chain {
		c.Certificate = append(c.Certificate, one.Raw)
	}
	return c
}

// leaf returns the client certificate; nil if there is none.
func (s *settings) leaf() *x509.Certificate {
	if s.chain == nil {
		return nil
	}
	return s.chain[0]
}
