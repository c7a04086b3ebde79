package sandbox

import (
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/obdcr/obdcr/internal/fetch"
	"github.com/obdcr/obdcr/internal/text"
)

// maxExposed is how many names Config.Expose may have.
const maxExposed = 16

// names are the hosts by which clients reach the sandbox: those of loopback, and those of
// Config.Expose. They stand in the certificate of the servers, are all that the CA may
// certify, and are the hosts for which the directory answers. Only parseNames makes
// exposed ones; the zero value is loopback alone.
type names struct {
	exposed []string // as fetch.CanonicalHost writes them, but without port and brackets
}

// loopbackNames returns the hosts that are always among the names.
func loopbackNames() []string { return []string{"localhost", "127.0.0.1", "::1"} }

// parseNames reads Config.Expose. The error is a *UsageError.
func parseNames(list []string) (names, error) {
	var n names
	if len(list) > maxExposed {
		return n, usage("--expose: at most %d names", maxExposed)
	}
	for _, given := range list {
		name, fault := parseName(given)
		switch {
		case fault != "":
			return names{}, usage("--expose %s: %s", text.Quote(given), fault)
		case slices.Contains(n.exposed, name):
			return names{}, usage("--expose %s: this name is given twice", text.Quote(given))
		}
		n.exposed = append(n.exposed, name)
	}
	return n, nil
}

// parseName reads one name. fault says what to write instead; it is "" for a good name.
func parseName(given string) (name, fault string) {
	bare := strings.TrimSuffix(strings.TrimPrefix(given, "["), "]")
	ip, err := netip.ParseAddr(bare)
	switch {
	case given == "":
		return "", "a name is empty"
	case strings.Contains(given, "*"):
		return "", "there is no wildcard: give each name"
	case strings.Contains(given, "/"):
		return "", "give the host alone, without https:// and path"
	case strings.HasSuffix(given, "."):
		return "", "leave out the dot at the end"
	case err == nil && ip.IsUnspecified():
		return "", "this is an address to listen at, for --listen and --directory: give the name by which clients find this machine"
	case !text.Printable(given):
		return "", "give the name in ASCII; that of an international name begins with xn--"
	case err == nil && ip.Is6() && bare == given:
		given = "[" + given + "]"
	}
	if _, _, err := net.SplitHostPort(given); err == nil {
		return "", "give the host alone: --listen and --directory have the ports"
	}
	host, err := fetch.CanonicalHost(given)
	if err != nil {
		return "", "give a host name or an IP address"
	}
	name, _, _ = net.SplitHostPort(host) // its own form
	return name, ""
}

// all returns the hosts of loopback and the exposed ones, each once.
func (n names) all() []string {
	all := loopbackNames()
	for _, name := range n.exposed {
		if !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return all
}

// splitListen splits an address to listen at. Without exposed names it refuses a host other
// than loopback: the directory there signs any statement for anyone.
func (n names) splitListen(address string) (host string, port int, err error) {
	host, number, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, errors.New("is no host:port")
	}
	ip, noIP := netip.ParseAddr(host)
	_, noHost := fetch.CanonicalHost(host)
	switch {
	case host == "" && n.exposed == nil:
		host = "127.0.0.1"
	case host == "" || slices.Contains(loopbackNames(), host):
	case n.exposed == nil:
		return "", 0, errors.New("the sandbox serves loopback alone, 127.0.0.1, [::1] or localhost: anybody who reaches its directory " +
			"can have any statement signed; in a container, --expose NAME lets it listen elsewhere")
	case noIP != nil && noHost != nil || ip.IsMulticast():
		return "", 0, errors.New("its host is no IP address and no name")
	}
	port, err = strconv.Atoi(number)
	if err != nil || port < 0 || port > 65535 {
		return "", 0, errors.New("its port is no number of 0..65535")
	}
	return host, port, nil
}

