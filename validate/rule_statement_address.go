package validate

import (
	"cmp"
	"slices"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/rule"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/internal/uri"
)

// statementModeRules are the rows about a statement's mode and its environment.
var statementModeRules = []Rule{
	{
		ID:       rule.SSASoftwareModeKnown,
		Summary:  "software_mode, if sent, is Live or Test.",
		Reason:   "The directory knows no other; older statements have it in other cases.",
		Bad:      `{"software_mode": "Demo"}`,
		Good:     `{"software_mode": "Live"}`,
		Citation: statementClaim("software_mode"),
		Basis:    BasisShould,
		Fix:      refetch,
		Check: func(c *Case) {
			if m, ok := c.SSA().SoftwareMode.Get(); ok && !text.EqualFold(m, "live") && !text.EqualFold(m, "test") {
				c.ReportValue("/software_mode", m, "Live or Test", "is not Live or Test")
			}
		},
	},
	{
		ID:       rule.SSASoftwareEnvironmentKnown,
		Summary:  "software_environment, if sent, is sandbox or production.",
		Reason:   "The environment is decided by the trust anchor; another word here says nothing.",
		Bad:      `{"software_environment": "prdtst"}`,
		Good:     `{"software_environment": "sandbox"}`,
		Citation: statementClaim("software_environment"),
		Basis:    BasisNotice,
		Fix:      refetch,
		Check: func(c *Case) {
			e, ok := c.SSA().SoftwareEnvironment.Get()
			if ok && !text.EqualFold(e, string(claims.Sandbox)) && !text.EqualFold(e, string(claims.Production)) {
				c.ReportValue("/software_environment", e, "sandbox or production", "is not sandbox or production")
			}
		},
	},
}

// statementAddressRules are the rows about addresses in a statement, its mode and its
// environment.
func statementAddressRules() []Rule {
	rows := slices.Clone(statementModeRules)
	const (
		link    = "It is shown to people as a link, and never fetched."
		picture = "It is shown to people as a picture, and never fetched."
	)
	for _, a := range [...]struct {
		id, name string
		basis    Basis
		cite     Citation // none means the directory's row of the claim
		reason   string
	}{
		{rule.SSASoftwareJWKSEndpointHTTPS, "software_jwks_endpoint", BasisMust, keyRules(), "The keys of the software are fetched from there."},
		{rule.SSASoftwareJWKSRevokedEndpointHTTPS, "software_jwks_revoked_endpoint", BasisStricter, keyRules(),
			"The revoked keys of the software are fetched from there."},
		{rule.SSAOrgJWKSEndpointHTTPS, "org_jwks_endpoint", BasisShould, keyRules(), "The keys of the organisation are fetched from there."},
		{rule.SSAOrgJWKSRevokedEndpointHTTPS, "org_jwks_revoked_endpoint", BasisStricter, keyRules(),
			"The revoked keys of the organisation are fetched from there."},
		{rule.SSASoftwareClientURIHTTPS, "software_client_uri", BasisNotice, Citation{}, link},
		{rule.SSASoftwareLogoURIHTTPS, "software_logo_uri", BasisNotice, Citation{}, picture},
		{rule.SSASoftwarePolicyURIHTTPS, "software_policy_uri", BasisNotice, Citation{}, link},
		{rule.SSASoftwareToSURIHTTPS, "software_tos_uri", BasisNotice, Citation{}, link},
		// A link to the registry's terms of service.
		{rule.SSAOBRegistryToSHTTPS, "ob_registry_tos", BasisNotice, rfc("7591", "2.3"),
			link + " The OBIE directory does not describe the claim; statements of a vendor's test directory have it."},
	} {
		member, stricter := claims.SSAMember(a.name), ""
		if a.basis == BasisStricter {
			stricter = "The text demands no https of the claim."
		}
		rows = append(rows, Rule{
			ID:       a.id,
			Summary:  a.name + ", if sent, is an absolute https URI.",
			Reason:   a.reason,
			Bad:      Example(`{"` + a.name + `": "http://keystore.example.org.uk/a"}`),
			Good:     Example(`{"` + a.name + `": "https://keystore.example.org.uk/a"}`),
			Citation: cmp.Or(a.cite, statementClaim(a.name)),
			Basis:    a.basis,
			Stricter: stricter,
			Fix:      "correct the address at the directory and fetch a new SSA",
			Check: func(c *Case) {
				m := member(c.SSA())
				u := m.Text()
				if u == "" {
					return
				}
				if f := uri.Scan(u, uri.Relative|uri.NotHTTPS|uri.Userinfo|uri.Characters); f != 0 {
					c.ReportValue(m.Pointer(), u, "an https URI", uriMessage(u, f))
				}
			},
		})
	}
	return rows
}
