// Package fetch reads small documents over https from hosts that the caller lists,
// where the address comes from a stranger.
//
// [New] makes a [Client] of the lists. [Client.Get] sends nothing to a host that is not
// listed. It connects to an address that is not public only if the host's source permits
// that; it checks the very address of the socket, after DNS. It follows no redirect,
// keeps no cookie and heeds no proxy of the environment. It is bounded in bytes and in
// time.
package fetch

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/obdcr/obdcr/internal/text"
)

// Source is a group of hosts under one trust.
type Source struct {
	// Hosts are names or IP addresses, each with or without a port, as CanonicalHost
	// reads them: 443 where there is none, names in any case, IPv6 addresses in
	// brackets. An IP address among them is connected to, public or not, for a URL that
	// names it, and not for a name that leads to it.
	Hosts []string
	// Roots verify the hosts' certificates; nil for those of the system.
	Roots *x509.CertPool
	// Networks are addresses that are not public and that the names among Hosts may
	// lead to all the same. None of them opens unspecified or multicast addresses.
	Networks []netip.Prefix
	// MediaTypes are admitted beside application/json and those that end in +json;
	// no parameters.
	MediaTypes []string
}

// Config configures what a Client may fetch, and how.
type Config struct {
	Sources []Source // at least one; no host in two of them
	// NotPublic are public addresses that lead into the caller's own network, such as its
	// own prefix of NAT64 (RFC 6052 section 2.2). They count as not public.
	NotPublic []netip.Prefix
	// Transport replaces the guarded transport of this package, for a bank whose way
	// out is a proxy. The transport then decides where to connect and whom to trust, so
	// NotPublic, Roots, Networks and Resolver must be unset. It must heed the request's context.
	Transport http.RoundTripper
	Resolver  *net.Resolver // nil for net.DefaultResolver
	MaxBytes  int64         // longest body, 1 byte to 64 MiB
	// Timeout is that of a whole Get, from DNS to the last byte; above zero. Time in which
	// this process gets no processor does not count, until Longest.
	Timeout time.Duration
	// Longest is when a Get ends in any case; zero for the function Longest of Timeout.
	Longest time.Duration
}

// maxBytesLimit is the most that Config.MaxBytes may be.
const maxBytesLimit = 64 << 20

// maxAddress is the longest address, in bytes, that is sent.
const maxAddress = 2048

// Client fetches. It is safe for concurrent use; the zero value refuses every
// address.
type Client struct {
	hosts    map[string]*source // by canonical host
	maxBytes int64
	timeout  time.Duration
	longest  time.Duration
	own      []*http.Transport
}

// source is a Source made ready.
type source struct {
	networks   []netip.Prefix
	notPublic  []netip.Prefix
	mediaTypes []string
	transport  http.RoundTripper
}

// Response is an answer of status 200, 404 or 410.
type Response struct {
	Status int
	Body   []byte // of status 200; nil otherwise
	// MaxAge is for how long the answer says it is fresh: max-age of Cache-Control
	// less Age (RFC 9111 section 4.2), never negative; 0 for no-store, no-cache and
	// a max-age that is no number.
	MaxAge    time.Duration
	HasMaxAge bool // whether the answer said anything of that
}

// New checks the configuration. A contradiction or an empty setting is an *Error of
// kind ErrConfig, which names a source by one of its hosts.
func New(cfg Config) (*Client, error) {
	switch {
	case len(cfg.Sources) == 0:
		return nil, refuse(ErrConfig, "there is no source")
	case cfg.MaxBytes <= 0 || cfg.MaxBytes > maxBytesLimit:
		return nil, refuse(ErrConfig, fmt.Sprintf("the longest body must be 1..%d bytes", maxBytesLimit))
	case cfg.Timeout <= 0:
		return nil, refuse(ErrConfig, "the timeout must be above zero")
	case cfg.Transport != nil && cfg.Resolver != nil:
		return nil, refuse(ErrConfig, "a transport of the caller's own would not use the resolver")
	case cfg.Transport != nil && len(cfg.NotPublic) > 0:
		return nil, refuse(ErrConfig, "a transport of the caller's own would not heed what is not public")
	}
	notPublic, err := masked(cfg.NotPublic)
	if err != nil {
		return nil, refuse(ErrConfig, "what is not public: "+err.Error())
	}
	c := &Client{hosts: map[string]*source{}, maxBytes: cfg.MaxBytes, timeout: cfg.Timeout,
		longest: cmp.Or(cfg.Longest, Longest(cfg.Timeout))}
	for i := range cfg.Sources {
		from := &cfg.Sources[i]
		if len(from.Hosts) == 0 {
			return nil, refuse(ErrConfig, "a source has no host")
		}
		if err := c.add(&cfg, from, notPublic); err != nil {
			return nil, &Error{Kind: ErrConfig, Cause: err,
				detail: "the source of host " + text.Quote(from.Hosts[0]) + ": " + err.Error()}
		}
	}
	return c, nil
}

