package validate

import (
	"slices"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/rule"
	"github.com/obdcr/obdcr/internal/text"
)

// grantRules are the rows about grant_types.
var grantRules = []Rule{
	{
		ID:       rule.GrantTypesRequired,
		Summary:  "grant_types is present.",
		Reason:   "OAuth's own default has no client_credentials, which every client here needs.",
		Bad:      "without grant_types",
		Good:     `{"grant_types": ["client_credentials", "authorization_code"]}`,
		Citation: dictionary("grant_types"),
		Basis:    BasisMust,
		Fix:      "list the grant types that the client uses",
		Check:    func(c *Case) { requireMember(c, c.Req().GrantTypes.Present(), "/grant_types") },
	},
	{
		ID:       rule.GrantTypesNotEmpty,
		Summary:  "grant_types has an entry.",
		Reason:   "A client with no grant type can do nothing.",
		Bad:      `{"grant_types": []}`,
		Good:     `{"grant_types": ["client_credentials", "authorization_code"]}`,
		Citation: dictionary("grant_types"),
		Basis:    BasisMust,
		Fix:      "list the grant types that the client uses",
		Check: func(c *Case) {
			if g, ok := c.Req().GrantTypes.Get(); ok && len(g) == 0 {
				c.Report("/grant_types", "is empty")
			}
		},
	},
	{
		ID:       rule.GrantTypesKnown,
		Summary:  "Each grant type is one that the specification names.",
		Reason:   "No other grant type is defined for these clients. In version 3.4 jwt-bearer is in the OpenAPI document alone, and not in the data dictionary.",
		Bad:      `{"grant_types": ["client_credentials", "authorization_code", "password"]}`,
		Good:     `{"grant_types": ["client_credentials", "authorization_code"]}`,
		Citation: dictionary("grant_types"),
		Basis:    BasisMust,
		Fix:      "use client_credentials, authorization_code and refresh_token",
		Check: func(c *Case) {
			checkGrants(c, func(g claims.GrantType) bool { return grantVersion(g) != 0 }, nearest, "is no grant type of the specification")
		},
	},
	{
		// CIBA from 3.3 on.
		ID:       rule.GrantTypesCIBAVersion,
		Summary:  "The CIBA grant type is not in versions before 3.3.",
		Reason:   "Version 3.2 has no CIBA.",
		Bad:      `{"grant_types": ["client_credentials", "authorization_code", "urn:openid:params:grant-type:ciba"]}`,
		Good:     `{"grant_types": ["client_credentials", "authorization_code"]}`,
		Citation: dictionary32("grant_types"),
		Basis:    BasisMust,
		Profiles: profilesBefore33(),
		Fix:      "leave the grant type out, or ask the bank for version 3.3",
		Check: func(c *Case) {
			checkGrants(c, func(g claims.GrantType) bool { return g != claims.CIBA }, nil, "belongs to version 3.3 and later")
		},
	},
	{
		// jwt-bearer from 3.4 on.
		ID:       rule.GrantTypesJWTBearerVersion,
		Summary:  "The jwt-bearer grant type is not in versions before 3.4.",
		Reason:   "Only the OpenAPI document of version 3.4 lists it. No version's data dictionary does, though requests in the wild have it.",
		Bad:      `{"grant_types": ["client_credentials", "authorization_code", "urn:ietf:params:oauth:grant-type:jwt-bearer"]}`,
		Good:     `{"grant_types": ["client_credentials", "authorization_code"]}`,
		Citation: dictionary("grant_types"),
		Basis:    BasisMust,
		Profiles: profilesBefore34(),
		Fix:      "leave the grant type out, or ask the bank for version 3.4",
		Check: func(c *Case) {
			checkGrants(c, func(g claims.GrantType) bool { return g != claims.JWTBearer }, nil, "belongs to version 3.4 and later")
		},
	},
	{
		ID:       rule.GrantTypesSupported,
		Summary:  "The bank supports each grant type; if its policy leaves the others out, at least one.",
		Reason:   "The client could not use it otherwise, and a client without any can do nothing.",
		Bad:      `{"grant_types": ["client_credentials", "authorization_code", "refresh_token"]}`,
		Good:     `{"grant_types": ["client_credentials", "authorization_code"]}`,
		Given:    Given{Policy: `{"grant_types": ["client_credentials", "authorization_code"]}`},
		Citation: dictionary("grant_types"),
		Basis:    BasisPolicy,
		Fix:      "list grant types of the bank's grant_types_supported alone",
		Check: func(c *Case) {
			if c.Policy().CanAdjust("grant_types") {
				in := func(g claims.GrantType) bool { return inProfile(c.Profile(), g) }
				reportNoneLeft(c, "grant_types", c.Req().GrantTypes.Or(nil), c.Policy().GrantTypes, in)
				return
			}
			checkGrants(c, func(g claims.GrantType) bool {
				return !inProfile(c.Profile(), g) || slices.Contains(c.Policy().GrantTypes, g)
			}, sameButSpelling, "is not supported by this bank")
		},
	},
	{
		ID:       rule.GrantTypesDuplicate,
		Summary:  "No grant type is listed twice.",
		Reason:   "The second has no effect.",
		Bad:      `{"grant_types": ["client_credentials", "authorization_code", "client_credentials"]}`,
		Good:     `{"grant_types": ["client_credentials", "authorization_code"]}`,
		Citation: rfc("7591", "2"),
		Basis:    BasisNotice,
		Fix:      "list each grant type once",
		Check:    func(c *Case) { checkTwice(c, c.Req().GrantTypes.Or(nil), "/grant_types") },
	},
}

