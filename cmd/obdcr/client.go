package main

import (
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/obieconfig"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/internal/text"
)

// clientOptions are the flags of the verbs of a TPP.
type clientOptions struct {
	config, discovery, ca, cert, key, signingKey, kid, ssa string
	aud, iss, authMethod, subjectDN, now                   string
	redirectURIs, scopes                                   []string
	request, save, client, clientOut                       string
	applicationType                                        string
	lifetime                                               time.Duration
}

func authMethods() []string {
	return text.Strings(claims.AuthMethods())
}

// connectionFlags are the flags for the bank's address and the TPP's keys.
func (o *clientOptions) connectionFlags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.config, "config", "", "a config.json of the OBIE conformance tool, a `FILE`; the flags below change what it says")
	f.StringVar(&o.discovery, "discovery", "", "the bank's discovery document, an https URL or a `FILE`")
	f.StringVar(&o.ca, "ca", "", "certificates in PEM, a `FILE`, that the bank must chain to; without it the system's")
	f.StringVar(&o.cert, "cert", "", "the transport certificate in PEM, a `FILE`")
	f.StringVar(&o.key, "key", "", "the key of the transport certificate in PEM, a `FILE`")
	f.StringVar(&o.signingKey, "signing-key", "", "the key that signs requests in PEM, a `FILE`")
	f.StringVar(&o.kid, "kid", "", "the `ID` of the signing key at the directory")
}

// statementFlag is the flag for a software statement.
func (o *clientOptions) statementFlag(c *cobra.Command, use string) {
	c.Flags().StringVar(&o.ssa, "ssa", "", "the software statement, a `FILE`"+use)
}

// requestFlags are the flags for the members of a request.
func (o *clientOptions) requestFlags(c *cobra.Command) {
	o.statementFlag(c, "")
	f := c.Flags()
	f.StringVar(&o.aud, "aud", "", "the bank's `IDENTIFIER` at the directory; without it its issuer")
	f.StringVar(&o.iss, "iss", "", "the `ID` in iss; without it the software_id of the statement")
	f.StringArrayVar(&o.redirectURIs, "redirect-uri", nil, "a redirect `URI`, once for each; without it the statement's")
	f.StringArrayVar(&o.scopes, "scope", nil, "a `SCOPE`, once for each; without it openid and what the roles allow")
	f.StringVar(&o.subjectDN, "subject-dn", "", "tls_client_auth_subject_dn, a `NAME`; without it the certificate's subject")
	f.StringVar(&o.applicationType, "application-type", "", "application_type, a `TYPE`; without it web")
	f.DurationVar(&o.lifetime, "lifetime", 0, "how long the request is valid, a `DURATION` such as 5m; without it 30m, which some banks refuse as too long")
}

// methodFlag is the flag for the authentication method. Its text differs from verb to verb,
// because the method means a new one or the registered one.
func (o *clientOptions) methodFlag(c *cobra.Command, what, otherwise string) {
	c.Flags().StringVar(&o.authMethod, "auth-method", "", what+", a `METHOD`; without it "+otherwise+" of "+strings.Join(authMethods(), ", "))
	complete(c, "auth-method", authMethods())
}

// sendFlags are the flags to send an existing request, and to save a new one.
func (o *clientOptions) sendFlags(c *cobra.Command) {
	c.Flags().StringVar(&o.request, "request", "", "send this signed request, a `FILE`, instead of building one")
	c.Flags().StringVar(&o.save, "save", "", "write the request to a new `FILE` before it is sent")
}

// outFlag is the flag for the file that gets the bank's whole answer.
func (o *clientOptions) outFlag(c *cobra.Command, existing string) {
	c.Flags().StringVar(&o.clientOut, "client-out", "", "keep the bank's whole answer, with the client's secret, in a `FILE` of mode 0600 for --client"+existing)
}

// knownFlag is the flag for the saved answer of a registered client.
func (o *clientOptions) knownFlag(c *cobra.Command) {
	c.Flags().StringVar(&o.client, "client", "", "the answer of register, a `FILE`: it has the client's method, and its secret if there is one")
}

