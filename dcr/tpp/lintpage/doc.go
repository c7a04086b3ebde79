// Package lintpage is a page that judges a registration request or a software statement in
// the browser of whoever writes it: header and claims with what was found beside their lines,
// what a bank would answer, and what was not checked.
//
// [New] makes the page. It is an [net/http.Handler] that needs no script, and its
// [Page.Answer] is the same verdict without HTTP, for a program that runs in the browser.
// All is computed by [tpp.Lint]: the page keeps nothing, writes no log and opens no
// connection but those of the key resolvers that a [Preset] brings.
package lintpage
