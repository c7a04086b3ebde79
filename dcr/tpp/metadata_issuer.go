package tpp

import (
	"net/url"
	"strings"
)

// MayBeAt reports whether a discovery document with this Issuer belongs at an address (OIDC
// Discovery section 4.3, RFC 8414 section 3.3). If it does not, another party may have
// written the document, or the bank has announced a wrong issuer: a client that goes by it
// may send what is for one bank to another one (mix-up, RFC 9700 section 4.4). An address
// that is at no well-known path tells nothing about the issuer, and any Issuer may be there;
// so may an empty one, which a document without issuer has.
//
// Discover does not refuse such a document, since banks serve some: the caller decides.
func (m *Metadata) MayBeAt(address string) bool {
	at, err := url.Parse(address)
	if err != nil {
		return false
	}
	issuer, known := issuerOf(at)
	if !known || m.Issuer == "" {
		return true
	}
	said, err := url.Parse(m.Issuer)
	return err == nil && said.RawQuery == "" && said.Fragment == "" && said.User == nil &&
		canonicalIssuer(said.Scheme, said.Host, said.EscapedPath()) == canonicalIssuer(at.Scheme, at.Host, issuer)
}

// The well-known paths of OIDC Discovery section 4 and RFC 8414 section 3.
const (
	wellKnown = "/.well-known/"
	oidcName  = wellKnown + "openid-configuration"
	oauthName = wellKnown + "oauth-authorization-server"
)

// issuerOf returns the path of the issuer whose document is at an address. OIDC puts the
// well-known path behind it, RFC 8414 in front.
func issuerOf(at *url.URL) (path string, known bool) {
	path = strings.TrimSuffix(at.EscapedPath(), "/")
	if before, ok := strings.CutSuffix(path, oidcName); ok {
		return before, true
	}
	for _, name := range []string{oidcName, oauthName} {
		if after, ok := strings.CutPrefix(path, name); ok && (after == "" || after[0] == '/') {
			return after, true
		}
	}
	return "", false
}

// canonicalIssuer writes an issuer in one form: scheme and host in lower case, without the
// port 443 of https and a slash at the end.
func canonicalIssuer(scheme, host, path string) string {
	host = strings.ToLower(host)
	if strings.EqualFold(scheme, "https") {
		host = strings.TrimSuffix(host, ":443")
	}
	return strings.ToLower(scheme) + "://" + host + strings.TrimSuffix(path, "/")
}
