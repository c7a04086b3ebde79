package validate

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/obdcr/obdcr/claims"
)

// PolicyError says which member of a policy can't be used, and why. Several are
// joined: errors.As finds the first.
type PolicyError struct {
	Member string // JSON name, with a path below it where there is one: role_scopes/AISP
	Reason string // what is wrong and what would do
}

// Error names member and reason.
func (e *PolicyError) Error() string { return "validate: policy: " + e.Member + ": " + e.Reason }

// policyCheck collects what is wrong with a policy.
type policyCheck struct {
	p       *Policy
	profile Profile
	errs    []error
}

func (c *policyCheck) fault(member, format string, args ...any) {
	c.errs = append(c.errs, &PolicyError{Member: member, Reason: fmt.Sprintf(format, args...)})
}

// check refuses a policy that is empty, contradictory or wider than named.
func (p *Policy) check(profile Profile) error {
	if !profile.Valid() {
		return fmt.Errorf("validate: unknown profile %q: use one of %v", Echo(string(profile)), Profiles())
	}
	c := &policyCheck{p: p, profile: profile}
	c.widenings()
	c.audiences()
	c.algorithms()
	c.methodsAndTypes()
	c.scopes()
	c.members()
	c.choices()
	c.denied()
	c.amounts()
	c.attributes()
	return errors.Join(c.errs...)
}

// among holds a list to what is known: not empty, nothing unknown, nothing twice.
func among[T ~string](c *policyCheck, member string, list, known []T) {
	if len(list) == 0 {
		c.fault(member, "is empty, which would mean nothing at all: name at least one of %s", joinWords(known))
		return
	}
	seen := make(map[T]bool, len(list))
	for _, v := range list {
		switch {
		case !slices.Contains(known, v):
			c.fault(member, "%q is none of %s", Echo(string(v)), joinWords(known))
		case seen[v]:
			c.fault(member, "%q stands twice", Echo(string(v)))
		}
		seen[v] = true
	}
}

// one holds a choice to what is known.
func one[T ~string](c *policyCheck, member string, v T, known ...T) {
	if !slices.Contains(known, v) {
		c.fault(member, "%q is none of %s", Echo(string(v)), joinWords(known))
	}
}

func joinWords[T ~string](words []T) string { return strings.Join(texts(words), ", ") }

// texts are words as plain strings.
func texts[T ~string](words []T) []string {
	list := make([]string, len(words))
	for i, w := range words {
		list[i] = string(w)
	}
	return list
}

func (c *policyCheck) widenings() {
	if len(c.p.Widenings) > 0 {
		among(c, "widenings", c.p.Widenings,
			[]Widening{WidenRS256, WidenClientSecretJWT, WidenClientSecretBasic, WidenClientSecretPost})
	}
}

// named demands that a value beyond FAPI-RW is named as a widening.
func (c *policyCheck) named(member, value string) {
	if !slices.Contains(c.p.Widenings, Widening(value)) {
		c.fault(member, "%s is wider than FAPI-RW allows: leave it out, or name it in widenings", value)
	}
}

func (c *policyCheck) audiences() {
	among(c, "audience_kinds", c.p.AudienceKinds, []AudienceKind{AudienceID, AudienceURL, AudienceList})
	id, url := slices.Contains(c.p.AudienceKinds, AudienceID), slices.Contains(c.p.AudienceKinds, AudienceURL)
	if !id && !url && len(c.p.AudienceKinds) > 0 {
		c.fault("audience_kinds", "a list needs entries of some kind: add id or url")
	}
	for _, a := range c.p.Audiences {
		switch {
		case a == "":
			c.fault("audiences", "an empty audience would accept an empty aud")
		case !audienceShape(c.p, a):
			c.fault("audiences", "%q has no shape that audience_kinds admits (%s): no request could name it: "+
				"id is 1 to %d letters and digits, url an https URL", Echo(a), joinWords(c.p.AudienceKinds), maxOrgID)
		}
	}
}

