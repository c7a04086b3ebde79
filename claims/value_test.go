package claims

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func request(t *testing.T, payload string) *Request {
	t.Helper()
	r, err := ParseRequest([]byte(payload))
	require.NoError(t, err)
	return r
}

func statement(t *testing.T, payload string) *SSA {
	t.Helper()
	s, err := ParseSSA([]byte(payload))
	require.NoError(t, err)
	return s
}

func TestRequestValues(t *testing.T) {
	r := request(t, `{"iss":"abc","iat":17,"aud":["a","b"],"redirect_uris":["https:\/\/a.example"],"grant_types":["client_credentials"],`+
		`"scope":"openid  accounts","token_endpoint_auth_method":"private_key_jwt","backchannel_user_code_parameter_supported":false,`+
		`"client_secret":"s","software_client_name":{"x": [1, 2]}}`)
	want := Request{
		Issuer: Some("abc"), IssuedAt: Some(int64(17)), Audience: Some(StringOrList{Values: []string{"a", "b"}, List: true}),
		RedirectURIs: Some([]string{"https://a.example"}), GrantTypes: Some([]GrantType{ClientCredentials}),
		Scope: Some(Scope{Words: []string{"openid", "", "accounts"}}), TokenEndpointAuthMethod: Some(PrivateKeyJWT),
		BackchannelUserCodeParameterSupported: Some(false),
		Unknown:                               []Member{{"client_secret", json.RawMessage(`"s"`)}, {"software_client_name", json.RawMessage(`{"x": [1, 2]}`)}},
	}
	assert.Equal(t, &want, r)
	assert.Equal(t, "openid  accounts", r.Scope.Or(Scope{}).String())
	assert.True(t, r.Scope.Or(Scope{}).Has("accounts"))
	assert.False(t, r.Scope.Or(Scope{}).Has("Accounts"))
}

func TestStringAndListAreToldApart(t *testing.T) {
	assert.Equal(t, Some(StringOrList{Values: []string{"a b"}}), request(t, `{"aud":"a b"}`).Audience)
	assert.Equal(t, Some(StringOrList{Values: []string{}, List: true}), request(t, `{"aud":[]}`).Audience)
	assert.Equal(t, Some(Scope{}), request(t, `{"scope":""}`).Scope)
	assert.Equal(t, Some(Scope{Words: []string{"a b"}, List: true}), request(t, `{"scope":["a b"]}`).Scope)
	assert.Equal(t, Some(Roles{Values: []Role{AISP, PISP}, Text: true}), statement(t, `{"software_roles":"AISP PISP"}`).SoftwareRoles)
	assert.Equal(t, Some(Roles{Values: []Role{"CD_AISP"}}), statement(t, `{"software_roles":["CD_AISP"]}`).SoftwareRoles)
	assert.Equal(t, Some(SoftwareVersion{Text: "1.10", Number: true}), statement(t, `{"software_version":1.10}`).SoftwareVersion)
	assert.Equal(t, Some(SoftwareVersion{Text: "1.10"}), statement(t, `{"software_version":"1.10"}`).SoftwareVersion)
}

