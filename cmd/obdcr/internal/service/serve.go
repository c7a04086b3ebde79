package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/metrics"
	"github.com/obdcr/obdcr/dcr/server"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/store"
)

// Options are what Run needs beside the configuration.
type Options struct {
	Log    io.Writer        // gets the log, a line an entry
	Reload <-chan os.Signal // each signal has the certificates read again; may be nil
	// Ready is called once the bank listens, with its addresses; admin is "" without one. It
	// may be nil.
	Ready func(address, admin string)
}

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
	bank, _, err := c.bank(parts{store: store.NewMemory(nil), log: log, metrics: metrics.New()})
	if err != nil {
		return err
	}
	bank.Close()
	return nil
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
	l, err := listen(ctx, "listen", c.Listen)
	if err != nil {
		return err
	}
	var admin net.Listener
	if c.Admin.Listen != "" {
		if admin, err = listen(ctx, "admin.listen", c.Admin.Listen); err != nil {
			return errors.Join(err, l.Close())
		}
		defer func() { _ = admin.Close() }() // the server of it has closed it, where it began
	}
	clients, err := OpenStore(ctx, c, nil, log)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	defer func() { err = errors.Join(err, clients.Close()) }()
	m := metrics.New()
	bank, certificates, err := c.bank(parts{store: clients, log: log, metrics: m})
	if err != nil {
		return errors.Join(err, l.Close())
	}
	defer bank.Close()
	return c.serve(ctx, &running{config: c, bank: bank, certificates: certificates, log: log, metrics: m}, l, admin, o)
}

// tellExposed warns of a listener for operators that each network reaches.
func (c *Config) tellExposed(log *slog.Logger) {
	if host, _, err := net.SplitHostPort(c.Admin.Listen); err == nil && allHosts(host) {
		log.Warn("whoever reaches this machine can read the metrics: name an inner address in admin.listen", "address", c.Admin.Listen)
	}
}

// running is a bank that serves.
type running struct {
	config       *Config
	bank         *server.Bank
	certificates server.CertificateConfig // in use
	log          *slog.Logger
	metrics      *metrics.Metrics
}

// serve serves both listeners until the context ends.
func (c *Config) serve(ctx context.Context, r *running, l, admin net.Listener, o Options) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	adminEnded := make(chan error, 1)
	adminAddress := ""
	if admin == nil {
		adminEnded <- nil
	} else {
		adminAddress = admin.Addr().String()
		go func() {
			err := r.serveAdmin(ctx, admin)
			if err != nil {
				stop()
			}
			adminEnded <- err
		}()
	}
	r.tellExpiry()
	var others sync.WaitGroup
	others.Go(func() { r.watch(ctx, o.Reload) })
	others.Go(func() { r.checkTokens(ctx) })
	if o.Ready != nil {
		o.Ready(l.Addr().String(), adminAddress)
	}
	err := r.bank.Serve(ctx, l)
	stop()
	others.Wait()
	return errors.Join(err, <-adminEnded)
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

// listen listens at an address of the configuration.
func listen(ctx context.Context, member, address string) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", member, text.Bounded{Err: err})
	}
	return l, nil
}

// The limits of the server for operators.
const (
	adminTimeout = 10 * time.Second
	adminHeader  = 16 << 10
)

// serveAdmin answers operators: metrics, health and readiness. It ends with the context.
func (r *running) serveAdmin(ctx context.Context, l net.Listener) error {
	paths := &r.config.Paths
	mux := http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		switch request.URL.EscapedPath() {
		case paths.Health, paths.Ready:
			r.bank.Handler().ServeHTTP(w, request)
		default:
			r.metrics.ServeHTTP(w, request)
		}
	})
	s := &http.Server{Handler: mux, ReadHeaderTimeout: adminTimeout, ReadTimeout: adminTimeout, WriteTimeout: 2 * adminTimeout,
		IdleTimeout: time.Minute, MaxHeaderBytes: adminHeader, ErrorLog: slog.NewLogLogger(r.log.Handler(), slog.LevelInfo)}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	select {
	case err := <-ended:
		return fmt.Errorf("admin.listen: %w", err)
	case <-ctx.Done():
		return s.Close()
	}
}
