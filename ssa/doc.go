// Package ssa decides whether a software statement (SSA) may be believed.
//
// [Parse] tells whether a token looks like a statement; its claims are then still
// anybody's words, and the method that gives them is called UnverifiedClaims. A
// [Verifier] knows the trust anchors: which issuer's statements are believed,
// under which keys and algorithms, up to which age, and where the issuer keeps the
// key sets of its software. [Verifier.Verify] turns a [Statement] into a
// [Verified] one. Only Verify can make one, its claims are read from the bytes
// whose signature was checked, and its environment is the anchor's.
//
// Keys come from a [KeyResolver], one method. [StaticKeys] and [ParseJWKS] make
// resolvers of keys that are known already; [RemoteKeys] reads key sets over https,
// of directories and of software, and keeps them. Which keys of a software were
// withdrawn comes from a [RevokedKeyResolver], which RemoteKeys is too;
// [SoftwareKeys] leaves them out. [KnownDirectories] are data for anchors.
package ssa
