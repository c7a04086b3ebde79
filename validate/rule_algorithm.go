package validate

import (
	"slices"
	"strings"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/rule"
)

// algorithmRules are the rows about the members that name an algorithm, but for
// that of CIBA.
func algorithmRules() []Rule {
	const (
		tokenAlg   = "token_endpoint_auth_signing_alg"
		idTokenAlg = "id_token_signed_response_alg"
		objectAlg  = "request_object_signing_alg"
	)
	rows := []Rule{
		{
			// Required with private_key_jwt and client_secret_jwt.
			ID:       rule.TokenEndpointAuthSigningAlgRequired,
			Summary:  "token_endpoint_auth_signing_alg is present with private_key_jwt and client_secret_jwt.",
			Reason:   "The bank must know which algorithm the client's assertions use.",
			Example:  `{"token_endpoint_auth_method": "private_key_jwt"}`,
			Citation: dictionary(tokenAlg),
			Fix:      "set token_endpoint_auth_signing_alg to PS256 or ES256",
			When:     func(c *Case) bool { return signsAssertions(c.Req()) },
			Check: func(c *Case) {
				requireMember(c, c.Req().TokenEndpointAuthSigningAlg.Present(), "/"+tokenAlg)
			},
		},
		{
			// With client_secret_jwt accepted and not enforced.
			ID:       rule.TokenEndpointAuthSigningAlgNotEnforced,
			Summary:  "With client_secret_jwt token_endpoint_auth_signing_alg is accepted and not enforced.",
			Reason:   "Clients name PS256 here and sign their assertions HS256 with the secret.",
			Example:  `{"token_endpoint_auth_method": "client_secret_jwt", "token_endpoint_auth_signing_alg": "PS256"}`,
			Citation: dictionary(tokenAlg),
			Severity: SeverityNotice,
			Fix:      "nothing: sign assertions with HS256 over the secret",
			When:     func(c *Case) bool { return c.Req().TokenEndpointAuthMethod.Or("") == claims.ClientSecretJWT },
			Check: func(c *Case) {
				if alg, ok := c.Req().TokenEndpointAuthSigningAlg.Get(); ok && alg != "HS256" {
					c.ReportValue("/"+tokenAlg, string(alg), "HS256", "is accepted and not enforced")
				}
			},
		},
		{
			ID:       rule.TokenEndpointAuthSigningAlgUnused,
			Summary:  "With the other methods token_endpoint_auth_signing_alg has no effect.",
			Reason:   "Those clients sign no assertion.",
			Example:  `{"token_endpoint_auth_method": "tls_client_auth", "token_endpoint_auth_signing_alg": "PS256"}`,
			Citation: dictionary(tokenAlg),
			Severity: SeverityNotice,
			Fix:      "leave token_endpoint_auth_signing_alg out",
			When: func(c *Case) bool {
				m, ok := c.Req().TokenEndpointAuthMethod.Get()
				return ok && knownAuthMethod(m) && !signsAssertions(c.Req())
			},
			Check: func(c *Case) {
				if c.Req().TokenEndpointAuthSigningAlg.Valid() {
					c.Report("/"+tokenAlg, "has no effect with this method")
				}
			},
		},
	}
	return append(rows,
		algorithmRequiredRow(rule.IDTokenSignedResponseAlgRequired, idTokenAlg),
		algorithmRequiredRow(rule.RequestObjectSigningAlgRequired, objectAlg),
		algorithmRow(rule.TokenEndpointAuthSigningAlgAlgorithm, tokenAlg, dictionary(tokenAlg)),
		algorithmSupportRow(rule.TokenEndpointAuthSigningAlgSupported, tokenAlg, dictionary(tokenAlg)),
		algorithmRow(rule.IDTokenSignedResponseAlgAlgorithm, idTokenAlg, dictionary(idTokenAlg)),
		algorithmSupportRow(rule.IDTokenSignedResponseAlgSupported, idTokenAlg, dictionary(idTokenAlg)),
		algorithmRow(rule.RequestObjectSigningAlgAlgorithm, objectAlg, dictionary(objectAlg)),
		algorithmSupportRow(rule.RequestObjectSigningAlgSupported, objectAlg, dictionary(objectAlg)),
	)
}

