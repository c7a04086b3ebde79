package sandbox

import (
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/obdcr/obdcr/internal/fetch"
)

// guard is guardHost and ownPages in one. A page of a stranger could otherwise use the
// directory, or decide what waits at the bank, through the browser of someone who reaches it:
// under a name of the stranger's (DNS rebinding) or under the sandbox's own.
func (n names) guard(next http.Handler) http.Handler { return n.guardHost(ownPages(next)) }

// guardHost answers 421 if the Host of a request is none of the names. The port does not count:
// containers map ports.
func (n names) guardHost(next http.Handler) http.Handler {
	all := n.all()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, _, unsplit := net.SplitHostPort(canonicalHost(r))
		if unsplit != nil || !slices.Contains(all, name) {
			complain(w, http.StatusMisdirectedRequest, "ask for the sandbox by one of its names: "+strings.Join(all, ", "))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// ownPages answers 403 if a page of another origin sends a request. A browser tells the origin
// by Origin, and where it sends none by Sec-Fetch-Site.
func ownPages(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !ownOrigin(r.Header.Values("Origin"), canonicalHost(r)) || slices.ContainsFunc(r.Header.Values("Sec-Fetch-Site"), foreign) {
			complain(w, http.StatusForbidden, "the sandbox answers no page of another origin")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// foreign reports whether a Sec-Fetch-Site (W3C Fetch Metadata) is that of a page of another
// origin. A user who types the address is none.
func foreign(site string) bool { return site != "same-origin" && site != "none" }

// canonicalHost returns the host that a request asks; "" if it is none.
func canonicalHost(r *http.Request) string {
	host, err := fetch.CanonicalHost(r.Host)
	if err != nil {
		return ""
	}
	return host
}

// ownOrigin reports whether the Origin headers of a request (RFC 6454 section 7) are none, or
// one that is of the host itself.
func ownOrigin(origins []string, host string) bool {
	if len(origins) == 0 {
		return true
	}
	at, https := strings.CutPrefix(origins[0], "https://")
	from, err := fetch.CanonicalHost(at)
	return len(origins) == 1 && https && err == nil && from == host
}
