package server

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/token"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/internal/uri"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

// Config describes a bank. The zero value of a field stands for its default, unless the
// field is required. Clock skew, algorithms and the age of statements come from the
// policy; no field sets them.
type Config struct {
	// Issuer is the https address at which TPPs reach the bank, without a slash at its
	// end; required. The endpoints of the discovery document begin with it.
	Issuer  string
	Profile validate.Profile // "": validate.OBIE33
	// Policy has the bank's decisions. Nil is the default policy of the profile.
	Policy *validate.Policy
	// Audiences are the bank's identifiers, which requests name as aud. They replace
	// those of the policy, which has none by default; one of the two is required.
	Audiences []string

	// Directories are the well-known directories that the bank trusts, such as those of
	// ssa.KnownDirectories. Anchors are directories that the bank describes itself; their
	// Algorithms and MaxAge stay empty, because the policy sets them. One of the two is
	// required.
	Directories []ssa.KnownDirectory
	Anchors     []ssa.Anchor
	// Keys configures the fetching of key sets. New adds a source for the hosts of
	// Directories and Anchors that Keys.Sources does not name.
	Keys KeyConfig
	// Clients configures which client certificates the bank trusts.
	Clients CertificateConfig

	Store store.Store // required
	// Replay remembers each jti instead of the Store, as dcr.Config has it.
	Replay store.Replay
	// SealingKey seals the secrets of client_secret_jwt in the Store: 32 bytes.
	SealingKey claims.Secret

	// Tokens checks access tokens at the bank's authorization server;
	// token.Introspection is one.
	Tokens token.Tokens
	// TokenEndpoint makes the bank issue access tokens itself, by the client_credentials
	// grant. The tokens are kept in memory, so the bank must be a single process. It
	// excludes Tokens. A bank with neither registers clients and offers nothing else.
	TokenEndpoint bool
	Provisioner   dcr.Provisioner // nil if the authorization server reads the Store
	Hooks         dcr.Hooks
	// Discovery adds the endpoints of the bank's authorization server to the discovery
	// document. New sets Issuer, RegistrationEndpoint and Policy. It sets TokenEndpoint
	// too if the bank has its own.
	Discovery dcr.Discovery

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
	// Resolver replaces the fetching: it resolves the keys of software, and of directories
	// without Keys. Sources and Limits must be empty then.
	Resolver ssa.SoftwareKeyResolver
}

// CertificateConfig configures which client certificates the bank trusts, and where it
// finds the certificate of a request.
type CertificateConfig struct {
	// Trust has the bindings (public_key if empty), the certificate authorities by
	// environment, and revocation lists. Authorities are required, unless a proxy ends
	// TLS and verifies the certificates.
	Trust cert.TrustPolicy
	// Source finds the certificate of a request. Nil takes it from the TLS connection;
	// cert.FromHeader takes it from a proxy's header.
	Source cert.Source
	// Server is the bank's own certificate for TLS. Serve needs it, Handler does not.
	Server []tls.Certificate
}

// Paths of the bank. The zero value of a field stands for its default.
type Paths struct {
	Registration string // /register
	Token        string // /token
	Discovery    string // /.well-known/openid-configuration
	OpenAPI      string // /openapi.yaml
	Health       string // /healthz: the process answers
	Ready        string // /readyz: the store can be read
}

// all returns the paths by their field names.
func (p *Paths) all() map[string]string {
	return map[string]string{"Registration": p.Registration, "Token": p.Token, "Discovery": p.Discovery,
		"OpenAPI": p.OpenAPI, "Health": p.Health, "Ready": p.Ready}
}

// check refuses a path without a slash in front, and one that two fields have.
func (p *Paths) check() error {
	taken := map[string]string{}
	all := p.all()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		path := all[name]
		if !strings.HasPrefix(path, "/") || taken[path] != "" {
			return fmt.Errorf("server: Paths.%s is %s: it must begin with a slash and be no other one's", name, text.Quote(path))
		}
		taken[path] = name
	}
	return nil
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
// labels.
type Observer struct {
	Event      func(dcr.Event)                                // once for each operation on a client
	Keys       func(ssa.KeyEvent)                             // for each fetch of a key set
	Token      func(method claims.AuthMethod, outcome string) // for each answer of the token endpoint: granted, or an error code
	Instrument func(path string, h http.Handler) http.Handler // wraps the handler of each path, once, in New
}

