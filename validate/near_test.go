package validate_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/validate"
)

// found judges claims by a profile and returns what a rule finds.
func found(t *testing.T, id, request, statement string, change ...func(*validate.Policy)) []validate.Violation {
	t.Helper()
	policy := validate.DefaultPolicy(validate.OBIE33)
	for _, c := range change {
		c(&policy)
	}
	v, err := validate.New(validate.Config{Profile: validate.OBIE33, Policy: policy})
	require.NoError(t, err)
	in := &validate.Input{Now: time.Unix(1_700_000_000, 0)}
	if in.Request, in.RequestFaults, err = claims.DecodeRequest(request); err != nil {
		require.NoError(t, err)
	}
	if in.SSA, in.SSAFaults, err = claims.DecodeSSA(statement, nil); err != nil {
		require.NoError(t, err)
	}
	var of []validate.Violation
	for _, violation := range v.Judge(in).Violations {
		if violation.Rule == id {
			of = append(of, violation)
		}
	}
	return of
}

// one is found for a rule that finds one fault.
func one(t *testing.T, id, request, statement string, change ...func(*validate.Policy)) validate.Violation {
	t.Helper()
	all := found(t, id, request, statement, change...)
	require.Len(t, all, 1, id)
	return all[0]
}

func TestANearValueIsMetWithTheOneThatWasMeant(t *testing.T) {
	for name, c := range map[string]struct{ rule, request, statement, near string }{
		"a grant type in upper case":        {"grant_types.known", `{"grant_types":["Client_Credentials"]}`, `{}`, "client_credentials"},
		"a misspelt grant type":             {"grant_types.known", `{"grant_types":["authorisation_code"]}`, `{}`, "authorization_code"},
		"half of a grant type":              {"grant_types.known", `{"grant_types":["refresh"]}`, `{}`, "refresh_token"},
		"a response type the other way":     {"response_types.known", `{"response_types":["id_token code"]}`, `{}`, "code id_token"},
		"a method with hyphens":             {"token_endpoint_auth_method.known", `{"token_endpoint_auth_method":"private-key-jwt"}`, `{}`, "private_key_jwt"},
		"an algorithm in lower case":        {"id_token_signed_response_alg.algorithm", `{"id_token_signed_response_alg":"ps256"}`, `{}`, "PS256"},
		"a type in upper case":              {"application_type.web_or_mobile", `{"application_type":"Web"}`, `{}`, "web"},
		"a misspelt scope":                  {"scope.supported", `{"scope":"openid acounts"}`, `{}`, "accounts"},
		"a misspelt role":                   {"ssa.software_roles.known", `{}`, `{"software_roles":["AISP","AIPS"]}`, "AISP"},
		"a member in the singular":          {"request.unknown_member", `{"redirect_uri":"https://a.example"}`, `{}`, "redirect_uris"},
		"another name of a member":          {"request.unknown_member", `{"tls_client_auth_dn":"CN=a"}`, `{}`, "tls_client_auth_subject_dn"},
		"a claim as other directories":      {"ssa.unknown_member", `{}`, `{"software_jwks_uri":"https://a.example"}`, "software_jwks_endpoint"},
		"a claim of another shape":          {"ssa.unknown_member", `{}`, `{"software_statement_roles":[]}`, "software_roles"},
		"a redirect URI with a slash":       {"redirect_uris.subset_of_ssa", `{"redirect_uris":["https://a.example/cb/"]}`, `{"software_redirect_uris":["https://b.example/","https://a.example/cb"]}`, "https://a.example/cb"},
		"a redirect URI with an upper case": {"redirect_uris.subset_of_ssa", `{"redirect_uris":["https://A.example/cb"]}`, `{"software_redirect_uris":["https://a.example/cb"]}`, "https://a.example/cb"},
	} {
		v := one(t, c.rule, c.request, c.statement)
		assert.Contains(t, v.Message, c.near, name)
		assert.Contains(t, v.Fix, c.near, name)
		assert.Contains(t, v.Want, c.near, name)
	}
}

