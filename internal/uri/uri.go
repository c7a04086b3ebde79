package uri

import (
	"strings"
	"unicode/utf8"

	"github.com/obdcr/obdcr/internal/text"
)

// Fault is a set of ways in which a text leaves the grammar.
type Fault uint32

// The faults. At most one of those about the host is found in one URI.
const (
	Relative   Fault = 1 << iota // no scheme, or no "//" behind https:
	NotHTTPS                     // a scheme other than https
	TooLong                      // more than 256 characters
	Characters                   // a character RFC 3986 has not, or a broken %xx
	Fragment                     // a fragment, be it empty
	Userinfo                     // a user before the host, be it empty
	Localhost                    // localhost in any spelling
	IPAddress                    // an IP address in any spelling
	Punycode                     // an xn-- label that decodes to nothing
	HostName                     // no host, or not a DNS name with a dot
	Port                         // an empty port, or one outside 1..65535
	DotSegment                   // a "." or ".." segment, also as %2e
	Wildcard                     // an asterisk
)

// Any is the set of all faults.
const Any = Wildcard<<1 - 1

// hostFaults are the faults of a host.
const hostFaults = Localhost | IPAddress | Punycode | HostName

// MaxLength is the greatest length of a URI in characters (OBIE DCR, data dictionary,
// redirect_uris).
const MaxLength = 256

// Message describes a fault. Of several faults it describes one.
func (f Fault) Message() string {
	for _, m := range [...]struct {
		fault   Fault
		message string
	}{
		{Relative, "is not an absolute URI with a host"},
		{NotHTTPS, "has another scheme than https"},
		{TooLong, "has more than 256 characters"},
		{Localhost, "leads to localhost"},
		{IPAddress, "has an IP address for a host"},
		{Punycode, "has a broken xn-- label in its host"},
		{Wildcard, "has an asterisk"},
		{HostName, "has a host that is not a public ASCII name with a dot"},
		{Userinfo, "has a user name before its host"},
		{Fragment, "has a fragment"},
		{Port, "has a port outside 1..65535"},
		{DotSegment, "has a . or .. segment in its path"},
		{Characters, "has a character that is not allowed there"},
	} {
		if f&m.fault != 0 {
			return m.message
		}
	}
	return ""
}

// parts are the parts of a hierarchical URI, as places in its text.
type parts struct {
	scheme    string
	hier      bool   // "//" stands behind the scheme
	userinfo  bool   // an "@" stands in the authority
	host      string // without port; with brackets where it has them
	port      string
	hasPort   bool
	hostStart int // where host begins
	authEnd   int // where path, query or fragment begins
}

// split finds the parts of s. It does not judge them.
func split(s string) (p parts) {
	n := schemeLen(s)
	if n == 0 {
		return p
	}
	p.scheme = s[:n]
	if !strings.HasPrefix(s[n+1:], "//") {
		return p
	}
	p.hier = true
	start := n + 3
	authority := s[start:]
	for _, end := range [...]byte{'/', '?', '#'} {
		if at := strings.IndexByte(authority, end); at >= 0 {
			authority = authority[:at]
		}
	}
	p.authEnd = start + len(authority)
	p.hostStart = start
	if strings.IndexByte(authority, '@') >= 0 {
		p.userinfo = true
		p.hostStart = start + strings.LastIndexByte(authority, '@') + 1
	}
	p.host = s[p.hostStart:p.authEnd]
	if strings.HasPrefix(p.host, "[") || strings.Count(p.host, ":") > 1 {
		return p // an IPv6 address, in brackets or not: no need to find its port
	}
	if host, port, ok := strings.Cut(p.host, ":"); ok {
		p.host, p.port, p.hasPort = host, port, true
	}
	return p
}

// schemeLen returns the length of the scheme of s, 0 when it has none (RFC 3986
// section 3.1).
func schemeLen(s string) int {
	if strings.HasPrefix(s, "https:") {
		return len("https")
	}
	for i := range len(s) {
		switch b := s[i]; {
		case text.IsLetter(b):
		case b == ':':
			return i
		case i > 0 && (text.IsDigit(b) || b == '+' || b == '-' || b == '.'):
		default:
			return 0
		}
	}
	return 0
}

