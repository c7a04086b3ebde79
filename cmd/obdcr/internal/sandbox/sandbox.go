package sandbox

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"syscall"

	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/validate"
)

const readyFile = "ready.json"

// Ready is what ready.json says: where everything is.
type Ready struct {
	Bank                 string           `json:"bank"`
	Discovery            string           `json:"discovery"`
	RegistrationEndpoint string           `json:"registration_endpoint"`
	TokenEndpoint        string           `json:"token_endpoint"`
	Directory            string           `json:"directory"`
	Profile              validate.Profile `json:"profile"`
	Audience             string           `json:"audience"`
	Store                string           `json:"store"`
}

// Sandbox is a running one. Only Start makes one that works.
type Sandbox struct {
	Ready Ready
	// RegisterFlags are what the verb register needs beside --config conformance.json,
	// by the bank's policy; mostly nothing.
	RegisterFlags []string

	files          folder
	log            *slog.Logger
	bank           *bank
	servers        []*http.Server
	failed         chan error
	bankAt, keysAt net.Listener
	stop           chan struct{} // closed by Close
	work           sync.WaitGroup
	lock           *os.File // of the folder
}

// Start makes what is missing in the folder and serves. Close the sandbox when done.
// The error is a *UsageError for what is asked for, else one of the files or of the
// network.
func Start(ctx context.Context, c Config) (*Sandbox, error) {
	c.setDefaults()
	if err := c.check(); err != nil {
		return nil, err
	}
	if _, _, err := c.judge("https://" + DefaultListen); err != nil {
		return nil, err
	}
	s := &Sandbox{files: folder(c.Dir), log: c.Logger, failed: make(chan error, 2), stop: make(chan struct{})}
	if err := s.start(ctx, &c); err != nil {
		return nil, errors.Join(err, s.abandon())
	}
	return s, nil
}

// judge makes policy and validator.
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

func (s *Sandbox) start(ctx context.Context, c *Config) error {
	if err := os.MkdirAll(s.files.path("state"), 0o700); err != nil {
		return failure("%w", err)
	}
	var err error
	if s.lock, err = s.files.lock(); err != nil {
		return err
	}
	if err := s.files.remove(readyFile); err != nil {
		return err
	}
	ca, err := openAuthority(s.files, c.Clock())
	if err != nil {
		return err
	}
	known, err := openState(s.files)
	if err != nil {
		return err
	}
	server, err := ca.keep(s.files, serverName, serverTemplate())
	if err != nil {
		return err
	}
	if err := s.listen(c, known); err != nil {
		return err
	}
	d, err := newDirectory(c, s.files, known, s.Ready.Directory)
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
	s.Ready.Audience, s.Ready.Profile, s.Ready.Store = policy.Audiences[0], c.Profile, c.Store
	s.bank, err = newBank(ctx, parts{config: c, files: s.files, ca: ca.cert, own: server.tls(), policy: policy, ready: &s.Ready, metrics: newMetrics()})
	if err != nil {
		return err
	}
	// Nobody changes clients yet: whatever is half-way has stopped there.
	if _, err := s.bank.Registrar().Reconcile(ctx, 0); err != nil {
		c.Logger.Error("changes that stopped half-way cannot be ended", "error", err)
	}
	s.serve(c, server, d)
	s.RegisterFlags, err = party.writeFiles(ctx, c, s.files, d, ca, &s.Ready,
		&asked{policy: &policy, validator: validator, metadata: s.bank.metadata, leaf: party.transport.cert, now: c.Clock()})
	if err != nil {
		return err
	}
	return s.files.writeJSON(readyFile, s.Ready, public)
}

// listen takes the addresses and remembers them.
func (s *Sandbox) listen(c *Config, known *state) error {
	before := known.Directory
	var bankURL, directoryURL string
	var err error
	if s.bankAt, bankURL, err = listen("listen", c.Listen, known.Listen, DefaultListen); err != nil {
		return err
	}
	if s.keysAt, directoryURL, err = listen("directory", c.Directory, known.Directory, DefaultDirectory); err != nil {
		return err
	}
	s.Ready.Bank, s.Ready.Directory = bankURL, directoryURL
	s.Ready.Discovery, s.Ready.RegistrationEndpoint, s.Ready.TokenEndpoint = bankURL+discoveryPath, bankURL+c.Path, bankURL+tokenPath
	known.Listen, known.Directory = bankURL[len("https://"):], directoryURL[len("https://"):]
	if before != "" && before != known.Directory {
		s.log.Warn("the directory has moved: clients that were registered before name its old address, and are not known any more",
			"from", before, "to", known.Directory)
	}
	return known.save(s.files)
}

// listen takes the address that was asked for, or else that of the last time, or else
// the usual one. Port 0 means that of the last time where it is free.
func listen(flag, asked, last, usual string) (net.Listener, string, error) {
	address := asked
	if address == "" {
		address = last
	}
	if address == "" {
		address = usual
	}
	host, port, err := splitLoopback(address)
	if err != nil {
		return nil, "", failure("%s: %w", stateFile, err)
	}
	var l net.Listener
	if port == 0 && last != "" {
		if _, before, err := splitLoopback(last); err == nil {
			l, _ = net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(before))) // taken: a free one then
		}
	}
	if l == nil {
		l, err = net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	}
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, "", failure("%s is taken: stop what listens there, or give --%s another address; port 0 picks a free one", address, flag)
	}
	if err != nil {
		return nil, "", failure("%w", err)
	}
	at, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		return nil, "", errors.Join(failure("%s is no TCP address", l.Addr()), l.Close())
	}
	return l, "https://" + net.JoinHostPort(host, strconv.Itoa(at.Port)), nil
}

// serve begins to answer.
func (s *Sandbox) serve(c *Config, own pair, d *directory) {
	bank := s.bank.HTTPServer()
	directory := &http.Server{
		Handler: d, TLSConfig: &tls.Config{Certificates: []tls.Certificate{own.tls()}, MinVersion: tls.VersionTLS12},
		ReadHeaderTimeout: bank.ReadHeaderTimeout, IdleTimeout: bank.IdleTimeout, MaxHeaderBytes: bank.MaxHeaderBytes, ErrorLog: bank.ErrorLog,
	}
	for at, server := range map[net.Listener]*http.Server{s.bankAt: bank, s.keysAt: directory} {
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

// Failed gets an error where a server stops by itself.
func (s *Sandbox) Failed() <-chan error { return s.failed }

// Close removes ready.json, finishes what is being answered until the context ends,
// and gives up everything.
func (s *Sandbox) Close(ctx context.Context) error {
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

// abandon gives up what a start that failed has taken.
func (s *Sandbox) abandon() error {
	close(s.stop)
	s.work.Wait()
	for _, server := range s.servers {
		_ = server.Close() // its listener is closed below
	}
	for _, l := range []net.Listener{s.bankAt, s.keysAt} {
		if l != nil {
			_ = l.Close() // closed already where it was served
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
