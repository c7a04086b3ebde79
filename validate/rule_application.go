package validate

import (
	"slices"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/rule"
	"github.com/obdcr/obdcr/internal/text"
)

// applicationRules are the rows about application_type.
var applicationRules = []Rule{
	{
		ID:       rule.ApplicationTypeRequired,
		Summary:  "application_type is present.",
		Reason:   "The data dictionary requires it; the vendor's document for profile wso2 does not.",
		Bad:      "without application_type",
		Good:     `{"application_type": "web"}`,
		Citation: dictionary("application_type"),
		Basis:    BasisMust,
		Profiles: profilesOBIE(),
		Fix:      "set application_type to web",
		Check: func(c *Case) {
			requireMember(c, c.Req().ApplicationType.Present(), "/application_type")
		},
	},
	{
		// Web or mobile up to 3.3.
		ID:       rule.ApplicationTypeWebOrMobile,
		Summary:  "application_type is web or mobile.",
		Reason:   "Versions 3.2 and 3.3 know no other; native came with 3.4.",
		Bad:      `{"application_type": "native"}`,
		Good:     `{"application_type": "mobile"}`,
		Citation: dictionary("application_type"),
		Basis:    BasisMust,
		Profiles: []Profile{OBIE32, OBIE33},
		Fix:      "use web or mobile",
		Check:    func(c *Case) { checkApplicationType(c, claims.Web, claims.Mobile) },
	},
	{
		// Web or native in 3.4.
		ID:       rule.ApplicationTypeWebOrNative,
		Summary:  "application_type is web or native.",
		Reason:   "Version 3.4 has native where earlier ones had mobile.",
		Bad:      `{"application_type": "mobile"}`,
		Good:     `{"application_type": "native"}`,
		Citation: dictionary34("application_type"),
		Basis:    BasisMust,
		Profiles: profilesSince34(),
		Fix:      "use web or native",
		Check:    func(c *Case) { checkApplicationType(c, claims.Web, claims.Native) },
	},
	{
		// "Must be web, if specified."
		ID:       rule.ApplicationTypeWeb,
		Summary:  "application_type, if sent, is web.",
		Reason:   "A bank of profile wso2 registers web applications alone.",
		Bad:      `{"application_type": "mobile"}`,
		Good:     `{"application_type": "web"}`,
		Citation: vendorDocument("application_type"),
		Basis:    BasisMust,
		Profiles: profilesWSO2(),
		Fix:      "use web, or leave application_type out",
		Check:    func(c *Case) { checkApplicationType(c, claims.Web) },
	},
	{
		ID:       rule.ApplicationTypeSupported,
		Summary:  "The bank supports the application_type.",
		Reason:   "A bank may register web applications alone.",
		Bad:      `{"application_type": "mobile"}`,
		Good:     `{"application_type": "web"}`,
		Given:    Given{Profile: OBIE33, Policy: `{"application_types": ["web"]}`},
		Citation: dictionary("application_type"),
		Basis:    BasisPolicy,
		Fix:      "use a type that the bank supports",
		Check: func(c *Case) {
			t, ok := c.Req().ApplicationType.Get()
			if ok && slices.Contains(profileApplicationTypes(c.Profile()), t) && !slices.Contains(c.Policy().ApplicationTypes, t) {
				c.reportUnlisted("/application_type", string(t), text.Strings(c.Policy().ApplicationTypes), sameButSpelling, "is not supported by this bank")
			}
		},
	},
}

// checkApplicationType reports a type that is none of the given ones.
func checkApplicationType(c *Case, known ...claims.ApplicationType) {
	if t, ok := c.Req().ApplicationType.Get(); ok && !slices.Contains(known, t) {
		c.reportUnlisted("/application_type", string(t), text.Strings(known), nearest, "is not a type of this version")
	}
}
