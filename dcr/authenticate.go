package dcr

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"net/http"
	"time"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

const (
	// maxAccessToken is the greatest length of an access token that is looked up.
	maxAccessToken = 4096
	// revokeTimeout bounds the revocation of a token that was misused, and the like,
	// which go on where the sender hangs up.
	revokeTimeout = 5 * time.Second
)

// owned is a client whose owner has been authenticated.
type owned struct {
	client    store.Client  // as it is in force
	statement *ssa.Verified // that it was registered with
}

// noSuchClient is the answer to a token that opens nothing here. It is the same for
// a client that does not exist and for one of somebody else, byte for byte.
func noSuchClient(err error) *Error {
	return unauthorized("the access token is not valid for this client and this certificate", challengeInvalidToken, err)
}

// authenticate finds the client, in the order that Get describes.
func (r *Registrar) authenticate(ctx context.Context, clientID string, by Caller, o *operation) (*owned, error) {
	client, err := r.identify(ctx, by)
	switch {
	case err != nil:
		return nil, err
	case clientID != client.ID:
		return nil, r.revoked(ctx, by.Token, r.foreign(ctx, clientID))
	}
	o.environment = client.Environment
	statement, err := r.owns(ctx, client, by.Certificate)
	if err != nil {
		return nil, err
	}
	return &owned{client: client, statement: statement}, nil
}

// identify finds the client of a token.
func (r *Registrar) identify(ctx context.Context, by Caller) (client store.Client, err error) {
	switch {
	case r.tokens == nil:
		return client, &Error{Status: http.StatusMethodNotAllowed, Description: "this bank registers clients, and does no more by this interface", Err: ErrNotOffered}
	case by.Certificate == nil && by.Token == "":
		return client, unauthorized("a client certificate is required", challenge, nil)
	case by.Certificate == nil:
		return client, unauthorized("a client certificate is required", challengeInvalidToken, nil)
	case by.Token == "":
		return client, unauthorized("an access token is required", challenge, nil)
	}
	token, err := r.introspect(ctx, by)
	if err != nil {
		return client, err
	}
	client, found, err := r.lookUp(ctx, token.ClientID)
	switch {
	case err != nil:
		return client, err
	case !found || token.IssuedAt.Add(r.policy.ClockSkew).Before(client.IssuedAt):
		return client, r.revoked(ctx, by.Token, noSuchClient(ErrInvalidToken))
	}
	return client, nil
}

// introspect asks for the token, and wants it to be bound to the certificate.
func (r *Registrar) introspect(ctx context.Context, by Caller) (AccessToken, error) {
	if !isBearer(by.Token) {
		return AccessToken{}, noSuchClient(ErrInvalidToken)
	}
	token, err := r.tokens.Introspect(ctx, by.Token)
	switch {
	case errors.Is(err, ErrInvalidToken):
		return AccessToken{}, noSuchClient(err)
	case err != nil:
		return AccessToken{}, unavailable(err, "access tokens cannot be checked at the moment")
	case token.ClientID == "" || token.IssuedAt.IsZero(),
		!token.Expiry.IsZero() && !r.clock().Before(token.Expiry),
		token.CertificateSHA256 != sha256.Sum256(by.Certificate.Raw):
		return AccessToken{}, noSuchClient(ErrInvalidToken)
	}
	return token, nil
}

// isBearer says whether a text can be an access token (RFC 6750 section 2.1).
func isBearer(token string) bool {
	for i := range len(token) {
		switch b := token[i]; {
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9':
		case b == '-', b == '.', b == '_', b == '~', b == '+', b == '/', b == '=':
		default:
			return false
		}
	}
	return len(token) <= maxAccessToken
}

// lookUp finds a client as it is in force.
func (r *Registrar) lookUp(ctx context.Context, id string) (store.Client, bool, error) {
	record, err := r.store.Get(ctx, id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return store.Client{}, false, nil
	case err != nil:
		return store.Client{}, false, unavailable(err, "clients cannot be read at the moment")
	}
	client, visible := record.Visible()
	return client, visible, nil
}

// foreign is the answer at the address of a client that is not the token's. Only a
// bank that wants to tell has the address looked up.
func (r *Registrar) foreign(ctx context.Context, clientID string) error {
	if r.policy.ForeignToken != validate.ForeignTokenForbidden {
		return noSuchClient(ErrInvalidToken)
	}
	_, found, err := r.lookUp(ctx, clientID)
	switch {
	case err != nil:
		return err
	case !found:
		return noSuchClient(ErrInvalidToken)
	}
	return &Error{Status: http.StatusForbidden, Description: "the access token is of another client", Err: ErrInvalidToken}
}

// revoked revokes a token that was used where it is no good. The answer is the same
// where that fails: it is refused either way.
func (r *Registrar) revoked(ctx context.Context, token string, answer error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), revokeTimeout)
	defer cancel()
	if err := r.tokens.Revoke(ctx, token); err != nil {
		r.log.Error("a misused access token cannot be revoked", "error", err)
	}
	return answer
}

// owns wants the certificate to be good and of the client's software, whose keys
// are where the stored statement says.
func (r *Registrar) owns(ctx context.Context, c store.Client, leaf *x509.Certificate) (*ssa.Verified, error) {
	refuse := func(err error) error {
		return unauthorized("the keys of the client's software are not known any more", challengeInvalidToken, err)
	}
	statement, err := r.verifier.Statements.RereadUnsafe(c.SoftwareStatement, c.Environment)
	if err != nil {
		return nil, refuse(err)
	}
	keys, err := statement.SoftwareKeys(r.verifier.SoftwareKeys)
	if err != nil {
		return nil, refuse(err)
	}
	_, err = r.certificates.Check(ctx, leaf, cert.SoftwareOf(statement, keys))
	err = certificateError(err)
	var e *Error
	if errors.As(err, &e) && e.Status == http.StatusUnauthorized {
		e.Challenge = challengeInvalidToken
	}
	return statement, err
}
