package dcr

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/token"
	"github.com/obdcr/obdcr/validate"
)

// ErrNotOffered lies behind the 405 of Get, Update and Delete at a registrar
// without Tokens, and of RegisterFromSSA where the policy leaves it no method.
var ErrNotOffered = errors.New("dcr: this bank does not offer the verb")

// Caller is who asks for a registered client.
type Caller struct {
	Token       claims.Secret     // the bearer access token; zero where none was sent
	Certificate *x509.Certificate // of the mutual TLS connection; nil where there is none
}

// CallerOf reads the caller from a request: the token of its one Authorization header
// (Bearer, RFC 6750 section 2.1), and the client certificate from the source. The
// error is an *Error, 401, where there is no certificate.
func CallerOf(r *http.Request, source cert.Source) (Caller, error) {
	leaf, err := source(r)
	if err != nil || leaf == nil {
		return Caller{}, unauthorized("a client certificate is required", "", err)
	}
	return Caller{Token: token.FromHeader(r.Header), Certificate: leaf}, nil
}

// HasTokens tells whether the Registrar has Tokens, and so offers Get, Update, Delete
// and Application.
func (r *Registrar) HasTokens() bool { return r.tokens != nil }

// Application returns the application of the client that asks, and its environment,
// for the bank's other APIs. It makes the checks of Get but for the path: the token is
// valid and bound to the certificate, its client is still registered and not younger
// than the token, and the certificate is one of its software now. A refusal is an
// *Error, 401, 405 or 503. The Observer is not told.
func (r *Registrar) Application(ctx context.Context, by Caller) (claims.Application, claims.Environment, error) {
	client, _, err := r.identify(ctx, by)
	if err != nil {
		return claims.Application{}, "", err
	}
	if _, err := r.owns(ctx, client, by.Certificate); err != nil {
		return claims.Application{}, "", err
	}
	return client.Application, client.Environment, nil
}

// Get returns a client as it is registered, without a secret. It refuses with an
// *Error, in this order:
//   - 405 at a registrar without Tokens
//   - 401 without a certificate, and without a token
//   - 401 for a token that is not valid; 503 where that cannot be told now
//   - 401 where the token is bound to another certificate
//   - 401 where the token's client does not exist, or was issued after the token by
//     more than the policy's clock_skew: the clock of the authorization server may be
//     behind; the token is revoked
//   - 401 where the client is not the token's, whether it exists or not; the token
//     is revoked. By policy (foreign_token) 403 where it exists.
//   - 401 where the certificate is not one of the client's software; 503 where that
//     cannot be told now
//
// A client that is about to be created or deleted does not exist; one that is being
// updated is as before.
func (r *Registrar) Get(ctx context.Context, clientID string, by Caller) (*Registration, error) {
	o := r.begin(OpRead)
	registration, err := r.get(ctx, clientID, by, o)
	o.end(ctx, err)
	return registration, err
}

func (r *Registrar) get(ctx context.Context, clientID string, by Caller, o *operation) (*Registration, error) {
	s, err := r.authenticate(ctx, clientID, by, o)
	if err != nil {
		return nil, err
	}
	response, err := r.respond(&s.client, s.statement, claims.Secret{})
	if err != nil {
		return nil, err
	}
	return &Registration{Client: s.client, response: response}, nil
}

// Update replaces what is registered of a client by a new request, a compact JWS,
// with every check of Register and those of Get before. Besides, the software, its
// organisation, the environment and the directory must be as they were, and a
// client_id in the request that of the client (400). The client keeps its client_id,
// client_id_issued_at, access tokens, and its secret unless the new authentication
// method needs another one (then Registration.Secret is that) or none.
//
// A refusal is an *Error and leaves everything as it was. Where the record changed
// meanwhile the request is judged once more against the new one, then refused with
// 503, as is one that meets a change under way.
func (r *Registrar) Update(ctx context.Context, clientID string, request string, by Caller) (*Registration, error) {
	o := r.begin(OpUpdate)
	registration, err := r.update(ctx, clientID, request, by, o)
	o.end(ctx, err)
	return registration, err
}

func (r *Registrar) update(ctx context.Context, clientID, request string, by Caller, o *operation) (*Registration, error) {
	s, err := r.authenticate(ctx, clientID, by, o)
	if err != nil {
		return nil, err
	}
	v, err := r.verifier.Verify(ctx, request, r.clock())
	if err != nil {
		return nil, err
	}
	registration, err := r.replace(ctx, s, v, by.Certificate)
	if !errors.Is(err, errLost) {
		return registration, err
	}
	if s, err = r.authenticate(ctx, clientID, by, o); err != nil {
		return nil, err
	}
	if registration, err = r.replace(ctx, s, v, by.Certificate); errors.Is(err, errLost) {
		return nil, Unavailable(err, "the client is being changed by another request at the moment")
	}
	return registration, err
}

