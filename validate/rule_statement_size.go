package validate

import (
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/rule"
)

// statementSizeRules are the rows about the shapes and lengths of single claims. The row
// about software_client_name is among statementClaimRules.
var statementSizeRules = []Rule{
	{
		ID:       rule.SSASoftwareIDFormat,
		Summary:  "software_id has 1 to 22 letters and digits, or another shape that the bank's policy admits.",
		Reason:   "It names the software for good, and a request's iss and software_id repeat it. Other directories have identifiers of 23 to 36 characters.",
		Bad:      `{"software_id": "9b5usDpbNtmxDcTzs7GzKp9b5usD"}`,
		Good:     `{"software_id": "9b5usDpbNtmxDcTzs7GzKp"}`,
		Citation: statementClaim("software_id"),
		Basis:    BasisMust,
		Fix:      refetch,
		Check: func(c *Case) {
			if id, ok := c.SSA().SoftwareID.Get(); ok && id != "" && !c.Policy().softwareIDFits(id) {
				c.ReportValue("/software_id", id, c.Policy().softwareIDWords(), c.Policy().identifierMessage(id))
			}
		},
	},
	{
		ID:       rule.SSAOrgIDFormat,
		Summary:  "org_id has 1 to 35 letters, digits and hyphens, or another shape that the bank's policy admits.",
		Reason:   "It names the organisation for good. Other directories have identifiers of up to 36 characters.",
		Bad:      `{"org_id": "Example Ltd"}`,
		Good:     `{"org_id": "0015800001041RHAAY"}`,
		Citation: statementClaim("org_id"),
		Basis:    BasisMust,
		Fix:      refetch,
		Check: func(c *Case) {
			if id, ok := c.SSA().OrgID.Get(); ok && id != "" && !c.Policy().orgIDFits(id) {
				c.ReportValue("/org_id", id, c.Policy().orgIDWords(), "is no identifier of the directory")
			}
		},
	},
	{
		ID:       rule.SSASoftwareClientIDFormat,
		Summary:  "software_client_id, if sent, has the shape of a software_id.",
		Reason:   "It is the software_id under another name in the directory's statements.",
		Bad:      `{"software_client_id": "my-client"}`,
		Good:     `{"software_client_id": "9b5usDpbNtmxDcTzs7GzKp"}`,
		Citation: statementClaim("software_client_id"),
		Basis:    BasisShould,
		Fix:      refetch,
		Check: func(c *Case) {
			id, ok := c.SSA().SoftwareClientID.Get()
			// The software_id's own row reports what both have.
			if ok && id != "" && id != c.SSA().SoftwareID.Or("") && !c.Policy().softwareIDFits(id) {
				c.ReportValue("/software_client_id", id, c.Policy().softwareIDWords(), c.Policy().identifierMessage(id))
			}
		},
	},
	{
		ID:       rule.SSAMemberLength,
		Summary:  "Each claim is no longer than the directory's model has it.",
		Reason:   "A bank may store or show it cut.",
		Bad:      `{"software_on_behalf_of_org": "a{41}"}`,
		Good:     `{"software_on_behalf_of_org": "Another Ltd"}`,
		Citation: statementClaim("sizes"),
		Basis:    BasisShould,
		Fix:      "shorten the text at the directory and fetch a new SSA",
		Check:    checkStatementLengths,
	},
}

// identifierMessage says what is wrong with a software_id: its length alone, or its shape.
func (p *Policy) identifierMessage(id string) string {
	if isBase62(id) && len(id) > maxSoftwareID && slices.Contains(p.IDShapes, IDShapeOBIE) {
		return lengthMessage(id, maxSoftwareID)
	}
	return "is no identifier of the directory"
}

// sizedClaim is a claim whose length the directory's model bounds.
type sizedClaim struct {
	member func(*claims.SSA) claims.MemberValue
	most   int // characters
}

// sizedClaims are the claims whose length no other rule looks at.
var sizedClaims = []sizedClaim{
	{claims.SSAMember("software_version"), 42},
	{claims.SSAMember("software_on_behalf_of_org"), 40},
	{claims.SSAMember("org_name"), 140},
	{claims.SSAMember("software_client_description"), 256},
	{claims.SSAMember("software_client_uri"), 256},
	{claims.SSAMember("software_logo_uri"), 256},
	{claims.SSAMember("software_policy_uri"), 256},
	{claims.SSAMember("software_tos_uri"), 256},
	{claims.SSAMember("software_jwks_endpoint"), 256},
	{claims.SSAMember("software_jwks_revoked_endpoint"), 256},
	{claims.SSAMember("org_jwks_endpoint"), 256},
	{claims.SSAMember("org_jwks_revoked_endpoint"), 256},
}

func checkStatementLengths(c *Case) {
	for i := range sizedClaims {
		claim := &sizedClaims[i]
		m := claim.member(c.SSA())
		s := m.Text()
		if len(s) > claim.most && utf8.RuneCountInString(s) > claim.most {
			c.ReportValue(m.Pointer(), s, "at most "+strconv.Itoa(claim.most)+" characters", lengthMessage(s, claim.most))
		}
	}
}
