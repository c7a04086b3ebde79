// Package token is a bank's side of access tokens: what a dcr.Registrar asks about them.
//
// Call [NewIntrospection] to ask an authorization server by RFC 7662 and RFC 7009. Call
// [NewMemory] to issue tokens in the same process and keep them in memory, for sandboxes,
// tests and banks with one process, or [NewKept] to keep them in a database that several
// processes share. A bank's own implementation has the methods of [Tokens].
package token

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/obdcr/obdcr/claims"
)

// MaxLength is the greatest length of an access token that is looked up, in bytes. A
// longer one is not valid.
const MaxLength = 4096

// The kinds of errors, for errors.Is. Implementations of Tokens wrap the first two.
var (
	// ErrInvalid means that an access token is not valid: it is unknown, expired or revoked,
	// or it is not bound to a client and a certificate.
	ErrInvalid = errors.New("token: the access token is not valid")
	// ErrUnbound means that the authorization server names no certificate for a token that
	// is active. Such a server does not bind tokens to certificates (RFC 8705 section 3),
	// and no client can use its tokens here. ErrUnbound wraps ErrInvalid.
	ErrUnbound = fmt.Errorf("%w: it is bound to no certificate (cnf, x5t#S256)", ErrInvalid)
	// ErrUnauthenticated means that the authorization server refuses the credentials of the
	// one who asks: the bank's own, or those of a client that RevokeAsClient returned.
	ErrUnauthenticated = errors.New("token: the authorization server refuses the credentials")
	// ErrRevocationRefused means that the authorization server does not end the token for
	// the client that asked. RFC 7009 section 2.1 lets a client end its own tokens alone.
	ErrRevocationRefused = errors.New("token: the authorization server refuses the revocation")
)

// AccessToken is the information of an authorization server about an access token.
type AccessToken struct {
	ClientID          string    // the client it was issued to
	CertificateSHA256 [32]byte  // thumbprint of the certificate it is bound to (RFC 8705 section 3.1)
	IssuedAt          time.Time // by the authorization server's clock; the Registrar refuses a zero time
	Expiry            time.Time // zero if the authorization server gives none
	Scope             []string  // the granted scope
	Subject           string    // sub: who granted it, or the client itself; "" if the server gives none
	Audience          []string  // aud: the APIs it is for; empty if the server gives none
}

// Tokens is the authorization server's side of access tokens. It must be safe for
// concurrent use.
type Tokens interface {
	// Introspect returns the client and the certificate of a token. The error wraps
	// ErrInvalid if the token is not valid, or has no client or no certificate. Any
	// other error means that the authorization server cannot answer now.
	Introspect(ctx context.Context, token claims.Secret) (AccessToken, error)
	// Revoke ends one token, if the implementation can. A token that is not valid any more
	// is no error.
	Revoke(ctx context.Context, r Revocation) (Revoked, error)
	// RevokeClient ends every token of a client. An unknown client is no error. An
	// implementation that cannot do so returns nil: the Registrar looks up the client
	// after each introspection, and refuses the tokens of one that is deleted.
	RevokeClient(ctx context.Context, clientID string) error
}

// Revocation names the token that Revoke ends.
type Revocation struct {
	Token  claims.Secret // the token, as it was sent
	Access AccessToken   // what Introspect returned for it
}

// Revoked is the result of a revocation.
type Revoked struct {
	// Ended tells that the token is not valid any more. It is false without an error if the
	// implementation leaves the token as it is.
	Ended bool
}

// FromHeader returns the token of the one Authorization header of the scheme Bearer
// (RFC 6750 section 2.1). It is zero if there is no such header, another scheme, or more
// than one header. FromHeader does not check the characters of the token.
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
