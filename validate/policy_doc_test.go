package validate

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
)

const (
	policyDoc        = "../docs/policy.md"
	policySchemaFile = "../docs/policy.schema.json"
)

// policyIntroduction stands before the examples and the members.
const policyIntroduction = `# Policy

<!-- rendered: go test ./validate -run TestPolicyDoc -update -->

What a bank decides where the specification leaves it a choice.

A policy is a JSON object. A member that it leaves out is as in the default policy of the profile; a member that it gives
replaces the default whole. It is read strictly: an unknown member, a member that stands twice, ` + "`null`" + ` and a value of another
type are refused, and so is a policy that contradicts itself. [policy.schema.json](policy.schema.json) is the JSON Schema, for editors;
` + "`obdcr policy schema`" + ` writes it too. [Deviations](deviations.md) says which members change what the official text has, and what a bank
publishes of its policy.

A file needs only the members that differ from the default, and ` + "`{}`" + ` is the default itself. To try one:

` + "```" + `
obdcr policy print > policy.json
obdcr lint --policy policy.json request.jwt
` + "```" + `

The first command writes all members with their defaults, to start from. The second judges a request as a bank with this policy does. A
policy with a fault judges nothing: exit code 2, and a line for each fault with its member and what to write. The sandbox takes
` + "`--policy`" + ` too, and a program reads the file by ` + "`validate.ParsePolicy`" + ` for ` + "`server.Config.Policy`" + `.

## Profile

The profile is no member of a policy. It is chosen beside it, by ` + "`--profile`" + ` or in ` + "`server.Config.Profile`" + `, and decides which rules there
are and what the defaults are.

| profile | is |
|---|---|
| ` + "`obie-3.2`" + ` | version 3.2 |
| ` + "`obie-3.3`" + ` | version 3.3, which adds CIBA; the default |
| ` + "`obie-3.4`" + ` | version 3.4, which adds jwt-bearer, has ` + "`native`" + ` in place of ` + "`mobile`" + `, and a longer ` + "`tls_client_auth_subject_dn`" + ` |
| ` + "`wso2`" + ` | version 3.2 as WSO2 Open Banking documents it: ` + "`redirect_uris`" + ` is required, ` + "`scope`" + ` and ` + "`application_type`" + ` may be left out, ` + "`application_type`" + ` is ` + "`web`" + `, ` + "`token_endpoint_auth_signing_alg`" + ` may be left out, ` + "`jti`" + ` is any UUID, a ` + "`scope`" + ` without ` + "`openid`" + ` is a warning, ` + "`aud`" + ` may be a URL |

%s
## Examples

Each is a whole file. A test reads each of them, and judges a request that the default policy judges otherwise.
`

// policyExample is a file of the page.
type policyExample struct {
	title, text, file string
	profile           Profile
	policy            string
	// Of a valid request with the change, the rule is broken under one of the two policies
	// alone: that of the example, where it forbids, or the default one.
	change  func(*claims.Request)
	rule    string
	forbids bool
}

