// Package dcr is a bank's side of OBIE Dynamic Client Registration: it verifies a
// registration request and the software statement inside it, judges both by the
// rules of package validate, and registers the client.
//
// Call [NewRegistrar] first, then [NewHandler] with the Registrar to serve HTTP over
// mutual TLS. A bank with an HTTP layer of its own calls [Registrar.Register],
// [Registrar.Get], [Registrar.Update] and [Registrar.Delete] itself.
// [Registrar.RegisterManual], [Registrar.UpdateManual] and [Registrar.DeleteManual] serve a TPP's
// contact at a portal, by a statement alone and within the [Reach] of the person;
// [Registrar.PreviewManual] says before what they would do. [Registrar.Subscribe] subscribes a
// client to an API of the bank. A bank may leave
// registrations and deletions to a person, who calls [Registrar.ListPending] and
// [Registrar.ApprovePending] or [Registrar.RefusePending]; [Registrar.Remove] is for
// operators too.
//
// Package dcr/server assembles all of this from one Config. Package dcr/token has what a
// Registrar asks about access tokens, package dcr/roles guards a bank's other APIs, and
// package dcr/tpp is the TPP's side.
//
// The order of the checks is fixed. Each check uses only what the earlier ones have
// proved:
//
//  1. the shape of the request
//  2. the shape of the statement
//  3. the statement's signature, by a trust anchor
//  4. the client's certificate, by the keys of the software; the verified statement has
//     their address
//  5. the request's signature, by one of these keys
//  6. the rules
//  7. the replay check, together with the storing of the record
//
// A change may concern the bank's authorization server too ([Provisioner]). No
// transaction spans that server and the store, so the record keeps how far its change
// has come. Clients never see a change that is half done. After a crash,
// [Registrar.Run] completes or undoes what was left. docs/operations.md has the
// steps and the states.
package dcr
