package validate

// requestTrustRules are the rows about a request that only the steps with keys
// and a memory can judge.
var requestTrustRules = []Rule{
	{
		ID:       "request.jws",
		Summary:  "The request is a compact JWS with one strict JSON object for a payload.",
		Reason:   "Anything else can be read in more than one way.",
		Example:  `{"payload": "e30", "signatures": []}`,
		Citation: rfc("7515", "7.1"),
		Step:     StepParseRequest,
		Fix:      "send three base64url parts with dots between them, no padding, no line break",
	},
	{
		// kid of a signing key in the directory's JWKS of that software.
		ID:       "request.key.found",
		Summary:  "The request's kid is in the software's JWKS, as a signing key.",
		Reason:   "A key that the directory does not publish for the software proves nothing.",
		Example:  `{"alg": "PS256", "kid": "unknown"}`,
		Citation: dictionary("JOSE header, kid"),
		Document: DocHeader,
		Step:     StepVerifyRequest,
		Fix:      "sign with a key that the directory publishes for the software, and name its kid",
	},
	{
		// A key that is listed there must not be used, even if it is still in the set.
		ID:       "request.key.revoked",
		Summary:  "The request's key is listed at none of the statement's two revoked addresses.",
		Reason:   "Whoever stole a withdrawn key signs with it as well as its owner.",
		Example:  `{"alg": "PS256", "kid": "a kid listed at software_jwks_revoked_endpoint"}`,
		Citation: dictionary("JOSE header, kid"),
		Document: DocHeader,
		Step:     StepVerifyRequest,
		Fix:      "sign with another key of the software; a withdrawn one does not come back",
	},
	{
		ID:       "request.signature",
		Summary:  "The signature over the request holds.",
		Reason:   "Otherwise somebody else wrote or changed it.",
		Example:  `{"jws": "a request signed by another key under the right kid"}`,
		Citation: rfc("7515", "5.2"),
		Step:     StepVerifyRequest,
		Fix:      "sign with the private key of the kid that the header names",
	},
	{
		// Never accepted twice.
		ID:       "request.jti.replayed",
		Summary:  "jti has not been seen before from this issuer.",
		Reason:   "Whoever gets hold of a request must not be able to send it again.",
		Example:  `{"jti": "the jti of an earlier request"}`,
		Citation: dictionary("jti"),
		Step:     StepReplay,
		Fix:      "sign a new request with a fresh jti; find the client of the first one by GET",
	},
}
