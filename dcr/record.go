package dcr

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/internal/verdict"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

const (
	clientIDBytes = 17 // 135 random bits, 23 characters
	secretBytes   = 24 // 192 random bits, 32 characters
)

// build makes the record of a new client from a valid request.
func (r *Registrar) build(v *VerifiedRequest) (store.Client, claims.Secret, error) {
	client, method, err := r.describe(v)
	if err != nil {
		return store.Client{}, claims.Secret{}, err
	}
	if client.ID, err = r.token(clientIDBytes); err != nil {
		return store.Client{}, claims.Secret{}, internalError(err)
	}
	client.IssuedAt = r.now()
	client.Since = client.IssuedAt
	secret, err := r.addSecret(&client, method)
	if err != nil {
		return store.Client{}, claims.Secret{}, internalError(err)
	}
	return client, secret, nil
}

// rebuild makes the record of an existing client from a valid request. It keeps
// client_id, client_id_issued_at, and the secret as long as the authentication method
// can use it. It returns the new secret, zero if it made none.
func (r *Registrar) rebuild(v *VerifiedRequest, s *owned) (store.Client, claims.Secret, error) {
	before := &s.client
	client, method, err := r.describe(v)
	if err != nil {
		return store.Client{}, claims.Secret{}, err
	}
	client.ID, client.IssuedAt, client.Version, client.Since = before.ID, before.IssuedAt, before.Version, r.now()
	client.ClientID, client.OwnSubject = before.ClientID, before.OwnSubject
	client.UpstreamState, client.UpstreamMembers = before.UpstreamState, before.UpstreamMembers
	client.UniqueKey = r.keptKey(s, &client, v.statement.Claims())
	if v.manual != nil && v.manual.Certificate == nil {
		client.SubjectDN = before.SubjectDN
	}
	sealed := method == claims.ClientSecretJWT
	switch {
	case !method.NeedsSecret():
		return client, claims.Secret{}, nil
	case before.SecretHash != nil && (!sealed || before.SealedSecret != nil):
		client.SecretHash = before.SecretHash
		if sealed {
			client.SealedSecret = before.SealedSecret
		}
		return client, claims.Secret{}, nil
	}
	secret, err := r.addSecret(&client, method)
	if err != nil {
		return store.Client{}, claims.Secret{}, internalError(err)
	}
	return client, secret, nil
}

// describe makes the part of a record that follows from the request alone. It also
// returns the client's authentication method at the token endpoint.
func (r *Registrar) describe(v *VerifiedRequest) (store.Client, claims.AuthMethod, error) {
	statement := v.statement.Claims()
	app, err := r.attributes.Map(statement, v.statement.Environment())
	if err != nil {
		return store.Client{}, "", r.verifier.refuse(v.input, validate.Violation{
			Rule: validate.RuleSSAAttributesRequired, Document: validate.DocSSA, Message: verdict.Plain(err)}, err)
	}
	registered := r.registered(v)
	if rule, member := emptied(v.request.claims, registered); rule != "" {
		return store.Client{}, "", r.verifier.refuse(v.input, validate.Violation{Rule: rule,
			Document: validate.DocRequest, Pointer: "/" + member, Message: "holds nothing that this bank supports"}, nil)
	}
	metadata, err := registered.MarshalJSON()
	if err != nil {
		return store.Client{}, "", internalError(err)
	}
	client := store.Client{
		State: store.Active, Environment: v.statement.Environment(), Issuer: statement.Issuer.Or(""),
		SoftwareID: softwareID(registered, statement), OrgID: statement.OrgID.Or(""),
		Metadata: metadata, SoftwareStatement: v.statement.Token(), Application: app,
		JWKSAddress: v.keys.Address,
	}
	if v.input.Certificate != nil {
		client.SubjectDN = cert.SubjectDN(v.input.Certificate.RawSubject)
	}
	client.UniqueKey = r.uniqueKey(&client, statement)
	return client, registered.TokenEndpointAuthMethod.Or(""), nil
}

