// Package dcr is the protocol of OBIE Dynamic Client Registration: it verifies a
// registration request and the software statement inside it, judges both by the
// rules of package validate, and registers the client.
//
//   - [NewRegistrar] is a bank's side: [Registrar.Register], [Registrar.Get],
//     [Registrar.Update], [Registrar.Delete], and [Registrar.RegisterFromSSA] for a
//     statement alone. [NewHandler] is the same over HTTP and mutual TLS.
//   - [Lint] is a TPP's side: the same rules on a request that need not be valid,
//     with every violation at once.
//   - [Client] is a TPP's side over mutual TLS: it builds and signs a request for a
//     bank from its discovery document, sends it, and reads, updates and deletes what
//     is registered. [BuildFor] and [BuildRequest] are its first two steps alone.
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
