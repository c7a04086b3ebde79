package sandbox

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/metrics"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/trust"
	"github.com/obdcr/obdcr/dcr/portal"
	"github.com/obdcr/obdcr/dcr/tpp/lintpage"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/validate"
)

// Files that tell others about a running sandbox.
const (
	readyFile  = "ready.json"
	policyFile = "policy.json"
	trustFile  = "directory.json"
)

// Ready has the members of ready.json: the addresses of a running sandbox.
type Ready struct {
	Bank                 string           `json:"bank"`
	Discovery            string           `json:"discovery"`
	RegistrationEndpoint string           `json:"registration_endpoint"`
	TokenEndpoint        string           `json:"token_endpoint"`
	Directory            string           `json:"directory"`
	Portal               string           `json:"portal"`
	Profile              validate.Profile `json:"profile"`
	Audience             string           `json:"audience"`
	Store                string           `json:"store"`
	Policy               json.RawMessage  `json:"policy,omitempty"` // as it was given; none: the profile's default
}

// Sandbox is a running sandbox. Only Start makes one that works.
type Sandbox struct {
	Ready Ready
	// RegisterFlags are the flags that the verb register needs beside --config
	// conformance.json, because of the bank's policy; empty for most policies.
	RegisterFlags []string
	// People can sign in at the portal; people.json in the folder has all of them.
	People []Person
	// Waits says that changes wait for a person by the bank's policy: the user is that person,
	// at /pending of the bank.
	Waits bool
	// StartAt is that of Config.
	StartAt time.Time

	files          folder
	log            *slog.Logger
	bank           *bank
	portal         *portal.Portal
	lint           *lintpage.Page
	servers        []*http.Server
	failed         chan error
	bankAt, keysAt net.Listener
	portalAt       net.Listener
	stop           chan struct{} // closed by Close
	up             atomic.Bool   // ready.json is there
	work           sync.WaitGroup
	lock           *os.File // the lock file of the folder
}

// Start makes the files that are missing in the folder and serves. Call Close at the end.
// The error is a *UsageError if the Config is wrong; any other is about a file or the
// network.
func Start(ctx context.Context, c Config) (*Sandbox, error) {
	c.setDefaults()
	err := c.check()
	if err == nil {
		_, _, err = c.judge("https://" + DefaultListen)
	}
	if err != nil {
		return nil, errors.Join(err, folder(c.Dir).forget(readyFile))
	}
	s := &Sandbox{StartAt: c.StartAt, files: folder(c.Dir), log: c.Logger, failed: make(chan error, 3), stop: make(chan struct{})}
	if err := s.start(ctx, &c); err != nil {
		return nil, errors.Join(err, s.abandon())
	}
	return s, nil
}

// judge makes the bank's policy and its validator. Start calls it with a sample address
// first, to refuse a wrong policy before it writes any file.
func (c *Config) judge(issuer string) (validate.Policy, *validate.Validator, error) {
	policy, err := c.policy(issuer)
	if err != nil {
		return validate.Policy{}, nil, err
	}
	v, err := validate.New(validate.Config{Profile: c.Profile, Policy: policy})
	if err != nil {
		return validate.Policy{}, nil, usage("the policy: %s", text.Detail(err))
	}
	return policy, v, nil
}

// start takes the lock first, so that a second sandbox cannot damage the folder. It writes
// ready.json last: programs wait for that file, and everything has to work by then.
func (s *Sandbox) start(ctx context.Context, c *Config) error {
	if err := os.MkdirAll(s.files.path("state"), 0o700); err != nil {
		return failure("%w", err)
	}
	var err error
	if s.lock, err = s.files.lock(); err != nil {
		return err
	}
	// A sandbox that was killed has left these.
	if err := errors.Join(s.files.sweep(), s.files.remove(readyFile)); err != nil {
		return err
	}
	known, err := openState(s.files, c)
	if err != nil {
		return err
	}
	if err := c.names.fix(s.files, known); err != nil {
		return err
	}
	ca, err := openAuthority(s.files, c)
	if err != nil {
		return err
	}
	if !c.names.confines(ca.cert) {
		s.log.Warn("ca.pem is of an older version: who trusts it trusts ca.key for servers with other names than the sandbox's; " +
			"remove both, and new ones are for its names alone")
	}
	server, err := ca.keep(s.files, serverName, placeServer, serverTemplate(c.names))
	if err != nil {
		return err
	}
	if err := s.listen(c, known); err != nil {
		return err
	}
	d, err := newDirectory(c, s.files, known, ca, s.Ready.Directory)
	if err != nil {
		return err
	}
	party, err := openTPP(ca, s.files, known)
	if err != nil {
		return err
	}
	d.builtin["/"+party.org+"/"+party.software+".jwks"] = party.jwks
	policy, validator, err := c.judge(s.Ready.Bank)
	if err != nil {
		return err
	}
	s.Ready.Audience, s.Ready.Profile, s.Ready.Store = policy.Audiences[0], c.Profile, c.kindOfStore()
	s.Ready.Policy, d.audience = c.Policy, s.Ready.Audience
	s.Waits = len(policy.PendingChanges) > 0
	p := parts{config: c, files: s.files, ca: ca.cert, own: server.tls(), policy: policy, ready: &s.Ready, metrics: metrics.New(), keysAt: s.keysAt.Addr()}
	if s.bank, err = newBank(ctx, p); err != nil {
		return err
	}
	if s.portal, err = newPortal(p, s.bank, d); err != nil {
		return err
	}
	if s.lint, err = newLintPage(p, s.bank); err != nil {
		return err
	}
	// The bank serves no request yet, so every change that is half done was left by an
	// earlier process: no age is too young.
	if _, err := s.bank.Registrar().Reconcile(ctx, 0); err != nil {
		c.Logger.Error("changes that stopped half-way cannot be ended", "error", err)
	}
	s.People = d.tellPeople()
	samples := sampler{policy: &policy, validator: validator, metadata: s.bank.metadata, leaf: party.transport.cert, now: c.Clock()}
	d.configure = s.configureFor(c, ca, samples)
	s.serve(c, server, d, p.metrics)
	if s.RegisterFlags, err = party.writeFiles(ctx, c, s.files, d, ca, &s.Ready, &samples); err != nil {
		return err
	}
	return s.announce(c, &policy)
}

