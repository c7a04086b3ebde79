package fetch

import (
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// Host returns the host of an address as CanonicalHost writes it. An address that no
// Client would fetch, whatever its hosts, is an *Error of kind ErrAddress.
func Host(address string) (string, error) {
	_, host, refusal := parse(address)
	if refusal != nil {
		return "", refusal
	}
	return host, nil
}

// Admits returns nil for an address that Get would send a request for, and else an
// *Error of kind ErrAddress.
func (c *Client) Admits(address string) error {
	if _, _, refusal := c.target(address); refusal != nil {
		return refusal
	}
	return nil
}

// target finds the source of an address and writes its host in the canonical form.
func (c *Client) target(address string) (*url.URL, *source, *Error) {
	u, host, refusal := parse(address)
	if refusal != nil {
		return nil, nil, refusal
	}
	s := c.hosts[host]
	if s == nil {
		return nil, nil, refuse(ErrAddress, "its host is not on the list, or not with this port")
	}
	u.Host = strings.TrimSuffix(host, ":443")
	return u, s, nil
}

func parse(address string) (*url.URL, string, *Error) {
	if len(address) > maxAddress {
		return nil, "", refuse(ErrAddress, "it is longer than 2048 bytes")
	}
	for i := range len(address) {
		if address[i] <= ' ' || address[i] >= 0x7f {
			return nil, "", refuse(ErrAddress, "it is no URI, which is of visible ASCII (RFC 3986)")
		}
	}
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return nil, "", &Error{Kind: ErrAddress, detail: "it is no URI", Cause: err}
	case u.Scheme != "https" || u.Opaque != "" || u.Host == "":
		return nil, "", refuse(ErrAddress, "it is no https URL")
	case u.User != nil:
		return nil, "", refuse(ErrAddress, "it has userinfo")
	case strings.Contains(address, "#"):
		return nil, "", refuse(ErrAddress, "it has a fragment")
	}
	host, err := CanonicalHost(u.Host)
	if err != nil {
		return nil, "", &Error{Kind: ErrAddress, detail: "its host: " + err.Error(), Cause: err}
	}
	return u, host, nil
}

// CanonicalHost checks a host or host:port and writes it as host:port: names in lower
// case, IP addresses in the one form of RFC 5952, port 443 where there is none. Two
// texts mean the same host and port exactly when their canonical forms are equal. The
// error names the fault and does not quote the text.
func CanonicalHost(text string) (string, error) {
	host, port := text, "443"
	if strings.LastIndexByte(text, ':') > strings.LastIndexByte(text, ']') {
		var err error
		if host, port, err = net.SplitHostPort(text); err != nil {
			return "", errors.New("it is neither a host nor host:port")
		}
		if strings.HasPrefix(text, "[") {
			host = "[" + host + "]"
		}
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || strconv.FormatUint(n, 10) != port {
			return "", errors.New("its port is no number of 1..65535")
		}
	}
	name, err := canonicalName(host)
	if err != nil {
		return "", err
	}
	return net.JoinHostPort(name, port), nil
}

func canonicalName(host string) (string, error) {
	inner, bracketed := host, strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]")
	if bracketed {
		inner = host[1 : len(host)-1]
	}
	if ip, err := netip.ParseAddr(inner); err == nil || bracketed {
		switch {
		case err != nil || ip.Is6() != bracketed || ip.Zone() != "":
			return "", errors.New("it is no IPv4 address, nor an IPv6 address in brackets, without a zone")
		case ip.Is4In6() || ip.IsUnspecified() || ip.IsMulticast():
			return "", errors.New("it is an unspecified, multicast or IPv4-mapped address")
		}
		return ip.String(), nil
	}
	return lowerName(host)
}

var errName = errors.New("it is neither a DNS name of letters, digits and hyphens nor an IP address")

// lowerName checks a DNS name and writes it in lower case: letters, digits, hyphens and
// underscores in labels of 1..63 (RFC 1123 section 2.1). It refuses a name whose last
// label begins with a digit, which some resolvers take for an IPv4 address (2130706433,
// 127.1, 0x7f000001).
func lowerName(name string) (string, error) {
	if len(name) > 253 {
		return "", errName
	}
	lower := []byte(name)
	for i, b := range lower {
		switch {
		case b >= 'A' && b <= 'Z':
			lower[i] = b + 'a' - 'A' // of ASCII alone: strings.ToLower makes U+212A a k
		case b >= 'a' && b <= 'z', b >= '0' && b <= '9', b == '-', b == '_', b == '.':
		default:
			return "", errName
		}
	}
	name = string(lower)
	last := ""
	for l := range strings.SplitSeq(name, ".") {
		if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' {
			return "", errName
		}
		last = l
	}
	if last[0] >= '0' && last[0] <= '9' {
		return "", errName
	}
	return name, nil
}
