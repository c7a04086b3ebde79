package claims

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// expectation says how one member of a claim set is read.
type expectation struct {
	name  string
	valid []string          // JSON texts of the right type
	wrong map[string]string // JSON text of a wrong type: the pointer of its fault below the member
	want  string            // the type that faults name
	null  bool              // null counts as absent
	empty []string          // texts that are empty and still present
	at    func(any) shape   // the member in a decoded claim set
}

// shape is an Optional without its type.
type shape struct {
	present, valid bool
	value          any
}

func see[V any](o Optional[V]) shape {
	v, _ := o.Get()
	return shape{present: o.Present(), valid: o.Valid(), value: v}
}

func anyText(name string, at func(any) shape) expectation {
	return expectation{
		name: name, at: at, want: "string",
		valid: []string{`"x"`, `"caf\u00e9 \ud83d\ude00"`, `"` + strings.Repeat("long ", 100) + `"`}, empty: []string{`""`},
		wrong: map[string]string{`1`: "", `true`: "", `[]`: "", `{}`: "", `["x"]`: ""},
	}
}

func format(name string, at func(any) shape) expectation {
	e := anyText(name, at)
	e.wrong[`"a\u0000"`], e.wrong[`"\ud800"`] = "", ""
	return e
}

func orAbsent(e expectation) expectation {
	e.null = true
	return e
}

func seconds(name string, at func(any) shape) expectation {
	return expectation{
		name: name, at: at, want: "integer",
		valid: []string{`0`, `-1`, `1700000000`, `9223372036854775807`, `1700000000.0`, `1.7E9`, `170000000000e-2`, `-0`},
		wrong: map[string]string{`"1700000000"`: "", `1.5`: "", `1.7000000005e9`: "", `1e19`: "", `9223372036854775808`: "", `[1]`: "", `{}`: "", `true`: ""},
	}
}

// rounded is a time of a statement, whose fraction does not count.
func rounded(name string, at func(any) shape) expectation {
	e := seconds(name, at)
	for _, text := range []string{`1.5`, `1.7000000005e9`} {
		delete(e.wrong, text)
		e.valid = append(e.valid, text)
	}
	return e
}

func stringList(name string, at func(any) shape) expectation {
	return expectation{
		name: name, at: at, want: "array of strings",
		valid: []string{`["a"]`, `["a","b","a"]`, `["\n"]`, `[""]`}, empty: []string{`[]`},
		wrong: map[string]string{`"a"`: "", `1`: "", `{}`: "", `[1]`: "/0", `["a",null]`: "/1", `["a",["b"]]`: "/1", `["\u0000"]`: "/0", `["a","\udc00"]`: "/1"},
	}
}

func wordsOrList(name string, at func(any) shape) expectation {
	e := stringList(name, at)
	delete(e.wrong, `"a"`)
	e.valid = append(e.valid, `"`+strings.Repeat(" ", 999)+`"`, `"openid"`, `"openid accounts"`, `" openid  accounts "`)
	e.empty = append(e.empty, `""`)
	e.wrong[`"a\u0000"`], e.wrong[`"`+strings.Repeat(" ", 1000)+`"`] = "", ""
	return e
}

func inRequest(at func(*Request) shape) func(any) shape {
	return func(v any) shape { return at(v.(*Request)) }
}

func inSSA(at func(*SSA) shape) func(any) shape { return func(v any) shape { return at(v.(*SSA)) } }

