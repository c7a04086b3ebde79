// Package claims is the vocabulary of OBIE Dynamic Client Registration: the claims of a
// registration request and of a software statement (SSA), read strictly.
//
// Call [ParseRequest] and [ParseSSA] for a payload that must be right: they refuse one
// with a member of the wrong type. Call [DecodeRequest] and [DecodeSSA] to report
// every such member at once and go on with the others.
//
// A field of [Request] or [SSA] is an [Optional]: it tells an absent member from an
// empty one and from one of the wrong type. [Request.Member] and [SSA.Member] find a
// member by its name. Members that the specification does not name are kept raw.
//
// [AttributeMapper] turns the claims of a software statement into the attributes
// of an application, such as software_id_sandbox.
//
// The package checks no signature and no rule. Package ssa does the first, package
// validate the second.
package claims
