package tpp

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/dn"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/validate"
)

// requestLifetime is the default of RequestOptions.Lifetime. Banks refuse a lifetime that
// is too long; one that is short fails where their clock and the TPP's differ.
const requestLifetime = 30 * time.Minute

// RequestOptions are what a TPP wants to register. BuildFor chooses each value that is
// left out, by the software statement and by what the bank announces.
type RequestOptions struct {
	Audience     string            // aud: the bank's identifier at the directory; "": its issuer
	Issuer       string            // iss; "": the statement's software_id
	RedirectURIs []string          // nil: the statement's
	AuthMethod   claims.AuthMethod // "": Metadata.AuthMethod
	Scopes       []string          // nil: openid and what the statement's roles allow
	ScopeAsArray bool              // scope as an array of words; OBIE DCR has a string, some banks an array
	// GrantTypes: nil is authorization_code and client_credentials, as far as announced,
	// and refresh_token if it is announced.
	GrantTypes []claims.GrantType
	// ResponseTypes: nil is code and code id_token, as far as announced, and none without the
	// grant type authorization_code.
	ResponseTypes []claims.ResponseType
	Algorithm     claims.Algorithm // of all that the client will sign; "": PS256
	// IDTokenAlgorithm of what the bank will sign; "": PS256 or ES256, as announced.
	IDTokenAlgorithm claims.Algorithm
	// ApplicationType: "" is web. Banks do not announce it.
	ApplicationType claims.ApplicationType
	SubjectDN       string            // for tls_client_auth, instead of the certificate's subject
	Certificate     *x509.Certificate // transport certificate, for tls_client_auth
	ClientID        string            // client_id: of an update (RFC 7592 section 2.2); "": none
	Lifetime        time.Duration     // exp - iat; 0: 30 minutes
	Now             time.Time         // iat; required
	Random          io.Reader         // of jti; nil: crypto/rand.Reader
	UpperCaseJTI    bool              // jti with upper-case letters, for a bank that takes only these
	// Members are further members of the request, as JSON, for example subject_type. A
	// member that the builder sets by itself is an error: use the field for it, or Override.
	Members map[string]json.RawMessage
	// Override are members as JSON that take the place of what the builder sets, or none
	// at all, in any type. An empty value leaves the member out. The builder does not
	// check them, nor whether the bank announces the values in their place.
	Override map[string]json.RawMessage
}

// AuthMethod returns the default authentication method of a request: the first one that
// the bank announces, in the order private_key_jwt, tls_client_auth, client_secret_jwt,
// client_secret_basic, client_secret_post. It is private_key_jwt if the bank announces no
// methods at all, and "" if it announces none of these or if its list cannot be read.
func (m *Metadata) AuthMethod() claims.AuthMethod {
	if m.AuthMethods == nil && !m.faulty(memberAuthMethods) {
		return claims.PrivateKeyJWT
	}
	if kept := text.Keep(claims.AuthMethods(), m.AuthMethods); len(kept) > 0 {
		return kept[0]
	}
	return ""
}

// BuildFor makes the claims of a registration request (OBIE DCR, data dictionary) for
// a bank. The statement is a compact JWS; BuildFor does not verify it. It returns an error
// for a method, an algorithm or a grant type that the bank does not announce, for a claim
// that the statement lacks, and for a value that is left out if the bank's list of it cannot
// be read (Metadata.Faults). It does not judge the request: [Lint] does.
//
// A claims.Request cannot hold a member of a type that the specification has not. BuildFor
// returns an error for an Override with such a type; [BuildPayload] takes it.
func BuildFor(m *Metadata, statement string, o RequestOptions) (claims.Request, error) {
	payload, err := BuildPayload(m, statement, o)
	if err != nil {
		return claims.Request{}, err
	}
	c, err := claims.ParseRequest(payload)
	if err != nil {
		return claims.Request{}, failure("request: %w", err)
	}
	return *c, nil
}

// BuildPayload is BuildFor for a request of any shape. It returns the payload to sign, a
// JSON object.
func BuildPayload(m *Metadata, statement string, o RequestOptions) ([]byte, error) {
	c, err := buildFor(m, statement, o)
	if err != nil {
		return nil, failure("request: %w", err)
	}
	payload, err := payloadOf(&c, &o)
	if err != nil {
		return nil, failure("request: %w", err)
	}
	return payload, nil
}

