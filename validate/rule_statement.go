package validate

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/rule"
)

// refetch is the fix for a fault that only the directory can correct.
const refetch = "fetch the software statement from the directory again and send it byte for byte"

// statementMemberRules are the rows about the request's member that holds the
// statement. A server notices such a fault when it parses the statement.
var statementMemberRules = []Rule{
	{
		ID:       rule.SoftwareStatementRequired,
		Summary:  "software_statement is present.",
		Reason:   "Without the directory's word nothing in the request can be trusted.",
		Bad:      "without software_statement",
		Good:     `{"software_statement": "eyJhbGciOiJQUzI1NiJ9.e30.c2ln"}`,
		Citation: dictionary("software_statement"),
		Basis:    BasisMust,
		Step:     StepParseSSA,
		Code:     InvalidSoftwareStatement,
		Fix:      "put the statement that the directory issued into software_statement, byte for byte",
		Check:    func(c *Case) { requireMember(c, c.Req().SoftwareStatement.Present(), "/software_statement") },
	},
	{
		ID:       rule.SoftwareStatementType,
		Summary:  "software_statement is a string.",
		Reason:   "The statement is sent as the compact JWS that the directory signed.",
		Bad:      `{"software_statement": {"software_id": "9b5usDpbNtmxDcTzs7GzKp"}}`,
		Good:     `{"software_statement": "eyJhbGciOiJQUzI1NiJ9.e30.c2ln"}`,
		Citation: dictionary("software_statement"),
		Basis:    BasisMust,
		Step:     StepParseSSA,
		Code:     InvalidSoftwareStatement,
		Fix:      "put the statement that the directory issued into software_statement, byte for byte",
		Check: func(c *Case) {
			reportFaults(c, DocRequest, func(p string) bool { return within(p, "/software_statement") })
		},
	},
	{
		// A compact JWS of the directory, byte for byte.
		ID:       rule.SSAJWS,
		Summary:  "software_statement is a compact JWS with one strict JSON object for a payload.",
		Reason:   "Anything else was not signed by the directory, or was changed on the way.",
		Bad:      `{"software_statement": "eyJhbGciOiJub25lIn0.e30"}`,
		Good:     `{"software_statement": "eyJhbGciOiJQUzI1NiJ9.e30.c2ln"}`,
		Citation: rfc("7515", "7.1"),
		Basis:    BasisMust,
		Step:     StepParseSSA,
		Code:     InvalidSoftwareStatement,
		Fix:      "send the statement byte for byte: three base64url parts, no line break",
	},
}

// statementRules are the rows about the shape of a statement's claims.
func statementRules() []Rule {
	return slices.Concat(statementTypeRules, statementRequired(), statementSizeRules, statementClaimRules)
}

// statementTypeRules are the rows about claims of the wrong type.
var statementTypeRules = []Rule{
	{
		ID:       rule.SSAMemberType,
		Summary:  "Each claim has the JSON type that the directory's model gives it.",
		Reason:   "A claim of another type cannot be read, so no other rule looks at it.",
		Bad:      `{"org_name": 7}`,
		Good:     `{"org_name": "Money Ltd"}`,
		Citation: directory("SSA Payload"),
		Basis:    BasisMust,
		Fix:      refetch,
		Check: func(c *Case) {
			reportFaults(c, DocSSA, func(p string) bool { return !within(p, asSent("/software_redirect_uris", claimNames(c.in, c.policy))) })
		},
	},
	{
		ID:       rule.SSASoftwareRedirectURIsType,
		Summary:  "software_redirect_uris is an array of strings.",
		Reason:   "A list that cannot be read must not count as one that allows anything.",
		Bad:      `{"software_redirect_uris": "https://app.example.com/cb"}`,
		Good:     `{"software_redirect_uris": ["https://app.example.com/cb"]}`,
		Citation: statementClaim("software_redirect_uris"),
		Basis:    BasisMust,
		Code:     InvalidRedirectURI,
		Fix:      refetch,
		Check: func(c *Case) {
			reportFaults(c, DocSSA, func(p string) bool { return within(p, asSent("/software_redirect_uris", claimNames(c.in, c.policy))) })
		},
	},
}

