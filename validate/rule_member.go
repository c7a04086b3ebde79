package validate

import (
	"slices"
	"strings"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/rule"
)

// memberRules are the rows about members in general: members of the wrong type, unknown
// ones, those of responses, and those that the bank's policy requires or narrows.
var memberRules = []Rule{
	{
		ID:       rule.RequestMemberType,
		Summary:  "Each member has the JSON type that the data dictionary gives it.",
		Reason:   "A member of another type cannot be read, so no other rule looks at it.",
		Bad:      `{"exp": "1700000600"}`,
		Good:     `{"exp": 1700000600}`,
		Citation: dictionary(""),
		Basis:    BasisMust,
		Fix:      "send the member with the type that is wanted",
		Check: func(c *Case) {
			reportFaults(c, DocRequest, func(p string) bool {
				return !within(p, "/redirect_uris") && !within(p, "/software_statement")
			})
		},
	},
	{
		ID:       rule.RedirectURIsType,
		Summary:  "redirect_uris is an array of strings.",
		Reason:   "A list that cannot be read must not count as an empty or absent one.",
		Bad:      `{"redirect_uris": "https://app.example.com/cb"}`,
		Good:     `{"redirect_uris": ["https://app.example.com/cb"]}`,
		Citation: dictionary("redirect_uris"),
		Basis:    BasisMust,
		Code:     InvalidRedirectURI,
		Fix:      "send redirect_uris as an array of strings",
		Check: func(c *Case) {
			reportFaults(c, DocRequest, func(p string) bool { return within(p, "/redirect_uris") })
		},
	},
	{
		ID:       rule.RequestResponseMember,
		Summary:  "Members of the response alone are not in a request; an update may repeat the client_secret.",
		Reason:   "The server sets client_secret, client_id_issued_at, client_secret_expires_at and registration_*; it ignores them here.",
		Bad:      `{"client_secret": "s3cr3t"}`,
		Good:     "without client_secret",
		Citation: rfc("7591", "3.2.1"),
		Basis:    BasisNotice,
		Fix:      "leave the member out",
		Check: func(c *Case) {
			for _, m := range c.Req().Unknown {
				if responseMember(m.Name) && !notInUpdate(c, m.Name) {
					c.Report(pointerTo(m.Name), "belongs to the response and is ignored")
				}
			}
		},
	},
	{
		// The client MUST NOT include them, and client_secret MUST match.
		ID:       rule.RequestResponseMemberUpdate,
		Summary:  "An update has none of client_id_issued_at, client_secret_expires_at and registration_*, and no client_secret but the client's own.",
		Reason:   "The server sets them and ignores them here; a bank that holds to the text refuses the update.",
		Bad:      `{"client_id_issued_at": 1700000000}`,
		Good:     "without client_id_issued_at",
		Given:    Given{Update: true},
		Citation: rfc("7592", "2.2"),
		Basis:    BasisShould,
		Fix:      "send the members of the registration request alone, not those that only the response has",
		When:     func(c *Case) bool { return c.Update() != nil },
		Check: func(c *Case) {
			for _, m := range c.Req().Unknown {
				if notInUpdate(c, m.Name) {
					c.Report(pointerTo(m.Name), "must not be in an update, and is ignored")
				}
			}
		},
	},
	{
		ID:       rule.RequestUnknownMember,
		Summary:  "Members that the data dictionary does not name are ignored.",
		Reason:   "A misspelt member has no effect, and the sender should know.",
		Bad:      `{"redirect_uri": "https://app.example.com/cb"}`,
		Good:     "without redirect_uri",
		Citation: rfc("7591", "2"),
		Basis:    BasisNotice,
		Fix:      "leave the member out, or correct its name",
		Check: func(c *Case) {
			for _, m := range c.Req().Unknown {
				if !responseMember(m.Name) {
					c.reportUnknown(m.Name, requestMembers, requestNames, "leave the member out, or name it ")
				}
			}
		},
	},
	{
		ID:       rule.ClientIDIgnored,
		Summary:  "client_id in a request is a wish that the bank may ignore.",
		Reason:   "The authorization server gives out client identifiers.",
		Bad:      `{"client_id": "my-client"}`,
		Good:     "without client_id",
		Citation: dictionary("client_id"),
		Basis:    BasisNotice,
		Fix:      "take the client_id from the response",
		When:     func(c *Case) bool { return c.Update() == nil },
		Check: func(c *Case) {
			if c.Req().ClientID.Valid() {
				c.Report("/client_id", "is a wish that the bank may ignore")
			}
		},
	},
	{
		ID:       rule.RequestRequiredByPolicy,
		Summary:  "Each member that the bank's policy requires is present.",
		Reason:   "The bank cannot register a client without it.",
		Bad:      "without software_id",
		Good:     `{"software_id": "9b5usDpbNtmxDcTzs7GzKp"}`,
		Given:    Given{Policy: `{"required_members": ["redirect_uris", "software_id"]}`},
		Citation: rfc("7591", "2"),
		Basis:    BasisPolicy,
		Fix:      "add the member",
		When:     func(c *Case) bool { return len(c.Policy().RequiredMembers) > 0 },
		Check:    checkRequiredMembers,
	},
	{
		// A bank that does not support a value refuses it or changes it.
		ID:       rule.RequestAllowedByPolicy,
		Summary:  "Each value is among those that the bank's policy allows for its member.",
		Reason:   "The bank supports no other value.",
		Bad:      `{"response_types": ["code id_token"]}`,
		Good:     `{"response_types": ["code"]}`,
		Given:    Given{Policy: `{"allowed_values": {"response_types": ["code"]}}`},
		Citation: rfc("7591", "2"),
		Basis:    BasisPolicy,
		Fix:      "send one of the values that the bank allows, or leave the member out",
		When:     func(c *Case) bool { return len(c.Policy().AllowedValues) > 0 },
		Check:    checkAllowedValues,
	},
}

