package validate

import (
	"slices"
	"strings"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/rule"
	"github.com/obdcr/obdcr/internal/text"
)

// algorithmMember is a member that names an algorithm.
type algorithmMember struct {
	name string
	in   func(*claims.Request) claims.Optional[claims.Algorithm]
	list func(*Policy) []claims.Algorithm // what the policy supports there
}

var (
	tokenAlg = algorithmMember{
		name: "token_endpoint_auth_signing_alg",
		in:   func(r *claims.Request) claims.Optional[claims.Algorithm] { return r.TokenEndpointAuthSigningAlg },
		list: func(p *Policy) []claims.Algorithm { return p.MemberAlgorithms.TokenEndpointAuth },
	}
	idTokenAlg = algorithmMember{
		name: "id_token_signed_response_alg",
		in:   func(r *claims.Request) claims.Optional[claims.Algorithm] { return r.IDTokenSignedResponseAlg },
		list: func(p *Policy) []claims.Algorithm { return p.MemberAlgorithms.IDToken },
	}
	requestObjectAlg = algorithmMember{
		name: "request_object_signing_alg",
		in:   func(r *claims.Request) claims.Optional[claims.Algorithm] { return r.RequestObjectSigningAlg },
		list: func(p *Policy) []claims.Algorithm { return p.MemberAlgorithms.RequestObject },
	}
	cibaAlg = algorithmMember{
		name: memberCIBAAlg,
		in: func(r *claims.Request) claims.Optional[claims.Algorithm] {
			return r.BackchannelAuthenticationRequestSigningAlg
		},
		list: func(p *Policy) []claims.Algorithm { return p.MemberAlgorithms.Backchannel },
	}
)

// algorithmRules are the rows about the members that name an algorithm, without that of
// CIBA.
func algorithmRules() []Rule {
	pointer := "/" + tokenAlg.name // made once, not at each check
	rows := []Rule{
		{
			// Required with private_key_jwt and client_secret_jwt.
			ID:       rule.TokenEndpointAuthSigningAlgRequired,
			Summary:  "token_endpoint_auth_signing_alg is present with private_key_jwt and client_secret_jwt.",
			Reason:   "The bank must know which algorithm the client's assertions use.",
			Bad:      "without token_endpoint_auth_signing_alg",
			Good:     `{"token_endpoint_auth_signing_alg": "PS256"}`,
			Citation: dictionary(tokenAlg.name),
			Basis:    BasisMust,
			Profiles: profilesOBIE(), // the vendor's document has no such member
			Fix:      "set token_endpoint_auth_signing_alg to PS256 or ES256",
			When:     func(c *Case) bool { return signsAssertions(c.Req()) },
			Check: func(c *Case) {
				requireMember(c, c.Req().TokenEndpointAuthSigningAlg.Present(), pointer)
			},
		},
		{
			// With client_secret_jwt the member is accepted and not enforced.
			ID:      rule.TokenEndpointAuthSigningAlgNotEnforced,
			Summary: "With client_secret_jwt token_endpoint_auth_signing_alg is accepted and not enforced.",
			Reason:  "Clients name PS256 here and sign their assertions HS256 with the secret.",
			Bad:     `{"token_endpoint_auth_signing_alg": "PS256"}`,
			Good:    `{"token_endpoint_auth_signing_alg": "HS256"}`,
			Given: Given{
				Request: `{"token_endpoint_auth_method": "client_secret_jwt"}`,
				Policy:  `{"auth_methods": ["private_key_jwt", "client_secret_jwt"], "widenings": ["client_secret_jwt"]}`,
			},
			Citation: dictionary(tokenAlg.name),
			Basis:    BasisNotice,
			Fix:      "nothing: sign assertions with HS256 over the secret",
			When:     func(c *Case) bool { return c.Req().TokenEndpointAuthMethod.Or("") == claims.ClientSecretJWT },
			Check: func(c *Case) {
				if alg, ok := c.Req().TokenEndpointAuthSigningAlg.Get(); ok && alg != "HS256" {
					c.ReportValue(pointer, string(alg), "HS256", "is accepted and not enforced")
				}
			},
		},
		{
			ID:       rule.TokenEndpointAuthSigningAlgUnused,
			Summary:  "With the other methods token_endpoint_auth_signing_alg has no effect.",
			Reason:   "Those clients sign no assertion.",
			Bad:      `{"token_endpoint_auth_signing_alg": "PS256"}`,
			Good:     "without token_endpoint_auth_signing_alg",
			Given:    Given{Request: `{"token_endpoint_auth_method": "tls_client_auth", "tls_client_auth_subject_dn": "CN=9b5usDpbNtmxDcTzs7GzKp"}`},
			Citation: dictionary(tokenAlg.name),
			Basis:    BasisNotice,
			Fix:      "leave token_endpoint_auth_signing_alg out",
			When: func(c *Case) bool {
				m, ok := c.Req().TokenEndpointAuthMethod.Get()
				return ok && m.Known() && !signsAssertions(c.Req())
			},
			Check: func(c *Case) {
				if c.Req().TokenEndpointAuthSigningAlg.Valid() {
					c.Report(pointer, "has no effect with this method")
				}
			},
		},
	}
	return append(rows,
		algorithmRequiredRow(rule.IDTokenSignedResponseAlgRequired, &idTokenAlg),
		algorithmRequiredRow(rule.RequestObjectSigningAlgRequired, &requestObjectAlg),
		algorithmRow(rule.TokenEndpointAuthSigningAlgAlgorithm, &tokenAlg, dictionary(tokenAlg.name)),
		algorithmSupportRow(rule.TokenEndpointAuthSigningAlgSupported, &tokenAlg, "token_endpoint_auth", dictionary(tokenAlg.name)),
		algorithmRow(rule.IDTokenSignedResponseAlgAlgorithm, &idTokenAlg, dictionary(idTokenAlg.name)),
		algorithmSupportRow(rule.IDTokenSignedResponseAlgSupported, &idTokenAlg, "id_token", dictionary(idTokenAlg.name)),
		algorithmRow(rule.RequestObjectSigningAlgAlgorithm, &requestObjectAlg, dictionary(requestObjectAlg.name)),
		algorithmSupportRow(rule.RequestObjectSigningAlgSupported, &requestObjectAlg, "request_object", dictionary(requestObjectAlg.name)),
	)
}

