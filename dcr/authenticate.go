package dcr

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/token"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

// revokeTimeout bounds the clean-up after a refusal, such as the revocation of a misused
// token. It goes on even if the sender hangs up.
const revokeTimeout = 5 * time.Second

// owned is a client whose owner has been authenticated.
type owned struct {
	client    store.Client       // the version in force
	statement *ssa.Verified      // the statement it was registered with
	access    *token.AccessToken // of the owner; nil for a person
}

// noSuchClient is the refusal of a token. It is the same, byte for byte, for a client
// that does not exist and for another TPP's client, so that nobody can probe for clients.
func noSuchClient(err error) *Error {
	return unauthorized("the access token is not valid for this client and this certificate", invalidToken, err)
}

// authenticate makes the checks of Get, in the order that Get lists, and returns the
// client.
func (r *Registrar) authenticate(ctx context.Context, clientID string, by Caller, o *operation) (*owned, error) {
	client, access, err := r.identify(ctx, by)
	switch {
	case err != nil:
		return nil, err
	case !r.manages(client, access):
		return nil, noSuchClient(errForeignGrant)
	case r.policy.ManagementAudience != "" && !slices.Contains(access.Audience, r.policy.ManagementAudience):
		return nil, noSuchClient(errAudience)
	case clientID == client.ID && client.ID != client.ClientID:
		return nil, noSuchClient(token.ErrInvalid) // no misuse: a 202 told that ID, before the server chose another one
	case clientID != client.ClientID:
		return nil, r.revoked(ctx, by.Token, access, "it came to the address of another client, or of none", r.foreign(ctx, clientID))
	}
	o.environment = client.Environment
	if err := r.checkScope(access); err != nil {
		return nil, err
	}
	statement, err := r.owns(ctx, client, by.Certificate)
	if err != nil {
		return nil, err
	}
	return &owned{client: client, statement: statement, access: &access}, nil
}

// identify checks the token of a caller and returns the client it was issued to.
func (r *Registrar) identify(ctx context.Context, by Caller) (client store.Client, access token.AccessToken, err error) {
	switch {
	case r.tokens == nil:
		return client, access, &Error{Status: http.StatusMethodNotAllowed, Err: ErrNotOffered,
			Description: "this bank registers clients, and does no more by this interface"}
	case by.Certificate == nil && by.Token.IsZero():
		return client, access, unauthorized("a client certificate is required", "", nil)
	case by.Certificate == nil:
		return client, access, unauthorized("a client certificate is required", invalidToken, nil)
	case by.Token.IsZero():
		return client, access, unauthorized("an access token is required", "", nil)
	}
	if access, err = r.introspect(ctx, by); err != nil {
		return client, access, err
	}
	client, found, err := r.lookUp(ctx, access.ClientID)
	switch {
	case err != nil:
		return client, access, err
	case !found || access.IssuedAt.Add(r.policy.ClockSkew).Before(client.IssuedAt):
		return client, access, r.revoked(ctx, by.Token, access, "its client has no record, or is younger than the token", noSuchClient(token.ErrInvalid))
	}
	return client, access, nil
}

// introspect asks Tokens about the caller's token. The token must be valid and bound to
// the caller's certificate.
func (r *Registrar) introspect(ctx context.Context, by Caller) (token.AccessToken, error) {
	if !text.IsBearer(by.Token.Reveal(), token.MaxLength) {
		return token.AccessToken{}, noSuchClient(token.ErrInvalid)
	}
	var access token.AccessToken
	err := r.guarded(func() (err error) { access, err = r.tokens.Introspect(ctx, by.Token); return err })
	switch {
	case errors.Is(err, token.ErrUnbound) && r.unbound.CompareAndSwap(false, true):
		r.log.ErrorContext(ctx, "an access token is bound to no certificate, and is refused; if all tokens are, no client can be managed: "+
			"switch on certificate-bound access tokens at the authorization server (RFC 8705 section 3); this is logged once", "error", text.Bounded{Err: err})
		return token.AccessToken{}, noSuchClient(err)
	case errors.Is(err, token.ErrInvalid):
		return token.AccessToken{}, noSuchClient(err)
	case err != nil:
		return token.AccessToken{}, Unavailable(err, "access tokens cannot be checked at the moment")
	case access.ClientID == "" || access.IssuedAt.IsZero(),
		!access.Expiry.IsZero() && !r.clock().Before(access.Expiry),
		access.CertificateSHA256 != sha256.Sum256(by.Certificate.Raw):
		return token.AccessToken{}, noSuchClient(token.ErrInvalid)
	}
	return access, nil
}

