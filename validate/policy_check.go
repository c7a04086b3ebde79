package validate

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/jsonform"
	"github.com/obdcr/obdcr/internal/text"
)

// check refuses a policy that is empty, contradictory or wider than it says. The error
// is PolicyErrors.
func (p *Policy) check(profile Profile) error {
	faults := policyTable.Check(p)
	checkProfile(&faults, profile, "grant_types", p.GrantTypes, profileGrants(profile), grantTypes)
	checkProfile(&faults, profile, "application_types", p.ApplicationTypes, profileApplicationTypes(profile), applicationTypes)
	return policyErrors(faults)
}

// checkProfile refuses values that this profile does not know. The table refuses those
// that no profile knows.
func checkProfile[T ~string](f *jsonform.Faults, profile Profile, place string, list, known, all []T) {
	for _, v := range list {
		if slices.Contains(all, v) && !slices.Contains(known, v) {
			f.Add(place, "%q is not of profile %s, which knows %s", string(v), profile, text.List(known))
		}
	}
}

// checkWidened refuses values beyond FAPI that are not named as widenings.
func checkWidened[T ~string](f *jsonform.Faults, p *Policy, place string, list []T) {
	for _, v := range list {
		if w := Widening(v); slices.Contains(widenings, w) && !slices.Contains(p.Widenings, w) {
			f.Add(place, "%s is wider than FAPI allows: leave it out, or name it in widenings", w)
		}
	}
}

func checkPolicyAudiences(f *jsonform.Faults, p *Policy) {
	for _, a := range p.Audiences {
		switch {
		case a == "":
			f.Add("audiences", "an empty audience would accept an empty aud")
		case !audienceShape(p, a):
			f.Add("audiences", "%q has no shape that audience_kinds admits (%s): no request could name it: "+
				"id is 1 to %d letters and digits, url an https URL%s", Echo(a), text.List(p.AudienceKinds), maxAudienceID, missingKind(p, a))
		}
	}
}

// missingKind says which shape to admit for an audience that is a URL or an identifier.
func missingKind(p *Policy, audience string) string {
	for _, kind := range []AudienceKind{AudienceID, AudienceURL} {
		if audienceShape(&Policy{AudienceKinds: []AudienceKind{kind}}, audience) {
			return ": add " + string(kind) + " to audience_kinds"
		}
	}
	return ""
}

func checkPolicyAudienceKinds(f *jsonform.Faults, p *Policy) {
	if slices.Equal(p.AudienceKinds, []AudienceKind{AudienceList}) {
		f.Add("audience_kinds", "a list needs entries of some kind: add id or url")
	}
}

func checkPolicyMemberAlgorithms(f *jsonform.Faults, p *Policy) {
	m := &p.MemberAlgorithms
	checkWidened(f, p, "member_algorithms/id_token", m.IDToken)
	checkWidened(f, p, "member_algorithms/request_object", m.RequestObject)
	checkWidened(f, p, "member_algorithms/token_endpoint_auth", m.TokenEndpointAuth)
	if len(m.Backchannel) == 0 && slices.Contains(p.GrantTypes, claims.CIBA) {
		f.Add("member_algorithms/backchannel", "is empty, though grant_types has CIBA: name PS256 or ES256, or leave CIBA out")
	}
}

// checkPolicyScopes refuses a scope that no role allows. Such a scope is a misspelling:
// every request for it would be refused.
func checkPolicyScopes(f *jsonform.Faults, p *Policy) {
	reachable := []string{"openid"}
	for _, scopes := range p.RoleScopes {
		reachable = append(reachable, scopes...)
	}
	checkScopeList(f, "scopes", p.Scopes, reachable, "is allowed by no role of role_scopes")
}

func checkScopeList(f *jsonform.Faults, place string, list, known []string, otherwise string) {
	if !slices.Contains(list, "openid") {
		f.Add(place, "openid is missing, which every request must ask for")
	}
	for _, s := range list {
		switch {
		case !isScopeWord(s):
			f.Add(place, "%q is no scope word (RFC 6749 section 3.3)", Echo(s))
		case !slices.Contains(known, s):
			f.Add(place, "%q %s", Echo(s), otherwise)
		}
	}
}

// roles returns the roles that a software statement can have.
func roles() []claims.Role {
	all := claims.PlainRoles()
	for _, role := range claims.PlainRoles() {
		all = append(all, "CD_"+role)
	}
	return all
}

