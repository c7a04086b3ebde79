package ssatest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/obdcr/obdcr/ssa"
)

// fixedHost is the host of a deterministic directory (RFC 6761 section 6.2).
const fixedHost = "directory.test"

// server serves key sets over TLS on loopback.
type server struct {
	listener net.Listener
	http     *http.Server
	host     string // as in URLs
	url      string
}

// serve starts the server: /keys.jwks, /{org}/{software}.jwks, and an empty set at
// /{org}/revoked/{software}.jwks.
func (d *Directory) serve() error {
	key, err := d.set.rsaKey(serverKey)
	if err != nil {
		return err
	}
	cert, err := d.ca.server(key, "127.0.0.1", "localhost", fixedHost)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("ssatest: %w", err)
	}
	s := &server{listener: listener, host: listener.Addr().String()}
	if d.opts.Deterministic {
		s.host = fixedHost
	}
	s.url = "https://" + s.host
	s.http = &http.Server{
		Handler:           http.HandlerFunc(d.serveJWKS),
		TLSConfig:         &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12},
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          log.New(io.Discard, "", 0),
	}
	d.server = s
	go func() { _ = s.http.ServeTLS(listener, "", "") }() // until close
	return nil
}

func (s *server) close() { _ = s.http.Close() }

// client dials the listener whenever the directory's host is meant.
func (s *server) client(ca *x509.Certificate) *http.Client {
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	own := s.host
	if own == fixedHost {
		own += ":443"
	}
	var dialer net.Dialer
	return &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2: true,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if address == own {
				address = s.listener.Addr().String()
			}
			return dialer.DialContext(ctx, network, address)
		},
	}}
}

func (d *Directory) serveJWKS(w http.ResponseWriter, r *http.Request) {
	set, ok := d.lookup(r.URL.Path)
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		w.WriteHeader(http.StatusMethodNotAllowed)
	case !ok:
		http.NotFound(w, r)
	default:
		w.Header().Set("Content-Type", "application/jwk-set+json")
		w.Header().Set("Cache-Control", "max-age=60")
		_, _ = w.Write(set)
	}
}

// lookup finds the key set at a path.
func (d *Directory) lookup(path string) ([]byte, bool) {
	if path == "/keys.jwks" {
		return d.jwks, true
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if s, ok := d.software[path]; ok {
		return s.jwks, true
	}
	if _, ok := d.software[strings.Replace(path, "/revoked/", "/", 1)]; ok {
		return []byte(`{"keys":[]}`), true
	}
	return nil, false
}

// Resolver answers for the addresses of the directory and its software, from
// memory. Any other address is a source that cannot be asked.
func (d *Directory) Resolver() ssa.KeyResolver { return resolver{d} }

type resolver struct{ directory *Directory }

// ResolveKeys implements ssa.KeyResolver.
func (r resolver) ResolveKeys(ctx context.Context, ref ssa.KeyRef) ([]ssa.Key, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("ssatest: %w: %w", ssa.ErrKeySourceUnavailable, err)
	}
	if ref.URL == r.directory.URL()+"/keys.jwks" {
		return r.directory.keys.ResolveKeys(ctx, ref)
	}
	r.directory.mu.Lock()
	var keys ssa.KeySet
	for _, s := range r.directory.software {
		if s.JWKSURL() == ref.URL {
			keys = s.keys
		}
	}
	r.directory.mu.Unlock()
	if len(keys.Keys) == 0 {
		return nil, fmt.Errorf("ssatest: %w: the directory has no such address", ssa.ErrKeySourceUnavailable)
	}
	return keys.ResolveKeys(ctx, ref)
}
