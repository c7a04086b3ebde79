package validate_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/validate"
)

// faults collects the members that an error names.
func faults(err error) []string {
	var members []string
	var walk func(error)
	walk = func(err error) {
		var p *validate.PolicyError
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			for _, e := range joined.Unwrap() {
				walk(e)
			}
		} else if errors.As(err, &p) {
			members = append(members, p.Member)
		}
	}
	walk(err)
	return members
}

func TestDefaultPoliciesAreAccepted(t *testing.T) {
	for _, p := range validate.Profiles() {
		parsed, err := validate.ParsePolicy([]byte("{}"), p)
		require.NoError(t, err, p)
		assert.Equal(t, validate.DefaultPolicy(p), parsed)
	}
	assert.Zero(t, validate.DefaultPolicy("other"))
	_, err := validate.ParsePolicy([]byte("{}"), "other")
	require.Error(t, err, "there is no such profile")
}

func TestParsePolicyReadsEveryMember(t *testing.T) {
	doc := `{
		"audiences": ["0015800000jfwxXAAQ", "https://bank.example"], "audience_kinds": ["id", "url", "list"],
		"signing_algorithms": ["PS256", "RS256"], "auth_methods": ["private_key_jwt", "client_secret_basic"],
		"grant_types": ["client_credentials"], "response_types": ["code"], "scopes": ["openid", "accounts", "fx"],
		"role_scopes": {"AISP": ["accounts", "fx"]}, "application_types": ["web"],
		"member_algorithms": {"id_token": ["PS256"], "request_object": ["ES256"], "token_endpoint_auth": ["PS256"], "backchannel": ["PS256"]},
		"required_members": ["software_id"], "allowed_values": {"response_types": ["code"]}, "adjustable": ["scope"],
		"default_scopes": ["openid"], "id_shapes": ["uuid", "url_safe"], "claim_names": {"org_id": "organisation_id"}, "software_id_from": "request_hint", "issuer_kinds": ["software_id", "org_id"],
		"subject_dn_match": "immutable", "subject_dn_from_key_set": true, "registrations": "one_per_software",
		"attributes": [{"name": "id", "claim": "software_id", "description": "d", "required": true}],
		"UseSoftwareIdAsApplicationName": true, "clock_skew_seconds": 0, "max_lifetime_seconds": 300,
		"ssa_max_age_seconds": 60, "ssa_max_age_with_exp_seconds": 120, "recheck_statement_max_age_seconds": 240,
		"older_statement_in_update": true, "max_redirect_uris": 5, "scope_as_array": true, "scope_array_only": true, "roles_as_string": true,
		"denied_statements": ["j"], "denied_software": ["s"], "denied_organisations": ["o"],
		"served_roles": ["AISP"], "created_status": 200, "response_scope_as_array": true, "error_detail": "all", "foreign_token": "forbidden", "pending_changes": ["delete"], "pending_days": 7,
		"management_scope": "a b", "management_audience": "c",
		"widenings": ["RS256", "client_secret_basic"]}`
	got, err := validate.ParsePolicy([]byte(doc), validate.OBIE33)
	require.NoError(t, err)
	ps, es := claims.PS256, claims.ES256
	assert.Equal(t, validate.Policy{
		Audiences:         []string{"0015800000jfwxXAAQ", "https://bank.example"},
		AudienceKinds:     []validate.AudienceKind{validate.AudienceID, validate.AudienceURL, validate.AudienceList},
		SigningAlgorithms: []claims.Algorithm{ps, claims.RS256}, AuthMethods: []claims.AuthMethod{claims.PrivateKeyJWT, claims.ClientSecretBasic},
		GrantTypes: []claims.GrantType{claims.ClientCredentials}, ResponseTypes: []claims.ResponseType{claims.Code},
		Scopes: []string{"openid", "accounts", "fx"}, RoleScopes: map[claims.Role][]string{claims.AISP: {"accounts", "fx"}},
		ApplicationTypes: []claims.ApplicationType{claims.Web},
		MemberAlgorithms: validate.MemberAlgorithms{
			IDToken: []claims.Algorithm{ps}, RequestObject: []claims.Algorithm{es},
			TokenEndpointAuth: []claims.Algorithm{ps}, Backchannel: []claims.Algorithm{ps},
		},
		RequiredMembers: []string{"software_id"}, AllowedValues: map[string][]string{"response_types": {"code"}},
		Adjustable: []string{"scope"}, DefaultScopes: []string{"openid"}, SoftwareIDFrom: validate.SoftwareIDFromHint,
		ClaimNames:     map[string]string{"org_id": "organisation_id"},
		IDShapes:       []validate.IDShape{validate.IDShapeUUID, validate.IDShapeURLSafe},
		IssuerKinds:    []validate.IssuerKind{validate.IssuerSoftwareID, validate.IssuerOrgID},
		SubjectDNMatch: validate.DNMatchImmutable, SubjectDNFromKeySet: true, Registrations: validate.RegistrationsOnePerSoftware,
		Attributes:                     []claims.AttributeDeclaration{{Name: "id", Claim: "software_id", Description: "d", Required: true}},
		UseSoftwareIDAsApplicationName: true, MaxLifetime: 5 * time.Minute, SSAMaxAge: time.Minute, SSAMaxAgeWithExp: 2 * time.Minute,
		RecheckStatementMaxAge: 4 * time.Minute, OlderStatementInUpdate: true, MaxRedirectURIs: 5,
		ScopeAsArray: true, ScopeArrayOnly: true, RolesAsString: true, ServedRoles: []claims.Role{claims.AISP}, CreatedStatus: 200,
		DeniedStatements: []string{"j"}, DeniedSoftware: []string{"s"}, DeniedOrganisations: []string{"o"},
		ResponseScopeAsArray: true, ErrorDetail: validate.DetailAll, ForeignToken: validate.ForeignTokenForbidden, PendingChanges: []validate.PendingChange{validate.PendingDelete}, PendingDays: 7,
		ManagementScope: "a b", ManagementAudience: "c",
		Widenings: []validate.Widening{validate.WidenRS256, validate.WidenClientSecretBasic},
	}, got)

	var members map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(doc), &members))
	for name := range members {
		_, err := validate.ParsePolicy([]byte(`{"`+name+`": null}`), validate.OBIE33)
		assert.Equal(t, []string{name}, faults(err), "null is no value")
		_, err = validate.ParsePolicy([]byte(`{"`+strings.ToUpper(name)+`": null}`), validate.OBIE33)
		require.ErrorContains(t, err, "write "+name)
	}
}

