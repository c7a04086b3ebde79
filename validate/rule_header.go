package validate

import (
	"slices"
	"strings"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/rule"
	"github.com/obdcr/obdcr/internal/text"
)

// maxKeyID is the greatest length of a kid. The specification sets no limit. A kid is an
// index into a key set and never needs more.
const maxKeyID = 128

// headerRules are the rows about the JOSE header of the request JWT.
var headerRules = []Rule{
	{
		ID:       rule.HeaderAlgRequired,
		Summary:  "The request's header names its algorithm.",
		Reason:   "Without alg nobody knows how to check the signature.",
		Bad:      "without alg",
		Good:     `{"alg": "PS256"}`,
		Citation: rfc("7515", "4.1.1"),
		Basis:    BasisMust,
		Fix:      "sign with PS256 or ES256 and name it in alg",
		Check:    func(c *Case) { requireMember(c, c.Header().Algorithm.Present(), "/alg") },
	},
	{
		// FAPI 8.6: PS256 or ES256, never none.
		ID:       rule.HeaderAlg,
		Summary:  "The request is signed with PS256 or ES256, or with what the bank's policy names besides.",
		Reason:   "none and HMAC prove nothing about the sender, and FAPI retired RS256.",
		Bad:      `{"alg": "RS256"}`,
		Good:     `{"alg": "PS256"}`,
		Citation: fapi("8.6"),
		Basis:    BasisMust,
		Fix:      "sign the request with PS256 or ES256",
		Check:    func(c *Case) { checkSigningAlgorithm(c, c.Header()) },
	},
	{
		ID:       rule.HeaderKIDRequired,
		Summary:  "The request's header names the signing key.",
		Reason:   "The key is looked up by kid in the directory's JWKS of the software.",
		Bad:      "without kid",
		Good:     `{"kid": "hcgex1mTXPpA8QBZkqLRMv7WFY0"}`,
		Citation: rfc("7515", "4.1.4"),
		Basis:    BasisStricter,
		Stricter: "RFC 7515 makes kid optional, and the OBIE text leaves it open how the key is found.",
		Fix:      "put the kid of the software's signing key into the header, not into the payload",
		Check:    func(c *Case) { requireMember(c, c.Header().KeyID.Present(), "/kid") },
	},
	{
		ID:       rule.HeaderKIDFormat,
		Summary:  "kid has 1 to 128 characters.",
		Reason:   "A kid is an opaque index into a key set: an empty one names no key, and none needs more than 128 characters.",
		Bad:      `{"kid": ""}`,
		Good:     `{"kid": "hcgex1mTXPpA8QBZkqLRMv7WFY0"}`,
		Citation: rfc("7515", "4.1.4"),
		Basis:    BasisStricter,
		Stricter: "RFC 7515 sets no length.",
		Fix:      "copy the kid of the signing key from the software's JWKS",
		Check:    func(c *Case) { checkKeyID(c, c.Header()) },
	},
	{
		ID:       rule.HeaderTyp,
		Summary:  "typ is absent, or JWT or application/jwt in any case.",
		Reason:   "A token of another type must not pass for a registration request.",
		Bad:      `{"typ": "at+jwt"}`,
		Good:     `{"typ": "JWT"}`,
		Citation: rfc("7519", "5.1"),
		Basis:    BasisStricter,
		Stricter: "RFC 7519 leaves it to the application whether typ matters.",
		Fix:      "leave typ out or set it to JWT",
		Check:    func(c *Case) { checkType(c, c.Header()) },
	},
	{
		ID:       rule.HeaderTypSpelling,
		Summary:  "typ, if sent, is spelled JWT.",
		Reason:   "RFC 7519 recommends upper case without a prefix, and some banks take nothing else.",
		Bad:      `{"typ": "jwt"}`,
		Good:     `{"typ": "JWT"}`,
		Citation: rfc("7519", "5.1"),
		Basis:    BasisNotice,
		Fix:      "set typ to JWT",
		Check:    func(c *Case) { checkTypeSpelling(c, c.Header()) },
	},
	{
		ID:       rule.HeaderCrit,
		Summary:  "The header asks for no extension: no crit, b64, zip or enc.",
		Reason:   "An extension that the receiver does not know changes what the signature covers.",
		Bad:      `{"b64": false, "crit": ["b64"]}`,
		Good:     "without crit, b64, zip, enc",
		Citation: rfc("7515", "4.1.11"),
		Basis:    BasisStricter,
		Stricter: "RFC 7515 refuses an unknown crit alone, and ignores the others.",
		Fix:      "leave crit, b64, zip and enc out of the header",
		Check: func(c *Case) {
			checkNoMembers(c, c.Header(), extensionMember, "asks for an extension that is not supported")
		},
	},
	{
		ID:       rule.HeaderEmbeddedKey,
		Summary:  "The header carries no key and no address of one: no jwk, jku, x5u, x5c or other x5 member but the digests x5t and x5t#S256.",
		Reason:   "A key that comes with the token proves nothing: the directory's JWKS is the only source.",
		Bad:      `{"jku": "https://tpp.example/keys.jwks"}`,
		Good:     "without jwk, jku, x5u, x5c",
		Citation: keyRules(),
		Basis:    BasisMust,
		Fix:      "name the key by kid alone",
		Check:    func(c *Case) { checkNoKeys(c, c.Header()) },
	},
	{
		ID:       rule.HeaderUnknownMember,
		Summary:  "Other members of the header are ignored.",
		Reason:   "A claim that was put into the header by mistake has no effect there.",
		Bad:      `{"iss": "9b5usDpbNtmxDcTzs7GzKp"}`,
		Good:     "without iss",
		Citation: rfc("7515", "4"),
		Basis:    BasisNotice,
		Fix:      "leave the member out, or move it to the payload",
		Check:    func(c *Case) { checkUnknownHeader(c, c.Header()) },
	},
	{
		ID:       rule.HeaderMemberType,
		Summary:  "alg, kid and typ are strings. x5t and x5t#S256 are digests of 20 and 32 octets in base64url.",
		Reason:   "A member of another type cannot be read, and a digest of another form is none.",
		Bad:      `{"kid": 7}`,
		Good:     `{"kid": "7"}`,
		Citation: rfc("7515", "4.1"),
		Basis:    BasisMust,
		Fix:      "send the member as a string, or leave x5t and x5t#S256 out",
		Check:    func(c *Case) { reportFaults(c, DocHeader, everyMember) },
	},
}