// A name or a value that looks like an allowed one, but for characters that nobody sees, is
// met with that one.
func TestWhatLooksLikeAnAllowedValueIsMetWithIt(t *testing.T) {
	const zero = "\u200b"
	for _, c := range []struct{ rule, request, near string }{
		{"request.unknown_member", `{"jti` + zero + `":"x"}`, "jti"},
		{"request.unknown_member", `{"` + zero + `sc` + zero + `ope":"x"}`, "scope"},
		{"request.unknown_member", `{"ssa` + zero + `":"x"}`, "software_statement"},
		{"grant_types.known", `{"grant_types":["refresh` + zero + `_token"]}`, "refresh_token"},
		{"application_type.web_or_mobile", `{"application_type":"` + zero + `web"}`, "web"},
	} {
		v := one(t, c.rule, c.request, `{}`)
		assert.Contains(t, v.Message, c.near+" (differs by characters that cannot be seen)", c.request)
		assert.Contains(t, v.Want+" "+v.Fix, c.near, c.request)
	}
	v := one(t, "jti.required", `{"jti`+zero+`":"x"}`, `{}`)
	assert.Contains(t, v.Fix, `rename "jti\u200b" to jti`)
	for _, nothing := range []string{zero, strings.Repeat(zero, 20), "\u2060\u200d"} {
		assert.NotContains(t, one(t, "request.unknown_member", `{"`+nothing+`":1}`, `{}`).Message, "near", "%q", nothing)
		assert.NotContains(t, one(t, "grant_types.known", `{"grant_types":["`+nothing+`"]}`, `{}`).Message, "near", "%q", nothing)
	}
}

// One rule cannot use up what the others may compare.
func TestEachRuleComparesForItself(t *testing.T) {
	uris := strings.Repeat(`"https://a.example/cb/",`, 40)
	request := `{"redirect_uris":[` + uris[:len(uris)-1] + `],"grant_types":["refresh"],"scope":"openid acounts","redirect_uri":"x"}`
	for _, id := range []string{"grant_types.known", "scope.supported", "request.unknown_member"} {
		assert.Contains(t, one(t, id, request, `{"software_redirect_uris":["https://a.example/cb"]}`).Message, "near", id)
	}
}

func TestAValueThatIsLikeNoneIsMetWithAll(t *testing.T) {
	for _, c := range []struct{ rule, request string }{
		{"grant_types.known", `{"grant_types":["password"]}`},
		{"response_types.known", `{"response_types":["none"]}`},
		{"token_endpoint_auth_method.known", `{"token_endpoint_auth_method":"none"}`},
		{"id_token_signed_response_alg.algorithm", `{"id_token_signed_response_alg":"RS256"}`},
		{"application_type.web_or_mobile", `{"application_type":"service"}`},
		{"scope.supported", `{"scope":"openid everything"}`},
		{"request.member.type", `{"exp":"1700003600"}`},
	} {
		v := one(t, c.rule, c.request, `{}`)
		row, known := validate.RuleByID(c.rule)
		require.True(t, known)
		assert.Equal(t, row.Fix, v.Fix, c.rule)
		assert.Contains(t, v.Message, v.Want, c.rule)
	}
	v := one(t, "scope.supported", `{"scope":"openid everything"}`, `{}`)
	assert.Contains(t, v.Message, "everything", "the word that is wrong")
	assert.NotContains(t, one(t, "request.unknown_member", `{"colour":"green"}`, `{}`).Message, "near")
}

func TestARedirectURIIsHeldAgainstTheList(t *testing.T) {
	const id = "redirect_uris.subset_of_ssa"
	row, _ := validate.RuleByID(id)
	v := one(t, id, `{"redirect_uris":["https://app.example/cb2"]}`, `{"software_redirect_uris":["https://app.example/cb"]}`)
	assert.Equal(t, "not in the SSA, which has 1: https://app.example/cb", v.Message, "as in the contract")
	assert.Equal(t, row.Fix, v.Fix)
	assert.Equal(t, "https://app.example/cb", v.Want)
	many := make([]string, 40)
	for i := range many {
		many[i] = `"https://app` + strconv.Itoa(i) + `.example/callback"`
	}
	statement := `{"software_redirect_uris":[` + strings.Join(many, ",") + `]}`
	v = one(t, id, `{"redirect_uris":["https://app17.example:443/callback"]}`, statement)
	assert.Equal(t, "https://app17.example/callback", v.Want)
	assert.Contains(t, v.Message, "which has 40; nearest: https://app17.example/callback (differs by the port 443)")
	v = one(t, id, `{"redirect_uris":["https://app17.example/other"]}`, statement)
	assert.Contains(t, v.Message, "nearest: https://app17.example/callback")
	assert.Equal(t, row.Fix, v.Fix)
	v = one(t, id, `{"redirect_uris":["https://elsewhere.example/other"]}`, statement)
	assert.NotContains(t, v.Message, "nearest")
}