// checkPolicyRoleScopes refuses a role that no statement has: it would look as if the
// role were served, and the one that is meant would allow nothing.
func checkPolicyRoleScopes(f *jsonform.Faults, p *Policy) {
	if len(p.RoleScopes) == 0 {
		f.Add("role_scopes", "is empty, so that no role allows anything")
	}
	for _, role := range slices.Sorted(maps.Keys(p.RoleScopes)) {
		place := "role_scopes/" + Echo(string(role))
		if !slices.Contains(roles(), role) {
			f.Add(place, "is no role: the roles are %s%s", text.List(roles()), jsonform.Meant(string(role), text.Strings(roles())))
		}
		for _, s := range p.RoleScopes[role] {
			if !slices.Contains(p.Scopes, s) && !slices.Contains(standardScopes, s) {
				f.Add(place, "%q is not in scopes", Echo(s))
			}
		}
	}
}

func checkPolicyServedRoles(f *jsonform.Faults, p *Policy) {
	for _, r := range p.ServedRoles {
		if p.ScopesOf(r) == nil {
			f.Add("served_roles", "%q has no entry in role_scopes", Echo(string(r)))
		}
	}
}

// checkPolicyAllowedValues refuses a member whose values cannot be listed, and values that the
// policy's own list of supported ones lacks: they would look allowed, and every
// request for them would be refused.
func checkPolicyAllowedValues(f *jsonform.Faults, p *Policy) {
	listable := slices.DeleteFunc(claims.RequestMembers(), func(name string) bool {
		return slices.Contains([]string{"iat", "exp", "nbf"}, name)
	})
	for _, name := range slices.Sorted(maps.Keys(p.AllowedValues)) {
		place := "allowed_values/" + Echo(name)
		if !slices.Contains(listable, name) {
			f.Add(place, "is no member of a request whose values can be listed%s", jsonform.Meant(name, listable))
			continue
		}
		limit, limited := supportedBy(name)
		if !limited {
			continue
		}
		words := limit.words(p)
		for _, v := range p.AllowedValues[name] {
			if !slices.Contains(words, v) {
				f.Add(place, "%q is none of %s, which this policy supports", Echo(v), text.List(words))
			}
		}
	}
}

// checkPolicyManagementScope refuses words that no scope has. A token that lacks one of the
// words is told so in a header of the answer.
func checkPolicyManagementScope(f *jsonform.Faults, p *Policy) {
	words := strings.Fields(p.ManagementScope)
	for _, w := range words {
		if !isScopeWord(w) {
			f.Add("management_scope", "%q is no scope word (RFC 6749 section 3.3)", Echo(w))
		}
	}
	if strings.Join(words, " ") != p.ManagementScope {
		f.Add("management_scope", "write one blank between two words, and none at the ends; leave it empty to demand no scope")
	}
}

// checkPolicyManagementAudience refuses a text that no aud has.
func checkPolicyManagementAudience(f *jsonform.Faults, p *Policy) {
	if strings.TrimSpace(p.ManagementAudience) != p.ManagementAudience || !text.Printable(p.ManagementAudience) {
		f.Add("management_audience", "%q names nobody: write printable ASCII without blanks at the ends; leave it empty to demand none", Echo(p.ManagementAudience))
	}
}

// checkDenied refuses entries that no statement can have: a misspelt entry would deny no
// one.
func checkDenied(f *jsonform.Faults, place string, list []string) {
	for _, id := range list {
		switch {
		case id == "":
			f.Add(place, "an empty entry denies nobody: leave it out")
		case strings.TrimSpace(id) != id || !text.Printable(id):
			f.Add(place, "%q is no identifier: blanks and characters that are not printable ASCII stand in none", Echo(id))
		}
	}
}

// checkPolicyAttributes refuses declarations that no mapper takes. The mapper does not see
// unknown environments: the table has named them already.
func checkPolicyAttributes(f *jsonform.Faults, p *Policy) {
	declarations := slices.Clone(p.Attributes)
	for i := range declarations {
		declarations[i].RequiredIn = text.Keep(declarations[i].RequiredIn, []claims.Environment{claims.Sandbox, claims.Production})
	}
	_, err := claims.NewAttributeMapper(claims.AttributeConfig{
		Declarations:                   declarations,
		UseSoftwareIDAsApplicationName: p.UseSoftwareIDAsApplicationName,
	})
	var wrong *claims.AttributeError
	if errors.As(err, &wrong) {
		f.Add("attributes", "%s", wrong.Detail())
	}
}
