package service

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/metrics"
	"github.com/obdcr/obdcr/dcr/portal"
	"github.com/obdcr/obdcr/dcr/server"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/store"
)

// Options are what Run needs beside the configuration.
type Options struct {
	Log    io.Writer        // gets the log, a line an entry
	Reload <-chan os.Signal // each signal has the certificates read again; may be nil
	// Ready is called once the bank listens; may be nil.
	Ready func(Addresses)
}

// Addresses are the HOST:PORT of the listeners of a bank; "" for one that there is none of.
type Addresses struct{ Bank, Admin, Portal string }

// logger makes the logger of the configuration.
func (c *Config) logger(w io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.Log.Level)) // one of those that the table knows
	options := &slog.HandlerOptions{Level: level}
	if c.Log.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// Check reads every file that the configuration names, and makes the bank without serving.
// It opens no store, listens nowhere and changes nothing. The error is a *ConfigError, or
// wraps a *FileError.
func (c *Config) Check(log *slog.Logger) error {
	if _, err := c.StoreName(log); err != nil {
		return err
	}
	c.tellExposed(log)
	p := parts{store: store.NewMemory(nil), log: log, metrics: metrics.New()}
	bank, _, err := c.bank(p)
	if err != nil {
		return err
	}
	defer bank.Close()
	if _, err := c.ownPortal(log); err != nil {
		return err
	}
	_, err = c.portal(p, bank.Registrar())
	return err
}

// Run serves until the context ends, and lets open requests finish then. It judges the
// configuration and listens before it opens the store, so that a mistake makes no file. The
// error is one of Check, OpenStore, the network, or that of requests that did not finish.
func Run(ctx context.Context, c *Config, o Options) (err error) {
	log := c.logger(o.Log)
	if err := c.Check(slog.New(slog.DiscardHandler)); err != nil {
		return err
	}
	c.tellExposed(log)
	at, err := c.listen(ctx)
	if err != nil {
		return err
	}
	defer at.close()
	clients, err := OpenStore(ctx, c, nil, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, clients.Close()) }()
	p := parts{store: clients, log: log, metrics: metrics.New()}
	r := &running{config: c, log: log, metrics: p.metrics, seen: stamps(c.reloadable())}
	if r.bank, r.certificates, err = c.bank(p); err != nil {
		return err
	}
	defer r.bank.Close()
	if r.portal, err = c.portal(p, r.bank.Registrar()); err != nil {
		return err
	}
	own, err := c.ownPortal(log)
	if err != nil {
		return err
	}
	r.portalOwn.Store(own)
	return r.serve(ctx, at, o)
}

// tellExposed warns of a listener for operators, and of a portal without TLS, that each network
// reaches.
func (c *Config) tellExposed(log *slog.Logger) {
	if host, _, err := net.SplitHostPort(c.Admin.Listen); err == nil && allHosts(host) {
		log.Warn("whoever reaches this machine can read the metrics: name an inner address in admin.listen", "address", c.Admin.Listen)
	}
	if c.Portal == nil || !c.Portal.PlainHTTP {
		return
	}
	if host, _, err := net.SplitHostPort(c.Portal.Listen); err == nil && allHosts(host) {
		log.Warn("the portal speaks plain HTTP to whoever reaches this machine: name an inner address in portal.listen, which the proxy alone reaches",
			"address", c.Portal.Listen)
	}
}

// listeners are those of a bank; nil where there is none.
type listeners struct{ bank, admin, portal net.Listener }

// listen opens the listeners of the configuration, or none of them.
func (c *Config) listen(ctx context.Context) (listeners, error) {
	var at listeners
	wanted := []struct {
		member, address string
		to              *net.Listener
	}{{"listen", c.Listen, &at.bank}, {"admin.listen", c.Admin.Listen, &at.admin}}
	if c.Portal != nil {
		wanted = append(wanted, struct {
			member, address string
			to              *net.Listener
		}{"portal.listen", c.Portal.Listen, &at.portal})
	}
	for _, w := range wanted {
		if w.address == "" {
			continue
		}
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", w.address)
		if err != nil {
			at.close()
			return listeners{}, fmt.Errorf("%s: %w", w.member, text.Bounded{Err: err})
		}
		*w.to = l
	}
	return at, nil
}

