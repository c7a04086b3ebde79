package signin

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/obdcr/obdcr/internal/fetch"
	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/ssa"
)

const (
	discoveryPath = "/.well-known/openid-configuration"
	maxDiscovery  = 256 << 10        // bytes
	maxFresh      = time.Hour        // how long the discovery document is used before it is read again
	maxStale      = 24 * time.Hour   // and how long if it cannot be read
	failurePause  = 10 * time.Second // between two readings, after a failed one
	// exchangeTime is the limit of each request to the directory. Time in which this process
	// gets no processor does not count (fetch.WithPatience).
	exchangeTime = 10 * time.Second
)

// provider is what the discovery document says (OIDC Discovery section 3). It does not change.
type provider struct {
	authorization, token, keysAt string
	userInfo, endSession         string // "" where the directory has none
	tellsIssuer                  bool   // authorization_response_iss_parameter_supported (RFC 9207)
	keys                         *ssa.RemoteKeys
}

// directory reads what the directory says of itself, and sends requests to it.
type directory struct {
	config    *Config
	issuer    string // its host, as fetch.CanonicalHost writes it
	client    *fetch.Client
	exchanges http.Client

	turn     chan struct{} // held by who reads or changes the rest
	known    *provider
	readAt   time.Time // of known
	keysHost string    // of known.keys
	failure  error     // of the last reading
	failedAt time.Time
}

func newDirectory(c *Config) (*directory, error) {
	host, err := fetch.Host(c.Issuer)
	if err != nil {
		return nil, err
	}
	d := &directory{config: c, issuer: host, turn: make(chan struct{}, 1)}
	d.client, err = fetch.New(fetch.Config{Sources: []fetch.Source{{Hosts: []string{host}, Roots: c.CAs, Networks: c.networks()}},
		Transport: c.Transport, MaxBytes: maxDiscovery, Timeout: exchangeTime})
	if err != nil {
		return nil, err
	}
	transport := c.Transport
	if transport == nil {
		transport = fetch.Guarded(c.CAs, c.networks())
	}
	d.exchanges = http.Client{
		Transport:     strict{transport},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return d, nil
}

// networks are the addresses that are not public and that the directory may have.
func (c *Config) networks() []netip.Prefix {
	if !c.NotPublic {
		return nil
	}
	return []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
}

// provider returns what the directory says of itself. It is read at the first sign-in, and
// again when it is an hour old; what could be read once serves for a day. Each reading goes on
// when the browser that caused it hangs up, so that the next one has its result.
func (d *directory) provider(ctx context.Context) (*provider, error) {
	select {
	case d.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, fault(ErrUnavailable, "the browser gave up")
	}
	defer func() { <-d.turn }()
	now := d.config.Clock()
	if d.known != nil && within(now, d.readAt, maxFresh) {
		return d.known, nil
	}
	if d.failure == nil || !within(now, d.failedAt, failurePause) {
		p, err := d.discover(context.WithoutCancel(ctx))
		if err == nil {
			d.known, d.readAt, d.failure = p, now, nil
			return p, nil
		}
		d.failure, d.failedAt = err, d.config.Clock()
	}
	if d.known != nil && within(now, d.readAt, maxStale) {
		return d.known, nil
	}
	return nil, d.failure
}

// within reports whether now is less than limit after at. A clock that went back gives false.
func within(now, at time.Time, limit time.Duration) bool {
	age := now.Sub(at)
	return age >= 0 && age < limit
}

// discover reads the discovery document.
func (d *directory) discover(ctx context.Context) (*provider, error) {
	answer, err := d.client.Get(ctx, strings.TrimSuffix(d.config.Issuer, "/")+discoveryPath)
	if err != nil {
		return nil, fault(ErrUnavailable, "its discovery document cannot be read: "+text.Detail(err))
	}
	if answer.Body == nil {
		return nil, fault(ErrUnavailable, "it has no discovery document below Issuer")
	}
	document, err := jsonscan.Parse(string(answer.Body))
	if err != nil || document.Kind() != jsonscan.Object {
		return nil, fault(ErrUnavailable, "its discovery document is no strict JSON object")
	}
	if issuer, _ := document.MemberText("issuer"); issuer != d.config.Issuer {
		return nil, fault(ErrUnavailable, "issuer of its discovery document is not Issuer, letter by letter")
	}
	p := &provider{}
	for _, one := range []struct {
		name string
		to   *string
		must bool
	}{
		{"authorization_endpoint", &p.authorization, true},
		{"token_endpoint", &p.token, true},
		{"jwks_uri", &p.keysAt, true},
		{"userinfo_endpoint", &p.userInfo, false},
		{"end_session_endpoint", &p.endSession, false},
	} {
		value, there := document.Member(one.name)
		if !there || value.Kind() == jsonscan.Null {
			if one.must {
				return nil, fault(ErrUnavailable, "its discovery document has no "+one.name)
			}
			continue
		}
		address, _ := value.Text()
		if err := d.checkAddress(address); err != nil {
			return nil, fault(ErrUnavailable, one.name+" of its discovery document: "+text.Detail(err))
		}
		*one.to = address
	}
	tells, _ := document.Member("authorization_response_iss_parameter_supported")
	p.tellsIssuer = tells.Bool()
	if err := d.keysOf(p); err != nil {
		return nil, fault(ErrUnavailable, "jwks_uri of its discovery document: "+text.Detail(err))
	}
	return p, nil
}

// errAddress refuses what fetch would take: it connects to an IP address in a URL even where
// that is not public, since its callers list the hosts.
var errAddress = errors.New("an IP address that is not the host of Issuer")

// checkAddress judges the address of an endpoint, which comes from the discovery document.
func (d *directory) checkAddress(address string) error {
	host, err := fetch.Host(address)
	if err != nil {
		return err
	}
	if host == d.issuer {
		return nil
	}
	if _, err := netip.ParseAddrPort(host); err == nil && !d.config.NotPublic {
		return errAddress
	}
	return nil
}

// keysOf sets the reader of the keys, which keeps them. It goes on with the one that there is,
// unless the keys have moved to another host.
func (d *directory) keysOf(p *provider) error {
	host, err := fetch.Host(p.keysAt)
	if err != nil {
		return err
	}
	if d.known != nil && host == d.keysHost {
		p.keys = d.known.keys
		return nil
	}
	p.keys, err = ssa.NewRemoteKeys(ssa.RemoteConfig{
		Sources: []ssa.RemoteSource{{Hosts: []string{host}, Roots: d.config.CAs, Networks: d.config.networks()}},
		Clock:   d.config.Clock, Transport: d.config.Transport,
	})
	if err != nil {
		return err
	}
	if d.known != nil {
		d.known.keys.Close()
	}
	d.keysHost = host
	return nil
}