// algorithmRequiredRow is the row that wants a member.
func algorithmRequiredRow(id, name string) Rule {
	pointer := "/" + name // made once, not at each check
	return Rule{
		ID:       id,
		Summary:  name + " is present.",
		Reason:   "OpenID Connect's own default, RS256, is not in FAPI-RW's set.",
		Example:  `{"application_type": "web"}`,
		Citation: dictionary(name),
		Fix:      "set " + name + " to PS256 or ES256",
		Check: func(c *Case) {
			m, _ := algorithmMember(c.Req(), name)
			requireMember(c, m.Present(), pointer)
		},
	}
}

// algorithmRow is the row that holds a member to FAPI-RW's set.
func algorithmRow(id, name string, cite Citation) Rule {
	return Rule{
		ID:       id,
		Summary:  name + " is PS256 or ES256, or what the bank's policy names besides.",
		Reason:   "FAPI-RW admits PS256 and ES256 alone; none and HMAC prove nothing.",
		Example:  `{"` + name + `": "RS256"}`,
		Citation: cite,
		Fix:      "set " + name + " to PS256 or ES256",
		Check: func(c *Case) {
			m, _ := algorithmMember(c.Req(), name)
			if alg, ok := m.Get(); ok && !admitsAlgorithm(c, name, alg) {
				c.ReportValue("/"+name, string(alg), joined(policyAlgorithms(c.Policy(), name)), "is not in FAPI-RW's set")
			}
		},
	}
}

// algorithmSupportRow is the row that holds a member to what the bank supports.
func algorithmSupportRow(id, name string, cite Citation) Rule {
	return Rule{
		ID:       id,
		Summary:  "The bank supports the " + name + ".",
		Reason:   "A bank may support one algorithm of FAPI-RW's set and not the other.",
		Example:  `{"` + name + `": "ES256"}`,
		Citation: cite,
		Fix:      "use an algorithm of the bank's discovery document",
		Check: func(c *Case) {
			m, _ := algorithmMember(c.Req(), name)
			if alg, ok := m.Get(); ok && admitsAlgorithm(c, name, alg) && !supportsAlgorithm(c, name, alg) {
				c.ReportValue("/"+name, string(alg), joined(policyAlgorithms(c.Policy(), name)), "is not supported by this bank")
			}
		},
	}
}

// policyAlgorithms returns what the policy supports in a member.
func policyAlgorithms(p *Policy, name string) []claims.Algorithm {
	switch name {
	case "id_token_signed_response_alg":
		return p.MemberAlgorithms.IDToken
	case "request_object_signing_alg":
		return p.MemberAlgorithms.RequestObject
	case "token_endpoint_auth_signing_alg":
		return p.MemberAlgorithms.TokenEndpointAuth
	}
	return p.MemberAlgorithms.Backchannel
}

// supportsAlgorithm says whether the policy supports alg in a member, or does
// not enforce it there.
func supportsAlgorithm(c *Case, name string, alg claims.Algorithm) bool {
	return slices.Contains(policyAlgorithms(c.Policy(), name), alg) || unenforced(c, name, alg)
}

// admitsAlgorithm says whether alg may stand in a member at all.
func admitsAlgorithm(c *Case, name string, alg claims.Algorithm) bool {
	return alg == claims.PS256 || alg == claims.ES256 || supportsAlgorithm(c, name, alg)
}

// unenforced says whether alg is one that a client with client_secret_jwt may
// name: FAPI-RW's set, which such clients send, and the HMAC they really use.
func unenforced(c *Case, name string, alg claims.Algorithm) bool {
	return name == "token_endpoint_auth_signing_alg" &&
		c.Req().TokenEndpointAuthMethod.Or("") == claims.ClientSecretJWT &&
		(alg == claims.PS256 || alg == claims.ES256 || strings.HasPrefix(string(alg), "HS"))
}
