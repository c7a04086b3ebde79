package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/internal/fetch"
)

// The timeouts and limits of a bank's server. The body of a registration request has
// dcr.DefaultBodyTimeout.
const (
	ReadTimeout   = 30 * time.Second      // for reading a whole request
	WriteTimeout  = 2 * dcr.ChangeTimeout // from the end of a request's header to the end of its answer; with a longer Config.ChangeTimeout, twice that
	IdleTimeout   = 2 * time.Minute       // between two requests of a connection
	DrainTimeout  = dcr.ChangeTimeout     // for the open requests when Serve ends; Config.ChangeTimeout if that is longer
	MaxHeader     = 64 << 10              // bytes of a header
	ReconcileEach = time.Minute           // how often Run reconciles
)

// Run does what a bank does beside answering requests, until the context ends. It calls
// dcr.Registrar.Run, which ends changes that stopped half-way, now and every minute. It
// reads DiscoveryFrom.URL now and after each interval. Where the Store is a store.Purger it
// forgets reservations of jti that have ended, and what Retention keeps no longer, now and every
// hour: in steps of 300 entries, with pauses between them, so that no change waits long. It logs
// how much it has forgotten. A failure is logged once and tried again each minute. Each process
// that shares a Store may call Run.
func (b *Bank) Run(ctx context.Context) {
	var beside sync.WaitGroup
	defer beside.Wait()
	if b.overlay != nil {
		beside.Go(func() { b.overlay.run(ctx) })
	}
	if p := b.purging(); p != nil {
		beside.Go(func() { p.run(ctx) })
	}
	b.registrar.Run(ctx, ReconcileEach)
}

// HTTPServer returns a server for Handler with the bank's timeouts. With
// Clients.Server its TLSConfig has the bank's certificate, and the time of Clock. It asks
// for a client certificate and verifies it against Clients.Trust.Authorities, unless
// Clients.Proxy is set: then the connection is the proxy's, which needs a certificate of
// Clients.ProxyAuthorities if there are any. A client without a certificate
// is let in, because the discovery document needs none. A program with a router of its own
// sets another Handler, one of Before, and keeps the rest. The TLSConfig follows Reload.
func (b *Bank) HTTPServer() *http.Server {
	return &http.Server{
		Handler: b.handler, TLSConfig: b.tlsConfig(), ReadHeaderTimeout: dcr.HeaderTimeout, ReadTimeout: ReadTimeout,
		WriteTimeout: max(WriteTimeout, 2*b.registrar.ChangeTimeout()), IdleTimeout: IdleTimeout, MaxHeaderBytes: MaxHeader,
		ErrorLog: log.New(b.connections, "", 0),
	}
}

func (b *Bank) tlsConfig() *tls.Config {
	c := b.tls.Load()
	if len(c.server) == 0 {
		return nil
	}
	config := &tls.Config{Certificates: gated(c.server, b.places), MinVersion: tls.VersionTLS12,
		CipherSuites: fetch.CipherSuites(), Time: b.config.Clock}
	switch {
	case c.clients == nil:
	case b.fromTLS:
		config.ClientAuth, config.ClientCAs = tls.VerifyClientCertIfGiven, c.clients
	default:
		config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, c.clients
	}
	return b.followed(config, c)
}

func poolOf(authorities []*x509.Certificate) *x509.CertPool {
	pool := x509.NewCertPool()
	for _, ca := range authorities {
		pool.AddCert(ca)
	}
	return pool
}

// ListenAndServe makes a bank and serves it at a TCP address, such as ":8443", until the
// context ends: New and Bank.ListenAndServe in one, for a program that is a bank and
// nothing else.
func ListenAndServe(ctx context.Context, address string, c Config) error {
	b, err := New(c)
	if err != nil {
		return err
	}
	defer b.Close()
	return b.ListenAndServe(ctx, address)
}

// ListenAndServe listens at a TCP address, such as ":8443", and calls Serve.
func (b *Bank) ListenAndServe(ctx context.Context, address string) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("server: %w", err)
	}
	return b.Serve(ctx, l)
}

// Serve answers requests over TLS until the context ends, and runs Run meanwhile. Then it
// accepts no new connection, lets open requests and the reconcile pass finish within
// DrainTimeout, and returns nil. What has not finished by then is an error, and its
// connections are closed. Any other end is an error, which closes all connections at once.
// Serve closes the listener. It logs the first failed handshakes of a kind in a minute as they
// come, and the number of the others in one line.
//
// Without Clients.Server, Serve returns an error, unless Clients.Proxy is set: then it
// serves without TLS, because the proxy ends TLS.
func (b *Bank) Serve(ctx context.Context, l net.Listener) error {
	server := b.HTTPServer()
	if server.TLSConfig == nil && b.fromTLS {
		return errors.Join(errors.New("server: Clients.Server is empty: give the bank's own certificate for TLS"), l.Close())
	}
	b.log.Info("the bank serves", "address", l.Addr().String(), "issuer", b.config.Issuer)
	defer b.connections.flush()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	failed := make(chan error, 1)
	go func() {
		if server.TLSConfig == nil {
			failed <- server.Serve(l)
			return
		}
		failed <- server.ServeTLS(l, "", "")
	}()
	reconciled := make(chan struct{})
	go func() {
		defer close(reconciled)
		b.Run(ctx)
	}()
	var failure error
	select {
	case err := <-failed:
		stop()
		failure = errors.Join(fmt.Errorf("server: %w", err), server.Close())
	case <-ctx.Done():
	}
	return errors.Join(failure, drain(context.WithoutCancel(ctx), max(DrainTimeout, b.registrar.ChangeTimeout()), server, reconciled))
}

// drain waits for the open requests and the reconcile pass, both within one timeout.
func drain(ctx context.Context, timeout time.Duration, server *http.Server, reconciled <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var unfinished error
	if err := server.Shutdown(ctx); err != nil {
		unfinished = errors.Join(fmt.Errorf("server: not all that was being answered is finished: %w", err), server.Close())
	}
	select {
	case <-reconciled:
		return unfinished
	default:
	}
	select {
	case <-reconciled:
		return unfinished
	case <-ctx.Done():
		return errors.Join(unfinished, fmt.Errorf("server: the reconcile pass is not finished: %w", ctx.Err()))
	}
}