// The members of spec/obie-dcr.md, "The request JWT".
var requestMembers = []expectation{
	format("iss", inRequest(func(r *Request) shape { return see(r.Issuer) })),
	seconds("iat", inRequest(func(r *Request) shape { return see(r.IssuedAt) })),
	seconds("exp", inRequest(func(r *Request) shape { return see(r.Expiry) })),
	wordsOrListOnce("aud", inRequest(func(r *Request) shape { return see(r.Audience) })),
	seconds("nbf", inRequest(func(r *Request) shape { return see(r.NotBefore) })),
	format("jti", inRequest(func(r *Request) shape { return see(r.JWTID) })),
	stringList("redirect_uris", inRequest(func(r *Request) shape { return see(r.RedirectURIs) })),
	format("token_endpoint_auth_method", inRequest(func(r *Request) shape { return see(r.TokenEndpointAuthMethod) })),
	format("token_endpoint_auth_signing_alg", inRequest(func(r *Request) shape { return see(r.TokenEndpointAuthSigningAlg) })),
	format("tls_client_auth_subject_dn", inRequest(func(r *Request) shape { return see(r.TLSClientAuthSubjectDN) })),
	stringList("grant_types", inRequest(func(r *Request) shape { return see(r.GrantTypes) })),
	stringList("response_types", inRequest(func(r *Request) shape { return see(r.ResponseTypes) })),
	format("software_id", inRequest(func(r *Request) shape { return see(r.SoftwareID) })),
	wordsOrList("scope", inRequest(func(r *Request) shape { return see(r.Scope) })),
	format("software_statement", inRequest(func(r *Request) shape { return see(r.SoftwareStatement) })),
	format("application_type", inRequest(func(r *Request) shape { return see(r.ApplicationType) })),
	format("id_token_signed_response_alg", inRequest(func(r *Request) shape { return see(r.IDTokenSignedResponseAlg) })),
	format("request_object_signing_alg", inRequest(func(r *Request) shape { return see(r.RequestObjectSigningAlg) })),
	format("backchannel_token_delivery_mode", inRequest(func(r *Request) shape { return see(r.BackchannelTokenDeliveryMode) })),
	format("backchannel_client_notification_endpoint", inRequest(func(r *Request) shape { return see(r.BackchannelClientNotificationEndpoint) })),
	format("backchannel_authentication_request_signing_alg",
		inRequest(func(r *Request) shape { return see(r.BackchannelAuthenticationRequestSigningAlg) })),
	{
		name: "backchannel_user_code_parameter_supported", want: "boolean", valid: []string{`true`, `false`},
		at:    inRequest(func(r *Request) shape { return see(r.BackchannelUserCodeParameterSupported) }),
		wrong: map[string]string{`"false"`: "", `0`: "", `[]`: "", `{}`: ""},
	},
	format("client_id", inRequest(func(r *Request) shape { return see(r.ClientID) })),
}

// wordsOrListOnce is aud: one string, never split, or a list.
func wordsOrListOnce(name string, at func(any) shape) expectation {
	e := wordsOrList(name, at)
	delete(e.wrong, `"`+strings.Repeat(" ", 1000)+`"`)
	return e
}

