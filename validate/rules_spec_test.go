package validate

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// specRows lists each row of the specification's tables, clause by clause, with
// the rules that hold it.
var specRows = map[string][]string{
	"header: compact JWS":                               {"request.jws"},
	"header: alg of FAPI-RW, never none or HMAC":        {"header.alg.required", "header.alg"},
	"header: kid of a signing key in the software JWKS": {"header.kid.required", "header.kid.format", "request.key.found", "request.key.revoked", "request.signature"},
	"header: no key or key address inside":              {"header.embedded_key"},
	"header: typ, extensions, types, the rest":          {"header.typ", "header.typ.spelling", "header.crit", "header.member.type", "header.unknown_member"},

	"iss: once": {"iss.required"}, "iss: base62": {"iss.format"}, "iss: 1..22": {"iss.length"},
	"iss: software_id, or org_id by policy": {"iss.is_software_id"},
	"iat: once":                             {"iat.required"}, "iat: seconds": {"iat.range", "iat.future", "request.member.type"},
	"exp: once": {"exp.required"}, "exp: seconds": {"exp.range", "request.member.type"}, "exp: not past": {"exp.past"},
	"exp: longest lifetime": {"exp.lifetime", "exp.after_iat"},
	"aud: once":             {"aud.required"}, "aud: base62 up to 18, other shapes by policy": {"aud.format", "aud.single"},
	"aud: the bank may insist": {"aud.is_bank"},
	"nbf: honoured when sent":  {"nbf.future", "nbf.range"},
	"jti: once":                {"jti.required"}, "jti: UUID v4": {"jti.uuid_v4", "jti.uuid"}, "jti: never twice": {"request.jti.replayed"},

	"redirect_uris: absolute": {"redirect_uris.absolute"}, "redirect_uris: https": {"redirect_uris.https"},
	"redirect_uris: not localhost nor loopback": {"redirect_uris.localhost", "redirect_uris.ip"},
	"redirect_uris: no fragment":                {"redirect_uris.fragment"}, "redirect_uris: no userinfo": {"redirect_uris.userinfo"},
	"redirect_uris: up to 256 characters": {"redirect_uris.length"}, "redirect_uris: within the SSA's": {"redirect_uris.subset_of_ssa"},
	"redirect_uris: left out means the SSA's": {"redirect_uris.default", "ssa.software_redirect_uris.usable"},
	"redirect_uris: the grammar": {"redirect_uris.host", "redirect_uris.punycode", "redirect_uris.port", "redirect_uris.dot_segments",
		"redirect_uris.wildcard", "redirect_uris.characters"},
	"redirect_uris: empty, duplicates, number, type": {"redirect_uris.not_empty", "redirect_uris.duplicate", "redirect_uris.count", "redirect_uris.type"},
	"redirect_uris: required in profile wso2":        {"redirect_uris.required"},

	"token_endpoint_auth_method: once":                                   {"token_endpoint_auth_method.required"},
	"token_endpoint_auth_method: one of five":                            {"token_endpoint_auth_method.known"},
	"token_endpoint_auth_method: FAPI":                                   {"token_endpoint_auth_method.fapi"},
	"token_endpoint_auth_method: supported":                              {"token_endpoint_auth_method.supported"},
	"token_endpoint_auth_signing_alg: needed":                            {"token_endpoint_auth_signing_alg.required", "token_endpoint_auth_signing_alg.unused"},
	"token_endpoint_auth_signing_alg: FAPI-RW":                           {"token_endpoint_auth_signing_alg.algorithm", "token_endpoint_auth_signing_alg.supported"},
	"token_endpoint_auth_signing_alg: client_secret_jwt is not enforced": {"token_endpoint_auth_signing_alg.not_enforced"},

	"tls_client_auth_subject_dn: exactly with tls_client_auth": {memberDN + ".required", memberDN + ".forbidden"},
	"tls_client_auth_subject_dn: RFC 4514":                     {memberDN + ".format"},
	"tls_client_auth_subject_dn: the certificate's":            {memberDN + ".matches_certificate"},
	"tls_client_auth_subject_dn: up to 128":                    {memberDN + ".length"},
	"tls_client_auth_subject_dn: 3.4, up to 512, CN first":     {memberDN + ".length_3.4", memberDN + ".cn_first"},

	"grant_types: 1..*": {"grant_types.required", "grant_types.not_empty", "grant_types.duplicate"},
	"grant_types: 3.2":  {"grant_types.known", "grant_types.supported"},
	"grant_types: 3.3":  {"grant_types.ciba.version"}, "grant_types: 3.4": {"grant_types.jwt_bearer.version"},
	"response_types: values":          {"response_types.known", "response_types.not_empty", "response_types.duplicate"},
	"response_types: left out":        {"response_types.default"},
	"response_types: with the grants": {"response_types.consistent"}, "response_types: a bank may refuse": {"response_types.supported"},
	"software_id: base62": {"software_id.format"}, "software_id: 1..22": {"software_id.length"}, "software_id: the SSA's": {"software_id.matches_ssa"},

	"scope: once, or defaults": {"scope.required", "scope.default"}, "scope: space-delimited": {"scope.string", "scope.array", "scope.syntax", "scope.duplicate"},
	"scope: up to 256": {"scope.length"}, "scope: openid": {"scope.openid", "scope.openid.recommended"}, "scope: roles": {"scope.within_roles", "scope.supported"},
	"software_statement: once": {"software_statement.required"}, "software_statement: byte for byte": {"ssa.jws", "software_statement.type", "ssa.signature"},
	"application_type: once": {"application_type.required"}, "application_type: 3.2, 3.3": {"application_type.web_or_mobile"},
	"application_type: profile wso2": {"application_type.web"}, "application_type: 3.4": {"application_type.web_or_native"},
	"application_type: supported":         {"application_type.supported"},
	"id_token_signed_response_alg: once":  {"id_token_signed_response_alg.required"},
	"id_token_signed_response_alg: FAPI":  {"id_token_signed_response_alg.algorithm", "id_token_signed_response_alg.supported"},
	"request_object_signing_alg: once":    {"request_object_signing_alg.required"},
	"request_object_signing_alg: FAPI-RW": {"request_object_signing_alg.algorithm", "request_object_signing_alg.supported"},

	"backchannel_token_delivery_mode: exactly with ciba":  {memberMode + ".required", memberMode + ".forbidden"},
	"backchannel_token_delivery_mode: never push":         {memberMode + ".known"},
	"notification endpoint: exactly with ciba and ping":   {memberEndpoint + ".required", memberEndpoint + ".forbidden"},
	"notification endpoint: https, host grammar, 256":     {memberEndpoint + ".https", memberEndpoint + ".host", memberEndpoint + ".length"},
	"backchannel request signing alg: exactly with ciba":  {memberCIBAAlg + ".required", memberCIBAAlg + ".forbidden"},
	"backchannel request signing alg: PS256 or ES256":     {memberCIBAAlg + ".algorithm", memberCIBAAlg + ".supported"},
	"backchannel user code: only with ciba, and false":    {memberUserCode + ".forbidden", memberUserCode + ".false"},
	"backchannel members: not before 3.3":                 {"backchannel.version"},
	"client_id: may be ignored":                           {"client_id.ignored"},
	"client_secret and the like: ignored with a notice":   {"request.response_member"},
	"others: ignored with a notice":                       {"request.unknown_member"},
	"unsupported values: refused or changed, by policy":   {"request.allowed_by_policy", "request.required_by_policy"},
	"statement: a compact JWS of a directory it trusts":   {"ssa.jws", "ssa.issuer.trusted", "ssa.signature", "ssa.iss.required"},
	"statement: iat, and not too old":                     {"ssa.iat.required", "ssa.iat.range", "ssa.iat.future", "ssa.age"},
	"statement: jti":                                      {"ssa.jti.required"},
	"statement: exp, seldom; nbf":                         {"ssa.exp.past", "ssa.exp.range", "ssa.nbf"},
	"statement: software_id":                              {"ssa.software_id.required", "ssa.software_id.format"},
	"statement: software_client_id":                       {"ssa.software_client_id.differs", "ssa.software_client_id.format"},
	"statement: software_client_name":                     {"ssa.software_client_name.required", "ssa.software_client_name.length"},
	"statement: software_client_description":              {"ssa.member.type"},
	"statement: software_version, a number or a string":   {"ssa.member.type"},
	"statement: software_client_uri":                      {"ssa.software_client_uri.https"},
	"statement: software_redirect_uris":                   {"ssa.software_redirect_uris.required", "ssa.software_redirect_uris.type", "ssa.software_redirect_uris.unfit"},
	"statement: software_roles":                           {"ssa.software_roles.required", "ssa.software_roles.array", "ssa.software_roles.known"},
	"statement: software_jwks_endpoint":                   {"ssa.software_jwks_endpoint.required", "ssa.software_jwks_endpoint.https", "ssa.jwks_endpoint.host"},
	"statement: software_jwks_revoked_endpoint":           {"ssa.software_jwks_revoked_endpoint.https"},
	"statement: software_mode, Live or Test":              {"ssa.software_mode.known", "ssa.software_mode.live"},
	"statement: software_environment":                     {"ssa.software_environment.known", "ssa.environment"},
	"statement: software_logo_uri":                        {"ssa.software_logo_uri.https"},
	"statement: software_policy_uri":                      {"ssa.software_policy_uri.https"},
	"statement: software_tos_uri":                         {"ssa.software_tos_uri.https"},
	"statement: software_on_behalf_of_org":                {"ssa.member.type"},
	"statement: org_id":                                   {"ssa.org_id.required", "ssa.org_id.format"},
	"statement: org_name and org_contacts":                {"ssa.member.type"},
	"statement: org_status":                               {"ssa.org_status.required", "ssa.org_status.active"},
	"statement: org_jwks_endpoint and its revoked twin":   {"ssa.org_jwks_endpoint.https", "ssa.org_jwks_revoked_endpoint.https"},
	"statement: competent authority":                      {"ssa.competent_authority.active", "ssa.competent_authority.roles"},
	"statement: sizes of the directory's model":           {"ssa.member.length"},
	"statement: ob_registry_tos":                          {"ssa.ob_registry_tos.https"},
	"statement: other claims":                             {"ssa.unknown_member"},
	"statement: key found by kid in the directory's JWKS": {"ssa.header.kid.required", "ssa.header.kid.format", "ssa.key.found"},
	"statement: unsigned and self-signed refused":         {"ssa.header.alg.required", "ssa.header.alg", "ssa.header.embedded_key"},
	"statement: the rest of its header":                   {"ssa.header.typ", "ssa.header.typ.required", "ssa.header.typ.spelling", "ssa.header.crit", "ssa.header.member.type", "ssa.header.unknown_member"},
	"statement: unapproved organisation, software, role, environment": {"ssa.org_status.active", "ssa.competent_authority.active", "ssa.software_mode.live",
		"ssa.software_roles.served", "ssa.environment"},
	"statement: the bank's deny list":               {"ssa.denied.jti", "ssa.denied.software", "ssa.denied.organisation"},
	"attributes: a required one that the SSA lacks": {"ssa.attributes.required"},

	"something to judge": {"validate.input"},

	"body: at most 64 KiB (413)":                           {"request.size"},
	"body: exactly three base64url parts (no newline)":     {"request.jws", "input.encoding"},
	"certificate: valid, for TLS clients, of a CA (401)":   {"certificate.validity", "certificate.purpose", "certificate.chain"},
	"certificate: bound to the software (401)":             {"certificate.binding", "certificate.key.revoked"},
	"certificate: names the software, without the key set": {"certificate.subject"},

	"PUT: client_id of the body is the path's":                       {"client_id.matches"},
	"PUT: none of the members that the server sets":                  {"request.response_member.update"},
	"PUT: never another software, organisation or environment (400)": {"software_id.unchanged", "ssa.org_id.unchanged", "ssa.environment.unchanged"},
	"PUT: never another directory, whose names these are (400)":      {"ssa.issuer.unchanged"},
	"PUT: no statement older than the client's own (400)":            {"ssa.iat.not_older"},
	"registered: a statement that is not too old by the bank":        {"ssa.recheck.age"},
}

func TestEachClauseHasItsRules(t *testing.T) {
	used := map[string]bool{}
	for clause, ids := range specRows {
		assert.NotEmpty(t, ids, clause)
		for _, id := range ids {
			_, ok := RuleByID(id)
			assert.True(t, ok, "%s: no rule %s", clause, id)
			used[id] = true
		}
	}
	for _, r := range Rules() {
		assert.True(t, used[r.ID], "%s holds no clause of the specification", r.ID)
	}
}
