package tpp

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"slices"
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
	// GrantTypes: nil is authorization_code and client_credentials, as far as announced.
	GrantTypes []claims.GrantType
	// ResponseTypes: nil is code and code id_token, as far as announced.
	ResponseTypes []claims.ResponseType
	Algorithm     claims.Algorithm // of all that the client will sign; "": PS256
	// ApplicationType: "" is web. Banks do not announce it.
	ApplicationType claims.ApplicationType
	SubjectDN       string            // for tls_client_auth, instead of the certificate's subject
	Certificate     *x509.Certificate // transport certificate, for tls_client_auth
	Lifetime        time.Duration     // exp - iat; 0: 30 minutes
	Now             time.Time         // iat; required
	Random          io.Reader         // of jti; nil: crypto/rand.Reader
}

// AuthMethod returns the default authentication method of a request: the first one that
// the bank announces, in the order private_key_jwt, tls_client_auth, client_secret_jwt,
// client_secret_basic, client_secret_post. It is private_key_jwt if the bank announces no
// methods at all, and "" if it announces none of these.
func (m *Metadata) AuthMethod() claims.AuthMethod {
	if m.AuthMethods == nil {
		return claims.PrivateKeyJWT
	}
	if kept := text.Keep(claims.AuthMethods(), m.AuthMethods); len(kept) > 0 {
		return kept[0]
	}
	return ""
}

// BuildFor makes the claims of a registration request (OBIE DCR, data dictionary) for
// a bank. The statement is a compact JWS; BuildFor does not verify it. It returns an error
// for a method, an algorithm or a grant type that the bank does not announce, and for a
// claim that the statement lacks. It does not judge the request: [Lint] does.
func BuildFor(m *Metadata, statement string, o RequestOptions) (claims.Request, error) {
	c, err := buildFor(m, statement, o)
	if err != nil {
		return claims.Request{}, failure("request: %w", err)
	}
	return c, nil
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
	if c.GrantTypes, err = wanted("grant_types", o.GrantTypes, m.GrantTypes, claims.AuthorizationCode, claims.ClientCredentials); err != nil {
		return c, err
	}
	if c.ResponseTypes, err = wanted("response_types", o.ResponseTypes, m.ResponseTypes, claims.Code, claims.CodeIDToken); err != nil {
		return c, err
	}
	scopes, err := wanted("scope", o.Scopes, m.Scopes, scopesOf(statement)...)
	if err != nil {
		return c, err
	}
	c.Scope = claims.Some(claims.Scope{Words: scopes.Or(nil)})
	if o.ApplicationType == "" {
		o.ApplicationType = claims.Web
	}
	c.ApplicationType = claims.Some(o.ApplicationType)
	return c, nil
}

// envelope sets the claims about the request itself: iss, aud, iat, exp and jti.
func envelope(c *claims.Request, m *Metadata, statement *claims.SSA, o *RequestOptions) error {
	if o.Issuer == "" {
		o.Issuer = statement.SoftwareID.Or("")
	}
	if o.Issuer == "" {
		return errors.New("the statement has no software_id, which iss must be")
	}
	if o.Audience == "" {
		o.Audience = m.Issuer
	}
	if o.Audience == "" {
		return errors.New("the audience is not given, and the bank names no issuer")
	}
	if o.Lifetime == 0 {
		o.Lifetime = requestLifetime
	}
	jti, err := claims.NewJTI(o.Random)
	if err != nil {
		return err
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
	if m.AuthMethods != nil && !slices.Contains(m.AuthMethods, o.AuthMethod) {
		return fmt.Errorf("the bank does not announce token_endpoint_auth_method %q", text.Echo(string(o.AuthMethod)))
	}
	alg := o.Algorithm
	if alg == "" {
		alg = claims.PS256
	}
	if m.RequestObjectAlgorithms != nil && !slices.Contains(m.RequestObjectAlgorithms, alg) {
		return fmt.Errorf("the bank does not announce %q in request_object_signing_alg_values_supported", text.Echo(string(alg)))
	}
	idToken, err := idTokenAlgorithm(m.IDTokenAlgorithms)
	if err != nil {
		return err
	}
	c.TokenEndpointAuthMethod = claims.Some(o.AuthMethod)
	c.IDTokenSignedResponseAlg, c.RequestObjectSigningAlg = claims.Some(idToken), claims.Some(alg)
	switch {
	case o.AuthMethod.SignsAssertions():
		if m.AuthSigningAlgorithms != nil && !slices.Contains(m.AuthSigningAlgorithms, alg) {
			return fmt.Errorf("the bank does not announce %q in token_endpoint_auth_signing_alg_values_supported", text.Echo(string(alg)))
		}
		c.TokenEndpointAuthSigningAlg = claims.Some(alg)
	case o.AuthMethod == claims.TLSClientAuth:
		return subject(c, o)
	}
	return nil
}

// idTokenAlgorithm chooses the algorithm of ID tokens. The bank signs them, so the
// client's own algorithm does not matter.
func idTokenAlgorithm(announced []claims.Algorithm) (claims.Algorithm, error) {
	for _, alg := range []claims.Algorithm{claims.PS256, claims.ES256} {
		if announced == nil || slices.Contains(announced, alg) {
			return alg, nil
		}
	}
	return "", errors.New("the bank announces neither PS256 nor ES256 in id_token_signing_alg_values_supported")
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

// wanted returns the values asked for; the bank must announce all of them. If none were
// asked for, it returns the usual values that the bank announces.
func wanted[T ~string](member string, asked, announced []T, usual ...T) (claims.Optional[[]T], error) {
	if asked == nil {
		if asked = usual; announced != nil {
			asked = text.Keep(usual, announced)
		}
		if len(asked) == 0 {
			return claims.Optional[[]T]{}, fmt.Errorf("the bank announces none of the usual values of %s", member)
		}
	}
	for _, v := range asked {
		if announced != nil && !slices.Contains(announced, v) {
			return claims.Optional[[]T]{}, fmt.Errorf("the bank does not announce %s %q", member, text.Echo(string(v)))
		}
	}
	return claims.Some(slices.Clone(asked)), nil
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
