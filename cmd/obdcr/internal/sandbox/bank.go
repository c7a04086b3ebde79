package sandbox

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/token"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/sqlite"
	"github.com/obdcr/obdcr/validate"
)

// Paths of the bank.
const (
	registerPath  = "/register"
	tokenPath     = "/token"
	discoveryPath = "/.well-known/openid-configuration"
	openAPIPath   = "/openapi.yaml"
	databaseFile  = "obdcr.db"
)

// bank registers clients and gives them access tokens.
type bank struct {
	routes map[string]http.Handler
	remote *ssa.RemoteKeys
	store  store.Store
	close  func() error // of the store

	registrar *dcr.Registrar
	metadata  *tpp.Metadata // as announced
}

// parts are what a bank is made of.
type parts struct {
	config    *Config
	files     folder
	ca        *x509.Certificate
	policy    validate.Policy
	ready     *Ready
	metrics   *metrics
	validator *validate.Validator
}

func newBank(ctx context.Context, p parts) (*bank, error) {
	b := &bank{}
	var err error
	if b.remote, err = remoteKeys(p); err != nil {
		return nil, err
	}
	if b.store, b.close, err = openStore(ctx, p.config, p.files); err != nil {
		b.remote.Close()
		return nil, err
	}
	if err := b.build(p); err != nil {
		return nil, errors.Join(err, b.shut())
	}
	return b, nil
}

// shut gives up what the bank holds.
func (b *bank) shut() error {
	b.remote.Close()
	return b.close()
}

// remoteKeys reads the directory's key sets, and nothing else on loopback.
func remoteKeys(p parts) (*ssa.RemoteKeys, error) {
	u, err := url.Parse(p.ready.Directory)
	if err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(p.ca)
	source := ssa.RemoteSource{Hosts: []string{u.Host}, Roots: roots}
	if u.Hostname() == "localhost" { // an address permits itself
		source.Networks = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("::1/128")}
	}
	return ssa.NewRemoteKeys(ssa.RemoteConfig{
		Sources: []ssa.RemoteSource{source}, Clock: p.config.Clock, Observer: p.metrics.keyEvent,
	})
}

func openStore(ctx context.Context, c *Config, f folder) (store.Store, func() error, error) {
	if c.Store == StoreMemory {
		return store.NewMemory(c.Clock), func() error { return nil }, nil
	}
	s, err := sqlite.Open(ctx, sqlite.Config{Path: f.path(databaseFile), Clock: c.Clock})
	if err != nil {
		return nil, nil, fmt.Errorf("sandbox: the store %s cannot be opened: %w; put a good one back, or move it away to begin without clients",
			f.path(databaseFile), err)
	}
	return s, s.Close, nil
}

// build puts the registrar, the token endpoint and the rest together.
func (b *bank) build(p parts) error {
	c := p.config
	statements, err := ssa.NewVerifier(ssa.VerifierConfig{Clock: c.Clock, Skew: p.policy.ClockSkew, Anchors: []ssa.Anchor{{
		Name: "sandbox directory", Issuer: Issuer, Environment: claims.Sandbox, JWKSURL: p.ready.Directory + "/keys.jwks",
		Keys: b.remote, Algorithms: p.policy.SigningAlgorithms, MaxAge: p.policy.SSAMaxAge,
		JWKSHosts: []string{strings.TrimPrefix(p.ready.Directory, "https://")},
	}}})
	if err != nil {
		return err
	}
	checker, err := cert.NewChecker(cert.CheckerConfig{Bindings: []cert.Binding{cert.ByPublicKey}, Clock: c.Clock})
	if err != nil {
		return err
	}
	tokens := token.NewMemory(c.Clock, nil)
	replay := store.NewMemoryReplay(c.Clock)
	sealing, err := b.sealingKey(p.files)
	if err != nil {
		return err
	}
	b.registrar, err = dcr.NewRegistrar(dcr.Config{
		Statements: statements, SoftwareKeys: b.remote, Validator: p.validator, Store: b.store, Certificates: checker,
		Clock: c.Clock, SealingKey: claims.NewSecret(string(sealing)), Logger: c.Logger, Tokens: tokens, Observer: p.metrics.event,
	})
	if err != nil {
		return err
	}
	registration, err := dcr.NewHandler(dcr.HandlerConfig{
		Registrar: b.registrar, Path: registerPath, Certificate: cert.FromTLS, Limiter: c.Limiter, Logger: c.Logger,
	})
	if err != nil {
		return err
	}
	discovery, err := dcr.NewDiscoveryHandler(dcr.Discovery{
		Issuer: p.ready.Bank, RegistrationEndpoint: p.ready.RegistrationEndpoint, TokenEndpoint: p.ready.TokenEndpoint, Policy: p.policy,
	})
	if err != nil {
		return err
	}
	if b.metadata, err = announced(discovery); err != nil {
		return err
	}
	b.route(p, registration, discovery, &tokenEndpoint{
		policy: p.policy, audiences: []string{p.ready.TokenEndpoint, p.ready.Bank}, clock: c.Clock, store: b.store, tokens: tokens,
		replay: replay, statements: statements, keys: b.remote, checker: checker, open: b.registrar.OpenSecret, limiter: c.Limiter,
		log: c.Logger, told: p.metrics.token,
	})
	return nil
}

