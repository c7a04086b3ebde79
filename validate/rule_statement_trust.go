package validate

import (
	"slices"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/rule"
	"github.com/obdcr/obdcr/internal/text"
)

// statementTrustRules are the rows about a statement's signature, age and
// validity.
var statementTrustRules = []Rule{
	{
		// The bank decides which directories it trusts.
		ID:       rule.SSAIssuerTrusted,
		Summary:  "The statement's issuer is a directory that the bank trusts.",
		Reason:   "Anybody can write any issuer; trust is pinned per issuer and environment.",
		Bad:      `{"iss": "My own directory"}`,
		Good:     `{"iss": "OpenBanking Ltd"}`,
		Given:    Given{Words: "the bank trusts OpenBanking Ltd"},
		Citation: obie("Software Statement", "software-statement"),
		Basis:    BasisPolicy,
		Step:     StepTrustSSA,
		Fix:      "use a software statement of a directory that the bank names",
	},
	{
		ID:       rule.SSAKeyFound,
		Summary:  "The statement's kid is in the directory's JWKS.",
		Reason:   "A key that the directory does not publish proves nothing.",
		Bad:      `{"kid": "unknown"}`,
		Good:     `{"kid": "Hza9v5bgDJcOnhcUZ7BMwbSL"}`,
		Given:    Given{Words: "the directory's key set has the key Hza9v5bgDJcOnhcUZ7BMwbSL"},
		Citation: directory("Request Validation"),
		Basis:    BasisMust,
		Document: DocSSAHeader,
		Step:     StepTrustSSA,
		Fix:      "fetch a fresh SSA, of the environment (sandbox or production) that this bank is for; the directory may have changed its key",
	},
	{
		ID:       rule.SSASignature,
		Summary:  "The directory's signature over the statement holds.",
		Reason:   "Otherwise somebody else wrote or changed it.",
		Bad:      "a statement that the TPP signed",
		Good:     "a statement that the directory signed",
		Citation: directory("Request Validation"),
		Basis:    BasisMust,
		Step:     StepTrustSSA,
		Fix:      refetch,
	},
	{
		ID:       rule.SSAJWKSEndpointHost,
		Summary:  "software_jwks_endpoint is on a host that belongs to the directory.",
		Reason:   "Keys are fetched from there; any other host could be anybody's.",
		Bad:      `{"software_jwks_endpoint": "https://attacker.example/keys.jwks"}`,
		Good:     `{"software_jwks_endpoint": "https://keystore.example.org.uk/keys.jwks"}`,
		Given:    Given{Words: "the bank names the host keystore.example.org.uk"},
		Citation: statementClaim("software_jwks_endpoint"),
		Basis:    BasisStricter,
		Stricter: "The text names no hosts.",
		Fix:      refetch,
	},
	{
		// Some statements in the past had iat in milliseconds.
		ID:       rule.SSAIatRange,
		Summary:  "iat is a time in seconds since 1970.",
		Reason:   "Milliseconds give a time fifty thousand years ahead.",
		Bad:      `{"iat": 1700000000000}`,
		Good:     `{"iat": 1700000000}`,
		Citation: rfc("7519", "4.1.6"),
		Basis:    BasisMust,
		Fix:      refetch,
		Check:    func(c *Case) { checkSeconds(c, c.SSA().IssuedAt, "/iat") },
	},
	{
		ID:       rule.SSAIatFuture,
		Summary:  "iat is not in the future, clock skew forgiven.",
		Reason:   "A statement from the future would stay fresh for longer than the bank allows.",
		Bad:      `{"iat": 4102444800}`,
		Good:     `{"iat": 1700000000}`,
		Citation: rfc("7519", "4.1.6"),
		Basis:    BasisStricter,
		Stricter: "RFC 7519 says nothing of an iat that is still to come.",
		Fix:      refetch,
		Check:    func(c *Case) { checkNotFuture(c, c.SSA().IssuedAt, "/iat", "is in the future") },
	},
	{
		// The directory leaves it to the bank how old a statement may be.
		ID:       rule.SSAAge,
		Summary:  "A statement is no older than the bank takes: by default a day, and 30 days where it has an exp.",
		Reason:   "An organisation can lose its authorisation on any day, whatever exp an old statement has.",
		Bad:      `{"iat": 1500000000}`,
		Good:     `{"iat": 1700000000}`,
		Citation: directory("SSA Lifetime"),
		Basis:    BasisPolicy,
		Fix:      "fetch a fresh SSA from the directory just before registering",
		When: func(c *Case) bool { // another rule reports an exp that has passed
			exp, ok := inSeconds(c.SSA().Expiry)
			return !ok || !expired(c, exp)
		},
		Check: func(c *Case) {
			most := int64(c.Policy().SSAMaxAge / time.Second)
			if c.SSA().Expiry.Present() {
				most = int64(c.Policy().SSAMaxAgeWithExp / time.Second)
			}
			if iat, ok := inSeconds(c.SSA().IssuedAt); ok && c.Now()-iat > most+skew(c) {
				c.ReportValue("/iat", utc(iat), "at most "+exactly(most), "is "+utc(iat)+": "+beyond(c.Now()-iat, most)+" old; at most "+exactly(most))
			}
		},
	},
	{
		ID:       rule.SSAExpRange,
		Summary:  "exp, if sent, is a time in seconds since 1970.",
		Reason:   "Milliseconds give a time fifty thousand years ahead.",
		Bad:      `{"exp": 1700000600000}`,
		Good:     `{"exp": 1700000600}`,
		Citation: rfc("7519", "4.1.4"),
		Basis:    BasisMust,
		Fix:      refetch,
		Check:    func(c *Case) { checkSeconds(c, c.SSA().Expiry, "/exp") },
	},
	{
		ID:       rule.SSAExpPast,
		Summary:  "exp, if sent, is not in the past, clock skew forgiven.",
		Reason:   "An expired statement must be refused.",
		Bad:      `{"exp": 1500000000}`,
		Good:     `{"exp": 1700000600}`,
		Citation: rfc("7519", "4.1.4"),
		Basis:    BasisMust,
		Fix:      "fetch a fresh SSA from the directory just before registering",
		Check:    func(c *Case) { checkNotExpired(c, c.SSA().Expiry) },
	},
	{
		ID:       rule.SSANbf,
		Summary:  "nbf, if sent, is not in the future, clock skew forgiven.",
		Reason:   "Before nbf a token must not be accepted.",
		Bad:      `{"nbf": 4102444800}`,
		Good:     `{"nbf": 1700000000}`,
		Citation: rfc("7519", "4.1.5"),
		Basis:    BasisMust,
		Fix:      "register once nbf has passed",
		Check: func(c *Case) {
			if nbf, ok := c.SSA().NotBefore.Get(); ok && nbf > c.Now()+skew(c) {
				reportFuture(c, "/nbf", nbf, "is still to come")
			}
		},
	},
}

