package validate

import (
	"slices"
	"strings"

	"github.com/obdcr/obdcr/internal/rule"
)

// deniedRules are the rows about the bank's deny lists. The row of an empty list does
// not apply.
var deniedRules = []Rule{
	{
		ID:       rule.SSADeniedJTI,
		Summary:  "The statement is not on the bank's deny list.",
		Reason:   "A single statement can be withdrawn while its signature still holds.",
		Bad:      `{"jti": "3d1b3595efac4e36"}`,
		Good:     `{"jti": "59c5ed5d1a2f4b7e"}`,
		Given:    Given{Policy: `{"denied_statements": ["3d1b3595efac4e36"]}`},
		Citation: rfc("7591", "3.2.2"),
		Basis:    BasisPolicy,
		Fix:      "fetch a fresh SSA; if that one is refused too, ask the bank",
		When:     func(c *Case) bool { return len(c.Policy().DeniedStatements) > 0 },
		Check: func(c *Case) {
			jti, ok := c.SSA().JWTID.Get()
			if ok && slices.ContainsFunc(c.Policy().DeniedStatements, func(s string) bool { return strings.EqualFold(s, jti) }) {
				c.ReportValue("/jti", jti, "", "is denied by this bank")
			}
		},
	},
	{
		ID:       rule.SSADeniedSoftware,
		Summary:  "The software is not on the bank's deny list.",
		Reason:   "A bank can refuse one software of an organisation, whatever the directory says of it.",
		Bad:      `{"software_id": "aaaaaaaaaaaaaaaaaaaaaa"}`,
		Good:     `{"software_id": "9b5usDpbNtmxDcTzs7GzKp"}`,
		Given:    Given{Policy: `{"denied_software": ["aaaaaaaaaaaaaaaaaaaaaa"]}`},
		Citation: rfc("7591", "3.2.2"),
		Basis:    BasisPolicy,
		Fix:      "ask the bank why it denies the software",
		When:     func(c *Case) bool { return len(c.Policy().DeniedSoftware) > 0 },
		Check: func(c *Case) {
			if id, ok := softwareID(c); ok && slices.Contains(c.Policy().DeniedSoftware, id) {
				c.ReportValue("/software_id", id, "", "is denied by this bank")
			}
		},
	},
	{
		ID:       rule.SSADeniedOrganisation,
		Summary:  "The organisation is not on the bank's deny list.",
		Reason:   "A bank can refuse an organisation, whatever the directory says of it.",
		Bad:      `{"org_id": "0015800001041RHAAY"}`,
		Good:     `{"org_id": "0015800001ZZZZZAAA"}`,
		Given:    Given{Policy: `{"denied_organisations": ["0015800001041RHAAY"]}`},
		Citation: rfc("7591", "3.2.2"),
		Basis:    BasisPolicy,
		Fix:      "ask the bank why it denies the organisation",
		When:     func(c *Case) bool { return len(c.Policy().DeniedOrganisations) > 0 },
		Check: func(c *Case) {
			if id, ok := c.SSA().OrgID.Get(); ok && slices.Contains(c.Policy().DeniedOrganisations, id) {
				c.ReportValue("/org_id", id, "", "is denied by this bank")
			}
		},
	},
}
