package cert

import (
	"crypto/x509"
	"errors"
	"math"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// MaxHeader is the greatest length of a header value that a source reads, in bytes.
const MaxHeader = 16 << 10

var (
	// ErrPeer means that a request did not come from a listed proxy. Its header proves
	// nothing.
	ErrPeer = errors.New("request not from a listed proxy")
	// ErrHeader means that a proxy's header does not hold exactly one certificate in
	// its form.
	ErrHeader = errors.New("unusable certificate header")
)

// Source finds the client's certificate of the mutual TLS connection of a request. It
// returns nil without an error where the client has no certificate. On an error nobody
// knows the certificate, and the caller must refuse the request.
//
// The client holds the certificate's key: the TLS handshake has proved that. A Checker
// judges who issued the certificate and which software it belongs to.
type Source func(*http.Request) (*x509.Certificate, error)

// FromTLS takes the certificate of the TLS connection itself. The server must verify it
// (tls.RequireAndVerifyClientCert or tls.VerifyClientCertIfGiven). FromTLS ignores a
// certificate that the server only requested.
func FromTLS(r *http.Request) (*x509.Certificate, error) {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 || len(r.TLS.PeerCertificates) == 0 {
		return nil, nil
	}
	return r.TLS.PeerCertificates[0], nil
}

// Form is the way in which a proxy writes a certificate into a header.
type Form string

// The forms. Each holds one certificate, the last two a chain.
const (
	// FormRFC9440 is a byte sequence, :base64 of the DER:, as in Client-Cert (RFC
	// 9440 section 2.2).
	FormRFC9440 Form = "rfc9440"
	// FormXFCC is Envoy's x-forwarded-client-cert with one element. Its Cert is a
	// percent-encoded PEM. Its Hash, if it has one, must be the SHA-256 of Cert.
	FormXFCC Form = "xfcc"
	// FormEscapedPEM is a percent-encoded PEM: $ssl_client_escaped_cert of nginx,
	// X-Amzn-Mtls-Clientcert-Leaf of AWS. A plus stays a plus, as AWS writes it.
	FormEscapedPEM Form = "escaped_pem"
	// FormDER is the bare base64 of the DER.
	FormDER Form = "der"
	// FormPEM is a PEM with blanks for its newlines.
	FormPEM Form = "pem"
	// FormEscapedPEMChain is FormEscapedPEM with the client's whole chain, leaf first:
	// X-Amzn-Mtls-Clientcert of AWS. The source takes the leaf alone. That load
	// balancer passes the chain on unverified, so the Checker needs Authorities.
	FormEscapedPEMChain Form = "escaped_pem_chain"
	// FormDERChain is FormDER for each certificate that the client sent, leaf first, with
	// commas between them: X-Forwarded-Tls-Client-Cert of Traefik (passTLSClientCert with
	// pem). Traefik 2.7 percent-encodes it, version 3 does not; the source reads both. It
	// takes the leaf alone. Traefik passes on what the client sent, so the Checker needs
	// Authorities.
	FormDERChain Form = "der_chain"
)

// Forms returns every form that FromHeader reads.
func Forms() []Form {
	return []Form{FormRFC9440, FormXFCC, FormEscapedPEM, FormDER, FormPEM, FormEscapedPEMChain, FormDERChain}
}

// HeaderConfig names the header with the client's certificate, and the proxies that send
// it.
type HeaderConfig struct {
	Header string // required: its name, in any case
	Form   Form   // required
	// Peers are the networks of the proxies. They are required. The source looks for
	// http.Request.RemoteAddr in them. That must be the address of the connection: no
	// handler in front may set it from a header. Together they must hold less than half of
	// the IPv4 addresses, and less than half of the public IPv6 addresses (2000::/3): a list
	// that holds more is of everybody, in one network or in many.
	Peers []netip.Prefix
}

// FromHeader returns a Source that reads a proxy's header. The proxy must remove or
// replace the header of every request that it forwards, or clients could write it
// themselves.
//
// A request of a listed proxy without the header has no certificate. The source's
// errors repeat nothing of the request. They wrap one of these:
//
//   - ErrPeer: RemoteAddr is in no listed network, with or without the header.
//   - ErrHeader: the header stands there twice, is empty, is longer than MaxHeader, or
//     breaks its form.
//
// FromHeader's own error is a *ConfigError.
func FromHeader(c HeaderConfig) (Source, error) {
	if !isToken(c.Header) {
		return nil, configError("a header source needs the name of its header")
	}
	if !slices.Contains(Forms(), c.Form) {
		return nil, configError("the form of header %.64s must be one of %v", c.Header, Forms())
	}
	if len(c.Peers) == 0 {
		return nil, configError("a header source needs the networks of its proxies")
	}
	for i, p := range c.Peers {
		switch {
		case !p.IsValid():
			return nil, configError("network %d of the proxies is invalid", i)
		case p.Addr().Is4In6():
			return nil, configError("network %d of the proxies must be written as IPv4", i)
		}
	}
	if family := everybody(c.Peers); family != "" {
		return nil, configError("the networks of the proxies hold half of the public %s addresses or more: name the addresses of the proxies alone", family)
	}
	h := &headerSource{name: http.CanonicalHeaderKey(c.Header), form: c.Form, peers: slices.Clone(c.Peers)}
	return h.certificate, nil
}

// everybody returns the family of which networks together hold half of the public addresses
// or more; "" if there is none.
func everybody(networks []netip.Prefix) string {
	for _, family := range []struct {
		name   string
		public netip.Prefix
	}{{"IPv4", netip.MustParsePrefix("0.0.0.0/0")}, {"IPv6", netip.MustParsePrefix("2000::/3")}} {
		share := 0.0
		for i, p := range networks {
			if !p.Overlaps(family.public) || slices.ContainsFunc(networks[:i], func(q netip.Prefix) bool { return within(p, q) }) ||
				slices.ContainsFunc(networks[i+1:], func(q netip.Prefix) bool { return within(p, q) && !within(q, p) }) {
				continue // counted with the network that it is in
			}
			share += math.Ldexp(1, -max(0, p.Bits()-family.public.Bits()))
		}
		if share >= 0.5 {
			return family.name
		}
	}
	return ""
}

// within reports whether a network is part of another one, or the same.
func within(p, of netip.Prefix) bool { return of.Bits() <= p.Bits() && of.Contains(p.Addr()) }

type headerSource struct {
	name  string
	form  Form
	peers []netip.Prefix
}

func (h *headerSource) certificate(r *http.Request) (*x509.Certificate, error) {
	if !h.listed(r.RemoteAddr) {
		return nil, &Error{Kind: ErrPeer, Detail: "its address is in none of the networks"}
	}
	values := r.Header[h.name]
	switch {
	case len(values) == 0:
		return nil, nil
	case len(values) > 1:
		return nil, badHeader("it stands there more than once")
	case len(values[0]) > MaxHeader:
		return nil, badHeader("it is too long")
	}
	return decodeHeader(h.form, values[0])
}

// listed reports whether an address and port are those of a proxy. A dual-stack socket
// shows IPv4 as IPv6, and a link-local address has a zone, which no network has.
func (h *headerSource) listed(remote string) bool {
	peer, err := netip.ParseAddrPort(remote)
	if err != nil {
		return false
	}
	addr := peer.Addr().Unmap().WithZone("")
	return slices.ContainsFunc(h.peers, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// isToken reports whether s can be the name of a header (RFC 9110 section 5.6.2).
func isToken(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0) {
			return false
		}
	}
	return s != ""
}