// announce writes the files by which others know the sandbox, ready.json last.
func (s *Sandbox) announce(c *Config, policy *validate.Policy) error {
	if err := s.files.writeJSON(policyFile, policy, public); err != nil {
		return err
	}
	if err := s.files.writeJSON(trustFile, trust.Directory{Name: directoryName, Issuer: Issuer, Environment: claims.Sandbox,
		JWKSURL: s.Ready.Directory + keysPath, JWKSHosts: []string{strings.TrimPrefix(s.Ready.Directory, "https://")}}, public); err != nil {
		return err
	}
	if err := s.files.writeJSON(readyFile, s.Ready, public); err != nil {
		return err
	}
	if c.held != nil {
		c.held.release()
	}
	s.up.Store(true)
	return nil
}

// healthPath says whether the process answers, and readyPath whether the sandbox is ready.
const (
	healthPath = "/healthz"
	readyPath  = "/readyz"
)

// untilUp answers 503 at /readyz until ready.json is there, and again from Close on, or once
// somebody removes the file: who polls either reads files that are complete.
func (s *Sandbox) untilUp(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == readyPath && !s.ready() {
			text.RetryAfter(w.Header(), time.Second)
			complain(w, http.StatusServiceUnavailable, "the sandbox is not ready")
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Sandbox) ready() bool {
	_, err := os.Stat(s.files.path(readyFile))
	return s.up.Load() && err == nil
}

// serve starts the servers of bank, directory and portal, and what runs beside them.
func (s *Sandbox) serve(c *Config, own pair, d *directory, m *metrics.Metrics) {
	bank := s.bank.HTTPServer()
	bank.Handler = s.untilUp(bank.Handler)
	limited := func(h http.Handler, ask tls.ClientAuthType) *http.Server {
		return &http.Server{
			Handler: h, TLSConfig: &tls.Config{Certificates: []tls.Certificate{own.tls()}, MinVersion: tls.VersionTLS12,
				CipherSuites: bank.TLSConfig.CipherSuites, ClientAuth: ask},
			ReadHeaderTimeout: bank.ReadHeaderTimeout, ReadTimeout: bank.ReadTimeout, WriteTimeout: bank.WriteTimeout, IdleTimeout: bank.IdleTimeout,
			MaxHeaderBytes: bank.MaxHeaderBytes, ErrorLog: bank.ErrorLog,
		}
	}
	for at, server := range map[net.Listener]*http.Server{
		s.bankAt:   bank,
		s.keysAt:   limited(c.names.guardHost(d.withSignIn()), tls.RequestClientCert), // the API judges it, by the key set of the software
		s.portalAt: limited(c.names.guardHost(s.pages(bank.Handler, m)), tls.NoClientCert),
	} {
		if c.held != nil {
			server.Handler = dated(server.Handler, c.Clock)
		}
		if c.Chaos {
			server.Handler = chaos(server.Handler, c.Random)
		}
		server.BaseContext = func(net.Listener) context.Context {
			return context.WithValue(context.Background(), stoppingKey{}, (<-chan struct{})(s.stop))
		}
		s.servers = append(s.servers, server)
		go func() {
			if err := server.ServeTLS(at, "", ""); !errors.Is(err, http.ErrServerClosed) {
				s.failed <- failure("%s: %w", at.Addr(), err)
			}
		}()
	}
	running, end := context.WithCancel(context.Background())
	s.work.Go(func() { s.bank.Run(running) })
	s.work.Go(func() {
		<-s.stop
		end()
	})
}

// Failed returns a channel that gets an error if a server stops by itself.
func (s *Sandbox) Failed() <-chan error { return s.failed }

// Close removes ready.json, lets open requests finish until the context ends, and closes
// the servers, the store and the lock.
func (s *Sandbox) Close(ctx context.Context) error {
	s.up.Store(false)
	err := s.files.remove(readyFile)
	close(s.stop)
	s.work.Wait()
	for _, server := range s.servers {
		if shut := server.Shutdown(ctx); shut != nil {
			err = errors.Join(err, shut, server.Close())
		}
	}
	return errors.Join(err, s.bank.shut(), s.lock.Close())
}

// abandon closes what a failed start has opened.
func (s *Sandbox) abandon() error {
	close(s.stop)
	s.work.Wait()
	for _, server := range s.servers {
		_ = server.Close() // its listener is closed below
	}
	for _, l := range []net.Listener{s.bankAt, s.keysAt, s.portalAt} {
		if l != nil {
			_ = l.Close() // a server may have closed it already
		}
	}
	var err error
	if s.bank != nil {
		err = s.bank.shut()
	}
	if s.lock != nil {
		err = errors.Join(err, s.lock.Close())
	}
	return err
}