// algorithmRequiredRow is the row that requires a member.
func algorithmRequiredRow(id string, m *algorithmMember) Rule {
	pointer := "/" + m.name
	return Rule{
		ID:       id,
		Summary:  m.name + " is present.",
		Reason:   "OpenID Connect's own default, RS256, is not in FAPI's set.",
		Bad:      Example("without " + m.name),
		Good:     Example(`{"` + m.name + `": "PS256"}`),
		Citation: dictionary(m.name),
		Basis:    BasisMust,
		Fix:      "set " + m.name + " to PS256 or ES256",
		Check:    func(c *Case) { requireMember(c, m.in(c.Req()).Present(), pointer) },
	}
}

// algorithmRow is the row that holds a member to FAPI's set.
func algorithmRow(id string, m *algorithmMember, cite Citation) Rule {
	pointer := "/" + m.name
	return Rule{
		ID:       id,
		Summary:  m.name + " is PS256 or ES256, or what the bank's policy names besides.",
		Reason:   "FAPI admits PS256 and ES256 alone; none and HMAC prove nothing.",
		Bad:      Example(`{"` + m.name + `": "RS256"}`),
		Good:     Example(`{"` + m.name + `": "PS256"}`),
		Citation: cite,
		Basis:    BasisMust,
		Fix:      "set " + m.name + " to PS256 or ES256",
		Check: func(c *Case) {
			if alg, ok := m.in(c.Req()).Get(); ok && !m.admits(c, alg) {
				c.reportUnlisted(pointer, string(alg), text.Strings(m.list(c.Policy())), sameButSpelling, "is not in FAPI's set")
			}
		},
	}
}

// algorithmSupportRow is the row that holds a member to what the bank supports, by the list
// that its policy has for the member.
func algorithmSupportRow(id string, m *algorithmMember, policy string, cite Citation) Rule {
	pointer := "/" + m.name
	return Rule{
		ID:       id,
		Summary:  "The bank supports the " + m.name + ".",
		Reason:   "A bank may support one algorithm of FAPI's set and not the other.",
		Bad:      Example(`{"` + m.name + `": "ES256"}`),
		Good:     Example(`{"` + m.name + `": "PS256"}`),
		Given:    Given{Policy: `{"member_algorithms": {"` + policy + `": ["PS256"]}}`},
		Citation: cite,
		Basis:    BasisPolicy,
		Fix:      "use an algorithm of the bank's discovery document",
		Check: func(c *Case) {
			if alg, ok := m.in(c.Req()).Get(); ok && m.admits(c, alg) && !m.supports(c, alg) {
				c.reportUnlisted(pointer, string(alg), text.Strings(m.list(c.Policy())), sameButSpelling, "is not supported by this bank")
			}
		},
	}
}

// supports reports whether the policy supports alg in the member, or does not enforce
// it there.
func (m *algorithmMember) supports(c *Case, alg claims.Algorithm) bool {
	return slices.Contains(m.list(c.Policy()), alg) || m.name == tokenAlg.name && unenforced(c, alg)
}

// admits reports whether alg may stand in the member at all.
func (m *algorithmMember) admits(c *Case, alg claims.Algorithm) bool {
	return alg == claims.PS256 || alg == claims.ES256 || m.supports(c, alg)
}

// unenforced reports whether a client with client_secret_jwt may name alg as the algorithm
// of its assertions. Such clients send an algorithm of FAPI's set and sign with an
// HMAC, so both are accepted.
func unenforced(c *Case, alg claims.Algorithm) bool {
	return c.Req().TokenEndpointAuthMethod.Or("") == claims.ClientSecretJWT &&
		(alg == claims.PS256 || alg == claims.ES256 || strings.HasPrefix(string(alg), "HS"))
}

// supportedTokenAlgorithms are the algorithms that some request may name for its
// assertions.
func supportedTokenAlgorithms(p *Policy) []string {
	words := text.Strings(tokenAlg.list(p))
	if slices.Contains(p.AuthMethods, claims.ClientSecretJWT) { // not enforced there
		words = append(words, "PS256", "ES256", "HS256", "HS384", "HS512")
	}
	return words
}