func buildFor(m *Metadata, token string, o RequestOptions) (c claims.Request, err error) {
	if m == nil || o.Now.IsZero() {
		return c, errors.New("a discovery document and the time are needed")
	}
	parsed, err := ssa.Parse(token)
	if err != nil {
		return c, errors.New("the software statement is no compact JWT over a JSON object")
	}
	statement := parsed.UnverifiedClaims()
	c.SoftwareStatement, c.SoftwareID = claims.Some(parsed.Token()), statement.SoftwareID
	if err := envelope(&c, m, statement, &o); err != nil {
		return c, err
	}
	if err := authentication(&c, m, &o); err != nil {
		return c, err
	}
	if o.RedirectURIs == nil {
		o.RedirectURIs = statement.SoftwareRedirectURIs.Or(nil)
	}
	if len(o.RedirectURIs) == 0 {
		return c, errors.New("there is no redirect URI: the statement has none")
	}
	c.RedirectURIs = claims.Some(slices.Clone(o.RedirectURIs))
	if c.GrantTypes, err = wanted(m, &o, memberGrantTypes, o.GrantTypes, m.GrantTypes, usualGrants(m)...); err != nil {
		return c, err
	}
	if c.ResponseTypes, err = responseTypes(m, &o, c.GrantTypes.Or(nil)); err != nil {
		return c, err
	}
	scopes, err := wanted(m, &o, memberScopes, o.Scopes, withOpenID(m.Scopes), scopesOf(statement)...)
	if err != nil {
		return c, err
	}
	c.Scope = claims.Some(claims.Scope{Words: scopes.Or(nil), List: o.ScopeAsArray})
	if o.ApplicationType == "" {
		o.ApplicationType = claims.Web
	}
	c.ApplicationType = claims.Some(o.ApplicationType)
	return c, nil
}

// usualGrants are the grant types that a request names by default. Without refresh_token
// the access to an account ends with the first access token. A bank that announces no grant
// types at all does not announce this one.
func usualGrants(m *Metadata) []claims.GrantType {
	usual := []claims.GrantType{claims.AuthorizationCode, claims.ClientCredentials}
	if slices.Contains(m.GrantTypes, claims.RefreshToken) {
		usual = append(usual, claims.RefreshToken)
	}
	return usual
}

// responseTypes returns the response types of a request. Each of the usual ones returns a
// code, so that a client without the authorization_code grant has none (OBIE DCR, data
// dictionary: 0..*; RFC 7591 section 2.1), unless the caller asks for some.
func responseTypes(m *Metadata, o *RequestOptions, grants []claims.GrantType) (claims.Optional[[]claims.ResponseType], error) {
	_, otherGrants := o.Override["grant_types"]
	if !otherGrants && o.ResponseTypes == nil && !slices.Contains(grants, claims.AuthorizationCode) {
		return claims.Optional[[]claims.ResponseType]{}, nil
	}
	return wanted(m, o, memberResponseTypes, o.ResponseTypes, m.ResponseTypes, claims.Code, claims.CodeIDToken)
}

// isAudience reports whether a bank's issuer can be an aud: an https URL, or an identifier of
// the directory.
func isAudience(issuer string) bool {
	const longest = 18
	other := func(c rune) bool { return c > 127 || !text.IsLetter(byte(c)) && !text.IsDigit(byte(c)) }
	return isAddress(issuer) || len(issuer) <= longest && strings.IndexFunc(issuer, other) < 0
}