// grantVersion returns the minor version of OBIE DCR 3 that introduced a grant type. It
// is 0 for a grant type that no version has.
func grantVersion(g claims.GrantType) int {
	switch g {
	case claims.ClientCredentials, claims.AuthorizationCode, claims.RefreshToken:
		return 2
	case claims.CIBA:
		return 3
	case claims.JWTBearer:
		return 4
	}
	return 0
}

// inProfile reports whether a profile has a grant type.
func inProfile(p Profile, g claims.GrantType) bool {
	most := 2
	switch p {
	case OBIE33:
		most = 3
	case OBIE34:
		most = 4
	}
	v := grantVersion(g)
	return v != 0 && v <= most
}

// checkGrants reports each grant type that does not pass, and which the bank takes unless
// like is nil.
func checkGrants(c *Case, pass func(claims.GrantType) bool, like likeness, message string) {
	l := listReport{c: c, base: "/grant_types"}
	for i, g := range c.Req().GrantTypes.Or(nil) {
		switch {
		case pass(g):
		case like == nil:
			l.add(i, string(g), "", message)
		default:
			c.reportUnlisted(l.at(i), string(g), text.Strings(c.Policy().GrantTypes), like, message)
		}
	}
}

// checkTwice reports entries that stand earlier in the list as well. It looks at the
// first entries alone: no good list is longer.
func checkTwice[T ~string](c *Case, list []T, pointer string) {
	const most = 32
	l := listReport{c: c, base: pointer}
	for i, v := range list[:min(len(list), most)] {
		if slices.Contains(list[:i], v) {
			l.add(i, string(v), "", "is listed twice")
		}
	}
}

