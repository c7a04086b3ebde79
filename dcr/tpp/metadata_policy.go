package tpp

import (
	"slices"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/validate"
)

// openID is the scope that every request asks for. A bank need not announce it (OIDC
// Discovery section 3).
const openID = "openid"

// Policy returns the policy of a bank of which nothing is known but what it announces: the
// default policy of a profile, with each authentication method and algorithm that the bank
// announces, also those outside of FAPI, and narrowed to what it announces. It names no
// audience, since a bank does not announce its identifier at the directory; an aud may be
// a URL. The error is that of Narrow.
func (m *Metadata) Policy(profile validate.Profile) (validate.Policy, error) {
	p := validate.DefaultPolicy(profile)
	if !slices.Contains(p.AudienceKinds, validate.AudienceURL) {
		p.AudienceKinds = append(p.AudienceKinds, validate.AudienceURL)
	}
	p.AuthMethods = claims.AuthMethods()
	p.Widenings = []validate.Widening{validate.WidenClientSecretJWT, validate.WidenClientSecretBasic, validate.WidenClientSecretPost, validate.WidenRS256}
	for list, announced := range map[*[]claims.Algorithm][]claims.Algorithm{
		&p.MemberAlgorithms.IDToken: m.IDTokenAlgorithms, &p.MemberAlgorithms.RequestObject: m.RequestObjectAlgorithms,
		&p.MemberAlgorithms.TokenEndpointAuth: m.AuthSigningAlgorithms,
	} {
		if slices.Contains(announced, claims.RS256) {
			*list = append(*list, claims.RS256)
		}
	}
	return m.Narrow(p)
}

// Narrow returns a policy without the values that a bank does not announce: authentication
// methods, algorithms of members, grant types, response types and scopes. A list that the
// bank does not announce stays as it is. The error names a list of the bank that has no
// value of the policy.
func (m *Metadata) Narrow(p validate.Policy) (validate.Policy, error) {
	n := &narrower{}
	p.AuthMethods = kept(n, memberAuthMethods, p.AuthMethods, m.AuthMethods)
	p.MemberAlgorithms.IDToken = kept(n, memberIDTokenAlgs, p.MemberAlgorithms.IDToken, m.IDTokenAlgorithms)
	p.MemberAlgorithms.RequestObject = kept(n, memberRequestObjectAlgs, p.MemberAlgorithms.RequestObject, m.RequestObjectAlgorithms)
	narrowAssertions(n, &p, m)
	p.GrantTypes = kept(n, memberGrantTypes, p.GrantTypes, m.GrantTypes)
	narrowResponseTypes(n, &p, m)
	p.Scopes = kept(n, memberScopes, p.Scopes, withOpenID(m.Scopes))
	p.DefaultScopes = text.Keep(p.DefaultScopes, p.Scopes)
	if n.lacking != "" {
		return validate.Policy{}, failure("the bank announces no value in %s that the policy takes", n.lacking)
	}
	narrowRoles(&p)
	narrowAllowed(&p)
	p.Widenings = slices.DeleteFunc(slices.Clone(p.Widenings), func(w validate.Widening) bool { return !uses(&p, w) })
	return p, nil
}

// narrower keeps the name of the first list that leaves nothing.
type narrower struct{ lacking string }

func kept[T ~string](n *narrower, member string, policy, announced []T) []T {
	if announced == nil {
		return policy
	}
	both := text.Keep(policy, announced)
	if len(both) == 0 && n.lacking == "" {
		n.lacking = member
	}
	return both
}

// narrowResponseTypes narrows the response types. The authorization_code grant alone has any,
// and a bank that announces none of the policy's does not take that grant.
func narrowResponseTypes(n *narrower, p *validate.Policy, m *Metadata) {
	if !slices.Contains(p.GrantTypes, claims.AuthorizationCode) || m.ResponseTypes == nil {
		return
	}
	if both := text.Keep(p.ResponseTypes, m.ResponseTypes); len(both) > 0 {
		p.ResponseTypes = both
		return
	}
	p.GrantTypes = slices.DeleteFunc(slices.Clone(p.GrantTypes), func(g claims.GrantType) bool { return g == claims.AuthorizationCode })
	if len(p.GrantTypes) == 0 && n.lacking == "" {
		n.lacking = memberResponseTypes
	}
}

// narrowAssertions narrows the algorithms of client assertions. A bank that announces none of
// the policy's takes no method that signs assertions.
func narrowAssertions(n *narrower, p *validate.Policy, m *Metadata) {
	if m.AuthSigningAlgorithms == nil {
		return
	}
	if both := text.Keep(p.MemberAlgorithms.TokenEndpointAuth, m.AuthSigningAlgorithms); len(both) > 0 {
		p.MemberAlgorithms.TokenEndpointAuth = both
		return
	}
	p.AuthMethods = slices.DeleteFunc(slices.Clone(p.AuthMethods), claims.AuthMethod.SignsAssertions)
	if len(p.AuthMethods) == 0 && n.lacking == "" {
		n.lacking = memberAuthSigningAlgs
	}
}

func withOpenID(scopes []string) []string {
	if scopes == nil || slices.Contains(scopes, openID) {
		return scopes
	}
	return append([]string{openID}, scopes...)
}

// narrowRoles takes scopes that are gone out of those of the roles. The scopes of the
// specification stay: a scope that the bank does not take is then one fault, and not
// another one of the role.
func narrowRoles(p *validate.Policy) {
	standard := validate.DefaultPolicy(validate.OBIE33).Scopes
	roles := map[claims.Role][]string{}
	for role, scopes := range p.RoleScopes {
		roles[role] = append([]string{}, text.Keep(scopes, append(slices.Clone(standard), p.Scopes...))...)
	}
	p.RoleScopes = roles
}

// narrowAllowed takes values that are gone out of the policy's allowed_values.
func narrowAllowed(p *validate.Policy) {
	allowed := map[string][]string{}
	for member, values := range p.AllowedValues {
		if supported, limited := p.Supported(member); limited {
			values = text.Keep(values, supported)
		}
		if len(values) > 0 {
			allowed[member] = values
		}
	}
	if p.AllowedValues != nil {
		p.AllowedValues = allowed
	}
}

// uses reports whether a policy has the value that a widening is about.
func uses(p *validate.Policy, w validate.Widening) bool {
	a := &p.MemberAlgorithms
	return slices.Contains(p.AuthMethods, claims.AuthMethod(w)) ||
		slices.Contains(slices.Concat(p.SigningAlgorithms, a.IDToken, a.RequestObject, a.TokenEndpointAuth, a.Backchannel), claims.Algorithm(w))
}
