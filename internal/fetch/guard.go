package fetch

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"slices"
	"syscall"
)

// forbiddenError is how the guard refuses a dial.
type forbiddenError struct{}

func (*forbiddenError) Error() string {
	return "the host leads to an address that is not public, which its source does not permit"
}

// dialKey is what the context of a request has the context itself under, for its dial.
type dialKey struct{}

// dialer makes the function that connects and shakes hands for a request, and gives up with
// it. An http.Transport takes the end of the request from the context of its dial, since
// another request could use the connection. But a host that hangs would then hold its
// places of MaxConnsPerHost after it is well again.
func (s *source) dialer(resolver *net.Resolver, config *tls.Config) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if request, ok := ctx.Value(dialKey{}).(context.Context); ok {
			ctx = request
		}
		d := tls.Dialer{NetDialer: &net.Dialer{Resolver: resolver, ControlContext: s.control(address)}, Config: config}
		return d.DialContext(ctx, network, address)
	}
}

// control makes the function that the dialer calls for each address that DNS gave for
// the dialled host, after it has made the socket and before it connects. No other place
// looks at an answer of DNS, so that no second answer can differ from the checked one.
func (s *source) control(dialled string) func(context.Context, string, string, syscall.RawConn) error {
	host, _, _ := net.SplitHostPort(dialled)
	itself, _ := netip.ParseAddr(host) // invalid, and no address, for a name
	return func(_ context.Context, _, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err == nil && s.permits(itself, to.Addr().Unmap().WithZone("")) {
			return nil
		}
		return &forbiddenError{}
	}
}

func (s *source) permits(itself, to netip.Addr) bool {
	if to.IsUnspecified() || to.IsMulticast() {
		return false
	}
	return to == itself || public(to, s.notPublic) || slices.ContainsFunc(s.networks, func(p netip.Prefix) bool { return p.Contains(to) })
}

// public reports whether an address is of the public Internet, by the registries of
// special-purpose addresses (RFC 6890), and in none of further networks. In doubt an
// address is not public. An IPv6 address that ends at an IPv4 address is as public as that.
func public(a netip.Addr, except []netip.Prefix) bool {
	a = a.Unmap()
	holds := func(p netip.Prefix) bool { return p.Contains(a) }
	if slices.ContainsFunc(except, holds) {
		return false
	}
	switch b := a.As16(); {
	case !a.IsValid():
		return false
	case nat64.Contains(a):
		return public(netip.AddrFrom4([4]byte(b[12:])), except)
	case a.Is6() && !globalUnicast.Contains(a):
		return false
	case a.Is6() && b[8]&^2 == 0 && [3]byte(b[9:12]) == isatap && !public(netip.AddrFrom4([4]byte(b[12:])), except):
		return false
	}
	return !slices.ContainsFunc(special, holds)
}

// isatap follows the first byte of an interface identifier that ends with an IPv4 address, at
// which the connection may end (RFC 5214 section 6.1). That byte is 0 or 2.
var isatap = [3]byte{0, 0x5e, 0xfe}

var (
	// nat64 is the well-known prefix of RFC 6052. The last 32 bits are the IPv4 address
	// at which the connection ends.
	nat64 = netip.MustParsePrefix("64:ff9b::/96")
	// globalUnicast holds every IPv6 address given out so far (RFC 4291 section 2.4);
	// loopback, link-local, unique local and multicast addresses lie outside.
	globalUnicast = netip.MustParsePrefix("2000::/3")
	special       = []netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/8"),       // this network (RFC 791)
		netip.MustParsePrefix("10.0.0.0/8"),      // private (RFC 1918)
		netip.MustParsePrefix("100.64.0.0/10"),   // behind a carrier's NAT (RFC 6598)
		netip.MustParsePrefix("127.0.0.0/8"),     // loopback (RFC 1122)
		netip.MustParsePrefix("169.254.0.0/16"),  // link-local (RFC 3927), metadata of clouds
		netip.MustParsePrefix("172.16.0.0/12"),   // private (RFC 1918)
		netip.MustParsePrefix("192.0.0.0/24"),    // protocol assignments (RFC 6890)
		netip.MustParsePrefix("192.0.2.0/24"),    // documentation (RFC 5737)
		netip.MustParsePrefix("192.88.99.0/24"),  // 6to4 relays (RFC 7526)
		netip.MustParsePrefix("192.168.0.0/16"),  // private (RFC 1918)
		netip.MustParsePrefix("198.18.0.0/15"),   // benchmarks (RFC 2544)
		netip.MustParsePrefix("198.51.100.0/24"), // documentation (RFC 5737)
		netip.MustParsePrefix("203.0.113.0/24"),  // documentation (RFC 5737)
		netip.MustParsePrefix("224.0.0.0/4"),     // multicast (RFC 5771)
		netip.MustParsePrefix("240.0.0.0/4"),     // reserved, broadcast (RFC 1112)
		netip.MustParsePrefix("2001::/23"),       // protocol assignments, Teredo (RFC 2928, RFC 4380)
		netip.MustParsePrefix("2001:db8::/32"),   // documentation (RFC 3849)
		netip.MustParsePrefix("2002::/16"),       // 6to4, an IPv4 address inside (RFC 3056)
		netip.MustParsePrefix("3fff::/20"),       // documentation (RFC 9637)
	}
)
