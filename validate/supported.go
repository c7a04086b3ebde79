package validate

import (
	"slices"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/text"
)

// supported is a member of a request whose values must all be in one list. The list is
// the policy's, but for a few members. A rule of the member's own refuses other values.
type supported struct {
	member string
	words  func(*Policy) []string // the list, for people and for the policy's own check
	has    func(c *Case, value string) bool
}

// listed is the row of a member that a list of the policy limits.
func listed[T ~string](member string, list func(*Policy) []T) supported {
	return supported{
		member: member,
		words:  func(p *Policy) []string { return text.Strings(list(p)) },
		has:    func(c *Case, value string) bool { return slices.Contains(list(c.Policy()), T(value)) },
	}
}

// supportedMembers are the members that a list limits.
var supportedMembers = []supported{
	listed("grant_types", func(p *Policy) []claims.GrantType { return p.GrantTypes }),
	listed("response_types", func(p *Policy) []claims.ResponseType { return p.ResponseTypes }),
	listed("scope", func(p *Policy) []string { return p.Scopes }),
	listed("token_endpoint_auth_method", func(p *Policy) []claims.AuthMethod { return p.AuthMethods }),
	listed("application_type", func(p *Policy) []claims.ApplicationType { return p.ApplicationTypes }),
	listed(idTokenAlg.name, idTokenAlg.list),
	listed(requestObjectAlg.name, requestObjectAlg.list),
	listed(cibaAlg.name, cibaAlg.list),
	{
		member: tokenAlg.name,
		words:  supportedTokenAlgorithms,
		has:    func(c *Case, value string) bool { return tokenAlg.supports(c, claims.Algorithm(value)) },
	},
	listed(memberMode, func(*Policy) []claims.DeliveryMode { return []claims.DeliveryMode{claims.Poll, claims.Ping} }),
}

// Supported returns the values that the policy supports in a member of a request, in a
// fresh slice: those of the list of that member, as far as allowed_values has them. It
// returns false for a member that has no list. In some requests fewer are accepted: a role
// does not allow each scope, and HMAC algorithms go with client_secret_jwt alone.
func (p *Policy) Supported(member string) ([]string, bool) {
	limit, limited := supportedBy(member)
	if !limited {
		return nil, false
	}
	allowed, narrow := p.AllowedValues[member]
	values := []string{}
	for _, v := range limit.words(p) {
		if !slices.Contains(values, v) && (!narrow || slices.Contains(allowed, v)) {
			values = append(values, v)
		}
	}
	return values, true
}

// supportedBy returns the row of a member, and whether a list limits it.
func supportedBy(member string) (supported, bool) {
	i := slices.IndexFunc(supportedMembers, func(s supported) bool { return s.member == member })
	if i < 0 {
		return supported{}, false
	}
	return supportedMembers[i], true
}

// reportNoneLeft reports a member of which nothing is left once the bank has left out what
// it does not support. It reports none that has a value which another rule refuses.
func reportNoneLeft[T ~string](c *Case, member string, sent, supported []T, fit func(T) bool) {
	allowed, narrow := c.Policy().AllowedValues[member]
	for _, v := range sent {
		if !fit(v) || slices.Contains(supported, v) && (!narrow || slices.Contains(allowed, string(v))) {
			return
		}
	}
	if len(sent) > 0 {
		offered, _ := c.Policy().Supported(member)
		c.ReportValue("/"+member, joined(sent[:min(len(sent), 8)]), joined(offered), "holds nothing that this bank supports")
	}
}
