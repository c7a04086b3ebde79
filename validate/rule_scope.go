package validate

import (
	"slices"
	"strconv"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/rule"
	"github.com/obdcr/obdcr/internal/text"
)

// maxScope is the greatest length of scope in characters.
const maxScope = 256

// scopeRules are the rows about scope. They all point at /scope.
var scopeRules = []Rule{
	{
		ID:       rule.ScopeRequired,
		Summary:  "scope is present.",
		Reason:   "It says which APIs the client is for. The data dictionary has 1..1, and speaks of default scopes all the same.",
		Bad:      "without scope",
		Good:     `{"scope": "openid accounts"}`,
		Citation: dictionary("scope"),
		Basis:    BasisMust,
		Profiles: profilesOBIE(),
		Fix:      "set scope to openid and the scopes of the software's roles",
		Check:    func(c *Case) { requireMember(c, c.Req().Scope.Present(), "/scope") },
	},
	{
		// "If not specified, default scopes are assigned by the AS."
		ID:       rule.ScopeDefault,
		Summary:  "Without scope the client is given the bank's default scopes, as far as its roles allow them.",
		Reason:   "The sender should know what it gets.",
		Bad:      "without scope",
		Good:     `{"scope": "openid accounts"}`,
		Citation: vendorDocument("scope"),
		Basis:    BasisNotice,
		Profiles: profilesWSO2(),
		Fix:      "set scope to what the client needs",
		Check: func(c *Case) {
			if !c.Req().Scope.Present() {
				c.ReportValue("/scope", "", joined(c.Policy().DefaultScopes), "is left out: the default scopes are assigned")
			}
		},
	},
	{
		ID:       rule.ScopeString,
		Summary:  "scope is a space-delimited string, unless the bank's policy takes an array too.",
		Reason:   "OAuth defines it so; some banks have had an array.",
		Bad:      `{"scope": ["openid", "accounts"]}`,
		Good:     `{"scope": "openid accounts"}`,
		Citation: dictionary("scope"),
		Basis:    BasisMust,
		Fix:      "send scope as one string with blanks between the words",
		When:     func(c *Case) bool { return !c.Policy().ScopeAsArray && !c.Policy().ScopeArrayOnly },
		Check: func(c *Case) {
			if s, ok := c.Req().Scope.Get(); ok && s.List {
				c.ReportValue("/scope", "array", "string", wrongType("array", "string"))
			}
		},
	},
	{
		ID:       rule.ScopeArray,
		Summary:  "scope is an array, where the bank's policy takes nothing else.",
		Reason:   "Some banks have had an array of words, and refuse OAuth's string.",
		Bad:      `{"scope": "openid accounts"}`,
		Good:     `{"scope": ["openid", "accounts"]}`,
		Given:    Given{Policy: `{"scope_array_only": true}`},
		Citation: dictionary("scope"),
		Basis:    BasisPolicy,
		Fix:      "send scope as an array, with each word as an entry of its own",
		When:     func(c *Case) bool { return c.Policy().ScopeArrayOnly },
		Check: func(c *Case) {
			if s, ok := c.Req().Scope.Get(); ok && !s.List {
				c.ReportValue("/scope", "string", "array", wrongType("string", "array"))
			}
		},
	},
	{
		// Space-delimited, RFC 6749: one blank between words of visible ASCII.
		ID:       rule.ScopeSyntax,
		Summary:  "scope consists of words of visible ASCII without quotes and backslashes, at least one, with one blank between them.",
		Reason:   "OAuth's grammar leaves room for nothing else.",
		Bad:      `{"scope": "openid  accounts"}`,
		Good:     `{"scope": "openid accounts"}`,
		Citation: rfc("6749", "3.3"),
		Basis:    BasisMust,
		Fix:      "name at least one scope, and separate the words by one blank each",
		Check: func(c *Case) {
			s, sent := c.Req().Scope.Get()
			if sent && len(s.Words) == 0 {
				c.Report("/scope", "is empty: a scope has at least one word")
			}
			for _, w := range s.Words {
				if !isScopeWord(w) {
					c.ReportValue("/scope", w, "", "has a word that is none by OAuth's grammar: "+text.Quote(w))
					return
				}
			}
		},
	},
	{
		ID:       rule.ScopeLength,
		Summary:  "scope has at most 256 characters.",
		Reason:   "The data dictionary sets that limit.",
		Bad:      `{"scope": "openid a{250}"}`,
		Good:     `{"scope": "openid accounts"}`,
		Citation: dictionary("scope"),
		Basis:    BasisMust,
		Fix:      "ask for the scopes of the software's roles alone",
		Check: func(c *Case) {
			if n := scopeLength(c.Req().Scope.Or(claims.Scope{})); n > maxScope {
				c.ReportValue("/scope", strconv.Itoa(n)+" characters", "at most 256 characters", tooMany(n, "characters", maxScope))
			}
		},
	},
	{
		// At least openid.
		ID:       rule.ScopeOpenID,
		Summary:  "scope has the word openid.",
		Reason:   "These clients are OpenID Connect clients.",
		Bad:      `{"scope": "accounts"}`,
		Good:     `{"scope": "openid accounts"}`,
		Citation: dictionary("scope"),
		Basis:    BasisStricter,
		Stricter: "The text names no scope that a client must have.",
		Profiles: profilesOBIE(),
		Fix:      "add openid to scope",
		Check:    checkOpenID,
	},
	{
		// "The minimum scope should be openid + whatever scopes are appropriate ..."
		ID:       rule.ScopeOpenIDRecommended,
		Summary:  "scope has the word openid.",
		Reason:   "The vendor's document has it in the minimum scope of each client.",
		Bad:      `{"scope": "accounts"}`,
		Good:     `{"scope": "openid accounts"}`,
		Citation: vendorDocument("scope"),
		Basis:    BasisShould,
		Profiles: profilesWSO2(),
		Fix:      "add openid to scope",
		Check:    checkOpenID,
	},
	{
		ID:       rule.ScopeSupported,
		Summary:  "The bank supports each scope; if its policy leaves the others out, at least one.",
		Reason:   "A misspelt scope must not switch a check of roles off. A client without any scope can do nothing.",
		Bad:      `{"scope": "openid acounts"}`,
		Good:     `{"scope": "openid accounts"}`,
		Citation: dictionary("scope"),
		Basis:    BasisPolicy,
		Fix:      "ask for scopes of the bank's scopes_supported alone",
		Check: func(c *Case) {
			if c.Policy().CanAdjust("scope") {
				reportNoneLeft(c, "scope", c.Req().Scope.Or(claims.Scope{}).Words, c.Policy().Scopes, isScopeWord)
				return
			}
			eachScope(c, func(w string) bool { return slices.Contains(c.Policy().Scopes, w) }, func(w string) {
				c.reportUnlisted("/scope", w, c.Policy().Scopes, nearest, "names "+Echo(w)+", which this bank does not support")
			})
		},
	},
	{
		// Within what the SSA's roles allow; unknown roles allow nothing.
		ID:       rule.ScopeWithinRoles,
		Summary:  "Each scope is one that a role of the software allows.",
		Reason:   "An account information provider must not initiate payments.",
		Bad:      `{"scope": "openid payments"}`,
		Good:     `{"scope": "openid accounts"}`,
		Citation: obie("Data Mapping, scope", "data-mapping"),
		Basis:    BasisStricter,
		Stricter: "The only text about it is the Data Mapping table, which calls itself non-normative.",
		Fix:      "ask for the scopes of the software's roles alone: AISP accounts, PISP payments, CBPII fundsconfirmations",
		// This rule applies also where scope is adjustable. A bank then leaves out
		// words that it does not support, and still refuses a scope beyond the roles.
		When: func(c *Case) bool { return hasSSA(c) && c.SSA().SoftwareRoles.Valid() },
		Check: func(c *Case) {
			roles := c.SSA().SoftwareRoles.Or(claims.Roles{}).Values
			eachScope(c, func(w string) bool {
				return w == "openid" || !slices.Contains(c.Policy().Scopes, w) || rolesAllow(c.Policy(), roles, w)
			}, func(w string) {
				message := "names " + Echo(w) + ", which no role of the software allows"
				if held := joined(roles[:min(len(roles), 8)]); held != "" {
					message += "; its roles: " + held
				}
				c.ReportValue("/scope", w, "", message)
			})
		},
	},
	{
		ID:       rule.ScopeDuplicate,
		Summary:  "No scope is named twice.",
		Reason:   "The second has no effect.",
		Bad:      `{"scope": "openid accounts accounts"}`,
		Good:     `{"scope": "openid accounts"}`,
		Citation: rfc("6749", "3.3"),
		Basis:    BasisNotice,
		Fix:      "name each scope once",
		Check: func(c *Case) {
			words := c.Req().Scope.Or(claims.Scope{}).Words
			words = words[:min(len(words), maxScope)]
			for i, w := range words {
				if isScopeWord(w) && slices.Contains(words[:i], w) {
					c.ReportValue("/scope", w, "", "names "+Echo(w)+" twice")
					return
				}
			}
		},
	},
}

