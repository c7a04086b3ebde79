// Package tpp is a TPP's side of OBIE Dynamic Client Registration.
//
// To register at a bank, call [Discover] first, then [NewClient] with the Metadata it
// returns, [Client.Build] and [Client.Register]. [Client.Get], [Client.Update] and
// [Client.Delete] manage the registered client; they need a token of
// [Client.AccessToken]. [BuildFor], [BuildPayload] and [BuildRequest] make a request without
// a Client. [DirectoryClient.Statement] fetches the software statement first.
//
// Banks speak dialects. [Overrides] stand in for a discovery document that lacks an endpoint,
// [RequestOptions] shape a request, and [ContentType] is how it is sent. [Differences] lists
// what a bank registered otherwise than it was asked for.
//
// A call ends in a [ResponseError], which has what the peer says in any form, in a
// [NoAnswerError], or in a [PendingError] where a person at the bank decides later. Their
// methods Retry and Next tell how to go on safely, and [ResponseError.ClockAdvice] whether
// the clocks differ.
//
// To check a request before it is sent, call [Lint]. It applies the rules that a bank
// applies (package validate) and reports every violation at once. What it does not know it
// does not check, and says so: give it the keys, the certificate and what the bank announces
// ([Metadata.Policy]). [AnyBank] is for a TPP that has no bank in mind yet.
package tpp