// statementClaimRules are the rows about the values of single claims.
var statementClaimRules = []Rule{
	{
		ID:       rule.SSASoftwareClientIDDiffers,
		Summary:  "software_client_id equals software_id.",
		Reason:   "It does in the OBIE directory's statements; banks use either.",
		Bad:      `{"software_client_id": "other"}`,
		Good:     `{"software_client_id": "9b5usDpbNtmxDcTzs7GzKp"}`,
		Citation: statementClaim("software_client_id"),
		Basis:    BasisNotice,
		Fix:      "nothing, if the directory wrote it so",
		Check: func(c *Case) {
			id, ok := c.SSA().SoftwareID.Get()
			client, both := c.SSA().SoftwareClientID.Get()
			if ok && both && id != client {
				c.ReportValue("/software_client_id", client, Echo(id), "is not the software_id")
			}
		},
	},
	{
		ID:       rule.SSASoftwareClientNameLength,
		Summary:  "software_client_name has at most 40 characters.",
		Reason:   "The directory's form takes no more, and bank screens are made for that.",
		Bad:      `{"software_client_name": "A name that goes on, and on, and on, and on"}`,
		Good:     `{"software_client_name": "Money & More"}`,
		Citation: statementClaim("software_client_name"),
		Basis:    BasisShould,
		Fix:      "shorten the name at the directory",
		Check: func(c *Case) {
			if name, ok := c.SSA().SoftwareClientName.Get(); ok && name != "" {
				checkLength(c, claims.Some(name), "/software_client_name", 40)
			}
		},
	},
	{
		ID:       rule.SSASoftwareRolesArray,
		Summary:  "software_roles is an array, unless the bank's policy takes a string too.",
		Reason:   "The OBIE directory sends an array; other directories a space-separated string.",
		Bad:      `{"software_roles": "AISP"}`,
		Good:     `{"software_roles": ["AISP"]}`,
		Citation: statementClaim("software_roles"),
		Basis:    BasisMust,
		Fix:      "use a statement of the directory that the bank trusts",
		When:     func(c *Case) bool { return !c.Policy().RolesAsString },
		Check: func(c *Case) {
			if roles, ok := c.SSA().SoftwareRoles.Get(); ok && roles.Text {
				c.ReportValue("/software_roles", "string", "array", wrongType("string", "array"))
			}
		},
	},
	{
		// Unknown roles allow nothing.
		ID:       rule.SSASoftwareRolesKnown,
		Summary:  "Each role is one that the bank's role map has; others allow nothing.",
		Reason:   "A misspelt role must not open every API.",
		Bad:      `{"software_roles": ["AISP", "AIPS"]}`,
		Good:     `{"software_roles": ["AISP"]}`,
		Citation: statementClaim("software_roles"),
		Basis:    BasisShould,
		Fix:      "correct the role at the directory, or expect no scope from it",
		Check: func(c *Case) {
			l := listReport{c: c, base: "/software_roles"}
			for i, role := range c.SSA().SoftwareRoles.Or(claims.Roles{}).Values {
				if c.Policy().ScopesOf(role) == nil {
					c.reportUnlisted(l.at(i), string(role), knownRoles, nearest, "is not known and allows nothing")
				}
			}
		},
	},
	{
		ID:       rule.SSAAttributesRequired,
		Summary:  "The statement has every claim that the bank's application attributes require.",
		Reason:   "The bank stores the claim on the application.",
		Bad:      "without org_name",
		Good:     `{"org_name": "Money Ltd"}`,
		Given:    Given{Policy: `{"attributes": [{"name": "org_name", "claim": "org_name", "required": true}]}`},
		Citation: rfc("7591", "2.3"),
		Basis:    BasisPolicy,
		Fix:      "complete the software at the directory and fetch a new SSA",
		When:     func(c *Case) bool { return requiresAttributes(c.Policy()) },
		Check:    checkAttributes,
	},
	{
		ID:       rule.SSAUnknownMember,
		Summary:  "Claims that the directory's model does not name are ignored.",
		Reason:   "They are kept in the statement and have no effect.",
		Bad:      `{"software_colour": "green"}`,
		Good:     "without software_colour",
		Citation: directory("SSA Payload"),
		Basis:    BasisNotice,
		Fix:      "nothing: the directory wrote it",
		Check: func(c *Case) {
			for _, m := range c.SSA().Unknown {
				c.reportUnknown(m.Name, statementMembers, statementNames, "if the directory can, have it name the claim ")
			}
		},
	},
}