func (c *policyCheck) algorithms() {
	m := &c.p.MemberAlgorithms
	for _, l := range []struct {
		member string
		list   []claims.Algorithm
	}{
		{"signing_algorithms", c.p.SigningAlgorithms},
		{"member_algorithms/id_token", m.IDToken},
		{"member_algorithms/request_object", m.RequestObject},
		{"member_algorithms/token_endpoint_auth", m.TokenEndpointAuth},
	} {
		among(c, l.member, l.list, []claims.Algorithm{claims.PS256, claims.ES256, claims.RS256})
		if slices.Contains(l.list, claims.RS256) {
			c.named(l.member, string(WidenRS256))
		}
	}
	if len(m.Backchannel) > 0 || slices.Contains(c.p.GrantTypes, claims.CIBA) {
		among(c, "member_algorithms/backchannel", m.Backchannel, []claims.Algorithm{claims.PS256, claims.ES256})
	}
}

func (c *policyCheck) methodsAndTypes() {
	among(c, "auth_methods", c.p.AuthMethods, []claims.AuthMethod{claims.PrivateKeyJWT, claims.TLSClientAuth,
		claims.ClientSecretJWT, claims.ClientSecretBasic, claims.ClientSecretPost})
	for _, m := range c.p.AuthMethods {
		if strings.HasPrefix(string(m), "client_secret_") {
			c.named("auth_methods", Echo(string(m)))
		}
	}
	among(c, "grant_types", c.p.GrantTypes, profileGrants(c.profile))
	among(c, "response_types", c.p.ResponseTypes, []claims.ResponseType{claims.Code, claims.CodeIDToken})
	among(c, "application_types", c.p.ApplicationTypes, profileApplicationTypes(c.profile))
}

// scopes holds the three scope lists together, so that a misspelt word shows
// here and not as a request that nobody can send.
func (c *policyCheck) scopes() {
	standard := []string{"openid", "accounts", "payments", "fundsconfirmations"}
	reachable := []string{"openid"}
	if len(c.p.RoleScopes) == 0 {
		c.fault("role_scopes", "is empty, so that no role allows anything")
	}
	for role, scopes := range c.p.RoleScopes {
		place := "role_scopes/" + Echo(string(role))
		if role == "" {
			c.fault(place, "an empty role")
		}
		for _, s := range scopes {
			if !slices.Contains(c.p.Scopes, s) && !slices.Contains(standard, s) {
				c.fault(place, "%q is not in scopes", Echo(s))
			}
		}
		reachable = append(reachable, scopes...)
	}
	c.scopeList("scopes", c.p.Scopes, reachable, "is allowed by no role of role_scopes")
	c.scopeList("default_scopes", c.p.DefaultScopes, c.p.Scopes, "is not in scopes")
	for _, r := range c.p.ServedRoles {
		if c.p.ScopesOf(r) == nil {
			c.fault("served_roles", "%q has no entry in role_scopes", Echo(string(r)))
		}
	}
	if len(c.p.ServedRoles) == 0 {
		c.fault("served_roles", "is empty, so that every statement would be unapproved")
	}
}

func (c *policyCheck) scopeList(member string, list, known []string, otherwise string) {
	if !slices.Contains(list, "openid") {
		c.fault(member, "openid is missing, which every request must ask for")
	}
	seen := make(map[string]bool, len(list))
	for _, s := range list {
		switch {
		case !isScopeToken(s):
			c.fault(member, "%q is no scope word (RFC 6749 section 3.3)", Echo(s))
		case seen[s]:
			c.fault(member, "%q stands twice", Echo(s))
		case !slices.Contains(known, s):
			c.fault(member, "%q %s", Echo(s), otherwise)
		}
		seen[s] = true
	}
}

// isScopeToken: RFC 6749 section 3.3, 1*( %x21 / %x23-5B / %x5D-7E ).
func isScopeToken(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] > '~' || s[i] == '"' || s[i] == '\\' {
			return false
		}
	}
	return s != ""
}