// TestAPolicysFaultSaysWhatToWrite: each document has one fault, of one member.
func TestAPolicysFaultSaysWhatToWrite(t *testing.T) {
	const roles = `"AISP": ["accounts"], "PISP": ["payments"], "CBPII": ["fundsconfirmations"], "ASPSP": []`
	for doc, want := range map[string]struct{ member, write string }{
		`{"role_scopes": {` + roles + `, "AISPP": []}}`:                              {"role_scopes/AISPP", "write AISP"},
		`{"role_scopes": {` + roles + `, "CD_CD_PISP": []}}`:                         {"role_scopes/CD_CD_PISP", "CD_AISP, CD_PISP"},
		`{"role_scopes": {` + roles + `, "": []}}`:                                   {"role_scopes/", "AISP, PISP"},
		`{"role_scopes": {` + roles + `, "CD_PIPS": []}}`:                            {"role_scopes/CD_PIPS", "write CD_PISP"},
		`{"allowed_values": {"redirect_uri": ["https://a.example"]}}`:                {"allowed_values/redirect_uri", "write redirect_uris"},
		`{"claim_names": {"software_jwks_uri": "software_jwks_endpoint"}}`:           {"claim_names/software_jwks_uri", "software_jwks_endpoint"},
		`{"claim_names": {"exp": "expires"}}`:                                        {"claim_names", "registered claims stay"},
		`{"claim_names": {"org_id": "iss"}}`:                                         {"claim_names", "registered claims stay"},
		`{"claim_names": {"org_id": "id", "software_id": "id"}}`:                     {"claim_names", "two claims"},
		`{"claim_names": {"org_id": ""}}`:                                            {"claim_names", "empty"},
		`{"claim_names": {"software_id": "org_id"}}`:                                 {"claim_names/software_id", "two claims"},
		`{"claim_names": {"software_id": "i\u001bd"}}`:                               {"claim_names", "cannot be printed"},
		`{"claim_names": {"org_id": 7}}`:                                             {"claim_names/org_id", "string"},
		`{"clock_skew_seconds": 6e1}`:                                                {"clock_skew_seconds", "write 60"},
		`{"max_redirect_uris": 5.0}`:                                                 {"max_redirect_uris", "write 5"},
		`{"attributes": [{"name": "a", "claim": "b", "required_in": ["prod"]}]}`:     {"attributes/0/required_in", "sandbox, production"},
		`{"attributes": [{"name": "a", "claim": "b"}, {"name": "a", "claim": "c"}]}`: {"attributes", "twice"},
	} {
		_, err := validate.ParsePolicy([]byte(doc), validate.OBIE33)
		assert.Equal(t, []string{want.member}, faults(err), doc)
		assert.ErrorContains(t, err, want.write, doc)
	}
	for _, number := range []string{"1e99", "1e-999", "60.00000000000000001", "1.5"} {
		_, err := validate.ParsePolicy([]byte(`{"clock_skew_seconds": `+number+`}`), validate.OBIE33)
		require.ErrorContains(t, err, "usual size", number)
	}
	_, err := validate.ParsePolicy([]byte(`{"allowed_values": {"exp": ["1"]}}`), validate.OBIE33)
	require.Equal(t, []string{"allowed_values/exp"}, faults(err))
	require.NotContains(t, err.Error(), "write exp", "its values cannot be listed")
	_, err = validate.ParsePolicy([]byte(`{"attributes": [{"name": "z", "claim": "z", "required_in": ["prod"]},
		{"name": "a", "claim": "b"}, {"name": "a", "claim": "c"}]}`), validate.OBIE33)
	require.Equal(t, []string{"attributes/0/required_in", "attributes"}, faults(err), "a fault of one entry hides none of another")
	_, err = validate.ParsePolicy([]byte(`{"role_scopes": {`+roles+`, "CD_AISP": []}}`), validate.OBIE33)
	require.NoError(t, err, "the Crown Dependencies' roles can be named")
}