// The claims of spec/obie-dcr.md, "The software statement".
var ssaMembers = []expectation{
	format("iss", inSSA(func(s *SSA) shape { return see(s.Issuer) })),
	rounded("iat", inSSA(func(s *SSA) shape { return see(s.IssuedAt) })),
	orAbsent(rounded("exp", inSSA(func(s *SSA) shape { return see(s.Expiry) }))),
	orAbsent(rounded("nbf", inSSA(func(s *SSA) shape { return see(s.NotBefore) }))),
	format("jti", inSSA(func(s *SSA) shape { return see(s.JWTID) })),
	format("software_id", inSSA(func(s *SSA) shape { return see(s.SoftwareID) })),
	orAbsent(format("software_client_id", inSSA(func(s *SSA) shape { return see(s.SoftwareClientID) }))),
	anyText("software_client_name", inSSA(func(s *SSA) shape { return see(s.SoftwareClientName) })),
	orAbsent(anyText("software_client_description", inSSA(func(s *SSA) shape { return see(s.SoftwareClientDescription) }))),
	{
		name: "software_version", null: true, want: "number or string", at: inSSA(func(s *SSA) shape { return see(s.SoftwareVersion) }),
		valid: []string{`1`, `1.10`, `-0`, `1e400`, `"1.1"`}, empty: []string{`""`},
		wrong: map[string]string{`true`: "", `[]`: "", `{}`: "", `["1"]`: ""},
	},
	orAbsent(format("software_client_uri", inSSA(func(s *SSA) shape { return see(s.SoftwareClientURI) }))),
	stringList("software_redirect_uris", inSSA(func(s *SSA) shape { return see(s.SoftwareRedirectURIs) })),
	wordsOrList("software_roles", inSSA(func(s *SSA) shape { return see(s.SoftwareRoles) })),
	format("software_jwks_endpoint", inSSA(func(s *SSA) shape { return see(s.SoftwareJWKSEndpoint) })),
	orAbsent(format("software_jwks_revoked_endpoint", inSSA(func(s *SSA) shape { return see(s.SoftwareJWKSRevokedEndpoint) }))),
	orAbsent(format("software_mode", inSSA(func(s *SSA) shape { return see(s.SoftwareMode) }))),
	orAbsent(format("software_environment", inSSA(func(s *SSA) shape { return see(s.SoftwareEnvironment) }))),
	orAbsent(format("software_logo_uri", inSSA(func(s *SSA) shape { return see(s.SoftwareLogoURI) }))),
	orAbsent(format("software_policy_uri", inSSA(func(s *SSA) shape { return see(s.SoftwarePolicyURI) }))),
	orAbsent(format("software_tos_uri", inSSA(func(s *SSA) shape { return see(s.SoftwareToSURI) }))),
	orAbsent(anyText("software_on_behalf_of_org", inSSA(func(s *SSA) shape { return see(s.SoftwareOnBehalfOfOrg) }))),
	format("org_id", inSSA(func(s *SSA) shape { return see(s.OrgID) })),
	orAbsent(anyText("org_name", inSSA(func(s *SSA) shape { return see(s.OrgName) }))),
	orAbsent(format("org_status", inSSA(func(s *SSA) shape { return see(s.OrgStatus) }))),
	{
		name: "org_contacts", null: true, at: inSSA(func(s *SSA) shape { return see(s.OrgContacts) }),
		valid: []string{`[{"name":"Technical", "email":"a@example.com"}]`, `"a"`, `1`, `true`}, empty: []string{`[]`, `{}`, `""`},
	},
	orAbsent(format("org_jwks_endpoint", inSSA(func(s *SSA) shape { return see(s.OrgJWKSEndpoint) }))),
	orAbsent(format("org_jwks_revoked_endpoint", inSSA(func(s *SSA) shape { return see(s.OrgJWKSRevokedEndpoint) }))),
	{
		name: "organisation_competent_authority_claims", null: true, at: inSSA(func(s *SSA) shape { return see(s.CompetentAuthority) }),
		valid: []string{
			`{"authority_id":"FCAGBR","registration_id":"1","status":"Active","authorisations":[{"member_state":"GB","roles":["AISP"]}]}`,
			`[{"authority_id":"FCAGBR"}, {"x": 1}]`,
		},
		empty: []string{`{}`, `[]`, `{"authorisations":[]}`, `{"authorisations":[{}]}`},
		wrong: map[string]string{
			`"FCAGBR"`: "", `1`: "", `[1]`: "/0", `[{},"x"]`: "/1", `{"authority_id":1}`: "/authority_id",
			`{"registration_id":1}`: "/registration_id", `[{"status":[]}]`: "/0/status", `{"authorisations":{}}`: "/authorisations",
			`{"authorisations":[{},1]}`: "/authorisations/1", `{"authorisations":[{"member_state":1}]}`: "/authorisations/0/member_state",
			`[{"authorisations":[{"roles":"AISP"}]}]`:            "/0/authorisations/0/roles",
			`[{"authorisations":[{},{"roles":["AISP",false]}]}]`: "/0/authorisations/1/roles/1",
			`[` + strings.Repeat("{},", 200) + `{}]`:             "",
		},
	},
	orAbsent(anyText("ob_registry_tos", inSSA(func(s *SSA) shape { return see(s.OBRegistryToS) }))),
}

type decoder func(payload string) (any, []Fault, error)