// adjustableMembers are those that a bank may change and still register the
// client that was asked for: lists, of which the unsupported values are left out.
// Of a single value nothing would be left; there the bank would have to choose.
var adjustableMembers = []string{"grant_types", "response_types", "scope"}

func (c *policyCheck) members() {
	if len(c.p.RequiredMembers) > 0 {
		among(c, "required_members", c.p.RequiredMembers, memberNames[:])
	}
	if len(c.p.Adjustable) > 0 {
		c.adjustable()
	}
	for _, name := range slices.Sorted(maps.Keys(c.p.AllowedValues)) {
		place := "allowed_values/" + Echo(name)
		switch {
		case !slices.Contains(memberNames[:], name) || slices.Contains([]string{"iat", "exp", "nbf"}, name):
			c.fault(place, "is no member of a request whose values can be listed")
		case len(c.p.AllowedValues[name]) == 0:
			c.fault(place, "is empty, so that nothing would be allowed")
		default:
			c.allowed(place, name)
		}
	}
}

// adjustable refuses members that are no list of supported values.
func (c *policyCheck) adjustable() {
	seen := make(map[string]bool, len(c.p.Adjustable))
	for _, name := range c.p.Adjustable {
		switch {
		case !slices.Contains(adjustableMembers, name):
			c.fault("adjustable", "%q can't be adjusted, only %s can: unsupported values of any other member are refused",
				Echo(name), joinWords(adjustableMembers))
		case seen[name]:
			c.fault("adjustable", "%q stands twice", Echo(name))
		}
		seen[name] = true
	}
}

// allowed refuses values that the member's own list of supported ones lacks: they
// would look allowed, and every request for them would be refused.
func (c *policyCheck) allowed(place, name string) {
	supported, limited := c.p.supported(name)
	for _, v := range c.p.AllowedValues[name] {
		if limited && !slices.Contains(supported, v) {
			c.fault(place, "%q is none of %s, which this policy supports", Echo(v), joinWords(supported))
		}
	}
}

// supported returns the values of a member that the policy has a list of.
func (p *Policy) supported(name string) (values []string, limited bool) {
	switch name {
	case "grant_types":
		return texts(p.GrantTypes), true
	case "response_types":
		return texts(p.ResponseTypes), true
	case "scope":
		return p.Scopes, true
	case "token_endpoint_auth_method":
		return texts(p.AuthMethods), true
	case "application_type":
		return texts(p.ApplicationTypes), true
	case "id_token_signed_response_alg":
		return texts(p.MemberAlgorithms.IDToken), true
	case "request_object_signing_alg":
		return texts(p.MemberAlgorithms.RequestObject), true
	case "token_endpoint_auth_signing_alg":
		values = texts(p.MemberAlgorithms.TokenEndpointAuth)
		if slices.Contains(p.AuthMethods, claims.ClientSecretJWT) { // not enforced there
			values = append(values, "PS256", "ES256", "HS256", "HS384", "HS512")
		}
		return values, true
	case "backchannel_authentication_request_signing_alg":
		return texts(p.MemberAlgorithms.Backchannel), true
	}
	return nil, false
}

func (c *policyCheck) choices() {
	one(c, "software_id_from", c.p.SoftwareIDFrom, SoftwareIDFromSSA, SoftwareIDFromHint)
	among(c, "issuer_kinds", c.p.IssuerKinds, []IssuerKind{IssuerSoftwareID, IssuerOrgID})
	one(c, "subject_dn_match", c.p.SubjectDNMatch, DNMatchExact, DNMatchReversed, DNMatchAnyOrder, DNMatchImmutable)
	one(c, "registrations", c.p.Registrations, RegistrationsMany, RegistrationsOnePerSoftware, RegistrationsOnePerClientName)
	one(c, "error_detail", c.p.ErrorDetail, DetailFirst, DetailAll)
	one(c, "foreign_token", c.p.ForeignToken, ForeignTokenUnauthorized, ForeignTokenForbidden)
}

