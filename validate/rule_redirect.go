package validate

import (
	"slices"
	"strconv"

	"github.com/obdcr/obdcr/internal/rule"
	"github.com/obdcr/obdcr/internal/uri"
)

// redirectRules are the rows about redirect_uris as a list. redirectGrammarRules are
// the rows about each single URI.
var redirectRules = []Rule{
	{
		ID:       rule.RedirectURIsRequired,
		Summary:  "redirect_uris is present.",
		Reason:   "A bank of profile wso2 registers only what the request names, as the vendor's document says.",
		Bad:      "without redirect_uris",
		Good:     `{"redirect_uris": ["https://app.example.com/cb"]}`,
		Given:    Given{Profile: WSO2},
		Citation: vendorDocument("redirect_uris"),
		Basis:    BasisMust,
		Profiles: []Profile{WSO2},
		Fix:      "list the redirect URIs that the client uses",
		Check:    checkRedirectURIsPresent,
	},
	{
		// The data dictionary has 1..*, but says too what a request without the member
		// means: there the bank's policy alone can require it.
		ID:       rule.RedirectURIsRequired,
		Summary:  "redirect_uris is present, where the bank's policy requires it.",
		Reason:   "The bank registers only what the request names. The data dictionary says what a request without the member means.",
		Bad:      "without redirect_uris",
		Good:     `{"redirect_uris": ["https://app.example.com/cb"]}`,
		Given:    Given{Policy: `{"required_members": ["redirect_uris"]}`},
		Citation: dictionary("redirect_uris"),
		Basis:    BasisPolicy,
		Profiles: profilesOBIE(),
		Fix:      "list the redirect URIs that the client uses",
		When:     func(c *Case) bool { return slices.Contains(c.Policy().RequiredMembers, "redirect_uris") },
		Check:    checkRedirectURIsPresent,
	},
	{
		// A request without the member means all of the SSA's.
		ID:       rule.RedirectURIsDefault,
		Summary:  "Without redirect_uris the client is registered with all of the statement's.",
		Reason:   "The sender should know what it asks for. The data dictionary has 1..*, and says what a request without the member means.",
		Bad:      "without redirect_uris",
		Good:     `{"redirect_uris": ["https://app.example.com/cb"]}`,
		Citation: dictionary("redirect_uris"),
		Basis:    BasisNotice,
		Profiles: profilesOBIE(),
		Fix:      "list the redirect URIs that the client uses, if not all",
		When:     hasSSA,
		Check: func(c *Case) {
			if uris, ok := c.SSA().SoftwareRedirectURIs.Get(); ok && len(uris) > 0 && takesAllURIs(c) {
				c.Report("/redirect_uris", "is left out: all "+strconv.Itoa(len(uris))+" of the statement are meant")
			}
		},
	},
	{
		ID:       rule.RedirectURIsNotEmpty,
		Summary:  "redirect_uris, if sent, has an entry.",
		Reason:   "An empty list asks for a client that nobody can be sent back to; it is not the same as leaving it out.",
		Bad:      `{"redirect_uris": []}`,
		Good:     `{"redirect_uris": ["https://app.example.com/cb"]}`,
		Citation: dictionary("redirect_uris"),
		Basis:    BasisStricter,
		Stricter: "The dictionary has 1..* for the member and lets it be left out; the OpenAPI document sets no least number.",
		Fix:      "list at least one redirect URI, or leave the member out",
		Check: func(c *Case) {
			if uris, ok := c.Req().RedirectURIs.Get(); ok && len(uris) == 0 {
				c.Report("/redirect_uris", "is empty")
			}
		},
	},
	{
		ID:       rule.RedirectURIsCount,
		Summary:  "redirect_uris has at most as many entries as the bank takes, 50 by default.",
		Reason:   "Each entry is compared at each authorization.",
		Bad:      `{"redirect_uris": ["https://app.example.com/1", "https://app.example.com/2", "https://app.example.com/3"]}`,
		Good:     `{"redirect_uris": ["https://app.example.com/cb", "https://app.example.com/cb2"]}`,
		Given:    Given{Policy: `{"max_redirect_uris": 2}`},
		Citation: dictionary("redirect_uris"),
		Basis:    BasisPolicy,
		Fix:      "register fewer redirect URIs",
		Check: func(c *Case) {
			if uris, ok := c.Req().RedirectURIs.Get(); ok && len(uris) > c.Policy().MaxRedirectURIs {
				most := c.Policy().MaxRedirectURIs
				c.ReportValue("/redirect_uris", strconv.Itoa(len(uris)), "at most "+strconv.Itoa(most), tooMany(len(uris), "entries", most))
			}
		},
	},
	{
		ID:       rule.RedirectURIsDuplicate,
		Summary:  "No redirect URI is listed twice.",
		Reason:   "A list with duplicates was put together by mistake.",
		Bad:      `{"redirect_uris": ["https://app.example.com/cb", "https://app.example.com/cb"]}`,
		Good:     `{"redirect_uris": ["https://app.example.com/cb", "https://app.example.com/cb2"]}`,
		Citation: dictionary("redirect_uris"),
		Basis:    BasisStricter,
		Stricter: "The text says nothing of duplicates.",
		Fix:      "list each redirect URI once",
		Check: func(c *Case) {
			uris := requestedURIs(c)
			l := listReport{c: c, base: "/redirect_uris"}
			for i, u := range uris {
				if first := slices.Index(uris[:i], u); first >= 0 {
					l.add(i, u, "", "is the same as "+entry("/redirect_uris", first))
				}
			}
		},
	},
	{
		// Equal to or a subset of the SSA's, compared exactly.
		ID:       rule.RedirectURIsSubsetOfSSA,
		Summary:  "Each redirect URI is, byte for byte, one of the statement's software_redirect_uris.",
		Reason:   "The directory vouches for those addresses; any other could be an attacker's.",
		Bad:      `{"redirect_uris": ["https://app.example.com/other"]}`,
		Good:     `{"redirect_uris": ["https://app.example.com/cb"]}`,
		Citation: dictionary("redirect_uris"),
		Basis:    BasisMust,
		Fix:      "register the URI with the directory and fetch a new SSA, or leave it out",
		When:     hasSSA,
		Check: func(c *Case) {
			listed, ok := c.SSA().SoftwareRedirectURIs.Get()
			if !ok || len(listed) == 0 {
				return
			}
			l := listReport{c: c, base: "/redirect_uris"}
			for i, u := range requestedURIs(c) {
				if !slices.Contains(listed, u) {
					message, want, fix := c.notInSSA(u, listed)
					c.reportFix(l.at(i), u, want, message, fix)
				}
			}
		},
	},
	{
		// A request without the member means all of the SSA's, so these must pass too.
		ID:       rule.SSASoftwareRedirectURIsUsable,
		Summary:  "Where a request leaves redirect_uris out, each of the statement's can be registered.",
		Reason:   "The directory does not enforce the rules for redirect URIs, and what it lists is what would be registered.",
		Bad:      `{"software_redirect_uris": ["https://localhost/cb"]}`,
		Good:     `{"software_redirect_uris": ["https://app.example.com/cb"]}`,
		Given:    Given{Profile: OBIE33, Request: `without redirect_uris`},
		Citation: dictionary("redirect_uris"),
		Basis:    BasisStricter,
		Stricter: "The text holds them to https, no localhost and 256 characters; the other rules for redirect URIs hold for them too.",
		Document: DocSSA,
		Fix:      "send redirect_uris with those that are fit, or correct the list at the directory",
		When:     takesAllURIs,
		Check:    checkStatementURIs,
	},
	{
		ID:       rule.SSASoftwareRedirectURIsUnfit,
		Summary:  "A redirect URI of the statement that breaks the rules cannot be registered.",
		Reason:   "The directory lists what it is given, https://localhost even.",
		Bad:      `{"software_redirect_uris": ["https://app.example.com/cb", "https://127.0.0.1"]}`,
		Good:     `{"software_redirect_uris": ["https://app.example.com/cb"]}`,
		Citation: dictionary("redirect_uris"),
		Basis:    BasisNotice,
		Document: DocSSA,
		Fix:      "leave the URI out of requests",
		When:     func(c *Case) bool { return !takesAllURIs(c) },
		Check:    checkStatementURIs,
	},
}

