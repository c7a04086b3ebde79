// Package dcrtest is a directory, a bank and a TPP for tests, as httptest is a server for tests:
//
//	bank := dcrtest.NewBank(t)
//	tpp := bank.NewTPP(t)
//	_, err := tpp.Register(dcrtest.Set("/redirect_uris/0", "http://tpp.example"))
//	dcrtest.RequireViolation(t, err, validate.RuleRedirectURIsHTTPS)
//
// The [Bank] is a bank of dcr/server that serves over mutual TLS on loopback, with its store in
// memory, and reads key sets over TLS from its ssatest.Directory. All ends with the test. Each
// [Option] changes one thing of it.
//
// A [TPP] has a software that is enrolled at the directory. Its requests are good unless a
// [Mutation] changes them: a member of the claims, of the header or of the statement by its RFC
// 6901 pointer, the signature, the bytes, the certificate, or the HTTP request. A bank that
// refuses one gives a [Refusal], with every rule that the bank found broken. When the test
// fails, its log has what was sent, decoded and without secrets, and why it was refused.
//
// All keys are those of ssa/ssatest, which are public.
package dcrtest