// now returns the time in the precision of records: whole seconds, UTC.
func (r *Registrar) now() time.Time { return r.clock().UTC().Truncate(time.Second) }

// registered returns the members that the record keeps. The claims about the request
// itself (iss, iat, exp, nbf, aud, jti) are left out, and the specification's defaults
// stand in for what the request left out.
func (r *Registrar) registered(v *VerifiedRequest) *claims.Request {
	c, statement := *v.request.claims, v.statement.Claims()
	none := claims.Request{}
	c.Issuer, c.IssuedAt, c.Expiry, c.NotBefore = none.Issuer, none.IssuedAt, none.Expiry, none.NotBefore
	c.Audience, c.JWTID, c.ClientID, c.Unknown = none.Audience, none.JWTID, none.ClientID, nil
	if !c.RedirectURIs.Present() {
		c.RedirectURIs = statement.SoftwareRedirectURIs
	}
	if !c.ResponseTypes.Present() && slices.Contains(c.GrantTypes.Or(nil), claims.AuthorizationCode) {
		c.ResponseTypes = claims.Some(defaultResponseTypes(&r.policy))
	}
	if c.SoftwareID = statement.SoftwareID; !c.SoftwareID.Present() {
		c.SoftwareID = v.request.claims.SoftwareID
	}
	r.adjust(&c)
	if !slices.Contains(c.GrantTypes.Or(nil), claims.CIBA) {
		// A version without CIBA ignores its members, and adjust may have left the grant out.
		c.BackchannelTokenDeliveryMode, c.BackchannelClientNotificationEndpoint = none.BackchannelTokenDeliveryMode, none.BackchannelClientNotificationEndpoint
		c.BackchannelAuthenticationRequestSigningAlg = none.BackchannelAuthenticationRequestSigningAlg
		c.BackchannelUserCodeParameterSupported = none.BackchannelUserCodeParameterSupported
	}
	if scope, sent := c.Scope.Get(); sent {
		c.Scope = claims.Some(claims.Scope{Words: scope.Words})
	} else {
		c.Scope = claims.Some(claims.Scope{Words: r.defaultScopes(statement)})
	}
	return &c
}

// defaultResponseTypes are for a request that names none: code id_token if the bank
// offers it, else code.
func defaultResponseTypes(p *validate.Policy) []claims.ResponseType {
	if slices.Contains(offered(p, "response_types", p.ResponseTypes), claims.CodeIDToken) {
		return []claims.ResponseType{claims.CodeIDToken}
	}
	return []claims.ResponseType{claims.Code}
}

// adjust drops the values that the bank does not support, for the members that its
// policy adjusts instead of refusing (RFC 7591 section 3.2.1 lets a bank do so).
func (r *Registrar) adjust(c *claims.Request) {
	if types, ok := c.GrantTypes.Get(); ok && r.policy.CanAdjust("grant_types") {
		c.GrantTypes = claims.Some(text.Keep(types, offered(&r.policy, "grant_types", r.policy.GrantTypes)))
	}
	if types, ok := c.ResponseTypes.Get(); ok && r.policy.CanAdjust("response_types") {
		c.ResponseTypes = claims.Some(text.Keep(types, offered(&r.policy, "response_types", r.policy.ResponseTypes)))
	}
	if scope, ok := c.Scope.Get(); ok && r.policy.CanAdjust("scope") {
		c.Scope = claims.Some(claims.Scope{Words: text.Keep(scope.Words, offered(&r.policy, "scope", r.policy.Scopes))})
	}
}

// emptied names the member that has no values left after adjust, and the rule that it
// breaks; "" if there is none.
func emptied(sent, registered *claims.Request) (rule, member string) {
	switch {
	case sent.GrantTypes.Present() && len(registered.GrantTypes.Or(nil)) == 0:
		return validate.RuleGrantTypesSupported, "grant_types"
	case len(sent.ResponseTypes.Or(nil)) > 0 && len(registered.ResponseTypes.Or(nil)) == 0:
		return validate.RuleResponseTypesSupported, "response_types"
	case len(registered.Scope.Or(claims.Scope{}).Words) == 0:
		return validate.RuleScopeSupported, "scope"
	}
	return "", ""
}

