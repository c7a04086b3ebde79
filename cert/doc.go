// Package cert decides whether a client certificate belongs to a software.
//
// Call these in this order:
//
//  1. [FromTLS] or [FromHeader] gives a [Source], which finds the client's
//     certificate: in the TLS connection, or in a header of the proxy that ended TLS.
//  2. [NewAuthorities] and [NewCRLs], or [ParseTrustPolicy] from a file, say which CAs
//     and revocation lists the bank believes. Both may be left to the TLS layer.
//  3. [NewChecker] makes a [Checker]. It judges the certificate's validity and usage,
//     its chain, its revocation, and the binding to the software: by the software's
//     key set, or by the subject ([Identify]).
//  4. [Checker.Check] judges one certificate for one [Software], which [SoftwareOf]
//     makes from a verified statement. A token endpoint does not call Check itself: it
//     stands behind [Middleware], whose answers do not tell which clients there are.
//
// The [Acceptance] lists a check as not consulted where nothing is configured for it.
// What is configured must answer: a revocation list that is out of date and a key set
// that cannot be read are refusals. So is a client for which neither its statement nor
// its attributes tell where its withdrawn keys are.
//
// [CompareKnown] finds CAs that a bank's list lacks. [PSD2Of] reads the roles of an
// eIDAS certificate.
package cert
