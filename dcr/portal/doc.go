// Package portal is manual client registration as web pages: a TPP's contact signs in through
// the directory, provides a software statement, and gets an application. Operators of the bank
// decide there on what waits for approval.
//
// Call [New] with the bank's Registrar and Store, and mount [Portal.Handler] beside the bank's
// API, at the address that Config.Address names. [Portal.Run] forgets sessions that
// ended, where no server.Bank does.
//
// What is made by hand is what the API makes: the same rules, hooks, authorization server,
// records and audit trail. The pages have no script.
package portal