func TestAnAudienceIsHeldAgainstTheBanks(t *testing.T) {
	bank := func(p *validate.Policy) {
		p.AudienceKinds, p.Audiences = []validate.AudienceKind{validate.AudienceURL}, []string{"https://auth.bank.example"}
	}
	v := one(t, "aud.is_bank", `{"aud":"https://auth.bank.example/"}`, `{}`, bank)
	assert.Contains(t, v.Message, "a slash at the end")
	assert.Contains(t, v.Fix, "https://auth.bank.example")
	v = one(t, "aud.is_bank", `{"aud":"https://other.example"}`, `{}`, bank)
	assert.NotContains(t, v.Message, "differs")
	assert.Equal(t, "https://auth.bank.example", v.Want)
}

func TestAMemberThatStandsInThePlaceOfAMissingOneIsNamed(t *testing.T) {
	for _, c := range []struct{ rule, request, statement, instead string }{
		{"ssa.software_jwks_endpoint.required", `{}`, `{"software_jwks_uri":"https://a.example"}`, "software_jwks_uri"},
		{"ssa.software_roles.required", `{}`, `{"software_statement_roles":[]}`, "software_statement_roles"},
		{"scope.required", `{"scopes":"openid"}`, `{}`, "scopes"},
		{"token_endpoint_auth_method.required", `{"token_endpoint_auth_methods":"x"}`, `{}`, "token_endpoint_auth_methods"},
		{"software_statement.required", `{"ssa":"x"}`, `{}`, "ssa"},
	} {
		v := one(t, c.rule, c.request, c.statement)
		assert.Contains(t, v.Message, c.instead, c.rule)
		assert.Contains(t, v.Fix, c.instead, c.rule)
		row, _ := validate.RuleByID(c.rule)
		assert.Equal(t, row.Fix, one(t, c.rule, `{}`, `{}`).Fix, c.rule)
	}
}

// A request full of faults is compared with few words.
func TestManyFaultsCostFewComparisons(t *testing.T) {
	names := make([]string, 150)
	for i := range names {
		names[i] = `"redirect_ur` + strconv.Itoa(i) + `":1`
	}
	near := 0
	for _, v := range found(t, "request.unknown_member", "{"+strings.Join(names, ",")+"}", `{}`) {
		if v.Want != "" {
			near++
		}
	}
	assert.Positive(t, near)
	assert.Less(t, near, 20)
}

// A bank that tells all tells what would be right: numbers, types, values and times.
func TestADescriptionTellsWhatWouldBeRight(t *testing.T) {
	policy := validate.DefaultPolicy(validate.OBIE33)
	policy.ErrorDetail = validate.DetailAll
	v, err := validate.New(validate.Config{Profile: validate.OBIE33, Policy: policy})
	require.NoError(t, err)
	uris := strings.TrimSuffix(strings.Repeat(`"https://a.example/cb",`, 51), ",")
	for name, c := range map[string]struct{ request, want string }{
		"too many entries":   {`{"redirect_uris":[` + uris + `]}`, "has 51 entries; at most 50"},
		"too long":           {`{"token_endpoint_auth_method":"tls_client_auth","tls_client_auth_subject_dn":"CN=` + strings.Repeat("a", 126) + `"}`, "has 129 characters; at most 128"},
		"the wrong type":     {`{"iat":"1700000000"}`, "must be an integer"},
		"another type":       {`{"application_type":"native"}`, "allowed: web, mobile"},
		"a long life":        {`{"iat":1700000000,"exp":1700007201}`, "is 2 hours after iat; at most 1 h"},
		"a time to come":     {`{"iat":1700007200}`, "is in the future: 2023-11-15 00:13:20 UTC, 2 hours from now; at most 1 min"},
		"a time in the past": {`{"exp":1699990000}`, "is in the past: 2023-11-14 19:26:40 UTC, 2 hours ago"},
	} {
		in := &validate.Input{Now: time.Unix(1_700_000_000, 0)}
		in.Request, in.RequestFaults, err = claims.DecodeRequest(c.request)
		require.NoError(t, err)
		var told []string
		for _, one := range v.Judge(in).Violations {
			report := v.Judge(&validate.Input{Now: in.Now, Extra: []validate.Violation{{Rule: "x", Pointer: one.Pointer, Message: one.Message, Got: one.Got, Want: one.Want}}})
			told = append(told, report.Wire().Description)
		}
		assert.Contains(t, strings.Join(told, "\n"), c.want, name)
	}
}
