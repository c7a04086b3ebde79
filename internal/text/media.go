package text

// IsJWT reports whether typ, of a JOSE header, says that the token is a JWT: JWT or
// application/jwt, in any case. Names of media types have no case, and the prefix may be
// left out (RFC 7519 section 5.1, RFC 7515 section 4.1.9).
func IsJWT(typ string) bool { return EqualFold(typ, "jwt") || EqualFold(typ, "application/jwt") }
