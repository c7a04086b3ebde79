// Package server assembles a bank from one Config: verifier, key cache, certificate
// checker, registrar, registration endpoint, token endpoint, discovery document,
// reconcile loop, health checks and timeouts. It takes clock skew, algorithms and the age
// of statements from the policy, so that no two parts can differ.
//
// Call [New] first: it makes a [Bank]. [Bank.Serve] then runs a whole server, with TLS,
// timeouts, the reconcile loop and a graceful shutdown; [ListenAndServe] is both in one, and
// [LoadCertificates] reads its certificates from files. A program that has a server
// already mounts [Bank.Handler] and calls [Bank.Run] in a goroutine. To assemble a bank by
// hand, use the lower-level constructors (dcr.NewRegistrar, dcr.NewHandler, ...).
package server