func TestAuthorityAsObjectAndAsArray(t *testing.T) {
	raw := `{"authority_id":"FCAGBR","registration_id":"7","status":"Active","authorisations":[{"member_state":"GB","roles":["AISP","PISP"]},{}], "x":null}`
	claims := AuthorityClaims{
		AuthorityID: Some("FCAGBR"), RegistrationID: Some("7"), Status: Some("Active"),
		Authorisations: []Authorisation{{MemberState: Some("GB"), Roles: []Role{AISP, PISP}}, {}},
	}
	for _, list := range []bool{false, true} {
		text := raw
		if list {
			text = "[" + raw + "]"
		}
		s := statement(t, `{"organisation_competent_authority_claims": `+text+` }`)
		assert.Equal(t, Some(Authority{Claims: []AuthorityClaims{claims}, List: list, Raw: json.RawMessage(text)}), s.CompetentAuthority)

		s.CompetentAuthority = Some(Authority{Claims: []AuthorityClaims{claims}, List: list})
		again := statement(t, string(must(s.MarshalJSON())))
		got := again.CompetentAuthority.Or(Authority{})
		want := []Authorisation{{MemberState: Some("GB"), Roles: []Role{AISP, PISP}}, {Roles: []Role{}}}
		assert.Equal(t, want, got.Claims[0].Authorisations, "claims that a program made are written too")
		assert.Equal(t, list, got.List)
	}
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

func TestFreeTextMayHoldWhatFormatsMayNot(t *testing.T) {
	s := statement(t, `{"software_client_name":"a\u0000\ud800"}`)
	assert.Equal(t, Some("a\x00\ufffd"), s.SoftwareClientName)
}

func TestBrokenPayloadsGiveNothing(t *testing.T) {
	for name, payload := range map[string]string{
		"nothing": ``, "array": `[{"iss":"a"}]`, "string": `"iss"`, "null": `null`, "two objects": `{} {}`, "byte order mark": "\ufeff{}",
		"duplicate": `{"iss":"a","\u0069ss":"b"}`, "deep duplicate": `{"x":[{"a":1,"a":2}]}`, "invalid UTF-8": "{\"iss\":\"\xff\"}",
		"cut": `{"iss":"a"`, "too deep": `{"x":` + strings.Repeat("[", 16) + strings.Repeat("]", 16) + `}`,
	} {
		t.Run(name, func(t *testing.T) {
			r, faults, err := DecodeRequest([]byte(payload))
			assert.Nil(t, r)
			assert.Nil(t, faults)
			var syntax *jsonscan.SyntaxError
			require.ErrorAs(t, err, &syntax)
			s, faults, err := DecodeSSA([]byte(payload), nil)
			assert.Nil(t, s)
			assert.Nil(t, faults)
			require.Error(t, err)
			h, faults, err := DecodeHeader([]byte(payload))
			assert.Nil(t, h)
			assert.Nil(t, faults)
			require.Error(t, err)
			r, err = ParseRequest([]byte(payload))
			assert.Nil(t, r)
			require.Error(t, err)
			s, err = ParseSSA([]byte(payload))
			assert.Nil(t, s)
			require.Error(t, err)
		})
	}
}

func TestStrictParseNamesItsFaults(t *testing.T) {
	r, err := ParseRequest([]byte(`{"iss":1,"iat":"x","exp":null,"aud":{},"jti":true}`))
	assert.Nil(t, r)
	var faults *FaultError
	require.ErrorAs(t, err, &faults)
	assert.Len(t, faults.Faults, 5)
	assert.Equal(t, Fault{Pointer: "/iat", Got: "string", Want: "integer"}, faults.Faults[1])
	assert.Equal(t, "claims: /iss is number, want string; /iat is string, want integer; /exp is null, want integer; and 2 more", err.Error())

	r, err = ParseRequest([]byte(`{"iat":1.5,"exp":1e19}`))
	assert.Nil(t, r)
	require.ErrorAs(t, err, &faults)
	assert.Equal(t, []Fault{{Pointer: "/iat", Got: "a number with a fraction", Want: "integer"},
		{Pointer: "/exp", Got: "a number that is too large", Want: "integer"}}, faults.Faults)

	s, err := ParseSSA([]byte(`{"iat":1e19}`))
	assert.Nil(t, s)
	require.ErrorAs(t, err, &faults)
	assert.Equal(t, "a number that is too large", faults.Faults[0].Got)
}

func TestAWholeNumberIsAnIntegerInEachSpelling(t *testing.T) {
	for _, spelling := range []string{`1795690842`, `1795690842.0`, `1.795690842E9`, `17956908420e-1`} {
		r := request(t, `{"iat":`+spelling+`,"exp":`+spelling+`,"nbf":`+spelling+`}`)
		assert.Equal(t, []Optional[int64]{Some[int64](1795690842), Some[int64](1795690842), Some[int64](1795690842)},
			[]Optional[int64]{r.IssuedAt, r.Expiry, r.NotBefore}, spelling)
	}
}

func TestTheTimesOfAStatementAreRoundedDown(t *testing.T) {
	s, err := ParseSSA([]byte(`{"iat":1795690842.999,"exp":1.7956908425e9,"nbf":-0.5}`))
	require.NoError(t, err)
	assert.Equal(t, []Optional[int64]{Some[int64](1795690842), Some[int64](1795690842), Some[int64](-1)},
		[]Optional[int64]{s.IssuedAt, s.Expiry, s.NotBefore})
}

func TestNullIsAsAbsentInsideTheAuthoritysClaims(t *testing.T) {
	s, err := ParseSSA([]byte(`{"organisation_competent_authority_claims":{"authority_id":null,"registration_id":null,"status":null,` +
		`"authorisations":[{"member_state":null,"roles":null}]}}`))
	require.NoError(t, err)
	a, ok := s.CompetentAuthority.Get()
	require.True(t, ok)
	assert.Equal(t, []AuthorityClaims{{Authorisations: []Authorisation{{}}}}, a.Claims)
	assert.False(t, a.Claims[0].Status.Present())

	_, faults, err := DecodeSSA([]byte(`{"organisation_competent_authority_claims":[null,{"authorisations":[null,{"roles":[null]}]}]}`), nil)
	require.NoError(t, err)
	var at []string
	for _, f := range faults {
		at = append(at, f.Pointer)
	}
	const base = "/organisation_competent_authority_claims"
	assert.Equal(t, []string{base + "/0", base + "/1/authorisations/0", base + "/1/authorisations/1/roles/0"}, at, "an entry of an array is no member")
}

func TestFaultsAreBoundedButNoneIsForgiven(t *testing.T) {
	ones := "[" + strings.Repeat("1,", 999) + "1]"
	s, faults, err := DecodeSSA([]byte(`{"software_redirect_uris":`+ones+`,"org_id":1,"organisation_competent_authority_claims":7,"software_roles":["a",1]}`), nil)
	require.NoError(t, err)
	assert.Len(t, faults, maxFaults)
	assert.Equal(t, "/software_redirect_uris/199", faults[199].Pointer)
	assert.True(t, s.OrgID.Present() && !s.OrgID.Valid())
	assert.True(t, s.CompetentAuthority.Present() && !s.CompetentAuthority.Valid(), "a fault beyond the bound still spoils")
	assert.True(t, s.SoftwareRoles.Present() && !s.SoftwareRoles.Valid())
}

func TestHeader(t *testing.T) {
	h, faults, err := DecodeHeader([]byte(`{"typ":"JWT","\u006bid":"k","alg":"PS256","crit":["b64"],"ALG":"none"}`))
	require.NoError(t, err)
	assert.Empty(t, faults)
	assert.Equal(t, &Header{Algorithm: Some("PS256"), KeyID: Some("k"), Type: Some("JWT"), Members: []string{"typ", "kid", "alg", "crit", "ALG"}}, h)
	assert.True(t, h.Has("crit"))
	assert.False(t, h.Has("jwk"))

	h, faults, err = DecodeHeader([]byte(`{"x5t":"NT1mRdvCV0u1WgoxA7YQR0PyTL4","x5t#S256":"nlQ0-6k5tkw-qqz2lCZ_A7wSkQzcNbgbRlTzaTdCZrA"}`))
	require.NoError(t, err)
	assert.Empty(t, faults)
	assert.Equal(t, &Header{Members: []string{"x5t", "x5t#S256"}}, h)

	_, faults, err = DecodeHeader([]byte(`{"x5t":"AA","x5t#S256":"\ud800"}`))
	require.NoError(t, err)
	require.Len(t, faults, 2)
	assert.Equal(t, []string{"/x5t", "/x5t#S256"}, []string{faults[0].Pointer, faults[1].Pointer})

	_, faults, err = DecodeHeader([]byte(`{"x5t":7,"x5t#S256":null}`))
	require.NoError(t, err)
	assert.Equal(t, []Fault{{Pointer: "/x5t", Got: "number", Want: "string"}, {Pointer: "/x5t#S256", Got: "null", Want: "string"}}, faults)

	h, faults, err = DecodeHeader([]byte(`{"alg":["PS256"],"kid":1,"typ":null}`))
	require.NoError(t, err)
	assert.Equal(t, []Fault{
		{Pointer: "/alg", Got: "array", Want: "string"}, {Pointer: "/kid", Got: "number", Want: "string"}, {Pointer: "/typ", Got: "null", Want: "string"},
	}, faults)
	assert.True(t, h.Algorithm.Present())
	assert.False(t, h.Algorithm.Valid())
}

func TestOptional(t *testing.T) {
	var absent Optional[string]
	_, ok := absent.Get()
	assert.False(t, ok || absent.Present() || absent.Valid())
	assert.Equal(t, "d", absent.Or("d"))
	empty := Some("")
	assert.True(t, empty.Present() && empty.Valid())
	assert.Empty(t, empty.Or("d"))
	r, _, err := DecodeRequest([]byte(`{"iss":1}`))
	require.NoError(t, err)
	assert.True(t, r.Issuer.Present())
	assert.False(t, r.Issuer.Valid())
	assert.Equal(t, "d", r.Issuer.Or("d"))
}

func TestNamesOfAnotherDirectory(t *testing.T) {
	names := map[string]string{"software_redirect_uris": "redirect_uris", "software_client_name": "client_name", "software_id": "org_id", "org_id": "software_id"}
	s, faults, err := DecodeSSA([]byte(`{"redirect_uris":["https://a.example"],"client_name":7,"org_id":"s","software_id":"o","software_client_name":"n","extra":1}`), names)
	require.NoError(t, err)
	assert.Equal(t, []Fault{{Pointer: "/client_name", Got: "number", Want: "string"}}, faults, "the pointer has the name that was sent")
	assert.Equal(t, Some([]string{"https://a.example"}), s.SoftwareRedirectURIs)
	assert.Equal(t, Some("s"), s.SoftwareID)
	assert.Equal(t, Some("o"), s.OrgID)
	assert.False(t, s.SoftwareClientName.Valid(), "our name means nothing where they use another")
	assert.Equal(t, []Member{{"software_client_name", json.RawMessage(`"n"`)}, {"extra", json.RawMessage(`1`)}}, s.Unknown)

	text := must(s.MarshalJSON())
	assert.JSONEq(t, `{"software_id":"s","org_id":"o","software_redirect_uris":["https://a.example"],"extra":1}`, string(text))
}

func TestMarshal(t *testing.T) {
	r := request(t, `{"zeta":{ "a" : "<&>" },"software_statement":"x","scope":["b","a"],"aud":"u","iss":"i","grant_types":[]}`)
	want := `{"iss":"i","aud":"u","grant_types":[],"scope":["b","a"],"software_statement":"x","zeta":{ "a" : "<&>" }}`
	assert.Equal(t, want, string(must(r.MarshalJSON())), "the table's order, unknown members byte for byte")

	made := &Request{RedirectURIs: Some[[]string](nil), Scope: Some(Scope{List: true}), Audience: Some(StringOrList{List: true})}
	assert.JSONEq(t, `{"aud":[],"redirect_uris":[],"scope":[]}`, string(must(json.Marshal(made))), "an empty list is not null")
	assert.Equal(t, `{}`, string(must((&SSA{}).MarshalJSON())))

	_, err := (&Request{Unknown: []Member{{Name: "x", Raw: json.RawMessage(`{`)}}}).MarshalJSON()
	var syntax *jsonscan.SyntaxError
	assert.True(t, errors.As(err, &syntax), "broken raw text is refused, not written")
}

func ExampleDecodeRequest() {
	r, faults, err := DecodeRequest([]byte(`{"iss": "4fHuZ6Fy1pLcTLdsTDYvGF", "iat": "soon", "redirect_uris": ["https://tpp.example", 7]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(r.Issuer.Or("nobody"), r.IssuedAt.Present(), r.IssuedAt.Valid(), r.Scope.Present())
	for _, f := range faults {
		fmt.Println(f)
	}
	// Output:
	// 4fHuZ6Fy1pLcTLdsTDYvGF true false false
	// /iat is string, want integer
	// /redirect_uris/1 is number, want string
}

func ExampleParseSSA() {
	s, err := ParseSSA([]byte(`{"iss": "OpenBanking Ltd", "software_roles": ["AISP", "PISP"], "software_version": 1.10}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(s.SoftwareRoles.Or(Roles{}).Values, s.SoftwareVersion.Or(SoftwareVersion{}).Text)
	// Output: [AISP PISP] 1.10
}
