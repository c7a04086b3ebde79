// Package server assembles a bank from one Config: verifier, key cache, certificate
// checker, registrar, registration endpoint, token endpoint, discovery document,
// reconcile loop, health and timeouts. It takes clock skew, algorithms and the age of
// statements from the policy, so that no two parts can differ.
//
// [New] makes a [Bank]. [Bank.Serve] is a whole server: TLS, timeouts, the reconcile
// loop, and an orderly end. A bank that has a server already mounts [Bank.Handler] and
// calls [Bank.Run] in a goroutine. The constructors below (dcr.NewRegistrar,
// dcr.NewHandler, ...) stay for whoever wants to assemble a bank by hand.
package server
