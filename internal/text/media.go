package text

import "encoding/base64"

// IsJWT reports whether typ, of a JOSE header, says that the token is a JWT: JWT or
// application/jwt, in any case. Names of media types have no case, and the prefix may be
// left out (RFC 7519 section 5.1, RFC 7515 section 4.1.9).
func IsJWT(typ string) bool { return EqualFold(typ, "jwt") || EqualFold(typ, "application/jwt") }

// DigestSize returns the octets of the digest that a header member of RFC 7515 sections
// 4.1.7 and 4.1.8 holds: 20 for x5t and 32 for x5t#S256. It returns 0 for another member.
func DigestSize(member string) int {
	switch member {
	case "x5t":
		return 20
	case "x5t#S256":
		return 32
	}
	return 0
}

// IsDigest reports whether s is size octets in base64url without padding, at most 32.
func IsDigest(s string, size int) bool {
	var digest [32]byte
	if size > len(digest) || len(s) != base64.RawURLEncoding.EncodedLen(size) {
		return false
	}
	n, err := base64.RawURLEncoding.Strict().Decode(digest[:], []byte(s))
	return err == nil && n == size // the decoder skips line breaks
}
