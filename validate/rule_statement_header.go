package validate

import "github.com/obdcr/obdcr/internal/rule"

// statementHeaderRules are the rows about the JOSE header of the software statement.
// statementTrustRules has the rows about its key and its signature.
var statementHeaderRules = []Rule{
	{
		ID:       rule.SSAHeaderAlgRequired,
		Summary:  "The statement's header names its algorithm.",
		Reason:   "Without alg nobody knows how to check the directory's signature.",
		Example:  `{"kid": "Hza9v5bgDJcOnhcUZ7BMwbSL", "typ": "JWT"}`,
		Citation: rfc("7515", "4.1.1"),
		Fix:      "fetch the software statement from the directory again and send it byte for byte",
		Check:    func(c *Case) { requireMember(c, c.SSAHeader().Algorithm.Present(), "/alg") },
	},
	{
		ID:       rule.SSAHeaderAlg,
		Summary:  "The statement is signed with PS256 or ES256, or with what the bank's policy names besides.",
		Reason:   "An unsigned statement, or one under HMAC, can be written by anybody.",
		Example:  `{"alg": "none"}`,
		Citation: fapiRW("8.6"),
		Fix:      "use the statement that the directory signed, byte for byte",
		Check:    func(c *Case) { checkSigningAlgorithm(c, c.SSAHeader()) },
	},
	{
		ID:       rule.SSAHeaderKIDRequired,
		Summary:  "The statement's header names the directory's key.",
		Reason:   "The key is looked up by kid in the directory's JWKS.",
		Example:  `{"alg": "PS256", "typ": "JWT"}`,
		Citation: statementModel("JOSE header, kid"),
		Fix:      "fetch the software statement from the directory again and send it byte for byte",
		Check:    func(c *Case) { requireMember(c, c.SSAHeader().KeyID.Present(), "/kid") },
	},
	{
		ID:       rule.SSAHeaderKIDFormat,
		Summary:  "kid has 1 to 128 characters.",
		Reason:   "A kid is an opaque index into a key set; an empty one names no key.",
		Example:  `{"alg": "PS256", "kid": ""}`,
		Citation: rfc("7515", "4.1.4"),
		Fix:      "fetch the software statement from the directory again and send it byte for byte",
		Check:    func(c *Case) { checkKeyID(c, c.SSAHeader()) },
	},
	{
		ID:       rule.SSAHeaderTyp,
		Summary:  "typ is absent or JWT.",
		Reason:   "A token of another type must not pass for a software statement.",
		Example:  `{"alg": "PS256", "typ": "at+jwt"}`,
		Citation: rfc("7519", "5.1"),
		Fix:      "send the software statement, not another token of the directory",
		Check:    func(c *Case) { checkType(c, c.SSAHeader()) },
	},
	{
		ID:       rule.SSAHeaderCrit,
		Summary:  "The header asks for no extension: no crit, b64, zip or enc.",
		Reason:   "An extension that the receiver does not know changes what the signature covers.",
		Example:  `{"alg": "PS256", "b64": false, "crit": ["b64"]}`,
		Citation: rfc("7515", "4.1.11"),
		Fix:      "use the statement that the directory signed, byte for byte",
		Check: func(c *Case) {
			checkNoMembers(c, c.SSAHeader(), extensionMember, "asks for an extension that is not supported")
		},
	},
	{
		ID:       rule.SSAHeaderEmbeddedKey,
		Summary:  "The header carries no key and no address of one: no jwk, jku, x5u, x5c, x5t.",
		Reason:   "A statement that brings its own key is self-signed, whatever its issuer says.",
		Example:  `{"alg": "PS256", "jwk": {"kty": "RSA"}}`,
		Citation: statementModel("JOSE header"),
		Fix:      "use the statement that the directory signed, byte for byte",
		Check:    func(c *Case) { checkNoMembers(c, c.SSAHeader(), keyMember, "carries a key or the address of one") },
	},
	{
		ID:       rule.SSAHeaderUnknownMember,
		Summary:  "Other members of the statement's header are ignored.",
		Reason:   "They have no effect.",
		Example:  `{"alg": "PS256", "kid": "k", "cty": "json"}`,
		Citation: rfc("7515", "4"),
		Severity: SeverityNotice,
		Fix:      "nothing: the directory wrote it",
		Check:    func(c *Case) { checkUnknownHeader(c, c.SSAHeader()) },
	},
	{
		ID:       rule.SSAHeaderMemberType,
		Summary:  "alg, kid and typ are strings.",
		Reason:   "A member of another type cannot be read.",
		Example:  `{"alg": "PS256", "kid": 7}`,
		Citation: rfc("7515", "4.1"),
		Fix:      "fetch the software statement from the directory again and send it byte for byte",
		Check:    func(c *Case) { reportFaults(c, DocSSAHeader, everyMember) },
	},
}
