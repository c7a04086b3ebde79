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
	"time"

	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/store"
)

// The timeouts of a bank's server. A body has dcr.DefaultBodyTimeout besides.
const (
	ReadTimeout   = 30 * time.Second      // for reading a whole request
	WriteTimeout  = 2 * dcr.ChangeTimeout // from the end of the header to that of the answer
	IdleTimeout   = 2 * time.Minute       // between two requests of a connection
	DrainTimeout  = dcr.ChangeTimeout     // for what is being answered when Serve ends
	MaxHeader     = 64 << 10              // bytes of a header
	ReconcileEach = time.Minute           // how often Run looks for changes that stopped half-way
)

// Run ends changes that stopped half-way, because a process died or something was out
// (dcr.Registrar.Reconcile), now and every minute until the context ends. It leaves
// younger changes alone, which may be under way here or in another process. A Store
// without the methods of store.Unfinished has nothing to end: Run waits then.
func (b *Bank) Run(ctx context.Context) {
	if _, ok := b.config.Store.(store.Unfinished); !ok {
		<-ctx.Done()
		return
	}
	ticker := time.NewTicker(ReconcileEach)
	defer ticker.Stop()
	for {
		if _, err := b.registrar.Reconcile(ctx, 2*dcr.ChangeTimeout); err != nil && ctx.Err() == nil {
			b.log.Error("changes that stopped half-way cannot be ended", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// HTTPServer returns a server for Handler with the bank's timeouts. With
// Clients.Server its TLSConfig has the bank's certificate and asks for the client's,
// which it verifies against Clients.Trust.Authorities. A client without one can read
// what needs none, such as the discovery document.
func (b *Bank) HTTPServer() *http.Server {
	return &http.Server{
		Handler: b.handler, TLSConfig: b.tlsConfig(), ReadHeaderTimeout: dcr.HeaderTimeout, ReadTimeout: ReadTimeout,
		WriteTimeout: WriteTimeout, IdleTimeout: IdleTimeout, MaxHeaderBytes: MaxHeader, ErrorLog: log.New(connectionLog{b}, "", 0),
	}
}

func (b *Bank) tlsConfig() *tls.Config {
	if len(b.config.Clients.Server) == 0 {
		return nil
	}
	config := &tls.Config{Certificates: b.config.Clients.Server, MinVersion: tls.VersionTLS12}
	if b.clients != nil {
		config.ClientAuth, config.ClientCAs = tls.VerifyClientCertIfGiven, x509.NewCertPool()
		for _, ca := range b.clients.Certificates() {
			config.ClientCAs.AddCert(ca)
		}
	}
	return config
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

// ListenAndServe is Serve at a TCP address, such as ":8443".
func (b *Bank) ListenAndServe(ctx context.Context, address string) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("server: %w", err)
	}
	return b.Serve(ctx, l)
}

// Serve answers over TLS until the context ends, and runs Run meanwhile. Then it lets
// no new connection in, finishes what is being answered within DrainTimeout, and
// returns nil. It closes the listener. Any other end is an error, as is a bank without
// Clients.Server whose certificates do not come from a proxy: that one is served
// without TLS.
func (b *Bank) Serve(ctx context.Context, l net.Listener) error {
	server := b.HTTPServer()
	if server.TLSConfig == nil && b.fromTLS {
		return errors.Join(errors.New("server: Clients.Server is empty: give the bank's own certificate for TLS"), l.Close())
	}
	b.log.Info("the bank serves", "address", l.Addr().String(), "issuer", b.config.Issuer)
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
	select {
	case err := <-failed:
		stop()
		<-reconciled
		return fmt.Errorf("server: %w", err)
	case <-ctx.Done():
	}
	<-reconciled
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), DrainTimeout)
	defer cancel()
	if err := server.Shutdown(drain); err != nil {
		return errors.Join(fmt.Errorf("server: not all that was being answered is finished: %w", err), server.Close())
	}
	return nil
}

// connectionLog logs what net/http has to say, such as failed handshakes.
type connectionLog struct{ bank *Bank }

// Write implements io.Writer.
func (c connectionLog) Write(line []byte) (int, error) {
	c.bank.log.Info("connection", "error", text.ASCII(string(line), text.MaxDescription))
	return len(line), nil
}