// takesAllURIs reports whether a request has no redirect_uris, so that it means all of the
// statement's.
func takesAllURIs(c *Case) bool {
	return c.Req() != nil && !c.Req().RedirectURIs.Present() && c.Profile() != WSO2 &&
		!slices.Contains(c.Policy().RequiredMembers, "redirect_uris")
}

// requestedURIs returns the request's redirect URIs. It returns none where the list is
// too long: one rule reports the length, and no rule judges the entries.
func requestedURIs(c *Case) []string {
	uris, _ := c.Req().RedirectURIs.Get()
	if len(uris) > c.Policy().MaxRedirectURIs {
		return nil
	}
	return uris
}

// checkStatementURIs reports the statement's redirect URIs that a bank does not
// register. It reports their number instead where there are too many.
func checkStatementURIs(c *Case) {
	const base = "/software_redirect_uris"
	uris, _ := c.SSA().SoftwareRedirectURIs.Get()
	if most := c.Policy().MaxRedirectURIs; len(uris) > most {
		c.ReportValue(base, strconv.Itoa(len(uris)), "at most "+strconv.Itoa(most), tooMany(len(uris), "entries", most))
		return
	}
	l := listReport{c: c, base: base}
	for i, u := range uris {
		if fault := uri.Scan(u, uri.Any); fault != 0 {
			l.add(i, u, "", uriMessage(u, fault))
		}
	}
}

func checkRedirectURIsPresent(c *Case) {
	requireMember(c, c.Req().RedirectURIs.Present(), "/redirect_uris")
}