// address returns the https address of what listens at a host and port. A listener beyond
// loopback goes by the first of the exposed names.
func (n names) address(host string, port int) string {
	if n.exposed != nil && !slices.Contains(loopbackNames(), host) {
		host = n.exposed[0]
	}
	return "https://" + net.JoinHostPort(host, strconv.Itoa(port))
}

// flag returns the names as --expose takes them.
func (n names) flag() string { return strings.Join(n.exposed, ",") }

// split returns the DNS names and the IP addresses among the names.
func (n names) split() (dns []string, ips []net.IP) {
	for _, name := range n.all() {
		if ip := net.ParseIP(name); ip != nil {
			ips = append(ips, ip)
		} else {
			dns = append(dns, name)
		}
	}
	return dns, ips
}

// constrain lets a CA certify the names alone (RFC 5280 section 4.2.1.10).
func (n names) constrain(ca *x509.Certificate) {
	dns, ips := n.split()
	ca.PermittedDNSDomainsCritical, ca.PermittedDNSDomains, ca.ExcludedDNSDomains = true, dns, below(dns)
	for _, ip := range ips {
		if short := ip.To4(); short != nil {
			ip = short
		}
		ca.PermittedIPRanges = append(ca.PermittedIPRanges, &net.IPNet{IP: ip, Mask: net.CIDRMask(8*len(ip), 8*len(ip))})
	}
}

// below returns the constraints that exclude every name below a DNS name: permitting a name
// permits those below it, and a name of one label, such as bank, may be a domain of the public
// DNS. A name that has another of the names below it gets none, which would exclude that too.
func below(dns []string) (excluded []string) {
	for _, name := range dns {
		if under := "." + name; !slices.ContainsFunc(dns, func(other string) bool { return strings.HasSuffix(other, under) }) {
			excluded = append(excluded, under)
		}
	}
	return excluded
}

// confines reports whether a CA certifies nothing but the names, as constrain makes one. Older
// versions made CAs that certify any name, and CAs that certify the names below each DNS name.
func (n names) confines(ca *x509.Certificate) bool {
	dns, _ := n.split()
	now := n.all()
	slices.Sort(now)
	return slices.Equal(constrained(ca), now) && slices.Equal(ca.ExcludedDNSDomains, below(dns))
}

// constrained returns the names that a CA may certify, sorted; nil if it may certify any. They
// are the same whether or not it may certify the names below them.
func constrained(ca *x509.Certificate) []string {
	all := slices.Clone(ca.PermittedDNSDomains)
	for _, r := range ca.PermittedIPRanges {
		all = append(all, r.IP.String())
	}
	slices.Sort(all)
	return all
}

// fix keeps the names for the folder: they are those of the start that made ca.pem. They are
// in the state before ca.pem is made, so that a start that was killed in between leaves
// nothing fixed. The error is a *UsageError if the folder has other names.
func (n names) fix(f folder, s *state) error {
	ca, err := f.certificate("ca.pem")
	if err != nil {
		return err
	}
	if ca != nil {
		before, now := constrained(ca), n.all()
		slices.Sort(now)
		older := before == nil && n.exposed == nil // a CA of an older version, on loopback as then
		if !older && !slices.Equal(before, now) || s.Expose != nil && !slices.Equal(s.Expose, n.exposed) {
			return n.otherwise(f, s, before)
		}
	}
	s.Expose = n.exposed
	return s.save(f)
}

// otherwise refuses names that are not those of the folder. before are the names of its CA.
func (n names) otherwise(f folder, s *state, before []string) error {
	asked, first := "--expose "+n.flag(), "without --expose"
	if n.exposed == nil {
		asked = "--expose is missing"
	}
	exposed := s.Expose
	if exposed == nil { // the state was lost
		exposed = slices.DeleteFunc(before, func(name string) bool { return slices.Contains(loopbackNames(), name) })
	}
	if len(exposed) > 0 {
		first = "with --expose " + strings.Join(exposed, ",")
	}
	return usage("%s: the sandbox in %s was first started %s, and its certificates are for no other name: start it so again, or give --dir another folder",
		asked, string(f), first)
}