// responseTypeRules are the rows about response_types.
var responseTypeRules = []Rule{
	{
		// A request without the member means code id_token.
		ID: rule.ResponseTypesDefault,
		Summary: "Without response_types a client of the authorization_code grant is registered with the bank's default: " +
			"code id_token, or code at a bank that supports nothing else.",
		Reason:   "The sender should know what it asks for: OAuth's own default is code.",
		Bad:      "without response_types",
		Good:     `{"response_types": ["code id_token"]}`,
		Citation: dictionary("response_types"),
		Basis:    BasisNotice,
		Fix:      "list the response types that the client uses",
		When:     usesCode, // no other grant needs one
		Check: func(c *Case) {
			if !c.Req().ResponseTypes.Present() {
				c.Report("/response_types", "is left out: the bank's default is registered")
			}
		},
	},
	{
		ID:       rule.ResponseTypesNotEmpty,
		Summary:  "response_types, if sent with the authorization_code grant, has an entry.",
		Reason:   "A client that sends users to the bank needs a response type.",
		Bad:      `{"response_types": []}`,
		Good:     `{"response_types": ["code id_token"]}`,
		Citation: dictionary("response_types"),
		Basis:    BasisStricter,
		Stricter: "The text has 0..* response types.",
		Fix:      "list code id_token or code, or leave the member out",
		When:     func(c *Case) bool { return usesCode(c) },
		Check: func(c *Case) {
			if t, ok := c.Req().ResponseTypes.Get(); ok && len(t) == 0 {
				c.Report("/response_types", "is empty")
			}
		},
	},
	{
		ID:       rule.ResponseTypesKnown,
		Summary:  "Each response type is code or code id_token.",
		Reason:   "With any other, tokens travel through the browser.",
		Bad:      `{"response_types": ["token"]}`,
		Good:     `{"response_types": ["code id_token"]}`,
		Citation: dictionary("response_types"),
		Basis:    BasisMust,
		Fix:      "use code id_token, or code",
		Check: func(c *Case) {
			checkResponseTypes(c, knownResponseType, "is not code or code id_token")
		},
	},
	{
		// A bank may refuse all but code.
		ID:       rule.ResponseTypesSupported,
		Summary:  "The bank supports each response type; if its policy leaves the others out, at least one.",
		Reason:   "A bank may support one of the two alone.",
		Bad:      `{"response_types": ["code"]}`,
		Good:     `{"response_types": ["code id_token"]}`,
		Given:    Given{Policy: `{"response_types": ["code id_token"]}`},
		Citation: dictionary("response_types"),
		Basis:    BasisPolicy,
		Fix:      "list response types of the bank's response_types_supported alone",
		Check: func(c *Case) {
			if c.Policy().CanAdjust("response_types") {
				reportNoneLeft(c, "response_types", c.Req().ResponseTypes.Or(nil), c.Policy().ResponseTypes, knownResponseType)
				return
			}
			checkResponseTypes(c, func(t claims.ResponseType) bool {
				return !knownResponseType(t) || slices.Contains(c.Policy().ResponseTypes, t)
			}, "is not supported by this bank")
		},
	},
	{
		ID:       rule.ResponseTypesConsistent,
		Summary:  "Response types that return a code come with the grant type authorization_code.",
		Reason:   "A code that cannot be exchanged is of no use.",
		Bad:      `{"grant_types": ["client_credentials"]}`,
		Good:     `{"grant_types": ["client_credentials", "authorization_code"]}`,
		Given:    Given{Request: `{"response_types": ["code"]}`},
		Citation: rfc("7591", "2.1"),
		Basis:    BasisStricter,
		Stricter: "RFC 7591 recommends that a bank refuses it, and does not demand it.",
		Fix:      "add authorization_code to grant_types, or leave the response type out",
		When:     func(c *Case) bool { return len(c.Req().GrantTypes.Or(nil)) > 0 },
		Check: func(c *Case) {
			if !usesCode(c) && slices.ContainsFunc(c.Req().ResponseTypes.Or(nil), knownResponseType) {
				c.Report("/response_types", "returns a code, but grant_types has no authorization_code")
			}
		},
	},
	{
		ID:       rule.ResponseTypesDuplicate,
		Summary:  "No response type is listed twice.",
		Reason:   "The second has no effect.",
		Bad:      `{"response_types": ["code", "code"]}`,
		Good:     `{"response_types": ["code", "code id_token"]}`,
		Citation: rfc("7591", "2"),
		Basis:    BasisNotice,
		Fix:      "list each response type once",
		Check:    func(c *Case) { checkTwice(c, c.Req().ResponseTypes.Or(nil), "/response_types") },
	},
}

// usesCode reports whether the request asks for the authorization_code grant.
func usesCode(c *Case) bool {
	return slices.Contains(c.Req().GrantTypes.Or(nil), claims.AuthorizationCode)
}

// knownResponseType reports whether the data dictionary names the response type.
func knownResponseType(t claims.ResponseType) bool {
	return t == claims.Code || t == claims.CodeIDToken
}

// checkResponseTypes reports each response type that does not pass.
func checkResponseTypes(c *Case, pass func(claims.ResponseType) bool, message string) {
	l := listReport{c: c, base: "/response_types"}
	for i, t := range c.Req().ResponseTypes.Or(nil) {
		if !pass(t) {
			c.reportUnlisted(l.at(i), string(t), text.Strings(c.Policy().ResponseTypes), nearest, message)
		}
	}
}
