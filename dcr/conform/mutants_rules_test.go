package conform_test

import "github.com/obdcr/obdcr/validate"

// Why nobody sees over the wire that a rule is off.
const (
	readFirst    = "the reader of the token refuses such a header before the rules judge it"
	trustFirst   = "the trust of the statement refuses such a header before the rules judge it"
	noKeySet     = "the address of the key set is refused before the rules judge it: nothing would be read there"
	denied       = "the bank denies one software or statement by its name, and that of a run is another one"
	otherSubject = "a subject that breaks the rule is not that of the certificate either, which another rule refuses"
)

// untold are rules that a bank can be without and nobody sees it over the wire, each with the reason.
var untold = map[string]string{
	validate.RuleHeaderAlgRequired: readFirst, validate.RuleHeaderAlg: readFirst, validate.RuleHeaderKIDRequired: readFirst, validate.RuleHeaderKIDFormat: readFirst,
	validate.RuleHeaderTyp: readFirst, validate.RuleHeaderCrit: readFirst, validate.RuleHeaderEmbeddedKey: readFirst, validate.RuleHeaderMemberType: readFirst,
	validate.RuleSSAHeaderAlgRequired: trustFirst, validate.RuleSSAHeaderAlg: trustFirst, validate.RuleSSAHeaderKIDRequired: trustFirst,
	validate.RuleSSAHeaderKIDFormat: trustFirst, validate.RuleSSAHeaderTyp: trustFirst, validate.RuleSSAHeaderCrit: trustFirst,
	validate.RuleSSAHeaderEmbeddedKey: trustFirst, validate.RuleSSAHeaderMemberType: trustFirst,
	validate.RuleSSASoftwareJWKSEndpointRequired: noKeySet, validate.RuleSSASoftwareJWKSEndpointHTTPS: noKeySet,
	validate.RuleSSASoftwareJWKSRevokedEndpointHTTPS: noKeySet, validate.RuleSSAOrgJWKSRevokedEndpointHTTPS: noKeySet,
	validate.RuleSSASoftwareModeLive: "it holds in production alone, and the directory of these banks is a sandbox's",
	validate.RuleSSAEnvironment:      "the trust anchor of these banks is of one environment, which it compares before",
	validate.RuleGrantTypesNotEmpty:  "an empty list holds nothing that the bank supports, which another rule refuses",
	validate.RuleSSADeniedJTI:        denied, validate.RuleSSADeniedSoftware: denied, validate.RuleSSADeniedOrganisation: denied,
	validate.RuleSSAIssRequired:                "a statement without iss has no trust anchor, which refuses it before",
	validate.RuleSSAIatRange:                   "the trust of the statement refuses such a time before the rules judge it",
	validate.RuleTLSClientAuthSubjectDNCNFirst: otherSubject, validate.RuleTLSClientAuthSubjectDNLength: otherSubject,
	validate.RuleTLSClientAuthSubjectDNLength34: otherSubject,
}

// ruleCases are the cases that fail for the mutants of rules that no vector shows over the wire.
var ruleCases = map[string]string{
	validate.RuleSoftwareStatementRequired:                "statement.absent",
	validate.RuleAudIsBank:                                "register.aud-other",
	validate.RuleSSAExpRange:                              "vector.ssa.exp.range/milliseconds",
	validate.RuleSoftwareStatementType:                    "statement.claims",
	validate.RuleSSASoftwareIDFormat:                      "vector.ssa.software_id.format/*",
	validate.RuleTLSClientAuthSubjectDNMatchesCertificate: "register.subject-of-another",
}
