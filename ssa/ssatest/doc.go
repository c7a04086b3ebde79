// Package ssatest is a directory for tests, as httptest is a server for tests: it
// issues software statements and certificates and serves key sets over TLS on
// loopback.
//
// [New] starts a [Directory], [Directory.NewSoftware] enrols an [EnrolledSoftware], which
// mints statements with any claim changed or removed, signs registration requests
// and has a transport certificate. What must be refused is made with a [Forgery]. The
// directory also serves an [API], by which a TPP fetches its statements, and a [Provider], by
// which people sign in.
//
// The private keys of the CA and of the directory are embedded in the package and public, and
// so are those of the software or the primes that they are made of: whoever trusts such a
// directory outside a test trusts everybody.
package ssatest
