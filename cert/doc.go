// Package cert decides whether a client certificate belongs to a software.
//
//   - A [Source] finds the certificate: the TLS connection ([FromTLS]), or a header
//     of the proxy that ended TLS ([FromHeader]).
//   - A [Checker] judges it: validity and usage, the chain to the CAs of the
//     environment ([Authorities]), revocation ([CRLs], or a [RevocationChecker] of
//     one's own), and the binding to the software, by its key set or by the subject
//     in the way of the certificate's profile ([Identify]).
//   - [Middleware] does both in front of a token endpoint, for a client as the bank has
//     [Registered] it, and refuses with invalid_client. Its answers do not tell which
//     clients there are.
//
// What is not configured is not silently passed over: the [Acceptance] lists it as not
// consulted. What is configured and cannot be answered is a refusal: a revocation
// list that is out of date, or a key set that cannot be read, is never taken for
// good news. Nor is silence: a client of which nothing says where its withdrawn keys
// are is refused. A [TrustPolicy] holds the configuration in a file, and [CompareKnown]
// finds CAs that it lacks.
package cert
