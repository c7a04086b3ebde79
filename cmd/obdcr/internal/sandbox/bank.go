package sandbox

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/metrics"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/stores"
	"github.com/obdcr/obdcr/dcr/server"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/internal/fetch"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

// Paths of the bank, and its database file. Config has the path of the registration
// endpoint.
const (
	tokenPath     = "/token"
	discoveryPath = "/.well-known/openid-configuration"
	databaseFile  = "obdcr.db"
)

// keysPath is the path of the directory's own key set.
const keysPath = "/keys.jwks"

// directoryName is what the bank calls its directory.
const directoryName = "sandbox directory"

// bank is the sandbox's bank with its store.
type bank struct {
	*server.Bank
	store    store.Store
	close    func() error  // closes the store
	stopKeys func()        // ends the reading of key sets; nil: it has not begun
	stopRun  func()        // ends the passes that end what waits too long; nil: they have not begun
	metadata *tpp.Metadata // the bank's own discovery document, as a TPP reads it
	keys     *ssa.RemoteKeys
}

// parts are what newBank assembles a bank from.
type parts struct {
	config  *Config
	files   folder
	ca      *x509.Certificate
	own     tls.Certificate
	policy  validate.Policy
	ready   *Ready
	metrics *metrics.Metrics
	keysAt  net.Addr // where the directory listens
}

func newBank(ctx context.Context, p parts) (*bank, error) {
	b := &bank{}
	var err error
	if b.store, b.close, err = openStore(ctx, p.config, p.files); err != nil {
		return nil, err
	}
	if err := b.build(p); err != nil {
		return nil, errors.Join(err, b.shut())
	}
	return b, nil
}

// shut closes the bank and its store.
func (b *bank) shut() error {
	if b.stopRun != nil {
		b.stopRun()
	}
	if b.Bank != nil {
		b.Bank.Close()
	}
	if b.stopKeys != nil {
		b.stopKeys()
	}
	return b.close()
}

// anchor is what the bank trusts of the directory, without its keys.
func (p *parts) anchor() ssa.Anchor {
	return ssa.Anchor{Name: directoryName, Issuer: Issuer, Environment: claims.Sandbox,
		JWKSURL: p.ready.Directory + keysPath, JWKSHosts: []string{strings.TrimPrefix(p.ready.Directory, "https://")}}
}

// keyTimeout bounds the steps of a connection to the directory: as long as a fetch may take.
const keyTimeout = 15 * time.Second

// toDirectory makes the transport to the directory. It connects to the directory's listener,
// whatever the name in an address leads to: in a container the name may lead elsewhere, or
// nowhere.
func (p *parts) toDirectory() *http.Transport {
	roots := x509.NewCertPool()
	roots.AddCert(p.ca)
	return &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			d := net.Dialer{Timeout: keyTimeout}
			return d.DialContext(ctx, p.keysAt.Network(), p.keysAt.String())
		},
		TLSClientConfig:     fetch.ClientTLS(roots),
		TLSHandshakeTimeout: keyTimeout, IdleConnTimeout: 30 * time.Second, MaxResponseHeaderBytes: 32 << 10,
		DisableCompression: true,
	}
}

// keyResolver lets the bank read key sets from the sandbox's directory, and from no other
// host. Call stop at the end.
func keyResolver(p parts, directory *url.URL) (keys *ssa.RemoteKeys, stop func(), err error) {
	transport := p.toDirectory()
	log := server.KeyLog(p.config.Logger)
	keys, err = ssa.NewRemoteKeys(ssa.RemoteConfig{
		Sources: []ssa.RemoteSource{{Hosts: []string{directory.Host}}}, Transport: transport,
		Clock: p.config.Clock, Observer: func(e ssa.KeyEvent) { p.metrics.KeyEvent(e); log(e) },
	})
	if err != nil {
		return nil, nil, failure("%w", err)
	}
	return keys, func() { keys.Close(); transport.CloseIdleConnections() }, nil
}

