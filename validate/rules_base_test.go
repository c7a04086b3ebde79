package validate

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
)

// members are changes to a JSON object: nil removes a member.
type members map[string]any

const (
	testNow      = 1_700_000_000
	testSoftware = "9b5usDpbNtmxDcTzs7GzKp"
	testOrg      = "0015800001041RHAAY"
	testURI      = "https://app.example.com/cb"
)

func baseHeader() members {
	return members{"alg": "PS256", "kid": "hcgex1mTXPpA8QBZkqLRMv7WFY0", "typ": "JWT"}
}

func baseSSAHeader() members {
	return members{"alg": "PS256", "kid": "Hza9v5bgDJcOnhcUZ7BMwbSL_4NV0gSFvIjaSXdC-1c=", "typ": "JWT"}
}

func baseRequest() members {
	return members{
		"iss": testSoftware, "iat": testNow - 10, "exp": testNow + 600, "aud": "0015800001041REAAY",
		"jti": "4f1cc1b1-a9b8-4f77-a3c7-d2d5b9a3c111", "redirect_uris": []string{testURI},
		"token_endpoint_auth_method": "private_key_jwt", "token_endpoint_auth_signing_alg": "PS256",
		"grant_types":    []string{"client_credentials", "authorization_code", "refresh_token"},
		"response_types": []string{"code id_token"}, "software_id": testSoftware,
		"scope": "openid accounts", "software_statement": "e30.e30.e30", "application_type": "web",
		"id_token_signed_response_alg": "PS256", "request_object_signing_alg": "ES256",
	}
}

func baseSSA() members {
	keys := "https://keystore.example.org.uk/" + testOrg + "/"
	return members{
		"iss": "OpenBanking Ltd", "iat": testNow - 60, "jti": "3d1b3595efac4e36",
		"software_environment": "sandbox", "software_mode": "Test", "software_id": testSoftware,
		"software_client_id": testSoftware, "software_client_name": "Money & More", "software_version": 1.5,
		"software_client_description": "Shows accounts.", "software_client_uri": "https://app.example.com",
		"software_redirect_uris": []string{testURI, "https://app.example.com/cb2"},
		"software_roles":         []string{"AISP"},
		"software_jwks_endpoint": keys + testSoftware + ".jwks", "software_jwks_revoked_endpoint": keys + "revoked/x.jwks",
		"org_jwks_endpoint": keys + "o.jwks", "org_jwks_revoked_endpoint": keys + "revoked/o.jwks",
		"software_logo_uri": "https://app.example.com/l.png", "software_policy_uri": "https://app.example.com/p",
		"software_tos_uri": "https://app.example.com/t", "software_on_behalf_of_org": nil, "ob_registry_tos": "https://registry.example/tos",
		"org_id": testOrg, "org_name": "Money Ltd", "org_status": "Active", "org_contacts": []string{},
		"organisation_competent_authority_claims": members{
			"authority_id": "FCAGBR", "registration_id": "123456", "status": "Active",
			"authorisations": []members{{"member_state": "GB", "roles": []string{"AISP", "PISP"}}},
		},
	}
}

// vector is a request made from the base by changing members.
type vector struct {
	profile                         Profile // OBIE33 by default
	header, request, ssaHeader, ssa members
	policy                          func(*Policy)
	environment                     claims.Environment
	certificate                     *Certificate
	noSSA                           bool
}

func changed(base, changes members) members {
	maps.Copy(base, changes)
	maps.DeleteFunc(base, func(_ string, v any) bool { return v == nil })
	return base
}

func encoded(t testing.TB, m members) []byte {
	t.Helper()
	b, err := json.Marshal(m)
	require.NoError(t, err)
	return b
}

func (v vector) input(t testing.TB) *Input {
	t.Helper()
	in := &Input{Environment: v.environment, Certificate: v.certificate, Now: time.Unix(testNow, 0)}
	var err error
	in.Header, in.HeaderFaults, err = claims.DecodeHeader(encoded(t, changed(baseHeader(), v.header)))
	require.NoError(t, err)
	in.Request, in.RequestFaults, err = claims.DecodeRequest(encoded(t, changed(baseRequest(), v.request)))
	require.NoError(t, err)
	if v.noSSA {
		return in
	}
	in.SSAHeader, in.SSAHeaderFaults, err = claims.DecodeHeader(encoded(t, changed(baseSSAHeader(), v.ssaHeader)))
	require.NoError(t, err)
	in.SSA, in.SSAFaults, err = claims.DecodeSSA(encoded(t, changed(baseSSA(), v.ssa)), nil)
	require.NoError(t, err)
	return in
}

func (v vector) judge(t testing.TB) *Report {
	t.Helper()
	profile := v.profile
	if profile == "" {
		profile = OBIE33
	}
	policy := DefaultPolicy(profile)
	if v.policy != nil {
		v.policy(&policy)
	}
	judge, err := New(Config{Profile: profile, Policy: policy})
	require.NoError(t, err)
	return judge.Judge(v.input(t))
}

// found lists the IDs of a report's violations of one severity, each once.
func found(r *Report, s Severity) []string {
	var ids []string
	seen := map[string]bool{}
	for _, v := range r.Violations {
		if v.Severity == s && !seen[v.Rule] {
			seen[v.Rule] = true
			ids = append(ids, v.Rule)
		}
	}
	return ids
}

// certificateOf makes a certificate whose subject is CN, OU, O, C, as encoded
// C first.
func certificateOf(t testing.TB, cn string) *Certificate {
	t.Helper()
	attribute := func(oid asn1.ObjectIdentifier, value string) pkix.RelativeDistinguishedNameSET {
		return pkix.RelativeDistinguishedNameSET{{Type: oid, Value: value}}
	}
	raw, err := asn1.Marshal(pkix.RDNSequence{
		attribute(asn1.ObjectIdentifier{2, 5, 4, 6}, "GB"), attribute(asn1.ObjectIdentifier{2, 5, 4, 10}, "OpenBanking"),
		attribute(asn1.ObjectIdentifier{2, 5, 4, 11}, testOrg), attribute(asn1.ObjectIdentifier{2, 5, 4, 3}, cn),
	})
	require.NoError(t, err)
	return &Certificate{RawSubject: raw}
}
