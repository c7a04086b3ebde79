package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/token"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

// Config describes a bank. The zero value of a field stands for its default, unless the
// field is required. Clock skew, algorithms and the age of statements come from the
// policy; no field sets them.
type Config struct {
	// Issuer is the https address at which TPPs reach the bank; required. It is the origin
	// alone, such as https://bank.example: Paths have the paths. The endpoints of the
	// discovery document begin with it.
	Issuer  string
	Profile validate.Profile // "": validate.OBIE33
	// Policy has the bank's decisions. Nil is the default policy of the profile.
	Policy *validate.Policy
	// Audiences are the bank's identifiers, which requests name as aud. They are required
	// here or in the policy, which has none by default.
	Audiences []string

	// Directories are the well-known directories that the bank trusts, such as those of
	// ssa.KnownDirectories. Anchors are directories that the bank describes itself; their
	// Algorithms, MaxAge and MaxAgeWithExp stay empty, because the policy sets them. Those
	// without ClaimNames have the claim_names of the policy, and so have Directories. One of
	// the two is required.
	Directories []ssa.KnownDirectory
	Anchors     []ssa.Anchor
	// Keys configures the fetching of key sets. New adds a source for the hosts of
	// Directories and Anchors that Keys.Sources does not name.
	Keys KeyConfig
	// Clients configures which client certificates the bank trusts.
	Clients CertificateConfig

	// Store is required. Processes that share one are one bank, if it keeps what TokenEndpoint
	// needs too: see there. What each process has of its own by design are the Limiter, the
	// cache of key sets and the limits of connections.
	Store store.Store
	// Replay remembers each jti instead of the Store, as dcr.Config has it, and those of
	// client assertions at the bank's own token endpoint.
	Replay store.Replay
	// Retention is how long the audit trail of the Store is kept: for ever, if it is zero.
	Retention Retention
	// SealingKey seals the secrets of client_secret_jwt in the Store: 32 bytes.
	SealingKey claims.Secret

	// Tokens checks access tokens at the bank's authorization server;
	// token.Introspection is one.
	Tokens token.Tokens
	// ClientToken decides which access tokens of Tokens may manage a client, as
	// dcr.Config.ClientToken has it. It excludes TokenEndpoint.
	ClientToken func(token.AccessToken) bool
	// TokenEndpoint makes the bank issue access tokens itself, by the client_credentials
	// grant. A Store that is a token.Keeper keeps the tokens, so that every process that
	// shares it knows them and a restart ends none. With any other Store they are kept in
	// memory, and the bank must be a single process.
	//
	// The jti of client assertions are kept by Replay, else by a Store that is a store.Replay,
	// and else in memory: then each process accepts an assertion once, and after a restart an
	// assertion that was used before is accepted once more until it expires, from a sender with
	// a certificate of the same software. TokenEndpoint excludes Tokens. A bank with neither
	// registers clients and offers nothing else.
	TokenEndpoint bool
	Provisioner   dcr.Provisioner // nil if the authorization server reads the Store
	Hooks         dcr.Hooks
	// MaySubscribe decides which APIs a client may be subscribed to, as dcr.Config.MaySubscribe
	// has it. Nil: the bank keeps no subscriptions.
	MaySubscribe  func(app claims.Application, env claims.Environment, api string) (role claims.Role, reason string, ok bool)
	ChangeTimeout time.Duration // as dcr.Config has it; 0: dcr.ChangeTimeout
	// Discovery adds the endpoints of the bank's authorization server to the discovery
	// document. New sets Issuer, RegistrationEndpoint and Policy. It sets TokenEndpoint
	// too if the bank has its own.
	Discovery dcr.Discovery
	// DiscoveryFrom makes the bank serve the discovery document of its authorization server,
	// with the bank's registration endpoint in it (dcr.OverlayDiscovery), in the place of one
	// made of Discovery. What does not fit between document and policy is logged at the
	// start, and when it changes. It excludes Discovery and TokenEndpoint.
	DiscoveryFrom DiscoverySource

	Paths   Paths
	Methods []string     // of the registration endpoint, as dcr.HandlerConfig has them
	Limiter dcr.Limiter  // nil: no limit; NewLimiter makes one
	Rest    http.Handler // serves all other paths; nil answers 404

	Clock    func() time.Time // nil: time.Now
	Random   io.Reader        // nil: crypto/rand.Reader
	Logger   *slog.Logger     // nil logs nothing
	Observer Observer
}

