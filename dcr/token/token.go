// Package token is a bank's side of access tokens: what a registrar asks an
// authorization server about them.
//
// [NewIntrospection] asks any authorization server by RFC 7662 and RFC 7009.
// [NewMemory] issues tokens itself and keeps them in memory, for sandboxes, tests and
// banks with one process. [Tokens] is what a bank's own implementation fulfils.
package token

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/obdcr/obdcr/claims"
)

// MaxLength is the greatest length of an access token that is looked up, in bytes.
const MaxLength = 4096

// ErrInvalid says that an access token is not valid: unknown, ended, revoked, or not
// bound to a client and a certificate. Implementations of Tokens wrap it.
var ErrInvalid = errors.New("token: the access token is not valid")

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
	// Introspect says whose a token is. The error wraps ErrInvalid where it is not
	// valid, or names no client or no certificate; any other error means that this
	// cannot be told now.
	Introspect(ctx context.Context, token claims.Secret) (AccessToken, error)
	// Revoke ends one token. That it is not valid any more is no error.
	Revoke(ctx context.Context, r Revocation) (Revoked, error)
	// RevokeClient ends every token of a client, also of one that is unknown. An
	// authorization server that cannot do so returns nil: the tokens of a client
	// that is gone are refused by the look-up that follows each introspection.
	RevokeClient(ctx context.Context, clientID string) error
}

// Revocation is a request to end a token.
type Revocation struct {
	Token  claims.Secret // the token, as it was sent
	Access AccessToken   // what Introspect said of it
}

// Revoked is how a revocation went. It has no members yet.
type Revoked struct{}

// FromHeader returns the token of the one Authorization header of the scheme Bearer
// (RFC 6750 section 2.1). It is zero where there is none, another scheme, or more
// than one header. Whether the token can be one is not judged.
func FromHeader(header http.Header) claims.Secret {
	values := header.Values("Authorization")
	if len(values) != 1 {
		return claims.Secret{}
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return claims.Secret{}
	}
	return claims.NewSecret(strings.TrimLeft(token, " "))
}
