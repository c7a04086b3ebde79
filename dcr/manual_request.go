package dcr

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/internal/verdict"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/validate"
)

// manualLifetime is the exp - iat of the request that a Manual stands for.
const manualLifetime = time.Minute

// vouched verifies the statement of a Manual. The request in the answer has no claims yet.
func (r *Registrar) vouched(ctx context.Context, m *Manual, o *operation) (*VerifiedRequest, error) {
	if err := m.checkOnce(); err != nil {
		return nil, err
	}
	input := &validate.Input{Now: r.clock()}
	if len(m.Statement) > verdict.MaxRequest {
		return nil, r.verifier.refuse(input, validate.Violation{Rule: validate.RuleSSAJWS, Document: validate.DocSSA,
			Message: fmt.Sprintf("the software statement has %d bytes; at most %d, as a request has", len(m.Statement), verdict.MaxRequest)}, nil)
	}
	parsed, err := ssa.Parse(m.Statement)
	if err != nil {
		return nil, r.verifier.refuse(input, verdict.Statement(err), err)
	}
	statement, keys, err := r.verifier.vouch(ctx, parsed, input)
	if err != nil {
		return nil, err
	}
	o.environment, o.statement = statement.Environment(), statement
	request := &UnverifiedRequest{claims: &claims.Request{}, statement: parsed}
	return &VerifiedRequest{request: request, statement: statement, keys: keys, input: input, manual: m}, nil
}

// ask makes the request that a Manual stands for: to register a client, or to update s where it
// is not nil. A certificate that is not good becomes a violation of the request. The error is an
// *Error: 503 if the certificate cannot be checked now, 500 for a fault of the bank's.
func (r *Registrar) ask(ctx context.Context, v *VerifiedRequest, s *owned) error {
	request, err := r.modest(v), error(nil)
	if s != nil {
		request, err = r.renewed(v, s)
	}
	if err == nil {
		err = r.envelop(request, v)
	}
	if err != nil {
		return internalError(err)
	}
	v.request.claims, v.input.Request = request, request
	v.extra, v.input.Certificate = nil, nil
	if leaf := v.manual.Certificate; leaf != nil {
		v.input.Certificate = &validate.Certificate{RawSubject: leaf.RawSubject}
		err = r.checkChosen(ctx, v, leaf)
	} else if name, ok := request.TLSClientAuthSubjectDN.Get(); ok {
		err = r.checkKept(ctx, v, name)
	} else {
		// An outage is no reason to wait here: nothing of this client's is looked for in the keys yet.
		_, _ = r.checkKeys(ctx, v)
	}
	v.input.Extra = slices.Clone(v.extra)
	return err
}

// envelop fills in the members that a request has about itself.
func (r *Registrar) envelop(request *claims.Request, v *VerifiedRequest) error {
	id, err := claims.NewJTI(r.random)
	if err != nil {
		return err
	}
	c, now := v.statement.Claims(), v.input.Now
	switch request.Issuer = c.SoftwareID; {
	case r.policy.IssuerKinds[0] == validate.IssuerOrgID:
		request.Issuer = c.OrgID
	case !c.SoftwareID.Present(): // the client is registered by a hint, if at all
		request.Issuer = request.SoftwareID
	}
	request.IssuedAt, request.JWTID = claims.Some(now.Unix()), claims.Some(id)
	request.Expiry = claims.Some(now.Add(min(manualLifetime, r.policy.MaxLifetime)).Unix())
	request.Audience = claims.Some(claims.StringOrList{Values: r.policy.Audiences[:1]})
	request.SoftwareStatement = claims.Some(v.statement.Token())
	return nil
}

// authMethods are the authentication methods that the bank offers.
func (r *Registrar) authMethods() []claims.AuthMethod {
	return offered(&r.policy, "token_endpoint_auth_method", r.policy.AuthMethods)
}