// statementApprovalRules are the rows about statements that are valid and that
// this bank does not approve.
var statementApprovalRules = []Rule{
	{
		ID:       rule.SSAOrgStatusActive,
		Summary:  "org_status, if sent, is Active.",
		Reason:   "A revoked or withdrawn organisation must not register.",
		Bad:      `{"org_status": "Revoked"}`,
		Good:     `{"org_status": "Active"}`,
		Citation: statementClaim("org_status"),
		Basis:    BasisStricter,
		Stricter: "The directory names the states, and not what a bank does with them.",
		Fix:      "have the organisation's status restored at the directory and fetch a new SSA",
		Check: func(c *Case) {
			if s, ok := c.SSA().OrgStatus.Get(); ok && !text.EqualFold(s, "active") {
				c.ReportValue("/org_status", s, "Active", "is not Active")
			}
		},
	},
	{
		ID:       rule.SSACompetentAuthorityActive,
		Summary:  "The competent authority's status of the organisation, if sent, is Active.",
		Reason:   "An organisation without its authorisation must not register.",
		Bad:      `{"organisation_competent_authority_claims": {"status": "Revoked"}}`,
		Good:     `{"organisation_competent_authority_claims": {"status": "Active"}}`,
		Citation: statementClaim("organisation_competent_authority_claims"),
		Basis:    BasisStricter,
		Stricter: "The directory does not say what a bank does with another status.",
		Fix:      "have the authorisation restored at the authority and fetch a new SSA",
		Check: func(c *Case) {
			for i, a := range c.SSA().CompetentAuthority.Or(claims.Authority{}).Claims {
				if s, ok := a.Status.Get(); ok && !text.EqualFold(s, "active") {
					c.ReportValue(authorityPointer(c, i)+"/status", s, "Active", "is not Active")
				}
			}
		},
	},
	{
		ID:       rule.SSACompetentAuthorityRoles,
		Summary:  "Each role of the software is one that the competent authority authorised.",
		Reason:   "The software would act in a role that the organisation does not hold.",
		Bad:      `{"organisation_competent_authority_claims": {"authorisations": [{"member_state": "GB", "roles": ["PISP"]}]}}`,
		Good:     `{"organisation_competent_authority_claims": {"authorisations": [{"member_state": "GB", "roles": ["AISP"]}]}}`,
		Citation: statementClaim("organisation_competent_authority_claims"),
		Basis:    BasisShould,
		Fix:      "have the role authorised, or remove it from the software at the directory",
		When:     hasAuthorisations,
		Check: func(c *Case) {
			l := listReport{c: c, base: "/software_roles"}
			for i, role := range c.SSA().SoftwareRoles.Or(claims.Roles{}).Values {
				if c.Policy().ScopesOf(role) != nil && !authorised(c.SSA(), role) {
					l.add(i, string(role), "a role of the authorisations", "is not among the authorised roles")
				}
			}
		},
	},
	{
		ID:       rule.SSASoftwareModeLive,
		Summary:  "In production software_mode is not Test.",
		Reason:   "A software in test is not meant for customers.",
		Bad:      `{"software_environment": "production", "software_mode": "Test"}`,
		Good:     `{"software_environment": "production", "software_mode": "Live"}`,
		Given:    Given{Environment: claims.Production},
		Citation: statementClaim("software_mode"),
		Basis:    BasisStricter,
		Stricter: "The directory leaves it to the bank what it does with Test software.",
		Fix:      "set the software to Live at the directory and fetch a new SSA",
		When:     func(c *Case) bool { return c.Environment() == claims.Production },
		Check: func(c *Case) {
			if m, ok := c.SSA().SoftwareMode.Get(); ok && text.EqualFold(m, "test") {
				c.ReportValue("/software_mode", m, "Live", "is Test, in production")
			}
		},
	},
	{
		ID:       rule.SSASoftwareRolesServed,
		Summary:  "The software has a role that this bank serves.",
		Reason:   "Its client could use no API here.",
		Bad:      `{"software_roles": ["CBPII"]}`,
		Good:     `{"software_roles": ["AISP"]}`,
		Given:    Given{Policy: `{"served_roles": ["AISP"]}`},
		Citation: statementClaim("software_roles"),
		Basis:    BasisPolicy,
		Fix:      "register with banks that serve the software's roles",
		Check: func(c *Case) {
			roles := c.SSA().SoftwareRoles.Or(claims.Roles{}).Values
			if len(roles) > 0 && !slices.ContainsFunc(roles, c.Policy().Serves) {
				served := joined(c.Policy().ServedRoles)
				c.ReportValue("/software_roles", joined(roles[:min(len(roles), 8)]), served, "has no role that this bank serves; it serves "+served)
			}
		},
	},
	{
		ID:       rule.SSAEnvironment,
		Summary:  "software_environment, if it is sandbox or production, is the environment of the trust anchor that verified the statement.",
		Reason:   "Sandbox and production must not mix.",
		Bad:      `{"software_environment": "production"}`,
		Good:     `{"software_environment": "sandbox"}`,
		Given:    Given{Environment: claims.Sandbox},
		Citation: statementClaim("software_environment"),
		Basis:    BasisStricter,
		Stricter: "The directory does not say what a bank does with the claim.",
		Fix:      "use the SSA of the environment that the bank serves",
		When:     func(c *Case) bool { return c.Environment() != "" },
		Check: func(c *Case) {
			e, ok := c.SSA().SoftwareEnvironment.Get()
			if ok && contradicts(e, c.Environment()) {
				c.ReportValue("/software_environment", e, string(c.Environment()), "is not the environment of the directory that signed it")
			}
		},
	},
}