// KeyConfig configures the fetching of the key sets of directories and software.
type KeyConfig struct {
	Sources []ssa.RemoteSource // hosts that need CAs or networks of their own
	Limits  ssa.RemoteLimits
	// NotPublic are public addresses that lead into the bank's own network, as
	// ssa.RemoteConfig.NotPublic are.
	NotPublic []netip.Prefix
	// Resolver replaces the fetching: it resolves the keys of software, and of directories
	// without Keys. Sources, Limits and NotPublic must be empty then.
	Resolver ssa.SoftwareKeyResolver
}

// CertificateConfig configures which client certificates the bank trusts, and where it
// finds the certificate of a request.
type CertificateConfig struct {
	// Trust has the bindings (public_key if empty), the certificate authorities by
	// environment, and revocation lists. If there are Authorities, each environment of
	// Directories and Anchors has some, and no other one has. They are required, unless
	// Proxy is set.
	Trust cert.TrustPolicy
	// Proxy says that a proxy ends the TLS of the clients, and finds the client's
	// certificate in what the proxy sends, as cert.FromHeader does. Nil: TLS ends here, and
	// the certificate is that of the connection. With a Proxy and without Authorities the
	// bank believes that the proxy has verified the chain. A proxy that passes unverified
	// chains on, as one of cert.FormEscapedPEMChain or cert.FormDERChain does, needs
	// Authorities; New cannot see that.
	Proxy cert.Source
	// ProxyAuthorities are the CAs of the certificates by which proxies prove to the bank who
	// they are. If there are any, Serve and HTTPServer refuse each connection without such a
	// certificate, one that asks for health included. They need a Proxy and a Server
	// certificate. With none, only the network stands for the proxy.
	ProxyAuthorities []*x509.Certificate
	// Server is the bank's own certificate for TLS. Handler does not need it. Serve needs
	// it unless Proxy is set: then it speaks TLS to the proxy if Server is given, and plain
	// HTTP if not.
	Server []tls.Certificate
}

// Paths of the bank. The zero value of a field stands for its default. A path is written as
// it stands in an address, without escapes. No path is below Registration, and Registration
// is below no other one.
type Paths struct {
	Registration string // /register
	Token        string // /token
	Discovery    string // /.well-known/openid-configuration
	OpenAPI      string // /openapi.yaml
	Health       string // /healthz: the process answers
	Ready        string // /readyz: the store can be read and takes changes
}

func (p *Paths) setDefaults() {
	for field, path := range map[*string]string{
		&p.Registration: "/register", &p.Token: "/token", &p.Discovery: "/.well-known/openid-configuration",
		&p.OpenAPI: "/openapi.yaml", &p.Health: "/healthz", &p.Ready: "/readyz",
	} {
		if *field == "" {
			*field = path
		}
	}
}

// Observer has the functions that the bank calls for metrics. Each may be nil. Their
// arguments have few values, and a sender cannot choose them freely: they can be metric
// labels. Refused is the exception: it gets what a sender wrote.
type Observer struct {
	Event      func(dcr.Event)                                // once for each operation on a client
	Refused    func(context.Context, *dcr.Error)              // for each refusal of the registration endpoint, as dcr.HandlerConfig has it
	Keys       func(ssa.KeyEvent)                             // for each fetch of a key set
	Token      func(method claims.AuthMethod, outcome string) // for each answer of the token endpoint: granted, or an error code
	Instrument func(path string, h http.Handler) http.Handler // wraps the handler of each path, once, in New; must not return nil
}

// setDefaults sets the default of each field that is empty.
func (c *Config) setDefaults() {
	if c.Profile == "" {
		c.Profile = validate.OBIE33
	}
	c.Paths.setDefaults()
	if c.Clients.Trust.Bindings == nil {
		c.Clients.Trust.Bindings = []cert.Binding{cert.ByPublicKey}
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Observer.Token == nil {
		c.Observer.Token = func(claims.AuthMethod, string) {}
	}
	if c.Observer.Instrument == nil {
		c.Observer.Instrument = func(_ string, h http.Handler) http.Handler { return h }
	}
}