// close closes the listeners. A server may have closed one already.
func (at listeners) close() {
	for _, l := range []net.Listener{at.bank, at.admin, at.portal} {
		if l != nil {
			_ = l.Close()
		}
	}
}

func addressOf(l net.Listener) string {
	if l == nil {
		return ""
	}
	return l.Addr().String()
}

// running is a bank that serves.
type running struct {
	config       *Config
	bank         *server.Bank
	portal       *portal.Portal                  // nil without one
	certificates server.CertificateConfig        // in use
	portalOwn    atomic.Pointer[tls.Certificate] // the portal's own, in use; nil in plain HTTP
	seen         map[string]stamp                // of the files of certificates, from before they were read
	log          *slog.Logger
	metrics      *metrics.Metrics
}

// serve serves all listeners until the context ends, or one of them fails.
func (r *running) serve(ctx context.Context, at listeners, o Options) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	r.tellExpiry()
	var others sync.WaitGroup
	var adminFailed, portalFailed error
	others.Go(func() { r.watch(ctx, o.Reload) })
	others.Go(func() { r.checkTokens(ctx) })
	if at.admin != nil {
		others.Go(func() { defer stop(); adminFailed = r.serveAdmin(ctx, at.admin) })
	}
	if r.portal != nil {
		others.Go(func() { defer stop(); portalFailed = r.servePortal(ctx, at.portal) })
		others.Go(func() { r.checkPortal(ctx) })
	}
	if o.Ready != nil {
		o.Ready(Addresses{addressOf(at.bank), addressOf(at.admin), addressOf(at.portal)})
	}
	err := r.bank.Serve(ctx, at.bank)
	stop()
	others.Wait()
	return errors.Join(err, adminFailed, portalFailed)
}

// checkTokens looks whether the authorization server fits the configuration, and tells the log
// what does not. The bank serves meanwhile: registration needs no tokens.
func (r *running) checkTokens(ctx context.Context) {
	i := r.config.Tokens.Introspection
	if i == nil {
		return
	}
	tokens, err := r.config.introspection(slog.New(slog.DiscardHandler)) // its warnings are logged already
	if err == nil {
		err = tokens.Check(ctx)
	}
	if err != nil && ctx.Err() == nil {
		r.log.Error("the authorization server does not fit, or cannot be asked", "url", i.URL, "error", err)
	}
}

// The limits of the server for operators.
const (
	adminTimeout = 10 * time.Second
	adminHeader  = 16 << 10
)

// serveAdmin answers operators: metrics, health and readiness. It ends with the context.
func (r *running) serveAdmin(ctx context.Context, l net.Listener) error {
	s := r.adminServer()
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	select {
	case err := <-ended:
		return fmt.Errorf("admin.listen: %w", err)
	case <-ctx.Done():
		return s.Close()
	}
}

// adminServer makes the server for operators. It logs connections as the bank's does: the first
// of a kind and a summary, and what keeps everybody out as an error.
func (r *running) adminServer() *http.Server {
	paths := &r.config.Paths
	pages := http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		switch request.URL.EscapedPath() {
		case paths.Health, paths.Ready:
			r.bank.Handler().ServeHTTP(w, request)
		default:
			r.metrics.ServeHTTP(w, request)
		}
	})
	return &http.Server{Handler: pages, ReadHeaderTimeout: adminTimeout, ReadTimeout: adminTimeout, WriteTimeout: 2 * adminTimeout,
		IdleTimeout: time.Minute, MaxHeaderBytes: adminHeader, ErrorLog: r.bank.HTTPServer().ErrorLog}
}
