// Package roles opens a bank's APIs to the applications whose software has a role for
// them.
//
// Call [ParseTable] first, or fill in a [Table]: it says which roles open which API.
// [ByToken] finds the application behind an access token, and [Require] makes the
// middleware of an API out of both. [MaySubscribe] decides alone, for a portal.
package roles
