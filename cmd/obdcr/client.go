package main

import (
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/obieconfig"
	"github.com/obdcr/obdcr/dcr/tpp"
)

// configuration reads --config, then the flags: a flag takes precedence.
func (a *app) configuration(o *clientOptions) (*obieconfig.Config, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	c := &obieconfig.Config{}
	if o.config != "" {
		text, err := a.load(o.config)
		if err != nil {
			return nil, orUsage(err, "--config")
		}
		if c, err = obieconfig.Parse([]byte(text)); err != nil {
			return nil, usageError("--config %s: %s", shownName(o.config), detail(err))
		}
	}
	for _, f := range []struct {
		flag, file string
		to         *string
	}{
		{"cert", o.cert, &c.TransportCert}, {"key", o.key, &c.TransportKey}, {"signing-key", o.signingKey, &c.PrivateKey},
		{"ssa", o.ssa, &c.SSA},
	} {
		if f.file == "" {
			continue
		}
		text, err := a.load(f.file)
		if err != nil {
			return nil, orUsage(err, "--"+f.flag)
		}
		if *f.to = strings.TrimSpace(text); *f.to == "" {
			return nil, usageError("--%s %s: is empty", f.flag, shownName(f.file))
		}
	}
	if o.ca != "" {
		text, err := a.load(o.ca)
		if err != nil {
			return nil, orUsage(err, "--ca")
		}
		c.TransportRootCAs = []string{text}
	}
	for _, f := range []struct {
		value string
		to    *string
	}{{o.discovery, &c.WellknownEndpoint}, {o.kid, &c.Kid}, {o.aud, &c.Aud}, {o.iss, &c.Issuer}, {o.subjectDN, &c.TransportCertSubjectDN}} {
		if f.value != "" {
			*f.to = f.value
		}
	}
	if o.redirectURIs != nil {
		c.RedirectURIs = o.redirectURIs
	}
	return c, nil
}

// connection is a client of a bank, and what it was made from.
type connection struct {
	client   *tpp.Client
	metadata *tpp.Metadata
	config   *obieconfig.Config
}

// connect reads the settings and the bank's discovery document. by has what the user told
// about the client's authentication. If by has no method, connect sets the first one that
// the bank announces.
func (a *app) connect(ctx context.Context, o *clientOptions, verb string, by *tpp.Credentials) (*connection, error) {
	c, err := a.configuration(o)
	if err != nil {
		return nil, err
	}
	if err := lacking(c, o, verb, *by); err != nil {
		return nil, err
	}
	var signer crypto.Signer
	if c.PrivateKey != "" && c.Kid != "" { // lacking has checked that a verb that signs has both
		if signer, err = c.Signer(); err != nil {
			return nil, usageError("the signing key: %s", detail(err))
		}
	} else {
		c.Kid = ""
	}
	roots, err := c.Roots()
	if err != nil {
		return nil, usageError("--ca: %s", detail(err))
	}
	pair, leaf, err := transport(c, verb != "build")
	if err != nil {
		return nil, err
	}
	metadata, err := a.metadata(ctx, c, o, roots)
	if err != nil {
		return nil, err
	}
	if by.Method == "" {
		by.Method = metadata.AuthMethod()
		if err := lacking(c, o, verb, *by); err != nil {
			return nil, err
		}
	}
	clock := time.Now
	if o.now != "" {
		now, err := timeOf(o.now)
		if err != nil {
			return nil, err
		}
		clock = func() time.Time { return now }
	}
	client, err := tpp.NewClient(tpp.Config{HTTP: a.bankClient(tpp.MutualTLS(pair, roots), o), Metadata: metadata, Signer: signer,
		KeyID: c.Kid, Certificate: leaf, Clock: clock, ContentType: o.mediaType(), TokenScopes: o.tokenScopes})
	if err != nil {
		return nil, usageError("%s", detail(err))
	}
	return &connection{client: client, metadata: metadata, config: c}, nil
}

// transport reads the client certificate. Only build works without its key, because it
// opens no connection to the registration endpoint.
func transport(c *obieconfig.Config, needed bool) (tls.Certificate, *x509.Certificate, error) {
	if c.TransportCert == "" || (c.TransportKey == "" && !needed) {
		leaf, err := certificateOf(c.TransportCert)
		return tls.Certificate{}, leaf, err
	}
	pair, err := c.Certificate()
	if err != nil {
		return tls.Certificate{}, nil, usageError("--cert, --key: they are no certificate in PEM with its key")
	}
	return pair, pair.Leaf, nil
}

// certificateOf reads a certificate without its key; nil for "".
func certificateOf(text string) (*x509.Certificate, error) {
	if text == "" {
		return nil, nil
	}
	leaf, err := obieconfig.ParseCertificate([]byte(text))
	if err != nil {
		return nil, usageError("--cert: it is %s", err)
	}
	return leaf, nil
}

// unusableDiscovery names the flag that gives what a discovery document lacks.
func unusableDiscovery(name string, err error) error {
	var lacking *tpp.EndpointError
	if !errors.As(err, &lacking) {
		return usageError("--discovery %s: %s", name, detail(err))
	}
	flag := "--" + strings.ReplaceAll(lacking.Member, "_", "-")
	if lacking.Problem != "" {
		return usageError("--discovery %s: %s %s: give a right one with %s", name, lacking.Member, lacking.Problem, flag)
	}
	return usageError("--discovery %s names no %s: give it with %s, or give a FILE that has it as --discovery", name, lacking.Member, flag)
}

// metadata reads the bank's discovery document from a file or over the network.
func (a *app) metadata(ctx context.Context, c *obieconfig.Config, o *clientOptions, roots *x509.CertPool) (*tpp.Metadata, error) {
	if !isURL(c.WellknownEndpoint) {
		text, err := a.load(c.WellknownEndpoint)
		if err != nil {
			return nil, orUsage(err, "--discovery")
		}
		m, err := tpp.ParseMetadata([]byte(text), o.overrides())
		if err != nil {
			return nil, unusableDiscovery(shownName(c.WellknownEndpoint), err)
		}
		return m, nil
	}
	if !strings.HasPrefix(strings.ToLower(c.WellknownEndpoint), "https://") {
		return nil, usageError("--discovery: the address of a discovery document is an https URL")
	}
	if o.ca == "" && roots != nil {
		// The conformance tool verifies the discovery document's server by the system's CAs,
		// and all other servers by the CAs of its configuration. Trust both.
		if system, err := x509.SystemCertPool(); err == nil {
			for _, text := range c.TransportRootCAs {
				system.AppendCertsFromPEM([]byte(text))
			}
			roots = system
		}
	}
	m, err := tpp.Discover(ctx, c.WellknownEndpoint, a.bankClient(&http.Client{Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}}}, o), o.overrides())
	if lacking := (*tpp.EndpointError)(nil); errors.As(err, &lacking) {
		return nil, unusableDiscovery(c.WellknownEndpoint, lacking)
	}
	if err != nil {
		return nil, a.bankError(err)
	}
	return m, nil
}

// bankClient bounds how long a client waits for an answer, and shows what it does.
func (a *app) bankClient(c *http.Client, o *clientOptions) *http.Client {
	c.Timeout, a.timeout = o.timeout, o.timeout
	return a.observed(c, o.verbose)
}
