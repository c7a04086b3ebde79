// Package dcr is a bank's side of OBIE Dynamic Client Registration: it verifies a
// registration request and the software statement inside it, judges both by the
// rules of package validate, and registers the client.
//
// Call [NewRegistrar] first, then [NewHandler] with the Registrar to serve HTTP over
// mutual TLS. A bank with an HTTP layer of its own calls [Registrar.Register],
// [Registrar.Get], [Registrar.Update] and [Registrar.Delete] itself.
// [Registrar.RegisterFromSSA] registers from a statement alone.
//
// Package dcr/token has what a Registrar asks about access tokens, package dcr/roles
// guards a bank's other APIs, and package dcr/tpp is the TPP's side.
//
// The order of the checks is fixed, and each uses only what the ones before it have
// proved: the request's shape, the statement's shape, the statement's signature by
// a trust anchor, the request's signature by a key of the software (whose address
// is taken from the verified statement), the rules, the replay check together with
// the record.
//
// A change may concern the bank's authorization server too ([Provisioner]), which no
// transaction with the store spans: a record says how far its change has come, nobody
// sees what is half-done, and [Registrar.Reconcile] ends what a crash has left.
// docs/operations.md has the steps and the states.
package dcr
