package dcr

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/internal/verdict"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

// manualLifetime is the exp - iat of the request that RegisterFromSSA makes up.
const manualLifetime = time.Minute

// RegisterFromSSA registers a client from a software statement alone, a compact JWS. A
// bank's portal calls it for a TPP's technical contact (manual registration). The portal
// must check who may do so: there is no request, no signature by the software and no
// client certificate here.
//
// RegisterFromSSA verifies the statement as in a request. It makes up a request for the
// rest: the statement's redirect URIs and software_id, the policy's default scopes as far
// as the roles allow them, the code flow with refresh tokens, and for each other member
// the first value that the policy offers. It skips tls_client_auth, because there is no
// certificate whose subject could be registered. All rules judge that request, but those
// about a request's header and jti. A policy that demands more members
// (required_members) refuses it. A policy that offers tls_client_auth alone admits no
// such registration: 405, ErrNotOffered.
//
// The context names the contact (WithActor). Errors and effects are those of Register. A statement may be used again, as in
// requests; the policy's registrations limits how often a software is registered.
func (r *Registrar) RegisterFromSSA(ctx context.Context, statement string) (registration *Registration, err error) {
	o := r.begin(OpCreate, actorIn(ctx, ActorContact))
	err = o.run(ctx, func() (err error) { registration, err = r.registerFromSSA(ctx, statement, o); return err })
	return registration, err
}

func (r *Registrar) registerFromSSA(ctx context.Context, text string, o *operation) (*Registration, error) {
	if len(r.manualMethods()) == 0 {
		return nil, &Error{Status: http.StatusMethodNotAllowed, Description: "this bank registers nobody by a statement alone", Err: ErrNotOffered}
	}
	now := r.clock()
	input := &validate.Input{Now: now}
	parsed, err := ssa.Parse(text)
	if err != nil {
		return nil, r.verifier.refuse(input, verdict.Statement(err), err)
	}
	input.SSAHeader = parsed.UnverifiedHeader()
	statement, err := r.verifier.Statements.Verify(ctx, parsed)
	if err != nil {
		return nil, r.verifier.refuseStatement(input, err)
	}
	input.SSA, input.Environment, input.ClaimNames = statement.Claims(), statement.Environment(), statement.ClaimNames()
	o.environment = statement.Environment()
	keys, err := statement.SoftwareKeys(r.verifier.SoftwareKeys)
	if err != nil {
		return nil, r.verifier.refuseStatement(input, err)
	}
	if input.Request, err = r.modest(statement, now); err != nil {
		return nil, internalError(err)
	}
	return r.admit(ctx, &VerifiedRequest{request: &UnverifiedRequest{claims: input.Request, statement: parsed}, statement: statement, keys: keys, input: input},
		store.Reservation{}, o)
}

// manualMethods are the offered authentication methods that can be registered without a
// client certificate.
func (r *Registrar) manualMethods() []claims.AuthMethod {
	return slices.DeleteFunc(slices.Clone(offered(&r.policy, "token_endpoint_auth_method", r.policy.AuthMethods)),
		func(m claims.AuthMethod) bool { return m == claims.TLSClientAuth })
}

// modest makes the request that RegisterFromSSA registers: one that asks for no more
// than the defaults.
func (r *Registrar) modest(statement *ssa.Verified, now time.Time) (*claims.Request, error) {
	id, err := claims.NewJTI(r.random)
	if err != nil {
		return nil, err
	}
	methods := r.manualMethods()
	c, algorithms := statement.Claims(), r.policy.MemberAlgorithms
	issuer := c.SoftwareID
	if r.policy.IssuerKinds[0] == validate.IssuerOrgID {
		issuer = c.OrgID
	}
	request := &claims.Request{
		Issuer: issuer, IssuedAt: claims.Some(now.Unix()), JWTID: claims.Some(id),
		Expiry:       claims.Some(now.Add(min(manualLifetime, r.policy.MaxLifetime)).Unix()),
		Audience:     claims.Some(claims.StringOrList{Values: r.policy.Audiences[:1]}),
		RedirectURIs: c.SoftwareRedirectURIs, SoftwareID: c.SoftwareID,
		SoftwareStatement:       claims.Some(statement.Token()),
		TokenEndpointAuthMethod: claims.Some(methods[0]),
		GrantTypes: claims.Some(text.Keep([]claims.GrantType{claims.AuthorizationCode, claims.ClientCredentials, claims.RefreshToken},
			offered(&r.policy, "grant_types", r.policy.GrantTypes))),
		Scope:                    claims.Some(claims.Scope{Words: r.defaultScopes(c)}),
		ApplicationType:          first(offered(&r.policy, "application_type", r.policy.ApplicationTypes)),
		IDTokenSignedResponseAlg: first(offered(&r.policy, "id_token_signed_response_alg", algorithms.IDToken)),
		RequestObjectSigningAlg:  first(offered(&r.policy, "request_object_signing_alg", algorithms.RequestObject)),
	}
	if methods[0].SignsAssertions() {
		request.TokenEndpointAuthSigningAlg = first(offered(&r.policy, "token_endpoint_auth_signing_alg", algorithms.TokenEndpointAuth))
	}
	return request, nil
}

// first returns the first of the values; absent if there is none.
func first[T any](values []T) claims.Optional[T] {
	if len(values) == 0 {
		return claims.Optional[T]{}
	}
	return claims.Some(values[0])
}