// responseMember reports whether only a response has the member.
func responseMember(name string) bool {
	switch name {
	case "client_secret", "client_id_issued_at", "client_secret_expires_at":
		return true
	}
	return strings.HasPrefix(name, "registration_")
}

// notInUpdate reports whether the request is an update that must not have the member.
func notInUpdate(c *Case, name string) bool {
	u := c.Update()
	return u != nil && responseMember(name) && (name != "client_secret" || u.SecretDiffers)
}

// checkRequiredMembers reports absent members that the policy requires. Where a rule of
// the member's own requires it, that rule reports the absence instead.
func checkRequiredMembers(c *Case) {
	for _, name := range c.Policy().RequiredMembers {
		m := c.Req().Member(name)
		if !m.Present() && !c.requiredByRule(name) {
			c.reportMissing(m.Pointer(), "is missing, and this bank requires it")
		}
	}
}

// requiredByRule reports whether a rule of the member's own requires it in this case: an
// error whose ID is the member's name and ".required".
func (c *Case) requiredByRule(name string) bool {
	v := c.report.validator
	at, known := v.byID[name+".required"]
	return known && v.rules[at].Severity == SeverityError && (v.rules[at].When == nil || v.rules[at].When(c))
}

// checkAllowedValues reports values that are not in the policy's list for their member.
// It leaves out values that another rule refuses already.
func checkAllowedValues(c *Case) {
	for _, name := range claims.RequestMembers() {
		allowed, narrowed := c.Policy().AllowedValues[name]
		if !narrowed || c.Policy().CanAdjust(name) {
			continue
		}
		supported, limited := supportedBy(name)
		m := c.Req().Member(name)
		for i := range m.Len() {
			value := m.Value(i)
			if slices.Contains(allowed, value) || limited && !supported.has(c, value) {
				continue
			}
			pointer := m.Pointer()
			if m.IsArray() {
				pointer = entry(pointer, i)
			}
			c.reportUnlisted(pointer, value, allowed, nearest, "is not a value that this bank allows")
		}
	}
}