// masked checks networks and copies them.
func masked(networks []netip.Prefix) ([]netip.Prefix, error) {
	var all []netip.Prefix
	for _, p := range networks {
		if !p.IsValid() || p.Addr().Is4In6() {
			return nil, errors.New("a network is no prefix of IPv4 or IPv6 addresses")
		}
		all = append(all, p.Masked())
	}
	return all, nil
}

func (c *Client) add(cfg *Config, from *Source, notPublic []netip.Prefix) error {
	if cfg.Transport != nil && (from.Roots != nil || len(from.Networks) > 0) {
		return errors.New("a transport of the caller's own would not heed its roots and networks")
	}
	networks, err := masked(from.Networks)
	if err != nil {
		return err
	}
	s := &source{transport: cfg.Transport, networks: networks, notPublic: notPublic}
	for _, t := range from.MediaTypes {
		name := mediaType(t)
		if name == "" || strings.Contains(t, ";") {
			return fmt.Errorf("%s is no media type", text.Quote(t))
		}
		s.mediaTypes = append(s.mediaTypes, name)
	}
	if s.transport == nil {
		own := s.guarded(cfg, from.Roots)
		c.own, s.transport = append(c.own, own), own
	}
	for _, h := range from.Hosts {
		host, err := CanonicalHost(h)
		if err != nil {
			return fmt.Errorf("host %s: %w", text.Quote(h), err)
		}
		if other := c.hosts[host]; other != nil && other != s {
			return fmt.Errorf("%s is a host of another source too", text.Quote(h))
		}
		c.hosts[host] = s
	}
	return nil
}

// guarded makes a transport that asks s before it connects. It speaks HTTP/1.1 alone:
// rare fetches have no use for shared streams, and HTTP/1.1 is simpler to bound.
func (s *source) guarded(cfg *Config, roots *x509.CertPool) *http.Transport {
	if roots != nil {
		roots = roots.Clone()
	}
	t := &http.Transport{
		DialTLSContext:         s.dialer(cfg.Resolver, ClientTLS(roots)),
		Protocols:              new(http.Protocols),
		DisableCompression:     true,
		MaxConnsPerHost:        64,
		MaxIdleConns:           16,
		MaxIdleConnsPerHost:    4,
		IdleConnTimeout:        30 * time.Second,
		MaxResponseHeaderBytes: 32 << 10,
	}
	t.Protocols.SetHTTP1(true)
	return t
}

// Get fetches an address. Every error is an *Error.
func (c *Client) Get(ctx context.Context, address string) (*Response, error) {
	return c.get(ctx, address, nil)
}

// GetCurrent is Get with Cache-Control: no-cache. A cache on the way must then ask the
// host before it answers (RFC 9111 section 5.2.1.4).
func (c *Client) GetCurrent(ctx context.Context, address string) (*Response, error) {
	return c.get(ctx, address, []string{"no-cache"})
}

func (c *Client) get(ctx context.Context, address string, cacheControl []string) (*Response, error) {
	u, s, refusal := c.target(address)
	if refusal != nil {
		return nil, refusal
	}
	ctx, cancel := WithPatience(ctx, c.timeout, c.longest)
	defer cancel()
	request := (&http.Request{
		Method: http.MethodGet,
		URL:    u,
		Host:   u.Host,
		Header: http.Header{
			"Accept": {"application/json, application/jwk-set+json"},
			// Without it a transport would ask for gzip and unpack it unseen.
			"Accept-Encoding": {"identity"},
			"User-Agent":      {"obdcr"},
		},
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}).WithContext(context.WithValue(ctx, dialKey{}, ctx))
	if cacheControl != nil {
		request.Header["Cache-Control"] = cacheControl
	}
	// An http.Client would follow redirects; its transport does not.
	answer, err := s.transport.RoundTrip(request)
	if err != nil {
		return nil, failure(Late(ctx, err))
	}
	if answer == nil || answer.Body == nil {
		return nil, refuse(ErrNetwork, "the transport gave neither an answer nor an error")
	}
	defer func() { _ = answer.Body.Close() }()
	r, failed := c.read(ctx, answer, s)
	if failed != nil {
		return nil, failed
	}
	return r, nil
}

// Close closes the idle connections. It leaves a transport of the caller's own alone.
func (c *Client) Close() {
	for _, t := range c.own {
		t.CloseIdleConnections()
	}
}
