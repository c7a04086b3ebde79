package validate

import "github.com/obdcr/obdcr/internal/rule"

// statusUnauthorized is the status of an answer about the client certificate. It is no matter of the
// request, so that RFC 7591 has no code for it.
const statusUnauthorized = 401

// certificateRules are the rows about the client certificate. A server judges it by
// package cert, and a lint that has the certificate reports what it finds by these rows.
// Their document is the request, with the pointer to the whole of it: a certificate is
// none of its members.
var certificateRules = []Rule{
	{
		ID:       rule.CertificateValidity,
		Summary:  "The time is within the validity of the certificate and of its CAs.",
		Reason:   "Outside of it nobody vouches for the certificate.",
		Bad:      "a certificate that has expired",
		Good:     "a certificate that is valid now",
		Citation: rfc("5280", "4.1.2.5"),
		Basis:    BasisMust,
		Status:   statusUnauthorized,
		Fix:      "connect with a certificate that is valid now; get a new one from the directory",
	},
	{
		ID:       rule.CertificatePurpose,
		Summary:  "The certificate is one for TLS clients, not that of a CA or for signing, and its key is strong enough.",
		Reason:   "A key that serves another purpose is kept by other rules, and a weak one can be broken.",
		Bad:      "the signing certificate of the software",
		Good:     "the transport certificate of the software",
		Citation: rfc("5280", "4.2.1.12"),
		Basis:    BasisMust,
		Status:   statusUnauthorized,
		Fix:      "connect with the transport certificate of the software",
	},
	{
		// The bank decides which CAs it trusts.
		ID:       rule.CertificateChain,
		Summary:  "The certificate leads to a root that the bank trusts.",
		Reason:   "Anybody can write any subject into a certificate.",
		Bad:      "a certificate of a CA of one's own",
		Good:     "a certificate of a CA of the directory",
		Citation: rfc("5280", "6.1"),
		Basis:    BasisPolicy,
		Status:   statusUnauthorized,
		Fix:      "connect with a certificate that a CA of the directory issued",
	},
	{
		// A key at a revoked address must not be used, even where the key set still has it.
		ID:       rule.CertificateKeyRevoked,
		Summary:  "The certificate's key is listed at none of the statement's two revoked addresses.",
		Reason:   "Whoever stole a withdrawn key connects with it as well as its owner.",
		Bad:      "a certificate whose key is withdrawn",
		Good:     "a certificate whose key is published",
		Citation: statementClaim("software_jwks_revoked_endpoint"),
		Basis:    BasisStricter,
		Stricter: "The text says where withdrawn keys are listed, and not what a bank does with them.",
		Status:   statusUnauthorized,
		Fix:      "connect with another certificate of the software; a withdrawn key does not come back",
	},
	{
		ID:       rule.CertificateBinding,
		Summary:  "The certificate is the software's: its key is in the software's key set.",
		Reason:   "A certificate of the directory alone says that somebody is enrolled there, and not who.",
		Bad:      "the transport certificate of another software",
		Good:     "the transport certificate of the software",
		Citation: rfc("8705", "2.2"),
		Basis:    BasisStricter,
		Stricter: "The text binds a certificate to a client that is registered; this rule holds for the registration too.",
		Status:   statusUnauthorized,
		Fix:      "connect with the transport certificate that the directory publishes for the software",
	},
	{
		ID:       rule.CertificateSubject,
		Summary:  "The subject of the certificate names the software of the statement, or its organisation.",
		Reason:   "The key set decides whose the certificate is. Where it is not given, another subject is the sign of a mistake.",
		Bad:      "the certificate of another software, without the key set",
		Good:     "the certificate of the software, without the key set",
		Citation: rfc("8705", "2.1"),
		Basis:    BasisShould,
		Status:   statusUnauthorized,
		Fix:      "give the software's key set too, and connect with the transport certificate of the software",
	},
}