// modest makes a request that asks for no more than a Manual says and the defaults.
func (r *Registrar) modest(v *VerifiedRequest) *claims.Request {
	c, m := v.statement.Claims(), v.manual
	request := &claims.Request{
		RedirectURIs: c.SoftwareRedirectURIs, SoftwareID: c.SoftwareID,
		GrantTypes: claims.Some(text.Keep([]claims.GrantType{claims.AuthorizationCode, claims.ClientCredentials, claims.RefreshToken},
			offered(&r.policy, "grant_types", r.policy.GrantTypes))),
		Scope:                    claims.Some(claims.Scope{Words: r.defaultScopes(c)}),
		ApplicationType:          first(offered(&r.policy, "application_type", r.policy.ApplicationTypes)),
		IDTokenSignedResponseAlg: first(offered(&r.policy, "id_token_signed_response_alg", r.policy.MemberAlgorithms.IDToken)),
		RequestObjectSigningAlg:  first(offered(&r.policy, "request_object_signing_alg", r.policy.MemberAlgorithms.RequestObject)),
	}
	if m.RedirectURIs != nil {
		request.RedirectURIs = claims.Some(slices.Clone(m.RedirectURIs))
	} else if listed, ok := c.SoftwareRedirectURIs.Get(); ok {
		request.RedirectURIs = claims.Some(r.fitOf(v, listed, request.ApplicationType))
	}
	method := m.AuthMethod
	if method == "" {
		methods := r.authMethods()
		if i := slices.IndexFunc(methods, func(a claims.AuthMethod) bool { return a != claims.TLSClientAuth || m.Certificate != nil }); i > 0 {
			methods = methods[i:]
		}
		method = first(methods).Or("")
	}
	r.authenticateBy(request, method, m.Certificate)
	return request
}

// authenticateBy sets the authentication method of a request, and what belongs to it. Another
// method than the request has does not keep an algorithm that the bank does not offer, such as the
// HMAC of client_secret_jwt: a person cannot choose it.
func (r *Registrar) authenticateBy(request *claims.Request, method claims.AuthMethod, leaf *x509.Certificate) {
	before, algorithm := request.TokenEndpointAuthMethod.Or(""), request.TokenEndpointAuthSigningAlg.Or("")
	algorithms := offered(&r.policy, "token_endpoint_auth_signing_alg", r.policy.MemberAlgorithms.TokenEndpointAuth)
	request.TokenEndpointAuthMethod = claims.Some(method)
	switch {
	case !method.SignsAssertions():
		request.TokenEndpointAuthSigningAlg = claims.Optional[claims.Algorithm]{}
	case algorithm == "" || method != before && !slices.Contains(algorithms, algorithm):
		request.TokenEndpointAuthSigningAlg = first(algorithms)
	}
	switch {
	case method != claims.TLSClientAuth:
		request.TLSClientAuthSubjectDN = claims.Optional[string]{}
	case leaf != nil:
		request.TLSClientAuthSubjectDN = claims.Some(cert.SubjectDN(leaf.RawSubject))
	}
}

// renewed makes a request for what the client s is registered with, by another statement.
func (r *Registrar) renewed(v *VerifiedRequest, s *owned) (*claims.Request, error) {
	request, err := s.client.Request()
	if err != nil {
		return nil, err
	}
	m, sent, own := v.manual, v.statement.Claims(), s.statement.Claims()
	if m.RedirectURIs != nil {
		request.RedirectURIs = claims.Some(slices.Clone(m.RedirectURIs))
	} else if listed, ok := sent.SoftwareRedirectURIs.Get(); ok {
		had := request.RedirectURIs.Or(nil)
		left := func(u string) bool { // out, by who registered the client
			return !slices.Contains(had, u) && slices.Contains(own.SoftwareRedirectURIs.Or(nil), u)
		}
		kept := slices.DeleteFunc(slices.Clone(listed), left)
		if len(kept) == 0 {
			kept = listed
		}
		request.RedirectURIs = claims.Some(r.fitOf(v, kept, request.ApplicationType))
	}
	if scope, ok := request.Scope.Get(); ok {
		opened, before := r.scopesOf(sent), r.scopesOf(own)
		words := slices.DeleteFunc(slices.Clone(scope.Words), func(w string) bool {
			return slices.Contains(r.policy.Scopes, w) && !slices.Contains(opened, w)
		})
		for _, w := range r.defaultScopes(sent) {
			if !slices.Contains(before, w) && !slices.Contains(words, w) {
				words = append(words, w)
			}
		}
		request.Scope = claims.Some(claims.Scope{Words: words})
	}
	method := m.AuthMethod
	if method == "" {
		method = request.TokenEndpointAuthMethod.Or("")
	}
	r.authenticateBy(request, method, m.Certificate)
	return request, nil
}

// certificateFault makes the violation of a certificate that a person chose, or that a client is
// registered with.
func certificateFault(rule, message, fix string) validate.Violation {
	return validate.Violation{Rule: rule, Document: validate.DocRequest, Pointer: "/tls_client_auth_subject_dn", Message: message, Fix: fix}
}

// chosenFix says what to do about a certificate that a person chose.
const chosenFix = "choose a transport certificate of the software that is good"

