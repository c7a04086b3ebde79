// Package jose reads, verifies and makes compact JSON Web Signatures (RFC 7515),
// and reads and writes sets of public keys (RFC 7517).
//
// It is the only package that knows the JOSE library: keys go in and out as
// crypto.PublicKey, key sets as bytes.
//
// Which function to call: [Parse] and then [JWS.Verify] for a token that came in, [Sign]
// to make one, [ParseJWKS] and [MarshalJWKS] for key sets. Parse tells whether a token is
// well formed and nothing more; a payload may be believed only after Verify has returned
// nil for it.
//
// The package is stricter than the RFCs on purpose. A token has exactly one
// spelling (canonical base64url, one header object without duplicate names), so
// that two readers never see two different things in it. The header never brings
// its own key and never chooses an algorithm that the caller, and the key, have
// not named.
package jose

import (
	"errors"
)

// The algorithms that this package knows (RFC 7518 section 3.1). All others are
// refused, even where a caller's list of allowed ones names them.
const (
	PS256 = "PS256" // RSASSA-PSS with SHA-256 and a salt of 32 bytes
	ES256 = "ES256" // ECDSA on P-256 with SHA-256
	RS256 = "RS256" // RSASSA-PKCS1-v1_5 with SHA-256; outside FAPI, for policies that admit it
)

// Limits. A document beyond one of them is refused before it is decoded.
const (
	MaxTokenSize  = 1 << 20 // bytes of a token
	MaxJWKSSize   = 1 << 20 // bytes of a key set
	MaxJWKSKeys   = 100     // entries of a key set, usable or not
	MaxKeyIDSize  = 128     // bytes of a key identifier
	MinRSAKeyBits = 2048    // RFC 7518 sections 3.3 and 3.5
	MaxRSAKeyBits = 8192    // beyond it one verification costs too much
)

// What can be wrong, as the Kind of an *Error, for errors.Is.
var (
	// ErrMalformed: not a compact JWS, or not a key set.
	ErrMalformed = errors.New("malformed")
	// ErrAlgorithm: the header's algorithm is not one of the allowed ones.
	ErrAlgorithm = errors.New("algorithm not allowed")
	// ErrHeader: a header member is present that must not be, or has a wrong value.
	ErrHeader = errors.New("header not allowed")
	// ErrKey: the key must not be used, or not for this token.
	ErrKey = errors.New("key not usable")
	// ErrSignature: the signature was not made with this key over this token.
	ErrSignature = errors.New("signature does not verify")
	// ErrSigning: the caller's own key, or the device that holds it, made no signature, or
	// one that its public key does not verify.
	ErrSigning = errors.New("signing key failed")
)

// Error is the error type of this package. Its text is ASCII and repeats at most
// 64 characters of any input.
type Error struct {
	Kind   error // one of the Err values above
	detail string
	cause  error // a *jsonscan.SyntaxError of a header or a key set, what a signing key said, or nil
}

// Error gives kind and detail in one line.
func (e *Error) Error() string { return "jose: " + e.Kind.Error() + ": " + e.detail }

// Detail names the fault and what would be right, without package and kind.
func (e *Error) Detail() string { return e.detail }

// Unwrap gives the kind and, where there is one, the cause.
func (e *Error) Unwrap() []error {
	if e.cause == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.cause}
}

func fail(kind error, detail string) error { return &Error{Kind: kind, detail: detail} }