// TestAPolicyThatNoFileCanHoldIsNotWritten: cut to a second, it would be another policy.
func TestAPolicyThatNoFileCanHoldIsNotWritten(t *testing.T) {
	for member, policy := range map[string]validate.Policy{
		"clock_skew_seconds":   {ClockSkew: 1500 * time.Millisecond},
		"max_lifetime_seconds": {MaxLifetime: 365*24*time.Hour + 1},
		"ssa_max_age_seconds":  {SSAMaxAge: 1 << 62},
		"audiences/0":          {Audiences: []string{"a\x00"}},
	} {
		out, err := json.Marshal(policy)
		require.Equal(t, []string{member}, faults(err))
		require.Empty(t, out)
	}
}

func TestADenyListThatDeniesNobodyIsRefused(t *testing.T) {
	for doc, member := range map[string]string{
		`{"denied_statements": [""]}`:        "denied_statements",
		`{"denied_statements": "j"}`:         "denied_statements",
		`{"denied_software": ["a", "a"]}`:    "denied_software",
		`{"denied_software": ["a\u00a0"]}`:   "denied_software",
		`{"denied_organisations": [" a"]}`:   "denied_organisations",
		`{"denied_organisations": ["a", 1]}`: "denied_organisations/1",
	} {
		_, err := validate.ParsePolicy([]byte(doc), validate.OBIE33)
		assert.Equal(t, []string{member}, faults(err), doc)
	}
	_, err := validate.ParsePolicy([]byte(`{"denied_software": []}`), validate.OBIE33)
	require.NoError(t, err, "an empty list is none")
}

