package validate

import "github.com/obdcr/obdcr/internal/rule"

// requestTrustRules are the rows about a request that need keys, earlier requests or
// the client's record. The caller judges them.
var requestTrustRules = []Rule{
	{
		ID:       rule.RequestJWS,
		Summary:  "The request is a compact JWS with one strict JSON object for a payload.",
		Reason:   "Anything else can be read in more than one way.",
		Example:  `{"payload": "e30", "signatures": []}`,
		Citation: rfc("7515", "7.1"),
		Step:     StepParseRequest,
		Fix:      "send three base64url parts with dots between them, no padding, no line break",
	},
	{
		ID:       rule.RequestKeyFound,
		Summary:  "The request's kid is in the software's JWKS, as a signing key.",
		Reason:   "A key that the directory does not publish for the software proves nothing.",
		Example:  `{"alg": "PS256", "kid": "unknown"}`,
		Citation: dictionary("JOSE header, kid"),
		Document: DocHeader,
		Step:     StepVerifyRequest,
		Fix:      "sign with a key that the directory publishes for the software, and name its kid",
	},
	{
		// A key at a revoked address must not be used, even where the key set still has it.
		ID:       rule.RequestKeyRevoked,
		Summary:  "The request's key is listed at none of the statement's two revoked addresses.",
		Reason:   "Whoever stole a withdrawn key signs with it as well as its owner.",
		Example:  `{"alg": "PS256", "kid": "a kid listed at software_jwks_revoked_endpoint"}`,
		Citation: dictionary("JOSE header, kid"),
		Document: DocHeader,
		Step:     StepVerifyRequest,
		Fix:      "sign with another key of the software; a withdrawn one does not come back",
	},
	{
		ID:       rule.RequestSignature,
		Summary:  "The signature over the request holds.",
		Reason:   "Otherwise somebody else wrote or changed it.",
		Example:  `{"jws": "a request signed by another key under the right kid"}`,
		Citation: rfc("7515", "5.2"),
		Step:     StepVerifyRequest,
		Fix:      "sign with the private key of the kid that the header names",
	},
	{
		ID:       rule.ClientIDMatches,
		Summary:  "client_id in an update is that of the client which is updated.",
		Reason:   "A request that names two clients is ambiguous.",
		Example:  `{"client_id": "another client"}`,
		Citation: rfc("7592", "2.2"),
		Fix:      "send the client_id of the address, or none",
	},
	{
		ID:       rule.SoftwareIDUnchanged,
		Summary:  "An update is of the software that the client was registered for.",
		Reason:   "A client's consents and tokens were given to one software.",
		Example:  `{"software_id": "another software"}`,
		Citation: dictionary("software_id"),
		Fix:      "register another client for another software",
	},
	{
		ID:       rule.SSAOrgIDUnchanged,
		Summary:  "The statement in an update is of the organisation that the client was registered for.",
		Reason:   "A client's consents and tokens were given to one organisation.",
		Example:  `{"org_id": "another organisation"}`,
		Citation: statementModel("org_id"),
		Document: DocSSA,
		Fix:      "register another client for another organisation",
	},
	{
		ID:       rule.SSAEnvironmentUnchanged,
		Summary:  "The statement in an update is of the environment that the client was registered in.",
		Reason:   "A client of the sandbox must not become one of production, nor the reverse.",
		Example:  `{"software_environment": "production"}`,
		Citation: statementModel("software_environment"),
		Document: DocSSA,
		Fix:      "register another client in the other environment",
	},
	{
		// Each directory has its own identifiers of software and organisations.
		ID:       rule.SSAIssuerUnchanged,
		Summary:  "The statement in an update is of the directory that the client was registered by.",
		Reason:   "Two directories can give one identifier to two softwares: a client would change its owner.",
		Example:  `{"iss": "another directory that the bank trusts"}`,
		Citation: statementModel("iss"),
		Document: DocSSA,
		Fix:      "send a statement of the same directory, or register another client",
	},
	{
		ID:       rule.RequestJTIReplayed,
		Summary:  "jti has not been seen before from this issuer.",
		Reason:   "Whoever gets hold of a request must not be able to send it again.",
		Example:  `{"jti": "the jti of an earlier request"}`,
		Citation: dictionary("jti"),
		Step:     StepReplay,
		Fix:      "sign a new request with a fresh jti; find the client of the first one by GET",
	},
}
