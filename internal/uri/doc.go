// Package uri judges addresses. [Scan] judges those that a bank sends people or data
// to, such as redirect URIs: https, a public host name in ASCII, and nothing that two
// programs could read differently. [Endpoint] judges those of a server that this module
// sends requests to.
//
// net/url takes many addresses that browsers refuse or read as another host, so Scan
// has a grammar of its own.
package uri