// replace judges an update against the record and stores it. errLost: the record
// changed meanwhile.
func (r *Registrar) replace(ctx context.Context, s *owned, v *VerifiedRequest, leaf *x509.Certificate) (*Registration, error) {
	v.input.Certificate = &validate.Certificate{RawSubject: leaf.RawSubject}
	if v.input.Extra = moved(s, v); len(v.input.Extra) == 0 {
		// The statement may name another key set than the one before.
		if err := r.checkCertificate(ctx, v, leaf); err != nil {
			return nil, err
		}
	}
	report := r.verifier.Validator.Judge(v.input)
	if !report.Valid() {
		return nil, refused(report, nil)
	}
	client, secret, err := r.rebuild(v, s)
	if err != nil {
		return nil, err
	}
	change := compare(OpUpdate, side{&s.client, rolesOf(s.statement)}, side{&client, rolesOf(v.statement)})
	if err := r.approve(ctx, change); err != nil {
		return nil, err
	}
	response, err := r.respond(&client, v.statement, secret)
	if err != nil {
		return nil, err
	}
	stored, err := r.change(ctx, client, s.client, secret, r.reservation(v))
	if errors.Is(err, errLost) {
		return nil, err
	}
	if err != nil {
		return nil, r.storeError(v, err)
	}
	change.After = &stored
	r.done(ctx, change)
	return &Registration{Client: stored, Secret: secret, Report: report, Change: &change, response: response}, nil
}

// moved reports what would make another client of this one.
func moved(s *owned, v *VerifiedRequest) []validate.Violation {
	c, sent, statement := &s.client, v.request.claims, v.statement.Claims()
	var found []validate.Violation
	add := func(broken bool, rule string, d validate.Document, pointer, message string) {
		if broken {
			found = append(found, validate.Violation{Rule: rule, Document: d, Pointer: pointer, Message: message})
		}
	}
	id, named := sent.ClientID.Get()
	add(named && id != c.ID, validate.RuleClientIDMatches, validate.DocRequest, "/client_id", "is not the client that is updated")
	if s.statement.Claims().SoftwareID.Present() && !statement.SoftwareID.Present() {
		add(true, validate.RuleSoftwareIDUnchanged, validate.DocSSA, "/software_id", "the statement does not name the software any more, as that of the client does")
	} else {
		add(softwareID(sent, statement) != c.SoftwareID, validate.RuleSoftwareIDUnchanged, validate.DocRequest, "/software_id",
			"the request is of another software than the client")
	}
	add(statement.OrgID.Or("") != c.OrgID, validate.RuleSSAOrgIDUnchanged, validate.DocSSA, "/org_id",
		"the statement is of another organisation than the client")
	add(v.statement.Environment() != c.Environment, validate.RuleSSAEnvironmentUnchanged, validate.DocSSA, "/software_environment",
		"the statement is of another environment than the client")
	add(statement.Issuer.Or("") != c.Issuer, validate.RuleSSAIssuerUnchanged, validate.DocSSA, "/iss",
		"the statement is of another directory than the client")
	return found
}

// Delete removes a client and its tokens, after the checks of Get. From the moment
// that it is decided nobody sees the client and none of its tokens is accepted; a
// nil error says so. What could not be done at once elsewhere, Reconcile does, if the
// Store has store.Unfinished (OutcomeUnfinished). A refusal is an *Error: 403 by Hooks.Approve, 503 where the client is being changed.
func (r *Registrar) Delete(ctx context.Context, clientID string, by Caller) error {
	o := r.begin(OpDelete)
	err := r.delete(ctx, clientID, by, o)
	o.end(ctx, err)
	return err
}

func (r *Registrar) delete(ctx context.Context, clientID string, by Caller, o *operation) error {
	for range 2 {
		s, err := r.authenticate(ctx, clientID, by, o)
		if err != nil {
			return err
		}
		change := compare(OpDelete, side{&s.client, rolesOf(s.statement)}, side{})
		if err := r.approve(ctx, change); err != nil {
			return err
		}
		finished, err := r.remove(ctx, s.client)
		switch {
		case errors.Is(err, errLost):
			continue
		case err != nil:
			return Unavailable(fmt.Errorf("client %s: %w", s.client.ID, err), "the client cannot be deleted at the moment")
		}
		o.unfinished = !finished
		r.done(ctx, change)
		return nil
	}
	return Unavailable(errLost, "the client is being changed by another request at the moment")
}
