// Package ssa decides whether a software statement (SSA) may be believed.
//
// Which function to call first: [NewVerifier], with an [Anchor] for each directory. A
// [Verifier] knows which issuer's statements are believed, under which keys and
// algorithms, up to which age, and where the issuer keeps the key sets of its software.
//
// [Parse] tells whether a token looks like a statement. Anybody may have written its
// claims, so the method that gives them is called UnverifiedClaims. [Verifier.Verify]
// turns a [Statement] into a [Verified] one. Only Verify makes those. It reads their
// claims from the bytes whose signature it checked, and takes their environment from the
// anchor.
//
// Keys come from a [KeyResolver], one method. [StaticKeys] and [ParseJWKS] make
// resolvers of keys that are known already. [RemoteKeys] reads key sets over https, of
// directories and of software, and keeps them. A [RevokedKeyResolver] tells which keys of
// a software were withdrawn, and [SoftwareKeys] leaves those out; RemoteKeys is one of
// these too. [KnownDirectories] are data for anchors.
package ssa