// defaultScopes are the policy's default scopes as far as the software's roles
// allow them.
func (r *Registrar) defaultScopes(statement *claims.SSA) []string {
	return text.Keep(text.Keep(r.policy.DefaultScopes, r.scopesOf(statement)), offered(&r.policy, "scope", r.policy.Scopes))
}

// scopesOf are the scopes that the software's roles allow; openid needs no role.
func (r *Registrar) scopesOf(statement *claims.SSA) []string {
	allowed := []string{"openid"}
	for _, role := range statement.SoftwareRoles.Or(claims.Roles{}).Values {
		allowed = append(allowed, r.policy.ScopesOf(role)...)
	}
	return allowed
}

func softwareID(c *claims.Request, statement *claims.SSA) string {
	return statement.SoftwareID.Or(c.SoftwareID.Or(""))
}

// uniqueKey is the text that no second record may have under the policy, "" if the policy
// sets no limit. It holds the environment and the issuer, because two directories may use
// the same name for different software.
func (r *Registrar) uniqueKey(c *store.Client, statement *claims.SSA) string {
	switch r.policy.Registrations {
	case validate.RegistrationsOnePerSoftware:
		return fmt.Sprintf("software %s %q %q", c.Environment, c.Issuer, c.SoftwareID)
	case validate.RegistrationsOnePerClientName:
		return nameKey(c, statement)
	}
	return ""
}

// nameKey is the unique key of a name. A directory may give a name of any length, and a store
// takes a key of 1 KiB: so a hash stands for a name that is long.
func nameKey(c *store.Client, statement *claims.SSA) string {
	const longest = 200 // bytes, each of which is quoted as four at most
	name := statement.SoftwareClientName.Or("")
	if len(name) > longest {
		return fmt.Sprintf("name %s %q sha256:%x", c.Environment, c.Issuer, sha256.Sum256([]byte(name)))
	}
	return fmt.Sprintf("name %s %q %q", c.Environment, c.Issuer, name)
}

// keptKey is the unique key of an updated client. It is the old key, unless software or
// name changed. The policy may have changed since the registration, and under today's
// policy the client may be one of several with the same key. An update must not fail for
// that reason.
func (r *Registrar) keptKey(s *owned, c *store.Client, statement *claims.SSA) string {
	held, before := s.client.UniqueKey, s.statement.Claims()
	key, name := r.uniqueKey(c, statement), nameKey(&s.client, before)
	switch {
	case key != r.uniqueKey(&s.client, before):
		return key
	case held == name && name != nameKey(c, statement):
		return "" // the client gave up the name that its key reserves
	}
	return held
}

// addSecret makes a secret for the client if its method needs one. The record keeps the
// hash. For client_secret_jwt it keeps the sealed value too: the bank needs the secret
// itself to check the client's HMAC.
func (r *Registrar) addSecret(c *store.Client, method claims.AuthMethod) (claims.Secret, error) {
	if !method.NeedsSecret() {
		return claims.Secret{}, nil
	}
	secret, err := r.token(secretBytes)
	if err != nil {
		return claims.Secret{}, err
	}
	hash := sha256.Sum256([]byte(secret))
	c.SecretHash = hash[:]
	if method == claims.ClientSecretJWT && r.sealer == nil {
		return claims.Secret{}, errors.New("dcr: client_secret_jwt without a sealing key")
	}
	if method == claims.ClientSecretJWT {
		c.SealedSecret, err = r.sealer.seal(r.random, c.ID, secret)
	}
	return claims.NewSecret(secret), err
}

// token makes an unguessable URL-safe text of n random bytes. The top bit is cleared,
// so that the text starts with a letter: a command line takes - for a flag.
func (r *Registrar) token(n int) (string, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(r.random, b); err != nil {
		return "", fmt.Errorf("dcr: no randomness: %w", err)
	}
	b[0] &= 0x7f
	return base64.RawURLEncoding.EncodeToString(b), nil
}