// setDefaults sets the default of each field that is empty.
func (c *Config) setDefaults() {
	if c.Profile == "" {
		c.Profile = validate.OBIE33
	}
	c.Paths.setDefaults()
	if c.Clients.Source == nil {
		c.Clients.Source = cert.FromTLS
	}
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

// check refuses fields that are missing or contradict each other. It reports them all at
// once, so that a caller need not mend and try one after the other. Each reason names
// what to do.
func (c *Config) check() error {
	behindProxy := c.Clients.Source != nil
	var errs []error
	refuse := func(broken bool, format string, args ...any) {
		if broken {
			errs = append(errs, fmt.Errorf("server: "+format, args...))
		}
	}
	_, unfit := uri.Endpoint(c.Issuer)
	refuse(unfit != nil, "Issuer %v: give the bank's own address, such as https://bank.example", unfit)
	refuse(unfit == nil && c.Issuer[len(c.Issuer)-1] == '/', "Issuer ends with a slash: leave it out")
	refuse(c.Store == nil, "there is no Store: give store.NewMemory, sqlite.Open, or one of your own")
	refuse(len(c.Directories)+len(c.Anchors) == 0, "no directory is believed: give Directories, such as ssa.KnownDirectories, or Anchors")
	refuse(c.TokenEndpoint && c.Tokens != nil,
		"both TokenEndpoint and Tokens are set: choose whether the bank issues tokens itself or asks its authorization server")
	refuse(!c.TokenEndpoint && c.Discovery.TokenEndpoint == "",
		"Discovery.TokenEndpoint is empty: name that of the authorization server, or set TokenEndpoint to have one here")
	refuse(c.TokenEndpoint && c.Discovery.TokenEndpoint != "", "both TokenEndpoint and Discovery.TokenEndpoint are set: clients use one")
	refuse(c.Discovery.Issuer+c.Discovery.RegistrationEndpoint != "", "Issuer and RegistrationEndpoint of Discovery follow from Issuer and Paths: leave them out")
	refuse(!behindProxy && len(c.Clients.Trust.Authorities) == 0,
		"no CA of client certificates is named: give Clients.Trust.Authorities, or a Clients.Source where a proxy ends TLS")
	refuse(c.Keys.Resolver != nil && len(c.Keys.Sources) > 0, "Keys.Resolver and Keys.Sources exclude each other: with a Resolver nothing is fetched")
	refuse(c.Keys.Resolver != nil && c.Keys.Limits != ssa.RemoteLimits{}, "Keys.Resolver and Keys.Limits exclude each other: with a Resolver nothing is fetched")
	for i := range c.Directories {
		_, unfit := uri.Endpoint(c.Directories[i].JWKSURL)
		refuse(unfit != nil, "JWKSURL of directory %d %v: give the address of its key set", i, unfit)
	}
	for i := range c.Anchors {
		_, unfit := uri.Endpoint(c.Anchors[i].JWKSURL)
		refuse(unfit != nil && c.Anchors[i].Keys == nil && c.Keys.Resolver == nil, "JWKSURL of anchor %d %v: give the address of its key set, or its Keys", i, unfit)
		refuse(c.Anchors[i].Algorithms != nil || c.Anchors[i].MaxAge != 0,
			"anchor %d sets Algorithms or MaxAge: leave them empty, and set signing_algorithms and ssa_max_age_seconds of the policy", i)
	}
	return errors.Join(errs...)
}

// validator makes the validator of the profile and the bank's policy.
func (c *Config) validator() (*validate.Validator, error) {
	policy := validate.DefaultPolicy(c.Profile)
	if c.Policy != nil {
		policy = *c.Policy
	}
	if c.Audiences != nil {
		policy.Audiences = slices.Clone(c.Audiences)
	}
	if len(policy.Audiences) == 0 {
		return nil, errors.New("server: no audience: give Audiences, the bank's identifiers at its directory")
	}
	return validate.New(validate.Config{Profile: c.Profile, Policy: policy})
}