// contradicts reports whether a software_environment names the other environment. A name
// that is neither, such as that of a directory's test stage, contradicts nothing.
func contradicts(claimed string, env claims.Environment) bool {
	for _, e := range [...]claims.Environment{claims.Sandbox, claims.Production} {
		if text.EqualFold(claimed, string(e)) {
			return e != env
		}
	}
	return false
}

// authorityPointer points at one entry of the competent authority's claims.
func authorityPointer(c *Case, i int) string {
	const base = "/organisation_competent_authority_claims"
	if c.SSA().CompetentAuthority.Or(claims.Authority{}).List {
		return entry(base, i)
	}
	return base
}

// hasAuthorisations reports whether the statement lists authorised roles at all.
func hasAuthorisations(c *Case) bool {
	for _, a := range c.SSA().CompetentAuthority.Or(claims.Authority{}).Claims {
		for _, g := range a.Authorisations {
			if len(g.Roles) > 0 {
				return true
			}
		}
	}
	return false
}

// authorised reports whether an authorisation has the role, with or without the prefix of
// the Crown Dependencies.
func authorised(s *claims.SSA, role claims.Role) bool {
	for _, a := range s.CompetentAuthority.Or(claims.Authority{}).Claims {
		for _, g := range a.Authorisations {
			if slices.Contains(g.Roles, role) || slices.Contains(g.Roles, role.Plain()) {
				return true
			}
		}
	}
	return false
}