// checkChosen checks that a certificate is the software's own, as over mutual TLS. But nobody
// shows that they have its key, so it counts who issued it, and whom it names.
func (r *Registrar) checkChosen(ctx context.Context, v *VerifiedRequest, leaf *x509.Certificate) error {
	software := cert.SoftwareOf(v.statement, v.keys)
	if !r.certificates.HasAuthorities() {
		v.extra = append(v.extra, certificateFault(validate.RuleCertificateChain, "this bank cannot tell who issued a certificate that comes without a connection",
			"choose another authentication method, or register over mutual TLS"))
		return nil
	}
	if why := cert.SubjectContradicts(leaf, software); why != "" {
		v.extra = append(v.extra, certificateFault(validate.RuleCertificateBinding, "the certificate is not of this software: "+why, chosenFix))
		return nil
	}
	accepted, err := r.certificates.Check(ctx, leaf, software)
	var refusal *cert.Error
	switch answer := outage(err); {
	case answer != nil:
		return answer
	case errors.Is(err, ssa.ErrNoKeyPublished):
		v.addKeyless(err)
	case errors.As(err, &refusal):
		v.extra = append(v.extra, certificateFault(verdict.CertificateRule(refusal), verdict.Certificate(refusal), chosenFix))
	default:
		v.keys = accepted.Software.Keys
	}
	return nil
}

// addKeyless adds the violation of a software that publishes no key, which is no matter of the
// certificate.
func (v *VerifiedRequest) addKeyless(err error) {
	found := verdict.Request(err)
	fault := certificateFault(found.Rule, found.Message, found.Fix)
	if !v.request.claims.TLSClientAuthSubjectDN.Present() {
		fault.Pointer = "/token_endpoint_auth_method"
	}
	v.extra = append(v.extra, fault)
}

// outage returns the *Error for a failure to check a certificate that is none of the
// certificate's own; else nil.
func outage(err error) error {
	var refusal *Error
	if errors.As(certificateError(err), &refusal) && refusal.Status < 500 {
		return nil
	}
	return certificateError(err)
}

// checkKept checks that the name that a client authenticates by is still that of a certificate
// of its software: a good one that is published. Of a key set without certificates nobody can
// tell. A software that withdrew all its keys has no good one.
func (r *Registrar) checkKept(ctx context.Context, v *VerifiedRequest, name string) error {
	if keyless, err := r.checkKeys(ctx, v); keyless || err != nil {
		return err
	}
	its, err := r.published(ctx, v, func(c *x509.Certificate) bool {
		same, err := r.policy.SubjectDNMatch.Same(name, c.RawSubject)
		return err == nil && same
	})
	if err != nil {
		return err
	}
	if len(its) == 0 {
		others, err := r.published(ctx, v, anyCertificate)
		if err == nil && len(others) > 0 {
			v.input.Certificate = &validate.Certificate{RawSubject: others[0].Certificate.RawSubject} // and a rule says that it is another
		}
		return err
	}
	var refused *cert.PublishedCertificate
	for i := range its {
		if its[i].Refusal == nil {
			return nil
		}
		if refused == nil || errors.Is(its[i].Refusal, cert.ErrRevocationUnknown) {
			refused = &its[i]
		}
	}
	const fix = "choose a transport certificate that is good, or another authentication method"
	if errors.Is(refused.Refusal, cert.ErrRevocationUnknown) {
		return outage(refused.Refusal)
	}
	v.extra = append(v.extra, certificateFault(verdict.CertificateRule(refused.Refusal), "no published certificate of the registered name is good: "+
		refused.Refusal.Kind.Error()+": "+refused.Refusal.Detail, fix))
	return nil
}

// checkKeys reports whether the software has no key that is not withdrawn, which becomes a
// violation. The error is an *Error, of an outage.
func (r *Registrar) checkKeys(ctx context.Context, v *VerifiedRequest) (keyless bool, err error) {
	_, err = v.keys.ResolveKeys(ctx, v.keys.Ref(""))
	switch {
	case errors.Is(err, ssa.ErrNoKeyPublished) || errors.Is(err, ssa.ErrKeyRevoked):
		v.addKeyless(err)
		return true, nil
	case errors.Is(err, ssa.ErrKeySourceUnavailable):
		return false, Unavailable(err, keysUnreadable)
	}
	return false, nil // what else there is, the look for certificates meets
}

// published returns the newest transport certificates in the key set of the software that are
// wanted. A software without keys has none. The error is an *Error, of an outage.
func (r *Registrar) published(ctx context.Context, v *VerifiedRequest, wanted func(*x509.Certificate) bool) ([]cert.PublishedCertificate, error) {
	all, err := r.certificates.EachPublished(ctx, cert.SoftwareOf(v.statement, v.keys), wanted)
	return all, outage(err)
}

func anyCertificate(*x509.Certificate) bool { return true }

// first returns the first of the values; absent if there is none.
func first[T any](values []T) claims.Optional[T] {
	if len(values) == 0 {
		return claims.Optional[T]{}
	}
	return claims.Some(values[0])
}
