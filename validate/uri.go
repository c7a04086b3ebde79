package validate

import (
	"strings"
	"unicode/utf8"
)

// uriFault is a set of ways in which a URI leaves the grammar for redirect
// URIs: https, an ASCII host name with a dot, and nothing that two programs
// could read differently. net/url takes many URLs that browsers refuse or read
// as another host, so the grammar is our own.
type uriFault uint32

// The faults. At most one of those about the host is found in one URI.
const (
	uriRelative   uriFault = 1 << iota // no scheme, or no "//" behind https:
	uriNotHTTPS                        // a scheme other than https
	uriTooLong                         // more than 256 characters
	uriCharacters                      // a character RFC 3986 has not, or a broken %xx
	uriFragment                        // a fragment, be it empty
	uriUserinfo                        // a user before the host, be it empty
	uriLocalhost                       // localhost in any spelling
	uriIPAddress                       // an IP address in any spelling
	uriPunycode                        // an xn-- label that decodes to nothing
	uriHostName                        // no host, or not a DNS name with a dot
	uriPort                            // an empty port, or one outside 1..65535
	uriDotSegment                      // a "." or ".." segment, also as %2e
	uriWildcard                        // an asterisk
)

// Unions of faults.
const (
	uriHostFaults = uriLocalhost | uriIPAddress | uriPunycode | uriHostName
	uriAnyFault   = uriWildcard<<1 - 1
)

// maxURI is the greatest length of a URI in characters, by the data dictionary.
const maxURI = 256

// uriParts are the parts of a hierarchical URI, as places in its text.
type uriParts struct {
	scheme    string
	hier      bool   // "//" stands behind the scheme
	userinfo  bool   // an "@" stands in the authority
	host      string // without port; with brackets where it has them
	port      string
	hasPort   bool
	hostStart int // where host begins
	authEnd   int // where path, query or fragment begins
}

// splitURI finds the parts of s. It judges nothing.
func splitURI(s string) (p uriParts) {
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
		case isAlpha(b):
		case b == ':':
			return i
		case i > 0 && (isDigit(b) || b == '+' || b == '-' || b == '.'):
		default:
			return 0
		}
	}
	return 0
}

// scanURI returns those of the wanted faults that s has. It allocates nothing,
// and looks only at what the wanted faults are about.
func scanURI(s string, want uriFault) uriFault {
	var short, found uriFault
	if want&uriTooLong != 0 && len(s) > maxURI && utf8.RuneCountInString(s) > maxURI {
		short |= uriTooLong
	}
	if want&uriFragment != 0 && strings.IndexByte(s, '#') >= 0 {
		short |= uriFragment
	}
	if want&uriWildcard != 0 && strings.IndexByte(s, '*') >= 0 {
		short |= uriWildcard
	}
	if want &^= uriTooLong | uriFragment | uriWildcard | plainlyFree(s, want); want == 0 {
		return short
	}
	p := splitURI(s)
	https := equalFold(p.scheme, "https")
	switch {
	case p.scheme == "", https && !p.hier:
		found |= uriRelative
	case !https:
		found |= uriNotHTTPS
	}
	if !p.hier {
		if !uriText(s) {
			found |= uriCharacters
		}
		return short | found&want
	}
	return short | (found|scanParts(s, &p, want))&want
}

// plainlyFree returns those of the wanted faults that s cannot have, by a glance
// at it. Rules ask for one fault each, and most URIs are free of it.
func plainlyFree(s string, want uriFault) (free uriFault) {
	const start = "https://"
	if !strings.HasPrefix(s, start) {
		return 0
	}
	free = uriRelative | uriNotHTTPS
	if want&uriCharacters != 0 && uriText(s) {
		free |= uriCharacters // a host in brackets would not pass, and is looked at in parts
	}
	s = s[len(start)-1:]
	if want&uriUserinfo != 0 && strings.IndexByte(s, '@') < 0 {
		free |= uriUserinfo
	}
	if want&uriPort != 0 && strings.IndexByte(s, ':') < 0 {
		free |= uriPort
	}
	if want&uriPunycode != 0 && !strings.Contains(s, "--") {
		free |= uriPunycode
	}
	if want&uriDotSegment != 0 && strings.IndexByte(s, '%') < 0 && !strings.Contains(s, "/.") {
		free |= uriDotSegment
	}
	return free
}

// scanParts is scanURI for a URI with an authority.
func scanParts(s string, p *uriParts, want uriFault) (found uriFault) {
	if p.userinfo {
		found |= uriUserinfo
	}
	if want&uriHostFaults != 0 {
		found |= hostFault(p.host)
	}
	if p.hasPort && !validPort(p.port) {
		found |= uriPort
	}
	if want&uriCharacters != 0 && (!uriText(s[:p.hostStart]) || !uriText(s[p.authEnd:])) {
		found |= uriCharacters
	}
	if want&uriDotSegment != 0 && hasDotSegment(s[p.authEnd:]) {
		found |= uriDotSegment
	}
	return found
}

// uriText says whether s consists of the characters of RFC 3986 section 2.
// Brackets belong to hosts alone and are not among them.
func uriText(s string) bool {
	for i := 0; i < len(s); i++ {
		switch b := s[i]; {
		case uriBytes[b]:
		case b != '%' || i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2]):
			return false
		default:
			i += 2
		}
	}
	return true
}

// uriBytes marks the bytes that stand for themselves in a URI.
var uriBytes = func() (t [256]bool) {
	for b := range t {
		t[b] = isAlpha(byte(b)) || isDigit(byte(b)) || strings.IndexByte("-._~:/?#@!$&'()*+,;=", byte(b)) >= 0
	}
	return t
}()

// hasDotSegment says whether the path at the start of s has a segment "." or
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

// isDots says whether s is one or two dots.
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

// validPort says whether s is a port of 1..65535 without leading zeros.
func validPort(s string) bool {
	if s == "" || len(s) > 5 || s[0] == '0' {
		return false
	}
	n := 0
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n <= 65535
}

func isAlpha(b byte) bool { return 'a' <= b|0x20 && b|0x20 <= 'z' }
func isDigit(b byte) bool { return '0' <= b && b <= '9' }
func isHex(b byte) bool   { return isDigit(b) || 'a' <= b|0x20 && b|0x20 <= 'f' }

// equalFold says whether s is the lower-case ASCII text lower, but for case.
// Unlike strings.EqualFold it knows ASCII alone: U+017F is not an s.
func equalFold(s, lower string) bool {
	if len(s) != len(lower) {
		return false
	}
	for i := range len(s) {
		b := s[i]
		if 'A' <= b && b <= 'Z' {
			b |= 0x20
		}
		if b != lower[i] {
			return false
		}
	}
	return true
}
