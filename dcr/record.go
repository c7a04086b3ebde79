package dcr

import (
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

// publicKey is what every public key of the standard library can do.
type publicKey interface {
	Equal(other crypto.PublicKey) bool
}

const (
	clientIDBytes = 16 // 128 random bits, 22 characters
	secretBytes   = 24 // 192 random bits, 32 characters
)

// build makes the record of a valid request.
func (r *Registrar) build(v *Verified) (store.Client, string, error) {
	statement := v.statement.Claims()
	app, err := r.attributes.Map(statement, v.statement.Environment())
	if err != nil {
		return store.Client{}, "", r.verifier.refuse(v.input, validate.Violation{
			Rule: "ssa.attributes.required", Document: validate.DocSSA, Message: trimPrefix(err)}, err)
	}
	registered := r.registered(v)
	metadata, err := json.Marshal(registered)
	if err != nil {
		return store.Client{}, "", internalError(err)
	}
	id, err := r.token(clientIDBytes)
	if err != nil {
		return store.Client{}, "", internalError(err)
	}
	client := store.Client{
		ID: id, IssuedAt: r.clock().UTC().Truncate(time.Second), Environment: v.statement.Environment(),
		SoftwareID: softwareID(registered, statement), OrgID: statement.OrgID.Or(""),
		Metadata: metadata, SoftwareStatement: v.statement.Token(), Application: app,
	}
	client.UniqueKey = r.uniqueKey(client, statement)
	secret, err := r.addSecret(&client, registered.TokenEndpointAuthMethod.Or(""))
	if err != nil {
		return store.Client{}, "", internalError(err)
	}
	return client, secret, nil
}

func internalError(err error) *Error {
	return &Error{Status: http.StatusInternalServerError, Description: "the registration could not be made", Err: err}
}

// registered is the request as it is registered: without what concerns the token
// alone, and with the defaults that the specification gives.
func (r *Registrar) registered(v *Verified) *claims.Request {
	c, statement := *v.request.claims, v.statement.Claims()
	none := claims.Request{}
	c.Issuer, c.IssuedAt, c.Expiry, c.NotBefore = none.Issuer, none.IssuedAt, none.Expiry, none.NotBefore
	c.Audience, c.JWTID, c.ClientID, c.Unknown = none.Audience, none.JWTID, none.ClientID, nil
	if !c.RedirectURIs.Present() {
		c.RedirectURIs = statement.SoftwareRedirectURIs
	}
	if !c.ResponseTypes.Present() {
		c.ResponseTypes = claims.Some(r.supportedResponseTypes())
	}
	if c.SoftwareID = statement.SoftwareID; !c.SoftwareID.Present() {
		c.SoftwareID = v.request.claims.SoftwareID
	}
	r.adjust(&c)
	if scope, sent := c.Scope.Get(); sent {
		c.Scope = claims.Some(claims.Scope{Words: scope.Words})
	} else {
		c.Scope = claims.Some(claims.Scope{Words: r.defaultScopes(statement)})
	}
	return &c
}

// supportedResponseTypes are those of a request that names none: code id_token, or
// code at a bank that offers nothing else.
func (r *Registrar) supportedResponseTypes() []claims.ResponseType {
	if slices.Contains(r.policy.ResponseTypes, claims.CodeIDToken) {
		return []claims.ResponseType{claims.CodeIDToken}
	}
	return []claims.ResponseType{claims.Code}
}

// adjust leaves out what the bank does not support, where its policy says that it
// changes such values instead of refusing them.
func (r *Registrar) adjust(c *claims.Request) {
	if types, ok := c.GrantTypes.Get(); ok && r.policy.CanAdjust("grant_types") {
		c.GrantTypes = claims.Some(keep(types, r.policy.GrantTypes))
	}
	if types, ok := c.ResponseTypes.Get(); ok && r.policy.CanAdjust("response_types") {
		c.ResponseTypes = claims.Some(keep(types, r.policy.ResponseTypes))
	}
	if scope, ok := c.Scope.Get(); ok && r.policy.CanAdjust("scope") {
		c.Scope = claims.Some(claims.Scope{Words: keep(scope.Words, r.policy.Scopes)})
	}
}

func keep[T comparable](values, supported []T) []T {
	var kept []T
	for _, v := range values {
		if slices.Contains(supported, v) {
			kept = append(kept, v)
		}
	}
	return kept
}

// defaultScopes are the policy's default scopes as far as the software's roles
// allow them; openid needs no role.
func (r *Registrar) defaultScopes(statement *claims.SSA) []string {
	allowed := []string{"openid"}
	for _, role := range statement.SoftwareRoles.Or(claims.Roles{}).Values {
		allowed = append(allowed, r.policy.ScopesOf(role)...)
	}
	return keep(r.policy.DefaultScopes, allowed)
}

func softwareID(c *claims.Request, statement *claims.SSA) string {
	return statement.SoftwareID.Or(c.SoftwareID.Or(""))
}

// uniqueKey is what the policy allows to be registered once only.
func (r *Registrar) uniqueKey(c store.Client, statement *claims.SSA) string {
	switch r.policy.Registrations {
	case validate.RegistrationsOnePerSoftware:
		return fmt.Sprintf("software %s %q", c.Environment, c.SoftwareID)
	case validate.RegistrationsOnePerClientName:
		return fmt.Sprintf("name %s %q", c.Environment, statement.SoftwareClientName.Or(""))
	}
	return ""
}

// addSecret gives the client a secret where its method needs one. The record keeps
// the hash, and the sealed value for the one method that needs it.
func (r *Registrar) addSecret(c *store.Client, method claims.AuthMethod) (string, error) {
	switch method {
	case claims.ClientSecretBasic, claims.ClientSecretPost, claims.ClientSecretJWT:
	default:
		return "", nil
	}
	secret, err := r.token(secretBytes)
	if err != nil {
		return "", err
	}
	hash := sha256.Sum256([]byte(secret))
	c.SecretHash = hash[:]
	if method == claims.ClientSecretJWT {
		c.SealedSecret, err = r.sealer.seal(r.random, c.ID, secret)
	}
	return secret, err
}

// token makes an unguessable URL-safe text of n random bytes.
func (r *Registrar) token(n int) (string, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(r.random, b); err != nil {
		return "", fmt.Errorf("dcr: no randomness: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(b), nil
}
