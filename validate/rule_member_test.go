package validate_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/validate"
)

// rulesFound returns the rules of the errors of a report.
func rulesFound(r *validate.Report) []string {
	var ids []string
	for _, v := range r.Violations {
		if v.Severity == validate.SeverityError {
			ids = append(ids, v.Rule)
		}
	}
	return ids
}

// judged judges the base vector, changed, by a policy, changed, and a rule table.
func judged(t *testing.T, rules []validate.Rule, policy func(*validate.Policy), request func(*claims.Request)) *validate.Report {
	t.Helper()
	p := validate.DefaultPolicy(validate.OBIE33)
	policy(&p)
	v, err := validate.New(validate.Config{Profile: validate.OBIE33, Policy: p, Rules: rules})
	require.NoError(t, err)
	in := vector(t, "base/nothing-changed")
	request(in.Request)
	return v.Judge(in)
}

func TestAMissingMemberIsReportedByOneRule(t *testing.T) {
	withoutRow := slices.DeleteFunc(validate.Rules(), func(r validate.Rule) bool { return r.ID == validate.RuleIssRequired })
	asWarning := validate.Rules()
	for i := range asWarning {
		if asWarning[i].ID == validate.RuleIssRequired {
			asWarning[i].Severity = validate.SeverityWarning
		}
	}
	for name, c := range map[string]struct {
		rules  []validate.Rule
		member string
		want   string
	}{
		"its own":                              {nil, "iss", validate.RuleIssRequired},
		"the policy's, without its own":        {withoutRow, "iss", validate.RuleRequestRequiredByPolicy},
		"the policy's, where its own warns":    {asWarning, "iss", validate.RuleRequestRequiredByPolicy},
		"the policy's, where there is no own":  {nil, "client_id", validate.RuleRequestRequiredByPolicy},
		"the policy's, where its own is apart": {nil, "backchannel_token_delivery_mode", validate.RuleRequestRequiredByPolicy},
	} {
		t.Run(name, func(t *testing.T) {
			report := judged(t, c.rules,
				func(p *validate.Policy) { p.RequiredMembers = []string{c.member} },
				func(r *claims.Request) { r.Issuer = claims.Optional[string]{} })
			if c.member == "iss" {
				assert.Equal(t, []string{c.want}, rulesFound(report))
				return
			}
			assert.Contains(t, rulesFound(report), c.want)
		})
	}
}

func TestAValueIsHeldAgainstThePolicysListWhereNoOtherRuleRefusesIt(t *testing.T) {
	allow := func(member string, values ...string) func(*validate.Policy) {
		return func(p *validate.Policy) { p.AllowedValues = map[string][]string{member: values} }
	}
	for name, c := range map[string]struct {
		policy  func(*validate.Policy)
		request func(*claims.Request)
		want    []string // pointers of the policy's rule
	}{
		"an entry of an array": {allow("grant_types", "client_credentials"), func(*claims.Request) {}, []string{"/grant_types/1", "/grant_types/2"}},
		"a word of scope": {allow("scope", "openid"), func(r *claims.Request) {
			r.Scope = claims.Some(claims.Scope{Words: []string{"openid", "accounts"}})
		}, []string{"/scope"}},
		"an allowed value": {allow("software_id", "9b5usDpbNtmxDcTzs7GzKp"), func(r *claims.Request) {
			r.SoftwareID = claims.Some("9b5usDpbNtmxDcTzs7GzKp")
		}, nil},
		"an unsupported grant type is left to its rule": {allow("grant_types", "client_credentials", "authorization_code", "refresh_token"),
			func(r *claims.Request) {
				r.GrantTypes = claims.Some([]claims.GrantType{"authorization_code", "client_credentials", "password"})
			}, nil},
		"an unsupported algorithm is left to its rule": {allow("request_object_signing_alg", "PS256"),
			func(r *claims.Request) { r.RequestObjectSigningAlg = claims.Some(claims.Algorithm("none")) }, nil},
		"a delivery mode that FAPI-CIBA forbids is left to its rule": {allow("backchannel_token_delivery_mode", "poll"),
			func(r *claims.Request) { r.BackchannelTokenDeliveryMode = claims.Some(claims.Push) }, nil},
		"a delivery mode": {allow("backchannel_token_delivery_mode", "poll"),
			func(r *claims.Request) { r.BackchannelTokenDeliveryMode = claims.Some(claims.Ping) }, []string{"/backchannel_token_delivery_mode"}},
		"a boolean": {allow("backchannel_user_code_parameter_supported", "false"),
			func(r *claims.Request) { r.BackchannelUserCodeParameterSupported = claims.Some(true) },
			[]string{"/backchannel_user_code_parameter_supported"}},
	} {
		t.Run(name, func(t *testing.T) {
			var pointers []string
			for _, v := range judged(t, nil, c.policy, c.request).Violations {
				if v.Rule == validate.RuleRequestAllowedByPolicy {
					pointers = append(pointers, v.Pointer)
				}
			}
			assert.Equal(t, c.want, pointers)
		})
	}
}

func TestAPolicyAllowsNoValueThatEveryRequestIsRefusedFor(t *testing.T) {
	for member, value := range map[string]string{
		"backchannel_token_delivery_mode": "push", "request_object_signing_alg": "none", "token_endpoint_auth_signing_alg": "HS256",
		"grant_types": "password", "scope": "acounts", "application_type": "native", "token_endpoint_auth_method": "none",
	} {
		p := validate.DefaultPolicy(validate.OBIE33)
		p.AllowedValues = map[string][]string{member: {value}}
		_, err := validate.New(validate.Config{Profile: validate.OBIE33, Policy: p})
		var refused *validate.PolicyError
		require.ErrorAs(t, err, &refused, member)
		assert.Equal(t, "allowed_values/"+member, refused.Member)
	}
}