func TestATokenThatNobodyHasCannotBeDemanded(t *testing.T) {
	for doc, member := range map[string]string{
		`{"management_scope": ["a"]}`:      "management_scope",
		`{"management_scope": "a  b"}`:     "management_scope",
		`{"management_scope": " a"}`:       "management_scope",
		`{"management_scope": "a\tb"}`:     "management_scope",
		`{"management_scope": "a\u00a0b"}`: "management_scope",
		`{"management_scope": "\""}`:       "management_scope",
		`{"management_audience": 7}`:       "management_audience",
		`{"management_audience": " "}`:     "management_audience",
		`{"management_audience": "a\n"}`:   "management_audience",
	} {
		_, err := validate.ParsePolicy([]byte(doc), validate.OBIE33)
		assert.Equal(t, member, faults(err)[0], doc)
	}
}

func TestParsePolicyNamesWhatItRefuses(t *testing.T) {
	for doc, member := range map[string]string{
		`{"colour": 1}`: "colour",
		`{"scopes": ["openid", "accounts"], "scopes": ["openid"]}`: "scopes",
		`{"scopes": "openid"}`:                                                           "scopes",
		`{"scopes": ["openid", 5]}`:                                                      "scopes/1",
		`{"role_scopes": []}`:                                                            "role_scopes",
		`{"role_scopes": {"AISP": "accounts"}}`:                                          "role_scopes/AISP",
		`{"member_algorithms": {"idtoken": ["PS256"]}}`:                                  "member_algorithms/idtoken",
		`{"member_algorithms": ["PS256"]}`:                                               "member_algorithms",
		`{"attributes": [{"name": "a", "Claim": "b"}]}`:                                  "attributes/0/Claim",
		`{"attributes": {}}`:                                                             "attributes",
		`{"attributes": [{"name": "a", "claim": "b", "required_in": ["test"]}]}`:         "attributes/0/required_in",
		`{"clock_skew_seconds": 1.5}`:                                                    "clock_skew_seconds",
		`{"clock_skew_seconds": "60"}`:                                                   "clock_skew_seconds",
		`{"clock_skew_seconds": -1}`:                                                     "clock_skew_seconds",
		`{"clock_skew_seconds": 99999}`:                                                  "clock_skew_seconds",
		`{"max_lifetime_seconds": 0}`:                                                    "max_lifetime_seconds",
		`{"ssa_max_age_seconds": 999999999}`:                                             "ssa_max_age_seconds",
		`{"max_redirect_uris": 99999999999}`:                                             "max_redirect_uris",
		`{"max_redirect_uris": 0}`:                                                       "max_redirect_uris",
		`{"created_status": 202}`:                                                        "created_status",
		`{"scope_as_array": "yes"}`:                                                      "scope_as_array",
		`{"foreign_token": "maybe"}`:                                                     "foreign_token",
		`{"error_detail": "some"}`:                                                       "error_detail",
		`{"error_detail": "\u0000"}`:                                                     "error_detail",
		`{"audience_kinds": []}`:                                                         "audience_kinds",
		`{"audience_kinds": ["list"]}`:                                                   "audience_kinds",
		`{"audiences": [""]}`:                                                            "audiences",
		`{"audiences": ["https://bank.example"]}`:                                        "audiences",
		`{"audiences": ["bank"], "audience_kinds": ["url"]}`:                             "audiences",
		`{"signing_algorithms": []}`:                                                     "signing_algorithms",
		`{"signing_algorithms": ["none"], "widenings": ["RS256"]}`:                       "signing_algorithms",
		`{"signing_algorithms": ["HS256"]}`:                                              "signing_algorithms",
		`{"signing_algorithms": ["PS256", "PS256"]}`:                                     "signing_algorithms",
		`{"signing_algorithms": ["RS256"]}`:                                              "signing_algorithms",
		`{"member_algorithms": {"id_token": ["RS256"]}}`:                                 "member_algorithms/id_token",
		`{"member_algorithms": {"request_object": ["none"]}}`:                            "member_algorithms/request_object",
		`{"member_algorithms": {"token_endpoint_auth": []}}`:                             "member_algorithms/token_endpoint_auth",
		`{"member_algorithms": {"backchannel": ["RS256"]}, "widenings": ["RS256"]}`:      "member_algorithms/backchannel",
		`{"auth_methods": []}`:                                                           "auth_methods",
		`{"auth_methods": ["client_secret_jwt"]}`:                                        "auth_methods",
		`{"auth_methods": ["none"]}`:                                                     "auth_methods",
		`{"auth_methods": ["client_secret_post"], "widenings": ["client_secret_basic"]}`: "auth_methods",
		`{"grant_types": []}`:                                                            "grant_types",
		`{"grant_types": ["password"]}`:                                                  "grant_types",
		`{"grant_types": ["urn:ietf:params:oauth:grant-type:jwt-bearer"]}`:               "grant_types",
		`{"response_types": ["token"]}`:                                                  "response_types",
		`{"application_types": ["native"]}`:                                              "application_types",
		`{"scopes": ["openid", "acounts"]}`:                                              "scopes",
		`{"scopes": ["accounts"], "default_scopes": ["openid"]}`:                         "scopes",
		`{"scopes": ["openid", "a b"], "role_scopes": {"AISP": ["a b"]}, "served_roles": ["AISP"]}`:                              "scopes",
		`{"role_scopes": {"AISP": ["acounts"], "PISP": ["payments", "accounts"], "CBPII": ["fundsconfirmations"], "ASPSP": []}}`: "role_scopes/AISP",
		`{"default_scopes": ["openid", "fx"]}`:                  "default_scopes",
		`{"default_scopes": []}`:                                "default_scopes",
		`{"served_roles": []}`:                                  "served_roles",
		`{"served_roles": ["XX"]}`:                              "served_roles",
		`{"required_members": ["softwareid"]}`:                  "required_members",
		`{"allowed_values": {"exp": ["1"]}}`:                    "allowed_values/exp",
		`{"allowed_values": {"scope": []}}`:                     "allowed_values/scope",
		`{"adjustable": ["redirect_uris"]}`:                     "adjustable",
		`{"issuer_kinds": []}`:                                  "issuer_kinds",
		`{"software_id_from": "tpp"}`:                           "software_id_from",
		`{"subject_dn_match": "loose"}`:                         "subject_dn_match",
		`{"registrations": "one"}`:                              "registrations",
		`{"widenings": ["none"]}`:                               "widenings",
		`{"attributes": [{"name": "a_sandbox", "claim": "b"}]}`: "attributes",
	} {
		t.Run(doc, func(t *testing.T) {
			p, err := validate.ParsePolicy([]byte(doc), validate.OBIE33)
			require.Error(t, err)
			assert.Contains(t, faults(err), member)
			assert.Zero(t, p)
		})
	}
	for _, doc := range []string{"", "[]", "{} x", `{"a"`, "\xff", "null", strings.Repeat(" ", 1<<20) + "{}"} {
		_, err := validate.ParsePolicy([]byte(doc), validate.OBIE33)
		require.Error(t, err, "%q", doc)
	}
}

