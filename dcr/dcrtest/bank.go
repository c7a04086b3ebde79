package dcrtest

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/server"
	"github.com/obdcr/obdcr/dcr/token"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

// Audience is the identifier of every Bank, which requests name as aud.
const Audience = ssatest.DefaultAudience

// Bank is a bank that serves, with the directory that it trusts. Only NewBank makes one. It is
// safe for concurrent use.
type Bank struct {
	directory *ssatest.Directory
	server    *server.Bank
	config    server.Config
	profile   validate.Profile
	address   string
	log       *boundedLog
	roots     *x509.CertPool

	http    *http.Server
	context context.Context // of all that the bank and its TPPs do
	stop    context.CancelFunc
	working sync.WaitGroup
	closing sync.Once
	owned   bool // the directory is the bank's to close

	exchanges sync.Map // *Exchange by its number, as long as it is under way
}

// NewBank starts a bank and its directory. Both end with the test, or earlier by Close. A bank
// that cannot be started fails the test at once.
func NewBank(t testing.TB, options ...Option) *Bank {
	t.Helper()
	s := &settings{t: t, profile: validate.OBIE33}
	for _, o := range options {
		if o.apply != nil { // the zero Option changes nothing
			o.apply(s)
		}
	}
	s.check()
	b, err := open(s)
	if err != nil {
		t.Fatalf("dcrtest: the bank does not start: %v", err)
	}
	t.Cleanup(b.Close)
	t.Cleanup(func() { b.dump(t) })
	return b
}

// open starts the directory and the bank.
func open(s *settings) (*Bank, error) {
	b := &Bank{directory: s.directory, profile: s.profile, log: &boundedLog{}, roots: x509.NewCertPool()}
	b.context, b.stop = context.WithCancel(context.Background())
	if b.directory == nil {
		b.owned = true
		s.directoryOptions.Clock = s.clock
		for _, change := range s.directoryChanges {
			change(&s.directoryOptions)
		}
		var err error
		if b.directory, err = ssatest.New(s.directoryOptions); err != nil {
			return nil, err
		}
	}
	b.roots.AddCert(b.directory.CA)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Close()
		return nil, err
	}
	b.address = "https://" + listener.Addr().String()
	if err := b.assemble(s); err != nil {
		b.Close()
		return nil, errors.Join(err, listener.Close())
	}
	if err := b.serve(s, listener); err != nil {
		b.Close()
		return nil, errors.Join(err, listener.Close())
	}
	return b, nil
}

// keptMemory is a store in memory whose access tokens are elsewhere.
type keptMemory struct {
	*store.Memory
	token.Keeper
}