// sealingKey is the key of the secrets in the store. A new one would open none of
// them.
func (b *bank) sealingKey(f folder) ([]byte, error) {
	_, there, err := f.read(sealingFile)
	if err != nil {
		return nil, err
	}
	if lister, ok := b.store.(store.Lister); ok && !there {
		first, err := lister.List(context.Background(), "", 1)
		if err != nil {
			return nil, fmt.Errorf("sandbox: %s: %w", f.path(databaseFile), err)
		}
		if len(first) > 0 {
			return nil, fmt.Errorf("sandbox: %s is missing, and %s holds clients whose secrets it opens: put it back, or remove %s too to begin without clients",
				f.path(sealingFile), f.path(databaseFile), databaseFile)
		}
	}
	return f.secret(sealingFile, 32)
}

func (b *bank) route(p parts, registration, discovery, token http.Handler) {
	b.routes = map[string]http.Handler{
		registerPath:  registration,
		tokenPath:     token,
		discoveryPath: discovery,
		openAPIPath:   only(http.MethodGet, document("application/yaml", dcr.OpenAPI())),
		"/healthz":    only(http.MethodGet, http.HandlerFunc(healthy)),
		"/readyz":     only(http.MethodGet, http.HandlerFunc(b.readiness)),
	}
	for path, h := range b.routes {
		b.routes[path] = p.metrics.measure(path, h)
	}
	b.routes["/metrics"] = only(http.MethodGet, p.metrics.handler())
}

// ServeHTTP finds the route. No path is mended or redirected: a client would repeat
// its POST there.
func (b *bank) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.EscapedPath()
	if id, below := strings.CutPrefix(path, registerPath+"/"); below && id != "" && id != "." && id != ".." && !strings.Contains(id, "/") {
		path = registerPath
	}
	if h := b.routes[path]; h != nil {
		h.ServeHTTP(w, r)
		return
	}
	complain(w, http.StatusNotFound, nothingHere)
}

// only lets one method through, and HEAD with GET.
func only(method string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == method || method == http.MethodGet && r.Method == http.MethodHead {
			next.ServeHTTP(w, r)
			return
		}
		allowed := method
		if method == http.MethodGet {
			allowed += ", " + http.MethodHead
		}
		w.Header().Set("Allow", allowed)
		complain(w, http.StatusMethodNotAllowed, "use "+method)
	})
}

func document(mediaType string, text []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", mediaType)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_, _ = w.Write(text) // a client that is gone reads nothing
	})
}

type health struct {
	Status string `json:"status"`
}

func healthy(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, health{"ok"}) }

// readiness asks the store for a client that nobody has.
func (b *bank) readiness(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	if _, err := b.store.Get(ctx, "readiness"); err != nil && !errors.Is(err, store.ErrNotFound) {
		writeJSON(w, http.StatusServiceUnavailable, health{"the store cannot be read"})
		return
	}
	writeJSON(w, http.StatusOK, health{"ok"})
}