func decodeRequest(payload string) (any, []Fault, error) { return DecodeRequest([]byte(payload)) }
func decodeSSA(payload string) (any, []Fault, error)     { return DecodeSSA([]byte(payload), nil) }

func TestRequestMembers(t *testing.T) { checkMembers(t, requestMembers, decodeRequest) }
func TestSSAMembers(t *testing.T)     { checkMembers(t, ssaMembers, decodeSSA) }

func checkMembers(t *testing.T, members []expectation, decode decoder) {
	for _, e := range members {
		t.Run(e.name, func(t *testing.T) {
			read := func(text string) (shape, []Fault) {
				set, faults, err := decode(fmt.Sprintf(`{%q: %s}`, e.name, text))
				require.NoError(t, err)
				return e.at(set), faults
			}
			set, faults, err := decode(`{"other":1}`)
			require.NoError(t, err)
			assert.Empty(t, faults)
			assert.False(t, e.at(set).present, "not sent")

			for _, text := range append(e.valid, e.empty...) {
				got, faults := read(text)
				assert.Empty(t, faults, text)
				assert.True(t, got.present && got.valid, text)
			}
			for text, below := range e.wrong {
				got, faults := read(text)
				assert.True(t, got.present && !got.valid, text)
				require.Len(t, faults, 1, text)
				assert.Equal(t, "/"+e.name+below, faults[0].Pointer, text)
				assert.NotEmpty(t, faults[0].Got)
				if below == "" && jsonKind(text) != jsonscan.String && e.want != "" {
					assert.Contains(t, []string{e.want, "array of strings", "string"}, faults[0].Want, text)
				}
			}
			got, faults := read(`null`)
			switch {
			case e.null:
				assert.Equal(t, shape{value: got.value}, got, "null counts as absent")
				assert.Empty(t, faults)
			case e.wrong != nil:
				assert.True(t, got.present && !got.valid)
				require.Len(t, faults, 1)
				assert.Equal(t, "null", faults[0].Got)
			}
			assert.False(t, otherSpelling(t, e, decode), "names match exactly")
		})
	}
}

func jsonKind(text string) jsonscan.Kind {
	v, _ := jsonscan.Parse(text)
	return v.Kind()
}

// otherSpelling sends the member under names that a lax reader takes for it.
func otherSpelling(t *testing.T, e expectation, decode decoder) bool {
	names := []string{strings.ToUpper(e.name), " " + e.name, e.name + " ", e.name + "\u0000", strings.Replace(e.name, "s", "\u017f", 1)}
	for _, name := range names {
		if name == e.name {
			continue
		}
		key, err := json.Marshal(name)
		require.NoError(t, err)
		set, faults, err := decode(fmt.Sprintf(`{%s: %s}`, key, e.valid[0]))
		require.NoError(t, err)
		require.Empty(t, faults)
		if e.at(set).present {
			return true
		}
	}
	return false
}

func TestEveryRowHasAnExpectation(t *testing.T) {
	check := func(rows map[string]int, members []expectation) {
		assert.Len(t, members, len(rows))
		for _, e := range members {
			assert.Contains(t, rows, e.name)
		}
	}
	check(requestFields.index, requestMembers)
	check(ssaFields.index, ssaMembers)
}

func TestAllFaultsComeInOnePass(t *testing.T) {
	for _, c := range []struct {
		members []expectation
		decode  decoder
	}{{requestMembers, decodeRequest}, {ssaMembers, decodeSSA}} {
		var parts, want []string
		for _, e := range c.members {
			for text, below := range e.wrong {
				parts = append(parts, fmt.Sprintf(`%q: %s`, e.name, text))
				want = append(want, "/"+e.name+below)
				break
			}
		}
		set, faults, err := c.decode("{" + strings.Join(parts, ",") + "}")
		require.NoError(t, err)
		require.NotNil(t, set)
		var got []string
		for _, f := range faults {
			got = append(got, f.Pointer)
		}
		assert.Equal(t, want, got, "in the order of the members")
	}
}