var policyExamples = []policyExample{
	{
		title: "One bank", text: "A bank that takes requests for itself alone.", file: "bank.json", profile: OBIE33,
		policy: `{
  "audiences": ["0015800001041REAAY"]
}`,
		change: func(*claims.Request) {}, rule: RuleAudIsBank, forbids: true,
	},
	{
		title: "An issuer as audience", text: "Many banks take the address of their issuer as `aud`, beside their identifier or in its place.",
		file: "issuer.json", profile: OBIE33,
		policy: `{
  "audience_kinds": ["id", "url"],
  "audiences": ["0015800001041REAAY", "https://auth.bank.example"]
}`,
		change: func(r *claims.Request) {
			r.Audience = claims.Some(claims.StringOrList{Values: []string{"https://auth.bank.example"}})
		}, rule: RuleAudFormat,
	},
	{
		title: "Other methods", text: "A method that uses a secret is wider than FAPI, and has to be named in `widenings`.",
		file: "methods.json", profile: OBIE33,
		policy: `{
  "auth_methods": ["private_key_jwt", "client_secret_basic"],
  "widenings": ["client_secret_basic"]
}`,
		change: func(r *claims.Request) {
			r.TokenEndpointAuthMethod, r.TokenEndpointAuthSigningAlg = claims.Some(claims.ClientSecretBasic), claims.Optional[claims.Algorithm]{}
		}, rule: RuleTokenEndpointAuthMethodSupported,
	},
	{
		title: "Longer times", text: "Requests that live a day, statements of a week, and clocks that differ by two minutes.",
		file: "times.json", profile: OBIE33,
		policy: `{
  "max_lifetime_seconds": 86400,
  "ssa_max_age_seconds": 604800,
  "clock_skew_seconds": 120
}`,
		change: func(r *claims.Request) { r.Expiry = claims.Some(r.IssuedAt.Or(0) + 86400) }, rule: RuleExpLifetime,
	},
	{
		title: "RS256", text: "An algorithm that FAPI does not admit, everywhere but for CIBA, which never takes it.",
		file: "rs256.json", profile: OBIE33,
		policy: `{
  "signing_algorithms": ["PS256", "ES256", "RS256"],
  "member_algorithms": {
    "id_token": ["PS256", "ES256", "RS256"],
    "request_object": ["PS256", "ES256", "RS256"],
    "token_endpoint_auth": ["PS256", "ES256", "RS256"]
  },
  "widenings": ["RS256"]
}`,
		change: func(r *claims.Request) { r.IDTokenSignedResponseAlg = claims.Some(claims.RS256) }, rule: RuleIDTokenSignedResponseAlgAlgorithm,
	},
	{
		title: "A bank as WSO2 has it", text: "With `--profile wso2`: answers with 200 and `scope` as an array, applications named by their software_id, the " +
			"code flow alone, and roles that may be one string.",
		file: "wso2.json", profile: WSO2,
		policy: `{
  "audience_kinds": ["id", "url"],
  "issuer_kinds": ["software_id", "org_id"],
  "response_types": ["code"],
  "scope_as_array": true,
  "roles_as_string": true,
  "created_status": 200,
  "response_scope_as_array": true,
  "UseSoftwareIdAsApplicationName": true
}`,
		change: func(r *claims.Request) {
			r.ResponseTypes = claims.Some([]claims.ResponseType{claims.CodeIDToken})
		}, rule: RuleResponseTypesSupported, forbids: true,
	},
	{
		title: "Another directory", text: "A directory that gives out UUIDs, and has names of its own for two claims of a statement.",
		file: "directory.json", profile: OBIE33,
		policy: `{
  "id_shapes": ["uuid"],
  "claim_names": {
    "software_jwks_endpoint": "software_jwks_uri",
    "software_roles": "software_statement_roles"
  }
}`,
		change: func(r *claims.Request) { r.SoftwareID = claims.Some("6f1c9d4e-2a37-4b1e-9a55-0c4de1a7b2f3") }, rule: RuleSoftwareIDFormat,
	},
	{
		title: "Refusals that tell all", text: "`error_description` has every violation that fits, with what was found and what would be right.",
		file: "telling.json", profile: OBIE33,
		policy: `{
  "error_detail": "all"
}`,
	},
	{
		title: "A whole bank", text: "Account information alone, one client for each software, and what the bank adjusts instead of refusing it.",
		file: "whole.json", profile: OBIE33,
		policy: `{
  "audiences": ["0015800001041REAAY"],
  "signing_algorithms": ["PS256"],
  "auth_methods": ["private_key_jwt", "tls_client_auth"],
  "subject_dn_match": "any_order",
  "grant_types": ["client_credentials", "authorization_code", "refresh_token"],
  "response_types": ["code id_token"],
  "scopes": ["openid", "accounts"],
  "default_scopes": ["openid", "accounts"],
  "served_roles": ["AISP"],
  "application_types": ["web"],
  "member_algorithms": {"id_token": ["PS256"], "request_object": ["PS256"], "token_endpoint_auth": ["PS256"]},
  "required_members": ["redirect_uris", "software_id"],
  "allowed_values": {"response_types": ["code id_token"]},
  "adjustable": ["grant_types", "scope"],
  "registrations": "one_per_software",
  "attributes": [
    {"name": "software_id", "claim": "software_id", "required": true},
    {"name": "software_client_name", "claim": "software_client_name", "required_in": ["production"]},
    {"name": "software_roles", "claim": "software_roles"}
  ],
  "max_lifetime_seconds": 600,
  "ssa_max_age_seconds": 3600,
  "max_redirect_uris": 10,
  "denied_organisations": ["0015800001041RHAAY"],
  "error_detail": "all",
  "foreign_token": "forbidden"
}`,
		change: func(r *claims.Request) { r.SoftwareID = claims.Optional[string]{} }, rule: RuleRequestRequiredByPolicy, forbids: true,
	},
}

