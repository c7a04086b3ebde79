// Package obdcr is documentation only: see the packages below it.
//
//   - claims: what a registration request and a software statement say.
//   - validate: the rules a request must satisfy, profiles, policy, report.
//   - ssa: trust in software statements: anchors, key resolvers, verification.
//   - cert: client certificates: whose they are, and whether they are good.
//   - dcr: the protocol: verify, judge and register a request; lint; build one.
//   - store: where registered clients are kept.
//
// # Which function do I want
//
//   - A bank that registers clients: [github.com/obdcr/obdcr/dcr.NewRegistrar].
//   - A bank that reads key sets over https: [github.com/obdcr/obdcr/ssa.NewRemoteKeys].
//   - A bank's token endpoint that wants to know whose a certificate is: [github.com/obdcr/obdcr/cert.Middleware].
//   - A TPP that checks a request first: [github.com/obdcr/obdcr/dcr.Lint].
//   - A TPP that builds a request: [github.com/obdcr/obdcr/dcr.BuildRequest].
//   - A test suite: the fake directory of [github.com/obdcr/obdcr/ssa/ssatest].
//
// # Compatibility
//
// Before version 1 the API may change with each minor version, and the changelog
// says how. Rule IDs, policy members and exit codes are only ever added to.
package obdcr