// What could never take effect is refused: an identifier that no aud could have, a
// value that is not supported anyway, a member that is not adjusted.
func TestParsePolicyRefusesWhatHasNoEffect(t *testing.T) {
	for doc, member := range map[string]string{
		`{"audiences": ["my-bank"]}`:                                                            "audiences",
		`{"audiences": ["0015800001041RHAAY0"]}`:                                                "audiences",
		`{"audiences": ["http://bank.example"], "audience_kinds": ["url"]}`:                     "audiences",
		`{"allowed_values": {"scope": ["acounts"]}}`:                                            "allowed_values/scope",
		`{"allowed_values": {"grant_types": ["password"]}}`:                                     "allowed_values/grant_types",
		`{"allowed_values": {"application_type": ["native"]}}`:                                  "allowed_values/application_type",
		`{"allowed_values": {"token_endpoint_auth_signing_alg": ["HS256"]}}`:                    "allowed_values/token_endpoint_auth_signing_alg",
		`{"response_types": ["code"], "allowed_values": {"response_types": ["code id_token"]}}`: "allowed_values/response_types",
		`{"scopes": ["openid", "accounts"], "default_scopes": ["openid", "payments"]}`:          "default_scopes",
		`{"adjustable": ["application_type"]}`:                                                  "adjustable",
		`{"adjustable": ["scope", "scope"]}`:                                                    "adjustable",
	} {
		_, err := validate.ParsePolicy([]byte(doc), validate.OBIE33)
		require.Error(t, err, doc)
		assert.Equal(t, []string{member}, faults(err), doc)
	}
}