func (c *policyCheck) amounts() {
	if c.p.CreatedStatus != 201 && c.p.CreatedStatus != 200 {
		c.fault("created_status", "%d is neither 201 nor 200", c.p.CreatedStatus)
	}
	if c.p.MaxRedirectURIs < 1 || c.p.MaxRedirectURIs > 1000 {
		c.fault("max_redirect_uris", "%d is not within 1..1000", c.p.MaxRedirectURIs)
	}
	for _, d := range []struct {
		member    string
		value     time.Duration
		low, high time.Duration
	}{
		{"clock_skew_seconds", c.p.ClockSkew, 0, maxSkew},
		{"max_lifetime_seconds", c.p.MaxLifetime, time.Second, maxDuration},
		{"ssa_max_age_seconds", c.p.SSAMaxAge, time.Second, maxDuration},
	} {
		if d.value < d.low || d.value > d.high || d.value%time.Second != 0 {
			c.fault(d.member, "%s is not a number of whole seconds within %d..%d",
				d.value, d.low/time.Second, d.high/time.Second)
		}
	}
}

const (
	maxSkew     = time.Hour                 // more would be no skew
	maxDuration = 10 * 365 * 24 * time.Hour // keeps sums of times far from overflow
)

func (c *policyCheck) attributes() {
	_, err := claims.NewAttributeMapper(claims.AttributeConfig{
		Declarations:                   c.p.Attributes,
		UseSoftwareIDAsApplicationName: c.p.UseSoftwareIDAsApplicationName,
	})
	if err != nil {
		c.fault("attributes", "%s", strings.TrimPrefix(err.Error(), "claims: "))
	}
}

// clone copies a policy with all that it points to.
func (p *Policy) clone() Policy {
	q := *p
	q.Audiences = slices.Clone(p.Audiences)
	q.AudienceKinds = slices.Clone(p.AudienceKinds)
	q.SigningAlgorithms = slices.Clone(p.SigningAlgorithms)
	q.AuthMethods = slices.Clone(p.AuthMethods)
	q.GrantTypes = slices.Clone(p.GrantTypes)
	q.ResponseTypes = slices.Clone(p.ResponseTypes)
	q.Scopes = slices.Clone(p.Scopes)
	q.RoleScopes = cloneLists(p.RoleScopes)
	q.ApplicationTypes = slices.Clone(p.ApplicationTypes)
	q.MemberAlgorithms = MemberAlgorithms{
		IDToken:           slices.Clone(p.MemberAlgorithms.IDToken),
		RequestObject:     slices.Clone(p.MemberAlgorithms.RequestObject),
		TokenEndpointAuth: slices.Clone(p.MemberAlgorithms.TokenEndpointAuth),
		Backchannel:       slices.Clone(p.MemberAlgorithms.Backchannel),
	}
	q.RequiredMembers = slices.Clone(p.RequiredMembers)
	q.AllowedValues = cloneLists(p.AllowedValues)
	q.Adjustable = slices.Clone(p.Adjustable)
	q.DefaultScopes = slices.Clone(p.DefaultScopes)
	q.IssuerKinds = slices.Clone(p.IssuerKinds)
	q.Attributes = slices.Clone(p.Attributes)
	q.ServedRoles = slices.Clone(p.ServedRoles)
	q.DeniedStatements = slices.Clone(p.DeniedStatements)
	q.DeniedSoftware = slices.Clone(p.DeniedSoftware)
	q.DeniedOrganisations = slices.Clone(p.DeniedOrganisations)
	q.Widenings = slices.Clone(p.Widenings)
	return q
}

func cloneLists[K ~string](m map[K][]string) map[K][]string {
	if m == nil {
		return nil
	}
	c := make(map[K][]string, len(m))
	for k, list := range m {
		c[k] = slices.Clone(list)
	}
	return c
}
