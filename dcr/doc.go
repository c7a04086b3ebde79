// Package dcr is the protocol of OBIE Dynamic Client Registration: it verifies a
// registration request and the software statement inside it, judges both by the
// rules of package validate, and registers the client.
//
//   - [NewRegistrar] and [Registrar.Register] are a bank's side, [NewHandler] the
//     same over HTTP and mutual TLS.
//   - [Lint] is a TPP's side: the same rules on a request that need not be valid,
//     with every violation at once.
//   - [BuildRequest] signs a request.
//
// The order of the checks is fixed, and each uses only what the ones before it have
// proved: the request's shape, the statement's shape, the statement's signature by
// a trust anchor, the request's signature by a key of the software (whose address
// is taken from the verified statement), the rules, the replay check together with
// the record.
package dcr
