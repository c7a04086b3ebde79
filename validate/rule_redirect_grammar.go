package validate

import (
	"github.com/obdcr/obdcr/internal/rule"
	"github.com/obdcr/obdcr/internal/uri"
)

// redirectGrammarRules are the rows about each single redirect URI.
var redirectGrammarRules = []Rule{
	{
		ID:       rule.RedirectURIsAbsolute,
		Summary:  "Each redirect URI is absolute, with a scheme and a host.",
		Reason:   "A relative reference leads wherever the page that uses it happens to be.",
		Bad:      `{"redirect_uris": ["/cb"]}`,
		Good:     `{"redirect_uris": ["https://app.example.com/cb"]}`,
		Citation: rfc("6749", "3.1.2"),
		Basis:    BasisMust,
		Fix:      "write the whole URI, starting with https://",
		Check:    checkRedirects(uri.Relative),
	},
	{
		ID:       rule.RedirectURIsHTTPS,
		Summary:  "Each redirect URI has the scheme https.",
		Reason:   "Codes and tokens must not travel in the clear, nor to whichever app claims a scheme.",
		Bad:      `{"redirect_uris": ["http://app.example.com/cb"]}`,
		Good:     `{"redirect_uris": ["https://app.example.com/cb"]}`,
		Citation: dictionary("redirect_uris"),
		Basis:    BasisMust,
		Fix:      "use https",
		Check:    checkRedirects(uri.NotHTTPS),
	},
	{
		ID:       rule.RedirectURIsLength,
		Summary:  "Each redirect URI has at most 256 characters.",
		Reason:   "The data dictionary sets that limit.",
		Bad:      `{"redirect_uris": ["https://app.example.com/a{240}"]}`,
		Good:     `{"redirect_uris": ["https://app.example.com/cb"]}`,
		Citation: dictionary("redirect_uris"),
		Basis:    BasisMust,
		Fix:      "shorten the URI",
		Check:    checkRedirects(uri.TooLong),
	},
	{
		ID:       rule.RedirectURIsCharacters,
		Summary:  "Each redirect URI has only the characters of RFC 3986, others percent-encoded.",
		Reason:   "Blanks, backslashes and other scripts are read differently by different programs.",
		Bad:      `{"redirect_uris": ["https://app.example.com/my cb"]}`,
		Good:     `{"redirect_uris": ["https://app.example.com/cb"]}`,
		Citation: rfc("3986", "2"),
		Basis:    BasisMust,
		Fix:      "percent-encode the character, at the directory too",
		Check:    checkRedirects(uri.Characters),
	},
	{
		ID:       rule.RedirectURIsUserinfo,
		Summary:  "No redirect URI has a user name or password.",
		Reason:   "What stands before @ looks like a host to people and to some programs.",
		Bad:      `{"redirect_uris": ["https://bank.example@attacker.example/cb"]}`,
		Good:     `{"redirect_uris": ["https://app.example.com/cb"]}`,
		Citation: dictionary("redirect_uris"),
		Basis:    BasisStricter,
		Stricter: "The text says nothing of a user name.",
		Fix:      "remove everything up to the @ from the host",
		Check:    checkRedirects(uri.Userinfo),
	},
	{
		ID:       rule.RedirectURIsFragment,
		Summary:  "No redirect URI has a fragment, not even an empty one.",
		Reason:   "The answer of the hybrid flow is appended as the fragment.",
		Bad:      `{"redirect_uris": ["https://app.example.com/cb#"]}`,
		Good:     `{"redirect_uris": ["https://app.example.com/cb"]}`,
		Citation: rfc("6749", "3.1.2"),
		Basis:    BasisMust,
		Fix:      "remove the # and what follows",
		Check:    checkRedirects(uri.Fragment),
	},
	{
		ID:       rule.RedirectURIsLocalhost,
		Summary:  "No redirect URI leads to localhost or a name below it.",
		Reason:   "Whatever listens on the user's machine would get the code. The text names localhost; names below it lead to the same machine.",
		Bad:      `{"redirect_uris": ["https://localhost/cb"]}`,
		Good:     `{"redirect_uris": ["https://app.example.com/cb"]}`,
		Citation: dictionary("redirect_uris"),
		Basis:    BasisMust,
		Fix:      "use a public host name",
		Check:    checkRedirects(uri.Localhost),
	},
	{
		ID:       rule.RedirectURIsIP,
		Summary:  "No redirect URI has an IP address for a host, in any spelling.",
		Reason:   "127.0.0.1 has many spellings (0x7f.1, 2130706433), and an address proves no owner.",
		Bad:      `{"redirect_uris": ["https://2130706433/cb"]}`,
		Good:     `{"redirect_uris": ["https://app.example.com/cb"]}`,
		Citation: dictionary("redirect_uris"),
		Basis:    BasisStricter,
		Stricter: "The text names localhost alone.",
		Fix:      "use a public host name",
		Check:    checkRedirects(uri.IPAddress),
	},
	{
		ID:       rule.RedirectURIsHost,
		Summary:  "Each redirect URI has an ASCII host name with a dot, of labels of 1 to 63 letters, digits and hyphens.",
		Reason:   "A name without a dot is somebody's local machine; any other host is read differently by different programs.",
		Bad:      `{"redirect_uris": ["https://intranet/cb"]}`,
		Good:     `{"redirect_uris": ["https://app.example.com/cb"]}`,
		Citation: dictionary("redirect_uris"),
		Basis:    BasisStricter,
		Stricter: "The text names localhost alone.",
		Fix:      "use a public host name, in its xn-- form if it is not ASCII",
		Check:    checkRedirects(uri.HostName),
	},
	{
		ID:       rule.RedirectURIsPunycode,
		Summary:  "Each xn-- label of a host decodes.",
		Reason:   "Browsers refuse a label that does not.",
		Bad:      `{"redirect_uris": ["https://xn--a.example/cb"]}`,
		Good:     `{"redirect_uris": ["https://app.example.com/cb"]}`,
		Citation: rfc("5891", "5.4"),
		Basis:    BasisStricter,
		Stricter: "RFC 5891 asks that of programs that look a name up, and not of a registration.",
		Fix:      "encode the host name again",
		Check:    checkRedirects(uri.Punycode),
	},
	{
		ID:       rule.RedirectURIsPort,
		Summary:  "A port, if there is one, is 1 to 65535.",
		Reason:   "An empty port and port 0 are read differently by different programs.",
		Bad:      `{"redirect_uris": ["https://app.example.com:/cb"]}`,
		Good:     `{"redirect_uris": ["https://app.example.com/cb"]}`,
		Citation: rfc("3986", "3.2.3"),
		Basis:    BasisStricter,
		Stricter: "RFC 3986 admits an empty port and sets no range.",
		Fix:      "correct the port or leave it out with its colon",
		Check:    checkRedirects(uri.Port),
	},
	{
		ID:       rule.RedirectURIsDotSegments,
		Summary:  "No redirect URI has a path segment . or .., percent-encoded or not.",
		Reason:   "Browsers resolve it, so that the user ends up at another path than the one compared.",
		Bad:      `{"redirect_uris": ["https://app.example.com/cb/../admin"]}`,
		Good:     `{"redirect_uris": ["https://app.example.com/cb"]}`,
		Citation: rfc("3986", "6.2.2.3"),
		Basis:    BasisStricter,
		Stricter: "RFC 3986 removes such segments, and does not forbid them.",
		Fix:      "write the path that is meant",
		Check:    checkRedirects(uri.DotSegment),
	},
	{
		ID:       rule.RedirectURIsWildcard,
		Summary:  "No redirect URI has an asterisk.",
		Reason:   "Redirect URIs are compared exactly; a pattern would match nothing, or too much elsewhere.",
		Bad:      `{"redirect_uris": ["https://app.example.com/*"]}`,
		Good:     `{"redirect_uris": ["https://app.example.com/cb"]}`,
		Citation: rfc("9700", "2.1"),
		Basis:    BasisStricter,
		Stricter: "RFC 9700 asks for an exact comparison, and does not forbid the character.",
		Fix:      "list each redirect URI in full",
		Check:    checkRedirects(uri.Wildcard),
	},
}

// checkRedirects returns a Check that reports each requested redirect URI that
// has the fault.
func checkRedirects(fault uri.Fault) func(*Case) {
	return func(c *Case) {
		if c.redirectFaults()&fault == 0 {
			return
		}
		l := listReport{c: c, base: "/redirect_uris"}
		for i, u := range requestedURIs(c) {
			if uri.Scan(u, fault) != 0 {
				l.add(i, u, "", uriMessage(u, fault))
			}
		}
	}
}

// redirectFaults returns the faults that any of the requested redirect URIs has. It
// scans them once for all rules.
func (c *Case) redirectFaults() uri.Fault {
	if !c.scanned {
		c.scanned = true
		for _, u := range requestedURIs(c) {
			c.faults |= uri.Scan(u, uri.Any)
		}
	}
	return c.faults
}
