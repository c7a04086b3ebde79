package service

import (
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"log/slog"
	"net/netip"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/metrics"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/webhook"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/server"
	"github.com/obdcr/obdcr/dcr/token"
	"github.com/obdcr/obdcr/dcr/upstream"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

// parts are what the bank of a configuration is made of.
type parts struct {
	store   store.Store
	log     *slog.Logger
	metrics *metrics.Metrics
}

// bank makes the bank with all that its files hold. It opens no connection.
func (c *Config) bank(p parts) (*server.Bank, server.CertificateConfig, error) {
	config := server.Config{
		Issuer: c.Issuer, Profile: c.Profile, Audiences: c.Audiences, Store: p.store, TokenEndpoint: c.Tokens.Own, Paths: c.Paths,
		ChangeTimeout: c.ChangeTimeout, Retention: server.Retention{Audit: c.Retention.Audit, Deleted: c.Retention.Deleted}, Logger: p.log,
		Observer: server.Observer{Event: p.metrics.Event, Token: p.metrics.Token, Keys: p.metrics.KeyEvent, Instrument: p.metrics.Measure},
	}
	if len(c.Audiences) == 0 {
		config.Audiences = nil
	}
	if len(c.Methods) > 0 {
		config.Methods = c.Methods
	}
	for _, fill := range []func(*server.Config, *slog.Logger) error{
		c.fillPolicy, c.fillDirectories, c.fillKeys, c.fillClients, c.fillSecrets, c.fillTokens, c.fillDiscovery, c.fillUpstream, c.fillHooks, c.fillAPIs,
	} {
		if err := fill(&config, p.log); err != nil {
			return nil, server.CertificateConfig{}, err
		}
	}
	bank, err := server.New(config)
	if err != nil {
		return nil, server.CertificateConfig{}, c.translate(err, spelled)
	}
	return bank, config.Clients, nil
}

func (c *Config) fillPolicy(s *server.Config, _ *slog.Logger) error {
	doc, place := []byte(c.Policy), "policy"
	if c.PolicyFile != "" {
		var err error
		place = "policy_file"
		if doc, err = c.read(place, c.PolicyFile, maxPolicy); err != nil {
			return err
		}
	}
	if len(doc) == 0 {
		return nil
	}
	policy, err := validate.ParsePolicy(doc, c.Profile)
	if err == nil {
		s.Policy = &policy
		return nil
	}
	var all validate.PolicyErrors
	if !errors.As(err, &all) {
		return c.faultAt(place, "%s", text.Detail(err))
	}
	var faults []Fault
	for _, e := range all {
		if place == "policy" {
			faults = append(faults, Fault{Place: below(place, "") + e.Member, Reason: e.Reason})
			continue
		}
		faults = append(faults, Fault{Place: place, Reason: text.Echo(c.PolicyFile) + ": " + e.Detail()})
	}
	return c.fault(faults)
}

// fillKnown finds the well-known directories.
func (c *Config) fillKnown(s *server.Config) {
	for _, short := range c.Directories {
		for _, d := range ssa.KnownDirectories() {
			if d.Short == short {
				s.Directories = append(s.Directories, d)
			}
		}
	}
}

func (c *Config) fillDirectories(s *server.Config, _ *slog.Logger) error {
	c.fillKnown(s)
	for i := range c.Anchors {
		a := &c.Anchors[i]
		anchor := ssa.Anchor{Name: a.Name, Issuer: a.Issuer, Environment: a.Environment, JWKSURL: a.JWKSURL, JWKSHosts: a.JWKSHosts, ClaimNames: a.ClaimNames}
		if a.JWKSFile != "" {
			at := place("anchors", i) + "/jwks_file"
			data, err := c.read(at, a.JWKSFile, maxPEM)
			if err != nil {
				return err
			}
			set, err := ssa.ParseJWKS(data)
			if err != nil || len(set.Keys) == 0 {
				return c.faultAt(at, "%s is no key set with a usable key: write the directory's public keys as a JWKS", text.Echo(a.JWKSFile))
			}
			anchor.Keys = set
		}
		s.Anchors = append(s.Anchors, anchor)
	}
	return nil
}

// fillKeys makes one source of all hosts of key sets, where one has CAs or networks of its
// own.
func (c *Config) fillKeys(s *server.Config, _ *slog.Logger) error {
	l := c.Keys.Limits
	s.Keys.Limits = ssa.RemoteLimits{MaxSets: l.MaxSets, MaxKeys: l.MaxKeys, MaxBytes: int64(l.MaxBytes), Timeout: l.Timeout, MinFresh: l.MinFresh,
		MaxFresh: l.MaxFresh, DefaultFresh: l.DefaultFresh, UnknownKeyInterval: l.UnknownInterval, MaxUnknownReads: l.MaxUnknownReads,
		FailureMemory: l.FailureMemory, MaxStale: l.StaleUntil}
	s.Keys.NotPublic = networks(c.Keys.NotPublic)
	roots, err := c.roots("keys/ca_files", c.Keys.CAFiles)
	if err != nil || roots == nil && len(c.Keys.Networks) == 0 {
		return err
	}
	var hosts []string
	for _, d := range s.Directories {
		hosts = append(hosts, d.Hosts...)
	}
	for i := range s.Anchors {
		hosts = append(hosts, s.Anchors[i].JWKSHosts...)
	}
	s.Keys.Sources = []ssa.RemoteSource{{Hosts: once(hosts), Roots: roots, Networks: networks(c.Keys.Networks)}}
	return nil
}

// once returns the words without those that stand there before.
func once(list []string) []string {
	var kept []string
	seen := map[string]bool{}
	for _, s := range list {
		if !seen[s] {
			kept, seen[s] = append(kept, s), true
		}
	}
	return kept
}

func networks(list []string) []netip.Prefix {
	var all []netip.Prefix
	for _, s := range list {
		p, _ := network(s) // checked when the file was read
		all = append(all, p)
	}
	return all
}

// fillClients reads the certificates, CAs and revocation lists.
func (c *Config) fillClients(s *server.Config, log *slog.Logger) error {
	var err error
	s.Clients, err = c.certificates(log)
	if err != nil || c.Proxy == nil {
		return err
	}
	s.Clients.Proxy, err = cert.FromHeader(cert.HeaderConfig{Header: c.Proxy.Header, Form: c.Proxy.Form, Peers: networks(c.Proxy.Peers)})
	if err != nil {
		return c.faultAt("proxy", "%s", text.Detail(err))
	}
	return nil
}

func (c *Config) fillSecrets(s *server.Config, log *slog.Logger) error {
	var err error
	if s.SealingKey, err = c.sealingKey(log); err != nil || c.Rate == nil {
		return err
	}
	s.Limiter, err = server.NewLimiter(server.Rate{PerSecond: float64(c.Rate.PerSecond), Burst: float64(c.Rate.Burst)}, nil)
	return err
}

func (c *Config) fillTokens(s *server.Config, log *slog.Logger) error {
	if c.Tokens.Introspection == nil {
		return nil
	}
	tokens, err := c.introspection(log)
	if err == nil {
		s.Tokens = tokens
	}
	return err
}

// introspection makes what asks the authorization server about tokens.
func (c *Config) introspection(log *slog.Logger) (*token.Introspection, error) {
	i := c.Tokens.Introspection
	const place = "tokens/introspection"
	client, err := c.client(log, place, i.Reach)
	if err != nil {
		return nil, err
	}
	secret, err := c.secret(log, place+"/client_secret", i.ClientSecret)
	if err != nil {
		return nil, err
	}
	config := token.IntrospectionConfig{IntrospectionURL: i.URL, RevocationURL: i.RevocationURL, MetadataURL: i.MetadataURL, HTTPClient: client,
		ClientID: i.ClientID, ClientSecret: secret, Timeout: i.Timeout, Revocation: token.NoRevocation()}
	if i.RevocationURL != "" {
		config.Revocation = token.RevokeAsBank()
	}
	if k := i.Key; k != nil {
		key, err := c.signer(log, place+"/client_key/key_file", k.KeyFile)
		if err != nil {
			return nil, err
		}
		config.ClientKey = &token.AssertionKey{Signer: key, KeyID: k.KeyID, Algorithm: k.Algorithm, Audience: k.Audience}
	}
	tokens, err := token.NewIntrospection(config)
	if err != nil {
		return nil, c.faultAt(place, "%s", text.Detail(err))
	}
	return tokens, nil
}

// signer reads a private key in PEM: PKCS #8, PKCS #1 or SEC 1.
func (c *Config) signer(log *slog.Logger, place, name string) (crypto.Signer, error) {
	data, err := c.read(place, name, maxPEM)
	if err != nil {
		return nil, err
	}
	c.private(log, place, name)
	key, err := parseKey(data)
	if err != nil {
		return nil, c.faultAt(place, "%s %s: write a private key in PEM, RSA or P-256", text.Echo(name), err)
	}
	return key, nil
}

func (c *Config) fillDiscovery(s *server.Config, _ *slog.Logger) error {
	d := &c.Discovery
	s.Discovery = dcr.Discovery{TokenEndpoint: d.TokenEndpoint, AuthorizationEndpoint: d.AuthorizationEndpoint, JWKSURI: d.JWKSURI,
		IntrospectionEndpoint: d.IntrospectionEndpoint, RevocationEndpoint: d.RevocationEndpoint, BackchannelEndpoint: d.CIBAEndpoint}
	if d.URL == "" {
		return nil
	}
	s.DiscoveryFrom = server.DiscoverySource{URL: d.URL, Every: d.Every}
	var err error
	s.DiscoveryFrom.HTTPClient, err = c.client(nil, "discovery", Reach{CAFiles: d.CAFiles})
	return err
}

func (c *Config) fillUpstream(s *server.Config, log *slog.Logger) error {
	u := c.Upstream
	if u == nil {
		return nil
	}
	client, err := c.client(log, "upstream", u.Reach)
	if err != nil {
		return err
	}
	config := upstream.Config{RegistrationEndpoint: u.RegistrationEndpoint, Mapping: u.mapping(), LeftHosts: u.LeftHosts, HTTPClient: client,
		Timeout: u.Timeout, Logger: log}
	if u.InitialAccessToken != (SecretRef{}) {
		if _, err := c.secret(log, "upstream/initial_access_token", u.InitialAccessToken); err != nil {
			return err
		}
		config.InitialAccessToken = func(context.Context) (claims.Secret, error) {
			return c.secret(slog.New(slog.DiscardHandler), "upstream/initial_access_token", u.InitialAccessToken)
		}
	} else if u.Reach.CertificateFile == "" {
		return c.faultAt("upstream", "has nothing that authenticates the bank: give initial_access_token_file, "+
			"initial_access_token_env, or a certificate_file with its key_file")
	}
	endpoint, err := upstream.New(config)
	if err != nil {
		return c.faultAt("upstream", "%s", text.Detail(err))
	}
	s.Provisioner = endpoint
	return nil
}

// mapping is that of the named server, with what the file adds.
func (u *Upstream) mapping() upstream.Mapping {
	var m upstream.Mapping
	switch u.Server {
	case keycloakServer:
		m = upstream.Keycloak()
	case oidcProviderServer:
		m = upstream.OIDCProvider()
	}
	own := &u.Mapping
	raw := func(values map[string]string) map[string]json.RawMessage {
		all := map[string]json.RawMessage{}
		for name, v := range values {
			all[name] = json.RawMessage(v)
		}
		return all
	}
	m.Rename, m.Const, m.Ensure = own.Rename, raw(own.Const), raw(own.Ensure)
	m.Drop, m.DropScopes = once(append(m.Drop, own.Drop...)), once(append(m.DropScopes, own.DropScopes...))
	m.Chosen, m.Widened = once(append(m.Chosen, own.Chosen...)), once(append(m.Widened, own.Widened...))
	m.ImplicitGrant = m.ImplicitGrant || own.ImplicitGrant
	m.DropBoundTokensUnsafe, m.CreatedBy200 = own.DropBoundTokens, own.CreatedBy200
	if own.RecordID != "" {
		m.RecordID = own.RecordID
	}
	return m
}

func (c *Config) fillHooks(s *server.Config, log *slog.Logger) error {
	h := c.Hooks
	if h == nil {
		return nil
	}
	client, err := c.client(log, "hooks", h.Reach)
	if err != nil {
		return err
	}
	hooks, err := webhook.New(webhook.Config{URL: h.URL, HTTPClient: client, Timeout: h.Timeout})
	if err != nil {
		return c.faultAt("hooks", "%s", text.Detail(err))
	}
	if h.Approve {
		s.Hooks.Approve = hooks.Approve
	}
	if h.Provision {
		s.Provisioner = hooks
	}
	return nil
}
