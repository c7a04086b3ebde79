package ssatest

import (
	"bytes"
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/obdcr/obdcr/internal/fetch"
	"github.com/obdcr/obdcr/internal/jose"
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

// serve starts the server: the API, the sign-in, /keys.jwks, /{org}/{software}.jwks, empty sets at
// /{org}/revoked/{software}.jwks and /{org}/revoked/{org}.jwks, and what is published.
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
		Handler: http.HandlerFunc(d.handle),
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12, CipherSuites: fetch.CipherSuites(),
			ClientAuth: tls.RequestClientCert},
		ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 64 << 10,
		ErrorLog:       log.New(io.Discard, "", 0),
	}
	if d.api, err = d.newAPI(s.url); err != nil {
		return errors.Join(err, listener.Close())
	}
	if d.provider, err = d.newProvider(s.url); err != nil {
		return errors.Join(err, listener.Close())
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
	transport := fetch.Transport(roots)
	transport.Proxy = nil
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if address == own {
			address = s.listener.Addr().String()
		}
		return dialer.DialContext(ctx, network, address)
	}
	return &http.Client{Timeout: 10 * time.Second, Transport: transport}
}

// handle serves the API, the sign-in and the key sets.
func (d *Directory) handle(w http.ResponseWriter, r *http.Request) {
	switch {
	case d.api.Serves(r.URL.Path):
		d.api.ServeHTTP(w, r)
	case d.provider.Serves(r.URL.Path):
		d.provider.ServeHTTP(w, r)
	default:
		d.serveJWKS(w, r)
	}
}

// newProvider makes the sign-in of the directory. It signs by the key of the statements.
func (d *Directory) newProvider(url string) (*Provider, error) {
	return NewProvider(ProviderConfig{URL: url, JWKS: url + "/keys.jwks", Clock: d.opts.Clock,
		Key: func() (crypto.Signer, string) { return d.key, d.kid }})
}

// SignIn is the sign-in for people at the directory's own URL. It has no client and no account
// before they are added.
func (d *Directory) SignIn() *Provider { return d.provider }

// newAPI makes the API of the directory. It knows the software that is enrolled.
func (d *Directory) newAPI(url string) (*API, error) {
	api, err := NewAPI(APIConfig{URL: url, Clock: d.opts.Clock, Software: d.enrolled})
	if err == nil && d.opts.Deterministic {
		api.mac = macBy("public key of access tokens")
	}
	return api, err
}

// enrolled returns the software with an id, with the keys that are published for it.
func (d *Directory) enrolled(softwareID string) []APISoftware {
	d.mu.Lock()
	defer d.mu.Unlock()
	var found []APISoftware
	for path, s := range d.software {
		if s.SoftwareID == softwareID {
			found = append(found, APISoftware{OrgID: s.OrgID, Keys: d.published[path].keys,
				Statement: func() (string, error) { return s.SSA(nil) }})
		}
	}
	return found
}

func (d *Directory) serveJWKS(w http.ResponseWriter, r *http.Request) {
	doc, ok := d.lookup(r.URL.Path)
	fault := d.fault(r.URL.Path)
	d.wait(r, fault)
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		w.WriteHeader(http.StatusMethodNotAllowed)
	case !ok && !fault.answers():
		http.NotFound(w, r)
	default:
		w.Header().Set("Content-Type", "application/jwk-set+json")
		w.Header().Set("Cache-Control", "max-age=60")
		var body []byte
		if ok {
			body = doc.bytes
		}
		fault.write(w, body)
	}
}

// RemoteSource lets ssa.RemoteKeys read the directory's key sets over TLS. The host of
// a deterministic directory exists for Client alone: give its transport to RemoteKeys,
// and no roots.
func (d *Directory) RemoteSource() ssa.RemoteSource {
	roots := x509.NewCertPool()
	roots.AddCert(d.CA)
	return ssa.RemoteSource{Hosts: []string{d.server.host}, Roots: roots}
}

// document is a key set as it is served.
type document struct {
	bytes []byte
	keys  ssa.KeySet
	err   error // why keys has none
	empty bool  // it is a set, of no entries
}

func newDocument(jwks []byte) *document {
	doc := &document{bytes: bytes.Clone(jwks)}
	doc.keys, doc.err = ssa.ParseJWKS(jwks)
	keys, skipped, err := jose.ParseJWKS(jwks)
	doc.empty = err == nil && len(keys)+len(skipped) == 0
	return doc
}

// lookup finds the key set at a path.
func (d *Directory) lookup(path string) (*document, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	doc, ok := d.published[path]
	return doc, ok
}

// Publish serves those bytes, verbatim and unchecked, at a path such as /keys.jwks or
// /{org}/revoked/{software}.jwks, in place of what was there.
func (d *Directory) Publish(path string, jwks []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.published[path] = newDocument(jwks)
}

// Resolver answers for the addresses of the directory and its software, from
// memory. Any other address is a source that cannot be asked.
func (d *Directory) Resolver() ssa.SoftwareKeyResolver { return resolver{d} }

type resolver struct{ directory *Directory }

// ResolveKeys implements ssa.KeyResolver.
func (r resolver) ResolveKeys(ctx context.Context, ref ssa.KeyRef) ([]ssa.Key, error) {
	doc, err := r.read(ctx, ref.URL)
	switch {
	case err != nil:
		return nil, err
	case doc.err != nil && !(doc.empty && ref.Software):
		return nil, unavailable(doc.err)
	}
	return doc.keys.ResolveKeys(ctx, ref)
}

// ResolveRevokedKeys implements ssa.RevokedKeyResolver.
func (r resolver) ResolveRevokedKeys(ctx context.Context, url string) (ssa.KeySet, error) {
	doc, err := r.read(ctx, url)
	if err != nil {
		return ssa.KeySet{}, err
	}
	if doc.err != nil && !doc.empty {
		return ssa.KeySet{}, unavailable(doc.err)
	}
	return doc.keys, nil
}

func (r resolver) read(ctx context.Context, url string) (*document, error) {
	if err := ctx.Err(); err != nil {
		return nil, unavailable(err)
	}
	path, ours := strings.CutPrefix(url, r.directory.URL())
	doc, ok := r.directory.lookup(path)
	if !ours || !ok {
		return nil, unavailable(errors.New("the directory has no such address"))
	}
	return doc, nil
}

func unavailable(err error) error {
	return fmt.Errorf("ssatest: %w: %w", ssa.ErrKeySourceUnavailable, err)
}
