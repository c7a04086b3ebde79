package validate

import (
	"slices"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/rule"
	"github.com/obdcr/obdcr/internal/text"
)

// authMethodRules are the rows about token_endpoint_auth_method.
var authMethodRules = []Rule{
	{
		ID:       rule.TokenEndpointAuthMethodRequired,
		Summary:  "token_endpoint_auth_method is present.",
		Reason:   "OAuth's own default, client_secret_basic, is not FAPI-compliant.",
		Bad:      "without token_endpoint_auth_method",
		Good:     `{"token_endpoint_auth_method": "private_key_jwt"}`,
		Citation: dictionary("token_endpoint_auth_method"),
		Basis:    BasisMust,
		Fix:      "set token_endpoint_auth_method to private_key_jwt or tls_client_auth",
		Check: func(c *Case) {
			requireMember(c, c.Req().TokenEndpointAuthMethod.Present(), "/token_endpoint_auth_method")
		},
	},
	{
		ID:       rule.TokenEndpointAuthMethodKnown,
		Summary:  "token_endpoint_auth_method is one of the five that the data dictionary names.",
		Reason:   "No other method is defined for these clients.",
		Bad:      `{"token_endpoint_auth_method": "none"}`,
		Good:     `{"token_endpoint_auth_method": "private_key_jwt"}`,
		Citation: dictionary("token_endpoint_auth_method"),
		Basis:    BasisMust,
		Fix:      "use private_key_jwt or tls_client_auth",
		Check: func(c *Case) {
			if m, ok := c.Req().TokenEndpointAuthMethod.Get(); ok && !m.Known() {
				c.reportUnlisted("/token_endpoint_auth_method", string(m), text.Strings(c.Policy().AuthMethods), nearest, "is no method of the data dictionary")
			}
		},
	},
	{
		ID:       rule.TokenEndpointAuthMethodSupported,
		Summary:  "The bank supports the token_endpoint_auth_method.",
		Reason:   "The client could not authenticate otherwise.",
		Bad:      `{"token_endpoint_auth_method": "client_secret_basic"} without token_endpoint_auth_signing_alg`,
		Good:     `{"token_endpoint_auth_method": "private_key_jwt"}`,
		Citation: dictionary("token_endpoint_auth_method"),
		Basis:    BasisPolicy,
		Fix:      "use a method of the bank's token_endpoint_auth_methods_supported",
		Check: func(c *Case) {
			m, ok := c.Req().TokenEndpointAuthMethod.Get()
			if ok && m.Known() && !slices.Contains(c.Policy().AuthMethods, m) {
				c.reportUnlisted("/token_endpoint_auth_method", string(m), text.Strings(c.Policy().AuthMethods), sameButSpelling, "is not supported by this bank")
			}
		},
	},
	{
		// Only private_key_jwt and tls_client_auth are FAPI-compliant.
		ID:       rule.TokenEndpointAuthMethodFAPI,
		Summary:  "token_endpoint_auth_method is one that FAPI admits, private_key_jwt or tls_client_auth.",
		Reason:   "A shared secret can leak on either side.",
		Bad:      `{"token_endpoint_auth_method": "client_secret_basic"} without token_endpoint_auth_signing_alg`,
		Good:     `{"token_endpoint_auth_method": "private_key_jwt"}`,
		Given:    Given{Policy: `{"auth_methods": ["private_key_jwt", "client_secret_basic"], "widenings": ["client_secret_basic"]}`},
		Citation: fapi("5.2.2"),
		Basis:    BasisShould,
		Fix:      "move to private_key_jwt or tls_client_auth",
		Check: func(c *Case) {
			m, ok := c.Req().TokenEndpointAuthMethod.Get()
			if ok && m.NeedsSecret() &&
				slices.Contains(c.Policy().AuthMethods, m) {
				c.ReportValue("/token_endpoint_auth_method", string(m), "private_key_jwt or tls_client_auth", "is supported here but not FAPI-compliant")
			}
		},
	},
}

// signsAssertions reports whether the client authenticates with an assertion that
// it signs, so that the algorithm must be named.
func signsAssertions(r *claims.Request) bool {
	return r.TokenEndpointAuthMethod.Or("").SignsAssertions()
}

// usesTLSClientAuth reports whether the client authenticates with its certificate.
func usesTLSClientAuth(r *claims.Request) bool {
	return r.TokenEndpointAuthMethod.Or("") == claims.TLSClientAuth
}