// checkSigningAlgorithm reports an alg that may sign neither requests nor
// statements.
func checkSigningAlgorithm(c *Case, h *claims.Header) {
	alg, ok := h.Algorithm.Get()
	if ok && !slices.Contains(c.Policy().SigningAlgorithms, claims.Algorithm(alg)) {
		c.reportUnlisted("/alg", alg, text.Strings(c.Policy().SigningAlgorithms), sameButSpelling, "is not an algorithm that may sign here")
	}
}

// checkKeyID reports a kid that is empty or too long.
func checkKeyID(c *Case, h *claims.Header) {
	if kid, ok := h.KeyID.Get(); ok && (kid == "" || len(kid) > maxKeyID) {
		c.ReportValue("/kid", kid, "1 to 128 characters", lengthMessage(kid, maxKeyID))
	}
}

// checkType reports a typ that is not of a JWT.
func checkType(c *Case, h *claims.Header) {
	if typ, ok := h.Type.Get(); ok && !text.IsJWT(typ) {
		c.ReportValue("/typ", typ, "JWT", "is the type of another kind of token")
	}
}

// checkTypeSpelling reports a typ of a JWT that is not spelled as RFC 7519 recommends.
func checkTypeSpelling(c *Case, h *claims.Header) {
	if typ, ok := h.Type.Get(); ok && typ != "JWT" && text.IsJWT(typ) {
		c.ReportValue("/typ", typ, "JWT", "is another spelling of JWT")
	}
}

// checkNoMembers reports every header member whose name is forbidden.
func checkNoMembers(c *Case, h *claims.Header, forbidden func(string) bool, message string) {
	for _, name := range h.Members {
		if forbidden(name) {
			c.ReportValue(pointerTo(name), "present", "absent", message)
		}
	}
}

// checkNoKeys reports every header member that is a key, or that may lead to one.
func checkNoKeys(c *Case, h *claims.Header) {
	checkNoMembers(c, h, keyMember, "carries a key or the address of one")
	checkNoMembers(c, h, certificateMember, "is not known, and its name is that of a member about certificates")
}

// checkUnknownHeader reports members that no rule looks at.
func checkUnknownHeader(c *Case, h *claims.Header) {
	for _, name := range h.Members {
		switch name {
		case "alg", "kid", "typ", "x5t", "x5t#S256":
		default:
			if !extensionMember(name) && !keyMember(name) && !certificateMember(name) {
				c.Report(pointerTo(name), "is ignored")
			}
		}
	}
}

// extensionMember reports whether a header member changes how the token is read.
func extensionMember(name string) bool {
	switch name {
	case "crit", "b64", "zip", "enc":
		return true
	}
	return false
}

// keyMember reports whether a header member is a key or the address of one.
func keyMember(name string) bool {
	switch name {
	case "jwk", "jku", "x5c", "x5u":
		return true
	}
	return false
}

// certificateMember reports whether a header member has the name of one about certificates
// and is none that RFC 7515 has. x5t and x5t#S256 are digests of a certificate (sections
// 4.1.7 and 4.1.8).
func certificateMember(name string) bool {
	return strings.HasPrefix(name, "x5") && !keyMember(name) && name != "x5t" && name != "x5t#S256"
}