// Scan returns those of the wanted faults that s has. It allocates nothing, and it does
// not look for other faults.
func Scan(s string, want Fault) Fault {
	var short, found Fault
	if want&TooLong != 0 && len(s) > MaxLength && utf8.RuneCountInString(s) > MaxLength {
		short |= TooLong
	}
	if want&Fragment != 0 && strings.IndexByte(s, '#') >= 0 {
		short |= Fragment
	}
	if want&Wildcard != 0 && strings.IndexByte(s, '*') >= 0 {
		short |= Wildcard
	}
	if want &^= TooLong | Fragment | Wildcard | plainlyFree(s, want); want == 0 {
		return short
	}
	p := split(s)
	https := text.EqualFold(p.scheme, "https")
	switch {
	case p.scheme == "", https && !p.hier:
		found |= Relative
	case !https:
		found |= NotHTTPS
	}
	if !p.hier {
		if !plain(s) {
			found |= Characters
		}
		return short | found&want
	}
	return short | (found|scanParts(s, &p, want))&want
}

// plainlyFree returns faults that a few cheap searches show s not to have. It searches only
// for those in want. Rules ask for one fault each, and most URIs do not have it: such a URI
// need not be parsed.
func plainlyFree(s string, want Fault) (free Fault) {
	const start = "https://"
	if !strings.HasPrefix(s, start) {
		return 0
	}
	free = Relative | NotHTTPS
	if want&Characters != 0 && plain(s) {
		free |= Characters // a host in brackets does not pass, and scanParts looks at it
	}
	s = s[len(start)-1:]
	if want&Userinfo != 0 && strings.IndexByte(s, '@') < 0 {
		free |= Userinfo
	}
	if want&Port != 0 && strings.IndexByte(s, ':') < 0 {
		free |= Port
	}
	if want&Punycode != 0 && !strings.Contains(s, "--") {
		free |= Punycode
	}
	if want&DotSegment != 0 && strings.IndexByte(s, '%') < 0 && !strings.Contains(s, "/.") {
		free |= DotSegment
	}
	return free
}

// scanParts is Scan for a URI with an authority.
func scanParts(s string, p *parts, want Fault) (found Fault) {
	if p.userinfo {
		found |= Userinfo
	}
	if want&hostFaults != 0 {
		found |= hostFault(p.host)
	}
	if p.hasPort && !validPort(p.port) {
		found |= Port
	}
	if want&Characters != 0 && (!plain(s[:p.hostStart]) || !plain(s[p.authEnd:])) {
		found |= Characters
	}
	if want&DotSegment != 0 && hasDotSegment(s[p.authEnd:]) {
		found |= DotSegment
	}
	return found
}

// plain reports whether s consists of the characters of RFC 3986 section 2.
// Brackets belong to hosts alone and are not among them.
func plain(s string) bool {
	for i := 0; i < len(s); i++ {
		switch b := s[i]; {
		case plainBytes[b]:
		case b != '%' || i+2 >= len(s) || !text.IsHex(s[i+1]) || !text.IsHex(s[i+2]):
			return false
		default:
			i += 2
		}
	}
	return true
}

// plainBytes marks the bytes that stand for themselves in a URI.
var plainBytes = func() (t [256]bool) {
	for b := range t {
		t[b] = text.IsLetter(byte(b)) || text.IsDigit(byte(b)) || strings.IndexByte("-._~:/?#@!$&'()*+,;=", byte(b)) >= 0
	}
	return t
}()

// hasDotSegment reports whether the path at the start of s has a segment "." or
// "..", percent-encoded ones included: browsers resolve both.
func hasDotSegment(s string) bool {
	for strings.HasPrefix(s, "/") {
		s = s[1:]
		end := 0
		for end < len(s) && s[end] != '/' && s[end] != '?' && s[end] != '#' {
			end++
		}
		if isDots(s[:end]) {
			return true
		}
		s = s[end:]
	}
	return false
}

// isDots reports whether s is one or two dots.
func isDots(s string) bool {
	n := 0
	for s != "" {
		switch {
		case s[0] == '.':
			s = s[1:]
		case len(s) >= 3 && s[0] == '%' && s[1] == '2' && s[2]|0x20 == 'e':
			s = s[3:]
		default:
			return false
		}
		n++
	}
	return n == 1 || n == 2
}

// validPort reports whether s is a port of 1..65535 without leading zeros.
func validPort(s string) bool {
	if s == "" || len(s) > 5 || s[0] == '0' {
		return false
	}
	n := 0
	for i := range len(s) {
		if !text.IsDigit(s[i]) {
			return false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n <= 65535
}