// lookUp returns the version of a client that is in force, and whether there is one.
func (r *Registrar) lookUp(ctx context.Context, clientID string) (store.Client, bool, error) {
	client, err := store.ByClientID(ctx, r.store, clientID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return store.Client{}, false, nil
	case err != nil:
		return store.Client{}, false, Unavailable(err, "clients cannot be read at the moment")
	}
	return client, true, nil
}

// foreign is the refusal of a token at another client's address. It reads that client
// only if the policy asks for 403: without the read, an existing client and an unknown one
// take the same time.
func (r *Registrar) foreign(ctx context.Context, clientID string) error {
	if r.policy.ForeignToken != validate.ForeignTokenForbidden {
		return noSuchClient(token.ErrInvalid)
	}
	_, found, err := r.lookUp(ctx, clientID)
	switch {
	case err != nil:
		return err
	case !found:
		return noSuchClient(token.ErrInvalid)
	}
	return &Error{Status: http.StatusForbidden, Description: "the access token is of another client", Err: token.ErrInvalid}
}

// revoked revokes a token that was used at another client's address, or whose client does
// not exist, as far as the authorization server lets the bank do so. It returns answer, also
// if the token stays valid: the request is refused either way. misuse is for the log. A token
// that was ended is logged, too: some servers end more than this one token.
func (r *Registrar) revoked(ctx context.Context, bearer claims.Secret, access token.AccessToken, misuse string, answer error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), revokeTimeout)
	defer cancel()
	var result token.Revoked
	err := r.guarded(func() (err error) {
		result, err = r.tokens.Revoke(ctx, token.Revocation{Token: bearer, Access: access})
		return err
	})
	log := r.log.With("client_id", text.Echo(access.ClientID), "misuse", misuse)
	switch {
	case err != nil:
		log.Error("a misused access token is not revoked", "error", text.Bounded{Err: err})
	case !result.Ended:
		log.Info("a misused access token is not revoked, and stays valid for its client")
	default:
		log.Warn("a misused access token is revoked; at some authorization servers all tokens of its client end with it")
	}
	return answer
}

// owns checks that the certificate is good and that it is the client's software's. The
// stored statement has the address of the software's keys.
func (r *Registrar) owns(ctx context.Context, c store.Client, leaf *x509.Certificate) (*ssa.Verified, error) {
	refuse := func(err error) error {
		return unauthorized("the keys of the client's software are not known any more", invalidToken, err)
	}
	statement, err := r.reread(c)
	if err != nil {
		return nil, refuse(err)
	}
	keys, err := statement.SoftwareKeys(r.verifier.SoftwareKeys)
	if err != nil {
		// RereadUnsafe has had the same addresses admitted, so no test comes by here.
		return nil, refuse(err)
	}
	_, err = r.certificates.Check(ctx, leaf, cert.SoftwareOf(statement, keys))
	return statement, withToken(certificateError(err))
}

// reread reads the statement of a record. It refuses one that names another key set than when
// it was verified: the bank has changed the anchor's claim names since, and what else the
// statement says in them was never judged.
func (r *Registrar) reread(c store.Client) (*ssa.Verified, error) {
	statement, err := r.verifier.Statements.RereadUnsafe(c.SoftwareStatement, c.Environment)
	if err != nil {
		return nil, err
	}
	if address, err := statement.SoftwareJWKS(); err != nil || c.JWKSAddress != "" && c.JWKSAddress != address {
		return nil, fmt.Errorf("client %s: the anchor's claim names lead to another key set than at registration", text.Echo(c.ID))
	}
	return statement, nil
}

// withToken adds the error code to the refusal of a certificate that came with an access
// token: the token opens nothing with that certificate (RFC 6750 section 3.1). Registration
// takes no token, so its refusals have no such code.
func withToken(err error) error {
	var e *Error
	if errors.As(err, &e) && e.Status == http.StatusUnauthorized {
		e.BearerError = invalidToken
	}
	return err
}
