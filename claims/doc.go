// Package claims is the vocabulary of OBIE Dynamic Client Registration: what a
// registration request and a software statement (SSA) say, read strictly.
//
// [DecodeRequest] and [DecodeSSA] read a payload and report every member of the
// wrong type at once; [ParseRequest] and [ParseSSA] refuse a payload that has one.
// Whether a member was sent is kept apart from what it holds: see [Optional].
// Members that the specification does not name are kept raw.
//
// [AttributeMapper] turns the claims of a software statement into the attributes
// of an application, such as software_id_sandbox.
//
// The package judges nothing and trusts nothing: signatures are the matter of
// package ssa, rules that of package validate.
package claims
