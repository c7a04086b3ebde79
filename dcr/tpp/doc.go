// Package tpp is a TPP's side of OBIE Dynamic Client Registration.
//
// To register at a bank, call [Discover] first, then [NewClient] with the Metadata it
// returns, [Client.Build] and [Client.Register]. [Client.Get], [Client.Update] and
// [Client.Delete] manage what is registered. [BuildFor] and [BuildRequest] make a
// request without a Client.
//
// To check a request, call [Lint]: it judges by the rules of package validate, also
// where the request is not valid, and reports every violation at once.
package tpp
