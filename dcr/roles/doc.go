// Package roles guards a bank's APIs: it lets an application through if its software has
// a role for the API.
//
// Call [ParseTable] first, or fill in a [Table]: it lists the roles that open each API.
// Then call [ByToken], which finds the application of an access token, and [Require],
// which makes the middleware of an API from both. A portal that has the application
// already calls [MaySubscribe].
package roles