// configuration reads --config, then the flags: a flag takes precedence.
func (a *app) configuration(o *clientOptions) (*obieconfig.Config, error) {
	if o.authMethod != "" && !slices.Contains(authMethods(), o.authMethod) {
		return nil, usageError("--auth-method %q is none of %s", cut(o.authMethod), strings.Join(authMethods(), ", "))
	}
	if o.lifetime < 0 || o.lifetime%time.Second != 0 {
		return nil, usageError("--lifetime is a duration of whole seconds: 5m")
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
	client, err := tpp.NewClient(tpp.Config{HTTP: tpp.MutualTLS(pair, roots), Metadata: metadata, Signer: signer,
		KeyID: c.Kid, Certificate: leaf, Clock: clock})
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

// metadata reads the bank's discovery document from a file or over the network.
func (a *app) metadata(ctx context.Context, c *obieconfig.Config, o *clientOptions, roots *x509.CertPool) (*tpp.Metadata, error) {
	if !isURL(c.WellknownEndpoint) {
		text, err := a.load(c.WellknownEndpoint)
		if err != nil {
			return nil, orUsage(err, "--discovery")
		}
		m, err := tpp.ParseMetadata([]byte(text))
		if err != nil {
			return nil, usageError("--discovery %s: %s", shownName(c.WellknownEndpoint), detail(err))
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
	m, err := tpp.Discover(ctx, c.WellknownEndpoint, &http.Client{Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}}})
	if err != nil {
		return nil, a.bankError(err)
	}
	return m, nil
}

// bankError prints what a bank answered, or why no answer came. It returns the error that
// ends the command: code 1 for a refusal, 3 for what may succeed later.
func (a *app) bankError(err error) error {
	var refused *tpp.ResponseError
	if errors.As(err, &refused) {
		text := strings.TrimSpace(fmt.Sprintf("%s: the bank answered %d %s", refused.Verb, refused.Status, refused.Code))
		if refused.Description != "" {
			text += ": " + refused.Description
		}
		a.note("%s", text)
		if refused.RetryAfter > 0 {
			a.note("try again after %s", refused.RetryAfter.Round(time.Second))
		}
		if refused.Verb == "token" && (refused.Status == http.StatusUnauthorized || refused.Code == "invalid_client") {
			a.note("if the client is registered with another method or secret, give --client with the answer of register, or --auth-method")
		}
		if refused.Temporary() || refused.Verb == "discover" || refused.Status < 400 {
			return &exitError{code: exitIO}
		}
		return &exitError{code: exitViolated}
	}
	var lost *tpp.NoAnswerError
	if errors.As(err, &lost) {
		a.note("%s", detail(lost))
		if lost.Verb == "discover" && lost.Err != nil && lost.Status != 0 {
			a.note("%s", detail(lost.Err))
		}
		if next := lost.Next(); next != "" {
			a.note("%s", next)
		}
		return &exitError{code: exitIO}
	}
	return usageError("%s", detail(err))
}

// dashedID is the least length of an argument with a dash in front that is taken for a
// client_id. Every flag of the verbs that take a client_id is shorter.
const dashedID = 20

// withDashedID moves a client_id that begins with a dash behind a --, so that it is not
// taken for a flag. One in 64 random base64url identifiers begins so.
func withDashedID(args []string) []string {
	if len(args) == 0 || !slices.Contains([]string{"get", "update", "delete"}, args[0]) || slices.Contains(args, "--") {
		return args
	}
	for i := 1; i < len(args); i++ {
		isValue := strings.HasPrefix(args[i-1], "--") && len(args[i-1]) < dashedID && !strings.Contains(args[i-1], "=")
		if len(args[i]) >= dashedID && args[i][0] == '-' && !isValue && !strings.Contains(args[i], "=") {
			return append(slices.Delete(slices.Clone(args), i, i+1), "--", args[i])
		}
	}
	return args
}
