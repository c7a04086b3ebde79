package signed_test

// notPlayed are the rules that no vector breaks, with the reason.
var notPlayed = map[string]string{
	"certificate.subject":       "a lint alone compares subjects, where it has no key set of the software; a vector has one",
	"client_id.matches":         "the bank chooses the client_id, so that no file can name that of a client",
	"request.jti.replayed":      "a bank alone remembers which requests it has had",
	"software_id.unchanged":     "a bank alone knows what the client was before",
	"ssa.org_id.unchanged":      "a bank alone knows what the client was before",
	"ssa.environment.unchanged": "a bank alone knows what the client was before",
	"ssa.issuer.unchanged":      "a bank alone knows what the client was before",
	"ssa.iat.not_older":         "a bank alone knows the statement that the client has",
	"ssa.recheck.age":           "it is about clients that are registered, and not about requests",
	"validate.input":            "it is a fault of the program that judges, and not of a request",
}

// keptElsewhere are the rules that accepted vectors of other names keep, with one of them.
var keptElsewhere = map[string]string{
	"certificate.key.revoked": "request.key.revoked/published",
	"input.encoding":          "request.size/as-long-as-can-be",
	"request.jws":             "json/white-space",
	"request.signature":       "jose_signature/es256",
	"ssa.jws":                 "json/white-space.statement",
	"ssa.key.found":           "jose_signature/es256.statement",
	"ssa.signature":           "jose_signature/es256.statement",
}

// memberOfRule are the members of rules whose ID does not begin with the member's name.
var memberOfRule = map[string]string{
	"ssa.age": "iat", "ssa.environment": "software_environment", "ssa.jwks_endpoint.host": "software_jwks_endpoint", "ssa.issuer.trusted": "iss",
	"ssa.competent_authority.active": "organisation_competent_authority_claims", "ssa.competent_authority.roles": "organisation_competent_authority_claims",
	"ssa.denied.jti": "jti", "ssa.denied.organisation": "org_id", "ssa.denied.software": "software_id", "ssa.nbf": "nbf",
	"ssa.attributes.required": "software_client_name", "ssa.member.length": "software_client_name",
}

// edgesElsewhere are the edges of members outside of the tables: absent, null, empty, of
// another type. Those of the statement's header have the suffix .statement.
var edgesElsewhere = map[string][]string{
	"header.alg":                 {"jose_header/alg-absent", "jose_header/alg-null", "jose_header/alg-empty", "jose_header/alg-a-number"},
	"header.kid":                 {"jose_header/kid-absent", "jose_header/kid-null", "jose_header/kid-empty", "jose_header/kid-a-number"},
	"header.typ":                 {"header.typ/absent", "jose_header/typ-null", "jose_header/typ-empty", "jose_header/typ-a-number"},
	"header.crit":                {"jose_signature/es256", "jose_header/crit-null", "jose_header/crit-empty", "jose_header/crit-a-text"},
	"software_statement":         {"software_statement.required/absent", "software_statement.type/null", "software_statement.type/an-object"},
	"header.embedded_key":        {"jose_signature/es256", "jose_header/jwk-null"},
	"request.required_by_policy": {"request.required_by_policy/absent"},
}

// noMember are the rules that are about no member which can be absent, null, empty or of
// another type, with the reason.
var noMember = map[string]string{
	"backchannel.version":            "it is about five members, of which each has edges",
	"certificate.binding":            "it is about the certificate",
	"certificate.chain":              "it is about the certificate",
	"certificate.key.revoked":        "it is about a key set",
	"certificate.purpose":            "it is about the certificate",
	"certificate.validity":           "it is about the certificate; its first and last second are vectors",
	"header.member.type":             "it is about members of the header, of which each has edges",
	"header.unknown_member":          "it is about members that nobody knows",
	"input.encoding":                 "it is about bytes around the token",
	"request.allowed_by_policy":      "it is about any member",
	"request.jws":                    "it is about the form of the token",
	"request.key.found":              "it is about a key set",
	"request.key.revoked":            "it is about a key set",
	"request.member.type":            "it is about members, of which each has edges",
	"request.response_member":        "it is about members of the answer, which have no form in a request",
	"request.response_member.update": "it is about members of the answer, which have no form in a request",
	"request.signature":              "it is about the signature",
	"request.size":                   "it is about the token; its limit is a vector",
	"request.unknown_member":         "it is about members that nobody knows",
	"ssa.header.member.type":         "it is about members of the header, of which each has edges",
	"ssa.header.unknown_member":      "it is about members that nobody knows",
	"ssa.jws":                        "it is about the form of the token",
	"ssa.key.found":                  "it is about a key set",
	"ssa.member.type":                "it is about claims, of which each has edges",
	"ssa.signature":                  "it is about the signature",
	"ssa.unknown_member":             "it is about claims that nobody knows",
}

// limits are the rules with a limit: the vector that is at it, and the one beyond.
var limits = map[string]struct{ at, beyond string }{
	"request.size":                      {"request.size/as-long-as-can-be", "request.size/too-long"},
	"tls_client_auth_subject_dn.length": {"tls_client_auth_subject_dn.length/128-characters", "tls_client_auth_subject_dn.length/129-characters"},
	"tls_client_auth_subject_dn.length_3.4": {"tls_client_auth_subject_dn.length_3.4/512-characters.obie-3.4",
		"tls_client_auth_subject_dn.length_3.4/513-characters.obie-3.4"},
	"backchannel_client_notification_endpoint.length": {"backchannel_client_notification_endpoint.length/256-characters",
		"backchannel_client_notification_endpoint.length/257-characters"},
	"header.kid.format":               {"header.kid.format/128-characters", "header.kid.format/129-characters"},
	"certificate.validity":            {"certificate.validity/in-its-last-second", "certificate.validity/expired-a-second-ago"},
	"iss.length":                      {"iss.length/22-characters", "iss.length/23-characters"},
	"software_id.length":              {"software_id.length/22-characters", "software_id.length/23-characters"},
	"redirect_uris.count":             {"redirect_uris.count/50", "redirect_uris.count/51"},
	"redirect_uris.length":            {"redirect_uris.length/256-characters", "redirect_uris.length/257-characters"},
	"scope.length":                    {"scope.length/256-characters", "scope.length/257-characters"},
	"ssa.age":                         {"ssa.age/a-day-and-60-seconds", "ssa.age/a-day-and-61-seconds"},
	"ssa.software_client_name.length": {"ssa.software_client_name.length/40-characters", "ssa.software_client_name.length/41-characters"},
	"ssa.member.length":               {"ssa.member.length/as-long-as-may-be", "ssa.member.length/org-name"},
	"iat.future":                      {"iat.future/60-seconds-ahead", "iat.future/61-seconds-ahead"},
	"exp.past":                        {"exp.past/59-seconds-ago", "exp.past/60-seconds-ago"},
	"ssa.iat.future":                  {"ssa.iat.future/60-seconds-ahead", "ssa.iat.future/61-seconds-ahead"},
	"ssa.exp.past":                    {"ssa.exp.past/59-seconds-ago", "ssa.exp.past/60-seconds-ago"},
	"nbf.future":                      {"nbf.future/60-seconds-ahead", "nbf.future/61-seconds-ahead"},
	"ssa.nbf":                         {"ssa.nbf/60-seconds-ahead", "ssa.nbf/61-seconds-ahead"},
	"redirect_uris.port":              {"redirect_uris.port/65535", "redirect_uris.port/65536"},
}