// assemble makes the bank of the settings.
func (b *Bank) assemble(s *settings) error {
	own, err := b.directory.ServerCertificate("127.0.0.1")
	if err != nil {
		return err
	}
	known := b.directory.Known()
	policy := validate.DefaultPolicy(s.profile)
	policy.Audiences = []string{Audience}
	for _, change := range s.policies {
		change(&policy)
	}
	b.config = server.Config{
		Issuer: b.address, Profile: s.profile, Policy: &policy, Directories: []ssa.KnownDirectory{known},
		Keys:  server.KeyConfig{Sources: []ssa.RemoteSource{b.directory.RemoteSource()}},
		Store: s.records, TokenEndpoint: true, Clock: s.clock, SealingKey: claims.NewSecret(strings.Repeat("k", 32)),
		Clients: server.CertificateConfig{Server: []tls.Certificate{own}, Trust: cert.TrustPolicy{
			Authorities: map[claims.Environment][]*x509.Certificate{known.Environment: {b.directory.CA}}}},
		Logger: slog.New(slog.NewTextHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	switch {
	case s.records != nil:
	case s.keeper != nil:
		b.config.Store = keptMemory{store.NewMemory(s.clock), s.keeper}
	default:
		b.config.Store = store.NewMemory(s.clock)
	}
	if s.keysAtOnce || !strings.HasPrefix(b.directory.URL(), "https://127.0.0.1:") { // the host of a deterministic directory is known to its own client alone
		b.config.Keys = server.KeyConfig{Resolver: b.directory.Resolver()}
	}
	for _, change := range s.configs {
		change(&b.config)
	}
	b.config.Observer.Refused = b.listen(b.config.Observer.Refused)
	b.server, err = server.New(b.config)
	return err
}

// serve answers until Close.
func (b *Bank) serve(s *settings, l net.Listener) error {
	handler := b.server.Handler()
	for _, wrap := range s.handlers {
		if handler = wrap(handler); handler == nil {
			return errors.New("WithHandler: the function returns no handler: return the one that it is given, where there is nothing to change")
		}
	}
	b.http = b.server.HTTPServer()
	if b.http.TLSConfig == nil {
		return errors.New("WithServerConfig: Clients.Server is empty, and the bank has no certificate of its own: leave it as it is")
	}
	b.http.Handler = b.noted(handler)
	b.http.ErrorLog = log.New(io.Discard, "", 0)
	b.working.Go(func() { _ = b.http.ServeTLS(l, "", "") }) // until Close
	if s.background {
		b.working.Go(func() { b.server.Run(b.context) })
	}
	return nil
}

// Close ends the bank, its connections and, unless it is another bank's, the directory. Tests
// need not call it.
func (b *Bank) Close() {
	b.closing.Do(func() {
		b.stop()
		if b.http != nil {
			_ = b.http.Close()
		}
		b.working.Wait()
		if b.server != nil {
			b.server.Close()
		}
		if b.owned {
			b.directory.Close()
		}
	})
}

// URL is the address of the bank, which is its issuer too, without a slash at the end.
func (b *Bank) URL() string { return b.address }

// DiscoveryURL is the address of the bank's discovery document.
func (b *Bank) DiscoveryURL() string {
	return b.address + cmp.Or(b.config.Paths.Discovery, "/.well-known/openid-configuration")
}

// Metadata is the discovery document of the bank, read. The registration endpoint in it is the
// Bank's own, and so is the token endpoint unless tokens are issued elsewhere: also where the
// configuration has an issuer that nobody reaches.
func (b *Bank) Metadata() (*tpp.Metadata, error) {
	ours := tpp.Overrides{RegistrationEndpoint: b.address + cmp.Or(b.config.Paths.Registration, "/register")}
	if path := cmp.Or(b.config.Paths.Token, "/token"); b.config.TokenEndpoint {
		ours.TokenEndpoint, ours.TokenAudience = b.address+path, b.config.Issuer+path
	}
	return tpp.ParseMetadata(b.server.Discovery(), ours)
}

// Server is the bank itself, with its registrar and its policy.
func (b *Bank) Server() *server.Bank { return b.server }

// Directory is the directory that the bank trusts.
func (b *Bank) Directory() *ssatest.Directory { return b.directory }

// Store has the records of the bank.
func (b *Bank) Store() store.Store { return b.config.Store }

// Profile is the profile by which the bank judges.
func (b *Bank) Profile() validate.Profile { return b.profile }

// Policy is the policy in force, in a fresh copy.
func (b *Bank) Policy() validate.Policy { return b.server.Policy() }

// Now is the time at the bank and at its directory.
func (b *Bank) Now() time.Time {
	if b.config.Clock == nil {
		return time.Now()
	}
	return b.config.Clock()
}

// Roots has the CA of the bank, of its directory and of all client certificates.
func (b *Bank) Roots() *x509.CertPool { return b.roots.Clone() }

// Log is what the bank has logged, the last 64 KiB of it.
func (b *Bank) Log() string { return b.log.String() }

// boundedLog keeps the end of a log.
type boundedLog struct {
	mu   sync.Mutex
	text []byte
}

const maxLog = 64 << 10

// Write keeps p. It begins with a whole line.
func (l *boundedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	if over := len(l.text) - maxLog; over > 0 {
		end := bytes.IndexByte(l.text[over:], '\n')
		l.text = append([]byte(nil), l.text[over+end+1:]...)
	}
	return len(p), nil
}

// String is the log.
func (l *boundedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}
