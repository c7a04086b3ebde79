// Package obdcr is documentation only: see the packages below it.
//
//   - claims: what a registration request and a software statement say.
//   - validate: the rules a request must satisfy, profiles, policy, report.
//   - ssa: trust in software statements: anchors, key resolvers, verification.
//   - cert: client certificates: whose they are, and whether they are good.
//   - dcr: a bank's side: register, read, update and delete clients; hooks and
//     provisioning.
//   - dcr/server: a whole bank from one Config.
//   - dcr/token: what a bank asks its authorization server about access tokens.
//   - dcr/roles: which roles open which of a bank's APIs.
//   - dcr/tpp: a TPP's side: build, lint and send a request, and manage the client.
//   - store: where registered clients are kept.
//
// # Which function do I want
//
//   - A bank: [github.com/obdcr/obdcr/dcr/server.New], or
//     [github.com/obdcr/obdcr/dcr/server.ListenAndServe] for a program that does nothing else.
//   - A bank that puts the parts together itself: [github.com/obdcr/obdcr/dcr.NewRegistrar]
//     and [github.com/obdcr/obdcr/dcr.NewHandler].
//   - A token endpoint that must know which client a certificate belongs to: [github.com/obdcr/obdcr/cert.Middleware].
//   - A bank whose authorization server knows the tokens: [github.com/obdcr/obdcr/dcr/token.NewIntrospection].
//   - A bank's other APIs that open by role: [github.com/obdcr/obdcr/dcr/roles.Require].
//   - A TPP that checks a request first: [github.com/obdcr/obdcr/dcr/tpp.Lint].
//   - A TPP that registers: [github.com/obdcr/obdcr/dcr/tpp.NewClient].
//   - A test suite: the fake directory of [github.com/obdcr/obdcr/ssa/ssatest].
//   - The author of a store: [github.com/obdcr/obdcr/store/storetest].
//
// # Compatibility
//
// Before version 1 the API may change with each minor version, and the changelog
// says how. Rule IDs, policy members and exit codes are only ever added to.
package obdcr