// envelope sets the claims about the request itself: iss, aud, iat, exp, jti and
// client_id.
func envelope(c *claims.Request, m *Metadata, statement *claims.SSA, o *RequestOptions) error {
	if o.Issuer == "" {
		o.Issuer = statement.SoftwareID.Or("")
	}
	if o.Issuer == "" {
		return errors.New("the statement has no software_id, which iss must be")
	}
	if o.Audience == "" {
		o.Audience = m.Issuer
		_, other := o.Override["aud"]
		switch {
		case o.Audience == "":
			return errors.New("the audience is not given, and the bank names no issuer")
		case !other && !isAudience(o.Audience):
			return errors.New("the audience is not given, and the bank's issuer is none, because it is no https URL: give the bank's identifier at the directory")
		}
	}
	if o.Lifetime == 0 {
		o.Lifetime = requestLifetime
	}
	jti, err := claims.NewJTI(o.Random)
	if err != nil {
		return err
	}
	if o.UpperCaseJTI {
		jti = strings.ToUpper(jti)
	}
	if o.ClientID != "" {
		if !UsableClientID(o.ClientID) {
			return errors.New("the client_id is unusable")
		}
		c.ClientID = claims.Some(o.ClientID)
	}
	now := o.Now.Unix()
	c.Issuer, c.Audience = claims.Some(o.Issuer), claims.Some(claims.StringOrList{Values: []string{o.Audience}})
	c.IssuedAt, c.Expiry = claims.Some(now), claims.Some(now+int64(o.Lifetime/time.Second))
	c.JWTID = claims.Some(jti)
	return nil
}

// authentication sets the authentication method and the algorithms.
func authentication(c *claims.Request, m *Metadata, o *RequestOptions) error {
	if o.AuthMethod == "" {
		if o.AuthMethod = m.AuthMethod(); o.AuthMethod == "" {
			return errors.New("the bank announces no token_endpoint_auth_method that OBIE DCR names")
		}
	}
	if err := announced(o, memberAuthMethods, m.AuthMethods, o.AuthMethod); err != nil {
		return err
	}
	if o.Algorithm == "" {
		o.Algorithm = claims.PS256
	}
	alg := o.Algorithm
	if err := announced(o, memberRequestObjectAlgs, m.RequestObjectAlgorithms, alg); err != nil {
		return err
	}
	idToken, err := idTokenAlgorithm(m, o)
	if err != nil {
		return err
	}
	c.TokenEndpointAuthMethod = claims.Some(o.AuthMethod)
	c.IDTokenSignedResponseAlg, c.RequestObjectSigningAlg = claims.Some(idToken), claims.Some(alg)
	switch {
	case o.AuthMethod.SignsAssertions():
		if err := announced(o, memberAuthSigningAlgs, m.AuthSigningAlgorithms, alg); err != nil {
			return err
		}
		c.TokenEndpointAuthSigningAlg = claims.Some(alg)
	case o.AuthMethod == claims.TLSClientAuth:
		return subject(c, o)
	}
	return nil
}

// idTokenAlgorithm chooses the algorithm of ID tokens. The bank signs them, so the
// client's own algorithm does not matter.
func idTokenAlgorithm(m *Metadata, o *RequestOptions) (claims.Algorithm, error) {
	var list []claims.Algorithm
	if o.IDTokenAlgorithm != "" {
		list = []claims.Algorithm{o.IDTokenAlgorithm}
	}
	chosen, err := wanted(m, o, memberIDTokenAlgs, list, m.IDTokenAlgorithms, claims.PS256, claims.ES256)
	if err != nil {
		return "", err
	}
	return chosen.Or(nil)[0], nil
}

// subject sets tls_client_auth_subject_dn, an RFC 4514 name.
func subject(c *claims.Request, o *RequestOptions) error {
	text := o.SubjectDN
	if text == "" {
		if o.Certificate == nil {
			return errors.New("tls_client_auth needs the transport certificate")
		}
		name, err := dn.FromDER(o.Certificate.RawSubject)
		if err != nil || len(name) == 0 {
			return errors.New("the transport certificate has no readable subject")
		}
		text = name.String()
	}
	c.TLSClientAuthSubjectDN = claims.Some(text)
	return nil
}

// scopesOf returns openid and the scopes that the roles of a statement allow.
func scopesOf(statement *claims.SSA) []string {
	policy := validate.DefaultPolicy(validate.OBIE33)
	scopes := []string{"openid"}
	for _, role := range statement.SoftwareRoles.Or(claims.Roles{}).Values {
		for _, scope := range policy.ScopesOf(role) {
			if !slices.Contains(scopes, scope) {
				scopes = append(scopes, scope)
			}
		}
	}
	return scopes
}