// statementRequired are the rows about claims that must be there and must not be empty.
func statementRequired() []Rule {
	var rows []Rule
	for _, claim := range [...]struct {
		id, name, good, reason string // good is a value in JSON
		basis                  Basis
		cite                   Citation // none means the directory's row of the claim
	}{
		{rule.SSAIssRequired, "iss", `"OpenBanking Ltd"`, "It says which directory issued the statement.", BasisMust, rfc("7591", "2.3")},
		{rule.SSAIatRequired, "iat", "1700000000", "The age of a statement is counted from it.", BasisStricter, Citation{}},
		{rule.SSAJTIRequired, "jti", `"3d1b3595efac4e36"`, "It tells one statement from another.", BasisStricter, Citation{}},
		{rule.SSASoftwareIDRequired, "software_id", `"9b5usDpbNtmxDcTzs7GzKp"`, "It says which software the statement is about.", BasisStricter, Citation{}},
		{rule.SSASoftwareClientNameRequired, "software_client_name", `"Money & More"`, "The application is named after it.", BasisStricter, Citation{}},
		{rule.SSASoftwareRedirectURIsRequired, "software_redirect_uris", `["https://app.example.com/cb"]`,
			"A missing or empty list must not count as one that allows anything.", BasisStricter, Citation{}},
		{rule.SSASoftwareRolesRequired, "software_roles", `["AISP"]`, "Without a role the software may use no API.", BasisStricter, Citation{}},
		{rule.SSASoftwareJWKSEndpointRequired, "software_jwks_endpoint", `"https://keystore.example.org.uk/keys.jwks"`,
			"The keys that sign requests are published there.", BasisMust, directory("Request Validation")},
		{rule.SSAOrgIDRequired, "org_id", `"0015800001041RHAAY"`, "It says whose software it is.", BasisStricter, Citation{}},
		{rule.SSAOrgStatusRequired, "org_status", `"Active"`, "The directory always says whether an organisation is active.", BasisShould, Citation{}},
	} {
		var code Code // "" is the code of the table
		if claim.name == "software_redirect_uris" {
			code = InvalidRedirectURI
		}
		stricter := ""
		if claim.basis == BasisStricter {
			stricter = "The directory lists the claim, and does not say that each statement has it."
		}
		member := claims.SSAMember(claim.name)
		rows = append(rows, Rule{
			ID:       claim.id,
			Summary:  claim.name + " is present and not empty.",
			Reason:   claim.reason,
			Bad:      Example("without " + claim.name),
			Good:     Example(`{"` + claim.name + `": ` + claim.good + `}`),
			Citation: cmp.Or(claim.cite, statementClaim(claim.name)),
			Basis:    claim.basis,
			Stricter: stricter,
			Code:     code,
			Fix:      "complete the software at the directory and fetch a new SSA",
			Check: func(c *Case) {
				if claim.name == "software_id" && !c.SSA().SoftwareID.Present() && hinted(c) {
					return
				}
				switch m := member(c.SSA()); {
				case m.Present() && !m.Empty():
				case m.Present() && claim.name == "software_roles":
					c.reportFix(m.Pointer(), "", "", noRole(c), "")
				case claim.name == "software_redirect_uris":
					c.reportMissing(m.Pointer(), "is missing or empty")
				default:
					c.reportMissing(m.Pointer(), "is missing")
				}
			},
		})
	}
	return rows
}

// noRole says of software_roles what it lacks. A directory that has another name for the
// claim may send roles with a status, of which the Active ones alone are read.
func noRole(c *Case) string {
	if _, moved := claimNames(c.in, c.policy)["software_roles"]; moved {
		return "holds no role that is Active"
	}
	return "is empty"
}

// hinted reports whether the policy takes the request's software_id in place of the
// statement's.
func hinted(c *Case) bool {
	_, ok := softwareID(c)
	return ok
}

// requiresAttributes reports whether the policy requires any attribute.
func requiresAttributes(p *Policy) bool {
	return slices.ContainsFunc(p.Attributes, func(a claims.AttributeDeclaration) bool { return a.Required })
}

// checkAttributes reports absent claims that an attribute requires. Claims that every
// statement must have are left to rows of their own.
func checkAttributes(c *Case) {
	for _, a := range c.Policy().Attributes {
		switch a.Claim {
		case "iss", "iat", "jti", "software_id", "software_client_name", "software_redirect_uris",
			"software_roles", "software_jwks_endpoint", "org_id":
			continue
		}
		if m := c.SSA().Member(a.Claim); a.Required && (!m.Present() || m.Empty()) {
			c.reportMissing(m.Pointer(), "is missing, and the attribute "+strconv.Quote(Echo(a.Name))+" requires it")
		}
	}
}
