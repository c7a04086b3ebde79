package server

import (
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/validate"
)

// Bank is an assembled bank. Only New makes one that works. It is safe for concurrent
// use.
type Bank struct {
	registrar *dcr.Registrar
	validator *validate.Validator
	policy    validate.Policy          // the validator's, in a copy that no caller has
	routes    map[string]http.Handler  // by path, as they stand in a request
	registers func(*http.Request) bool // whether the registration endpoint answers
	handler   http.Handler
	discovery func() []byte // the discovery document of the moment
	overlay   *overlay      // nil without DiscoveryFrom
	config    Config
	remote    *ssa.RemoteKeys // nil if Keys.Resolver is set
	log       *slog.Logger
	readiness *readiness

	connections *connectionLog   // of each HTTPServer
	places      chan struct{}    // for handshakes that sign, of each HTTPServer
	fetchClock  func() time.Time // nil: the clock of ssa.RemoteKeys
	source      cert.Source
	fromTLS     bool // source is cert.FromTLS

	checker   *cert.Checker
	tls       atomic.Pointer[tlsParts]
	reloading sync.Mutex // guards config.Clients, too
}

// New assembles a bank. The error names every field that is missing or contradicts
// another one, with what to do about it. Call Close when the bank is no longer needed.
func New(c Config) (*Bank, error) {
	// Read before setDefaults: with no Clock, ssa.RemoteKeys takes a monotonic clock, which
	// does not jump when the time of the machine is set.
	fetchClock := c.Clock
	faults := c.check()
	c.setDefaults()
	validator, err := c.validator()
	if err := errors.Join(faults, c.Paths.check(), err); err != nil {
		return nil, err
	}
	b := &Bank{validator: validator, policy: validator.Policy(), config: c, log: c.Logger, fetchClock: fetchClock,
		connections: &connectionLog{log: c.Logger}, places: newPlaces(),
		source: c.Clients.Proxy, fromTLS: c.Clients.Proxy == nil}
	if b.fromTLS {
		b.source = cert.FromTLS
	}
	if err := b.assemble(validator); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

// Close closes the idle connections to the hosts of key sets, and logs what the summaries of
// failed connections have not told yet. It does not close the Store, which the caller opened.
func (b *Bank) Close() {
	b.connections.flush()
	if b.remote != nil {
		b.remote.Close()
	}
}

// Registrar returns the bank's registrar, for calls in the same process.
func (b *Bank) Registrar() *dcr.Registrar { return b.registrar }

// Policy returns the policy in force, in a fresh copy: Config.Policy with the audiences and
// the defaults.
func (b *Bank) Policy() validate.Policy { return b.validator.Policy() }

// Discovery returns the discovery document that the bank serves. It is nil until Run has
// read DiscoveryFrom.URL.
func (b *Bank) Discovery() []byte { return slices.Clone(b.discovery()) }

// Handler serves the whole bank: all Paths, and Rest for all others. It redirects no
// path: a client would repeat its request, with its access token, at the other address.
func (b *Bank) Handler() http.Handler { return b.handler }

// assemble makes the parts of the bank. Each part uses earlier ones.
func (b *Bank) assemble(validator *validate.Validator) error {
	c := &b.config
	keys, err := b.keys()
	if err != nil {
		return err
	}
	statements, err := ssa.NewVerifier(ssa.VerifierConfig{Anchors: b.anchors(keys), Clock: c.Clock, Skew: b.policy.ClockSkew})
	if err != nil {
		return err
	}
	checked, err := c.checkerConfig()
	if err != nil {
		return err
	}
	checked.Keys = keys
	if b.checker, err = cert.NewChecker(checked); err != nil {
		return err
	}
	b.tls.Store(b.newTLSParts(&c.Clients, checked.Authorities))
	issued, err := c.issuer()
	if err != nil {
		return err
	}
	tokens := c.Tokens
	if c.TokenEndpoint {
		tokens = issued
	}
	b.registrar, err = dcr.NewRegistrar(dcr.Config{
		Statements: statements, SoftwareKeys: keys, Validator: validator, Store: c.Store, Certificates: b.checker,
		Clock: c.Clock, Random: c.Random, SealingKey: c.SealingKey, Logger: c.Logger, Tokens: tokens, ClientToken: c.ClientToken,
		Hooks: c.Hooks, MaySubscribe: c.MaySubscribe, ChangeTimeout: c.ChangeTimeout, Provisioner: c.Provisioner, Replay: c.Replay, Observer: c.Observer.Event,
	})
	if err != nil {
		return err
	}
	routes := map[string]http.Handler{}
	if err := b.addDiscovery(routes); err != nil {
		return err
	}
	if c.TokenEndpoint {
		if routes[c.Paths.Token], err = newTokenEndpoint(b, issued, statements, b.checker, keys); err != nil {
			return err
		}
	}
	return b.route(routes)
}

// keys makes the resolver of the key sets of directories and software.
func (b *Bank) keys() (ssa.SoftwareKeyResolver, error) {
	c := &b.config
	if c.Keys.Resolver != nil {
		return c.Keys.Resolver, nil
	}
	sources := slices.Clone(c.Keys.Sources)
	var hosts [][]string
	for _, d := range c.Directories {
		hosts = append(hosts, d.Hosts)
	}
	for i := range c.Anchors {
		hosts = append(hosts, c.Anchors[i].JWKSHosts)
	}
	for _, group := range hosts {
		if rest := withoutSource(group, sources); len(rest) > 0 {
			sources = append(sources, ssa.RemoteSource{Hosts: rest})
		}
	}
	var err error
	b.remote, err = ssa.NewRemoteKeys(ssa.RemoteConfig{Sources: sources, NotPublic: c.Keys.NotPublic,
		Clock: b.fetchClock, Limits: c.Keys.Limits, Observer: b.keyEvents()})
	if err != nil {
		return nil, err
	}
	return b.remote, nil
}

// keyEvents makes the observer of the key sets: the log, and the bank's own.
func (b *Bank) keyEvents() func(ssa.KeyEvent) {
	log, own := KeyLog(b.log), b.config.Observer.Keys
	return func(e ssa.KeyEvent) {
		log(e)
		if own != nil {
			own(e)
		}
	}
}

// withoutSource returns the hosts that are in none of the sources.
func withoutSource(hosts []string, sources []ssa.RemoteSource) []string {
	return slices.DeleteFunc(slices.Clone(hosts), func(host string) bool {
		return slices.ContainsFunc(sources, func(s ssa.RemoteSource) bool { return slices.Contains(s.Hosts, host) })
	})
}

// anchors makes the trust anchors of Directories and Anchors, with the algorithms, the
// statement ages and the claim names of the policy. An anchor's own claim names stay.
func (b *Bank) anchors(keys ssa.KeyResolver) []ssa.Anchor {
	anchors := slices.Clone(b.config.Anchors)
	for _, d := range b.config.Directories {
		anchors = append(anchors, d.Anchor(nil))
	}
	for i := range anchors {
		anchors[i].Algorithms = b.policy.SigningAlgorithms
		anchors[i].MaxAge, anchors[i].MaxAgeWithExp = b.policy.SSAMaxAge, b.policy.SSAMaxAgeWithExp
		if anchors[i].Keys == nil {
			anchors[i].Keys = keys
		}
		if len(anchors[i].ClaimNames) == 0 {
			anchors[i].ClaimNames = b.policy.ClaimNames
		}
	}
	return anchors
}

// checkerConfig is that of the checker of client certificates, without Keys. It has the
// Authorities though Serve verifies chains by the same CAs: a program may serve Handler by a
// server of its own, whose TLS lets in the clients of more CAs, and TLS knows no environments.
func (c *Config) checkerConfig() (cert.CheckerConfig, error) {
	config := cert.CheckerConfig{Bindings: c.Clients.Trust.Bindings, Clock: c.Clock}
	if len(c.Clients.Trust.Authorities) > 0 {
		var err error
		if config.Authorities, err = cert.NewAuthorities(c.Clients.Trust.Authorities, c.Clock()); err != nil {
			return cert.CheckerConfig{}, err
		}
	}
	if c.Clients.Trust.CRLs != nil {
		config.Revocation = c.Clients.Trust.CRLs
	}
	return config, nil
}