// openStore opens the store of the bank, and returns the function that closes it.
func openStore(ctx context.Context, c *Config, f folder) (store.Store, func() error, error) {
	if c.Store == StoreMemory {
		return store.NewMemory(c.Clock), func() error { return nil }, nil
	}
	name := databaseOf(c, f)
	s, err := stores.Open(ctx, claims.NewSecret(name), stores.Options{Clock: c.Clock, Logger: c.Logger})
	switch {
	case err != nil && stores.IsPostgres(name):
		return nil, nil, failure("%w", err)
	case err != nil:
		return nil, nil, unopened(name, err, f.room())
	}
	return s, s.Close, nil
}

// databaseOf returns the path or the address of the store.
func databaseOf(c *Config, f folder) string {
	if stores.IsPostgres(c.Store) {
		return c.Store
	}
	return f.path(databaseFile)
}

// unopened tells why the store cannot be opened. SQLite does not name a full disk as the
// cause. room is what trying to write beside the store led to.
func unopened(path string, err, room error) error {
	if errors.Is(room, syscall.ENOSPC) || errors.Is(room, syscall.EDQUOT) {
		return failure("the store %s cannot be opened: %w: make room on the disk, and start again", path, room)
	}
	return failure("%w; put a good one back, or move it away to begin without clients", err)
}

// build assembles the bank.
func (b *bank) build(p parts) error {
	c := p.config
	directory, err := url.Parse(p.ready.Directory)
	if err != nil {
		return failure("%w", err)
	}
	sealing, err := b.sealingKey(c, p.files)
	if err != nil {
		return err
	}
	keys, stop, err := keyResolver(p, directory)
	if err != nil {
		return err
	}
	b.keys, b.stopKeys = keys, stop
	b.Bank, err = server.New(server.Config{
		Issuer: p.ready.Bank, Profile: c.Profile, Policy: &p.policy,
		Anchors: []ssa.Anchor{p.anchor()},
		Keys:    server.KeyConfig{Resolver: keys},
		Clients: server.CertificateConfig{Server: []tls.Certificate{p.own},
			Trust: cert.TrustPolicy{Authorities: map[claims.Environment][]*x509.Certificate{claims.Sandbox: {p.ca}}}},
		Store: b.store, SealingKey: claims.NewSecret(string(sealing)), TokenEndpoint: true, MaySubscribe: apis().Decide,
		Paths: server.Paths{Registration: c.Path, Token: tokenPath, Discovery: discoveryPath}, Limiter: c.Limiter,
		Rest: c.names.guard(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !b.decide(w, r) {
				p.metrics.ServeHTTP(w, r)
			}
		})),
		Clock: c.Clock, Logger: c.Logger,
		Observer: server.Observer{Event: p.metrics.Event, Token: p.metrics.Token, Instrument: p.metrics.Measure},
	})
	if err != nil {
		return err
	}
	b.run()
	b.metadata, err = tpp.ParseMetadata(b.Discovery())
	return err
}

// run begins the passes of Reconcile.
func (b *bank) run() {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); b.Registrar().Run(ctx, 0) }()
	b.stopRun = func() { cancel(); <-ended }
}

// sealingKey reads the key that seals secrets in the store, or makes one. It refuses to
// make one if the store has clients: a new key would open none of their secrets.
func (b *bank) sealingKey(c *Config, f folder) ([]byte, error) {
	_, there, err := f.read(sealingFile)
	if err != nil {
		return nil, err
	}
	if lister, ok := b.store.(store.Lister); ok && !there {
		first, err := lister.List(context.Background(), "", 1)
		if err != nil {
			return nil, failure("the store: %w", err)
		}
		if len(first) > 0 {
			return nil, failure("%s is missing, and the store holds clients whose secrets it opens: put it back, or remove the store too (%s) to begin without clients",
				f.path(sealingFile), stores.Shown(databaseOf(c, f)))
		}
	}
	return f.secret(sealingFile, 32, maker{c.Seed})
}