func TestANamedWideningIsAccepted(t *testing.T) {
	for _, doc := range []string{
		`{"signing_algorithms": ["RS256"], "widenings": ["RS256"]}`,
		`{"member_algorithms": {"id_token": ["RS256"]}, "widenings": ["RS256"]}`,
		`{"auth_methods": ["client_secret_jwt"], "widenings": ["client_secret_jwt"]}`,
		`{"auth_methods": ["client_secret_post"], "widenings": ["client_secret_post"]}`,
		`{"auth_methods": ["client_secret_jwt"], "widenings": ["client_secret_jwt"], "allowed_values": {"token_endpoint_auth_signing_alg": ["HS256"]}}`,
	} {
		_, err := validate.ParsePolicy([]byte(doc), validate.OBIE33)
		require.NoError(t, err, doc)
	}
}

func TestNarrowerScopesNarrowTheDefaultOnes(t *testing.T) {
	p, err := validate.ParsePolicy([]byte(`{"scopes": ["accounts", "openid"]}`), validate.OBIE33)
	require.NoError(t, err)
	assert.Equal(t, []string{"openid", "accounts"}, p.DefaultScopes)
}

func TestScopesOfARole(t *testing.T) {
	p := validate.DefaultPolicy(validate.OBIE33)
	p.ServedRoles = []claims.Role{claims.AISP}
	for role, want := range map[claims.Role][]string{
		"AISP": {"accounts"}, "CD_AISP": {"accounts"}, "PISP": {"payments"}, "CBPII": {"fundsconfirmations"},
		"ASPSP": {}, "aisp": nil, "": nil, "CD_": nil, "CD_CD_AISP": nil,
	} {
		assert.Equal(t, want, p.ScopesOf(role), role)
		assert.Equal(t, role == "AISP" || role == "CD_AISP", p.Serves(role), role)
	}
	p.Adjustable = []string{"scope"}
	assert.True(t, p.CanAdjust("scope"))
	assert.False(t, p.CanAdjust("grant_types"))
}

func ExampleParsePolicy() {
	_, err := validate.ParsePolicy([]byte(`{"audience": ["0015800001HQQrZAAX"], "created_status": 202}`), validate.OBIE33)
	fmt.Println(err)
	policy, err := validate.ParsePolicy([]byte(`{"audiences": ["0015800001HQQrZAAX"], "created_status": 200}`), validate.OBIE33)
	fmt.Println(policy.Audiences, policy.MaxLifetime, err)
	written, err := json.Marshal(policy)
	fmt.Println(len(written) > 1000, err)
	// Output:
	// validate: policy: audience: is unknown: did you mean to write audiences or audience_kinds or management_audience?
	// [0015800001HQQrZAAX] 1h0m0s <nil>
	// true <nil>
}

func FuzzParsePolicy(f *testing.F) {
	f.Add(`{"scopes": ["openid", "accounts"]}`)
	f.Add(`{"auth_methods": ["client_secret_jwt"], "widenings": ["client_secret_jwt"]}`)
	f.Fuzz(func(t *testing.T, doc string) {
		p, err := validate.ParsePolicy([]byte(doc), validate.OBIE33)
		if err != nil {
			assert.Zero(t, p)
			return
		}
		_, err = validate.New(validate.Config{Profile: validate.OBIE33, Policy: p})
		require.NoError(t, err)
		written, err := json.Marshal(p)
		require.NoError(t, err)
		again, err := validate.ParsePolicy(written, validate.OBIE33)
		require.NoError(t, err)
		rewritten, err := json.Marshal(again)
		require.NoError(t, err)
		assert.Equal(t, string(written), string(rewritten))
	})
}
