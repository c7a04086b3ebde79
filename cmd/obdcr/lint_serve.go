package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/obdcr/obdcr/dcr/tpp/lintpage"
)

// The limits of the server of the page.
const (
	lintReadTime  = 30 * time.Second
	lintWriteTime = time.Minute
	lintGrace     = 5 * time.Second // for open requests at the end
	lintHeader    = 32 << 10        // bytes
)

// pageless are the flags of lint that say how files are judged and reported. A page has
// fields for some of them.
var pageless = []string{"strict", "fail-on", "now", "output", "ssa", "revoked-jwks", "update", "cert", "password-file"}

// pageFlags are the flags of the page.
func pageFlags(own *pflag.FlagSet, o *lintOptions) {
	own.BoolVar(&o.serve, "serve", false, "serve a page to lint in, on this machine alone")
	own.StringVar(&o.listen, "listen", "127.0.0.1:0", "the `HOST:PORT` of --serve, on loopback; port 0 picks a free one")
}

// noFileToServe refuses a file beside --serve: the page gets it in the browser.
func noFileToServe(args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usageError("lint --serve takes no file: %q is one too many\n  fix: open the page and drop the file there, or leave --serve out: obdcr lint %s",
		cut(args[0]), shownName(args[0]))
}

// serveLint serves the page until a signal comes.
func (a *app) serveLint(c *cobra.Command, o *lintOptions) error {
	if !o.serve {
		return usageError("--listen is the address of --serve: give --serve too")
	}
	for _, flag := range pageless {
		if c.Flags().Changed(flag) {
			return usageError("--%s does not go with --serve: the page asks for what it needs", flag)
		}
	}
	address, err := loopback(o.listen)
	if err != nil {
		return err
	}
	presets, err := a.lintPreset(c, o)
	if err != nil {
		return err
	}
	host, _, _ := net.SplitHostPort(address)
	page, err := lintpage.New(lintpage.Config{Presets: presets, Hosts: []string{host}}) // 127.0.0.2 is of this machine too
	if err != nil {
		return usageError("%w", plainly(err))
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return ioError(fmt.Errorf("--listen: %w", err))
	}
	if _, err := fmt.Fprintf(a.out, "The page is at http://%s/\nCtrl-C ends it.\n", l.Addr()); err != nil {
		return errors.Join(ioError(err), l.Close())
	}
	return servePage(c.Context(), l, page, a.err)
}

// loopback returns the address to listen at, of this machine alone.
func loopback(listen string) (string, error) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "", usageError("--listen %s: this is no HOST:PORT, such as 127.0.0.1:8080", cut(listen))
	}
	if host == "localhost" {
		host = "127.0.0.1"
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return "", usageError("--listen %s: the page is for this machine alone: give a port of 127.0.0.1, ::1 or localhost", cut(listen))
	}
	return net.JoinHostPort(host, port), nil
}

// lintPreset makes a bank of what the flags tell; none where they tell nothing.
func (a *app) lintPreset(c *cobra.Command, o *lintOptions) ([]lintpage.Preset, error) {
	told := false
	for _, flag := range []string{"profile", "policy", "bank", "aud", "discovery", "ssa-jwks", "software-jwks", "directory", "cert-ca"} {
		told = told || c.Flags().Changed(flag)
	}
	if !told {
		return nil, nil
	}
	if o.certCA != "" { // the certificate comes by the page
		o.cert = o.certCA
	}
	in, err := a.lintInput(c.Context(), o)
	if err != nil {
		return nil, err
	}
	p := lintpage.Preset{Name: "flags", Title: "as the flags of the command say", Profile: in.Validator.Profile(), Anchor: in.Anchor,
		StatementKey: in.StatementKey, SoftwareKeys: in.SoftwareKeys, Authorities: in.Authorities, Metadata: in.Metadata}
	if o.policy != "" || o.bank != "" || o.discovery != "" || o.audGiven {
		policy := in.Validator.Policy()
		p.Policy = &policy
	}
	return []lintpage.Preset{p}, nil
}

// servePage serves until SIGINT, SIGTERM or the end of the context. A second signal ends the
// process at once.
func servePage(ctx context.Context, l net.Listener, page http.Handler, faults io.Writer) error {
	ctx, restore := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer restore()
	context.AfterFunc(ctx, restore)
	server := &http.Server{Handler: page, ReadHeaderTimeout: lintReadTime, ReadTimeout: lintReadTime, WriteTimeout: lintWriteTime,
		IdleTimeout: lintWriteTime, MaxHeaderBytes: lintHeader, ErrorLog: log.New(&pageLog{to: faults}, "", 0)}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	select {
	case err := <-failed:
		return ioError(err)
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), lintGrace)
	defer cancel()
	if err := server.Shutdown(ending); err != nil {
		return ioError(errors.Join(err, server.Close()))
	}
	return nil
}

// pageLog tells faults of the server, each kind once. Nothing of a request is told: what net/http
// says of connections, and the value of a panic, may quote it.
type pageLog struct {
	to io.Writer

	mu              sync.Mutex
	refused, failed bool
}

// Write implements io.Writer: one message a call.
func (l *pageLog) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var err error
	switch message := string(line); {
	case strings.HasPrefix(message, "http: Accept error: ") && !l.refused:
		l.refused = true
		_, err = fmt.Fprintf(l.to, "obdcr: no connection can be taken: %s\n", strings.TrimSpace(strings.TrimPrefix(message, "http: Accept error: ")))
	case strings.HasPrefix(message, "http: panic serving ") && !l.failed:
		l.failed = true
		_, err = fmt.Fprintln(l.to, "obdcr: the page failed at a request, by a fault of its own: please report what was asked for")
	}
	return len(line), err
}
