package dcr

import (
	"context"
	"errors"
	"time"
)

// ErrInvalidToken says that an access token is not valid: unknown, ended, revoked,
// or not bound to a client and a certificate. Implementations of Tokens wrap it.
var ErrInvalidToken = errors.New("dcr: the access token is not valid")

// AccessToken is what an authorization server says of an access token.
type AccessToken struct {
	ClientID          string    // whom it was issued to
	CertificateSHA256 [32]byte  // thumbprint of the certificate it is bound to (RFC 8705 section 3.1)
	IssuedAt          time.Time // when, by the clock of who issued it; a zero time is refused
	Expiry            time.Time // when it ends; zero where that is not said
	Scope             []string  // what it is for
}

// Tokens is the authorization server's side of access tokens. It must be safe for
// concurrent use.
type Tokens interface {
	// Introspect says whose a token is. The error wraps ErrInvalidToken where it is
	// not valid, or names no client or no certificate; any other error means that
	// this cannot be told now.
	Introspect(ctx context.Context, token string) (AccessToken, error)
	// Revoke ends one token. That it is not valid any more is no error.
	Revoke(ctx context.Context, token string) error
	// RevokeClient ends every token of a client, also of one that is unknown. An
	// authorization server that cannot do so returns nil: the tokens of a client
	// that is gone are refused by the look-up that follows each introspection.
	RevokeClient(ctx context.Context, clientID string) error
}
