package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/input"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/internal/text"
)

// connection is a client of a bank, and what it was made from.
type connection struct {
	client   *tpp.Client
	metadata *tpp.Metadata
	settings *settings
	clock    func() time.Time // of what is signed
}

// connect reads the settings and the bank's discovery document. by has what the user told
// about the client's authentication. If by has no method, connect sets the first one that
// the bank announces.
func (a *app) connect(ctx context.Context, o *clientOptions, verb string, by *tpp.Credentials) (*connection, error) {
	c, err := a.settings(o)
	if err != nil {
		return nil, err
	}
	if err := lacking(c, o, verb, *by); err != nil {
		return nil, err
	}
	if c.signer == nil || c.Kid == "" { // lacking has checked that a verb that signs has both
		c.signer, c.Kid = nil, ""
	}
	metadata, err := a.metadata(ctx, c, o)
	if err != nil {
		return nil, err
	}
	if metadata, err = o.asAnnounced(metadata); err != nil {
		return nil, err
	}
	if by.Method == "" {
		by.Method = metadata.AuthMethod()
		if err := lacking(c, o, verb, *by); err != nil {
			return nil, err
		}
	}
	clock, err := o.clock()
	if err != nil {
		return nil, err
	}
	client, err := tpp.NewClient(tpp.Config{HTTP: a.bankClient(tpp.MutualTLS(c.pair(), c.roots), o), Metadata: metadata, Signer: c.signer,
		KeyID: c.Kid, Certificate: c.leaf(), Clock: clock, ContentType: o.mediaType(), TokenScopes: o.tokenScopes})
	if err != nil {
		return nil, usageError("%s", detail(err))
	}
	return &connection{client: client, metadata: metadata, settings: c, clock: clock}, nil
}

// clock returns the clock of --now, which stands still, or else the system's.
func (o *clientOptions) clock() (func() time.Time, error) {
	if o.now == "" {
		return time.Now, nil
	}
	now, err := timeOf(o.now)
	return func() time.Time { return now }, err
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
func (a *app) metadata(ctx context.Context, c *settings, o *clientOptions) (*tpp.Metadata, error) {
	if c.WellknownEndpoint == "" { // the flags have all that is needed
		return tpp.ParseMetadata([]byte("{}"), o.overrides())
	}
	if !isURL(c.WellknownEndpoint) {
		f, err := a.open(o.discoveryFlag(), c.WellknownEndpoint)
		if err != nil {
			return nil, err
		}
		document, err := f.Document(input.Discovery)
		if err != nil {
			return nil, usageError("%w", err)
		}
		m, err := tpp.ParseMetadata([]byte(document), o.overrides())
		if err != nil {
			return nil, unusableDiscovery(shownName(c.WellknownEndpoint), err)
		}
		return m, nil
	}
	if !strings.HasPrefix(strings.ToLower(c.WellknownEndpoint), "https://") {
		return nil, usageError("--discovery: the address of a discovery document is an https URL")
	}
	m, err := tpp.Discover(ctx, c.WellknownEndpoint, a.bankClient(tpp.MutualTLS(tls.Certificate{}, o.alsoOfTheSystem(c)), o), o.overrides())
	if lacking := (*tpp.EndpointError)(nil); errors.As(err, &lacking) {
		return nil, unusableDiscovery(c.WellknownEndpoint, lacking)
	}
	if err != nil {
		return nil, a.bankError(err)
	}
	if o.issuer == "" && !m.MayBeAt(c.WellknownEndpoint) {
		a.note("warning: the issuer of the discovery document, %s, is not the one of its address (OIDC Discovery 4.3): "+
			"ask the bank which is right; build, register and update take it as --issuer", text.Quote(m.Issuer))
	}
	return m, nil
}

// alsoOfTheSystem adds the system's CAs to those of a configuration. The conformance tool
// verifies the servers of the bank's endpoints by the CAs of its configuration, and all
// others by the system's.
func (o *clientOptions) alsoOfTheSystem(c *settings) *x509.CertPool {
	if o.ca != "" || c.roots == nil {
		return c.roots
	}
	system, err := x509.SystemCertPool()
	if err != nil {
		return c.roots
	}
	addAll(system, c.ownRoots)
	return system
}

// bankClient bounds how long a client waits for an answer, and shows what it does. Commands
// without --timeout wait for the default.
func (a *app) bankClient(c *http.Client, o *clientOptions) *http.Client {
	a.timeout, c.Timeout = o.timeout, cmp.Or(o.timeout, defaultTimeout)
	if t, ok := c.Transport.(*http.Transport); ok {
		t.TLSHandshakeTimeout = c.Timeout // a shorter one would be told as the whole
	}
	return a.observed(c, o.verbose)
}
