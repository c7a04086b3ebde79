// Package tpp is a TPP's side of OBIE Dynamic Client Registration.
//
// To register at a bank, call [Discover] first, then [NewClient] with the Metadata it
// returns, [Client.Build] and [Client.Register]. [Client.Get], [Client.Update] and
// [Client.Delete] manage the registered client; they need a token of
// [Client.AccessToken]. [BuildFor] and [BuildRequest] make a request without a Client.
//
// To check a request before it is sent, call [Lint]. It applies the rules that a bank
// applies (package validate) and reports every violation at once.
package tpp