// eachScope calls report for each word that does not pass, once. It looks at the first words
// alone: no good scope has more.
func eachScope(c *Case, pass func(string) bool, report func(word string)) {
	words := c.Req().Scope.Or(claims.Scope{}).Words
	words = words[:min(len(words), maxScope)]
	for i, w := range words {
		if isScopeWord(w) && !pass(w) && !slices.Contains(words[:i], w) {
			report(w)
		}
	}
}

// rolesAllow reports whether one of the roles allows the scope.
func rolesAllow(p *Policy, roles []claims.Role, scope string) bool {
	for _, role := range roles {
		if slices.Contains(p.ScopesOf(role), scope) {
			return true
		}
	}
	return false
}

// scopeLength returns the length of the space-delimited form in bytes. Where the rule
// scope.syntax holds, that is its length in characters.
func scopeLength(s claims.Scope) int {
	n := max(len(s.Words)-1, 0)
	for _, w := range s.Words {
		n += len(w)
	}
	return n
}

// checkOpenID reports a scope that lacks openid.
func checkOpenID(c *Case) {
	if s, ok := c.Req().Scope.Get(); ok && !s.Has("openid") {
		c.Report("/scope", "lacks openid")
	}
}

// isScopeWord reports whether w is a scope-token of RFC 6749 section 3.3.
func isScopeWord(w string) bool {
	for i := range len(w) {
		if b := w[i]; b < 0x21 || b > 0x7e || b == '"' || b == '\\' {
			return false
		}
	}
	return w != ""
}