// section renders an example.
func (e *policyExample) section() string {
	profile := ""
	if e.profile != OBIE33 {
		profile = " --profile " + string(e.profile)
	}
	return "\n### " + e.title + "\n\n" + e.text + "\n\n```\nobdcr lint --policy " + e.file + profile + " request.jwt\n```\n\n```json\n" + e.policy + "\n```\n"
}

// vendorRules says which rules the profile wso2 has and version 3.2 has not, and the reverse.
func vendorRules() string {
	names := map[bool][]string{}
	of := map[Profile]map[string]bool{WSO2: {}, OBIE32: {}}
	for _, r := range Rules() {
		for p := range of {
			of[p][r.ID] = of[p][r.ID] || r.in(p)
		}
	}
	for _, r := range Rules() {
		if r.in(WSO2) != r.in(OBIE32) && of[WSO2][r.ID] != of[OBIE32][r.ID] {
			names[r.in(WSO2)] = append(names[r.in(WSO2)], "`"+r.ID+"`")
		}
	}
	return "[Rules](rules.md) that `wso2` has and `obie-3.2` has not: " + strings.Join(names[true], ", ") + ". The reverse: " + strings.Join(names[false], ", ") + ".\n"
}

func TestPolicyDocIsRenderedFromTheTable(t *testing.T) {
	var page strings.Builder
	fmt.Fprintf(&page, policyIntroduction, vendorRules())
	for i := range policyExamples {
		page.WriteString(policyExamples[i].section())
	}
	page.WriteString(policyTable.Page(defaultPolicies()...))
	for name, want := range map[string][]byte{policyDoc: []byte(page.String()), policySchemaFile: PolicySchema()} {
		if *update {
			require.NoError(t, os.WriteFile(name, want, 0o644))
		}
		got, err := os.ReadFile(name)
		require.NoError(t, err)
		assert.Equal(t, string(want), string(got), "run go test ./validate -run TestPolicyDoc -update")
	}
}

// TestEachExampleOfAPolicyChangesWhatIsJudged: an example that changes nothing would teach
// nothing.
func TestEachExampleOfAPolicyChangesWhatIsJudged(t *testing.T) {
	for i := range policyExamples {
		e := &policyExamples[i]
		t.Run(e.title, func(t *testing.T) {
			policy, err := ParsePolicy([]byte(e.policy), e.profile)
			require.NoError(t, err)
			if e.change == nil {
				require.NotEqual(t, DefaultPolicy(e.profile).ErrorDetail, policy.ErrorDetail)
				return
			}
			request := exampleRequest()
			e.change(request)
			broken := func(p Policy) bool {
				v, err := New(Config{Profile: e.profile, Policy: p})
				require.NoError(t, err)
				return v.Judge(&Input{Request: request, Now: time.Unix(1_790_000_000, 0)}).Outcome(e.rule) == OutcomeFailed
			}
			require.Equal(t, e.forbids, broken(policy), "under the example")
			require.Equal(t, !e.forbids, broken(DefaultPolicy(e.profile)), "under the default policy")
		})
	}
}

// exampleRequest has the claims that the examples are about.
func exampleRequest() *claims.Request {
	return &claims.Request{
		Issuer: claims.Some("9b5usDpbNtmxDcTzs7GzKp"), Audience: claims.Some(claims.StringOrList{Values: []string{"0015800001041RHAAY"}}),
		IssuedAt: claims.Some(int64(1_790_000_000)), Expiry: claims.Some(int64(1_790_000_300)),
		TokenEndpointAuthMethod: claims.Some(claims.PrivateKeyJWT), TokenEndpointAuthSigningAlg: claims.Some(claims.PS256),
		GrantTypes:               claims.Some([]claims.GrantType{claims.ClientCredentials, claims.AuthorizationCode}),
		IDTokenSignedResponseAlg: claims.Some(claims.PS256), RequestObjectSigningAlg: claims.Some(claims.PS256),
	}
}
