package token

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/obdcr/obdcr/internal/text"
)

// RevocationMethod is how an Introspection ends a token. RevokeAsBank, RevokeAsClient,
// RevokeWith and NoRevocation make one; the zero value is no choice.
//
// Which one fits depends on the authorization server. RFC 7009 section 2.1 has it refuse a
// client that wants to end another client's token. Most servers heed that.
type RevocationMethod struct {
	kind   revocationKind
	client func(context.Context, AccessToken) (Authentication, error)
	custom func(context.Context, Revocation) (Revoked, error)
}

type revocationKind int

const (
	revokeUnchosen revocationKind = iota
	revokeAsBank
	revokeAsClient
	revokeWith
	revokeNothing
)

// RevokeAsBank ends tokens by RFC 7009 with the bank's own credentials. It is for
// authorization servers that let the bank end the tokens of all clients.
func RevokeAsBank() RevocationMethod { return RevocationMethod{kind: revokeAsBank} }

// RevokeAsClient ends a token by RFC 7009 with the credentials of the client that the token
// was issued to. It is for banks that can act as each client. The function returns these
// credentials. If they have neither Secret nor Key, the call carries the ID alone.
func RevokeAsClient(credentials func(context.Context, AccessToken) (Authentication, error)) RevocationMethod {
	return RevocationMethod{kind: revokeAsClient, client: credentials}
}

// RevokeWith ends tokens by a function of the bank's, such as a call of the authorization
// server's own API. Its result and its error are those of Revoke.
func RevokeWith(revoke func(context.Context, Revocation) (Revoked, error)) RevocationMethod {
	return RevocationMethod{kind: revokeWith, custom: revoke}
}

// NoRevocation leaves tokens as they are. A Registrar refuses a misused token, and those of
// a client that is gone, because it looks up the client in each call. The token of a client
// that is registered stays good for that client, wherever else it was used.
func NoRevocation() RevocationMethod { return RevocationMethod{kind: revokeNothing} }

// settle makes the choice that is not made, and checks it against the address.
func (m *RevocationMethod) settle(address string) error {
	if m.kind == revokeUnchosen {
		if address == "" {
			return errors.New("no way to revoke tokens is chosen; set Revocation, or RevocationURL")
		}
		m.kind = revokeAsBank
	}
	byAddress := m.kind == revokeAsBank || m.kind == revokeAsClient
	switch {
	case byAddress && address == "":
		return errors.New("this Revocation needs a RevocationURL")
	case !byAddress && address != "":
		return errors.New("this Revocation does not use a RevocationURL; leave that out")
	case m.kind == revokeAsClient && m.client == nil, m.kind == revokeWith && m.custom == nil:
		return errors.New("the function of Revocation is nil")
	}
	return nil
}

// Revoke implements Tokens, in the way that the configuration chooses. By RFC 7009 it
// introspects the token again afterwards, because a server answers 200 also for a token
// that it does not know or does not end (section 2.2): Ended tells what the introspection
// says. The error wraps ErrRevocationRefused if the server does not end the token for the
// client that asks, and ErrUnauthenticated if it does not take that client's credentials.
func (i *Introspection) Revoke(ctx context.Context, r Revocation) (Revoked, error) {
	if !text.IsBearer(r.Token.Reveal(), MaxLength) {
		return Revoked{Ended: true}, nil // no authorization server can have issued it
	}
	by := i.bank
	switch i.config.Revocation.kind {
	case revokeNothing:
		return Revoked{}, nil
	case revokeWith:
		return i.config.Revocation.custom(ctx, r)
	case revokeAsClient:
		var err error
		if by, err = i.config.Revocation.client(ctx, r.Access); err == nil {
			if by.ClientID == "" {
				err = errors.New("they have no client ID")
			} else {
				err = by.check()
			}
		}
		if err != nil {
			return Revoked{}, fmt.Errorf("token: revocation: the credentials of the token's client: %w", err)
		}
	}
	return i.revoke(ctx, r, by)
}

// revoke ends a token by RFC 7009 as one client, and looks whether it has ended.
func (i *Introspection) revoke(ctx context.Context, r Revocation, by Authentication) (Revoked, error) {
	a, err := i.post(ctx, i.config.RevocationURL, r.Token, by)
	if err != nil {
		return Revoked{}, fmt.Errorf("token: revocation: %w", err)
	}
	if err := a.revocationRefusal(); err != nil {
		return Revoked{}, fmt.Errorf("token: revocation: %w", err)
	}
	after, err := i.introspect(ctx, r.Token)
	switch {
	case err != nil:
		return Revoked{}, fmt.Errorf("token: revocation: it was accepted, and whether the token has ended is not known: %w", err)
	case after.active:
		return Revoked{}, fmt.Errorf("%w: it answered 200, and the token is active as before; choose another Revocation", ErrRevocationRefused)
	}
	return Revoked{Ended: true}, nil
}

// revocationRefusal is refusal for the revocation endpoint.
func (a answer) revocationRefusal() error {
	err := a.refusal()
	if err == nil || errors.Is(err, ErrUnauthenticated) || a.status != http.StatusBadRequest && a.status != http.StatusForbidden {
		return err
	}
	why := "it ends a token for the client alone that the token was issued to (RFC 7009 section 2.1); choose RevokeAsClient, RevokeWith or NoRevocation"
	if a.code() == "unsupported_token_type" {
		why = "it ends no access tokens (RFC 7009 section 2.2.1); choose RevokeWith or NoRevocation"
	}
	return fmt.Errorf("%w: it answered %d: %s", ErrRevocationRefused, a.status, why)
}
