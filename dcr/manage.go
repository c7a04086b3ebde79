package dcr

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/token"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

// ErrNotOffered is the cause of a 405: of Get, Update and Delete at a Registrar without
// Tokens, and of RegisterFromSSA where the policy offers tls_client_auth alone.
var ErrNotOffered = errors.New("dcr: this bank does not offer the verb")

// Caller is the sender of a request for a registered client.
type Caller struct {
	Token       claims.Secret     // the bearer access token; zero if the request has none
	Certificate *x509.Certificate // of the mutual TLS connection; nil if it has none
}

// CallerOf reads the caller from a request: the token of its one Authorization header
// (Bearer, RFC 6750 section 2.1), and the client certificate from the source. Without a
// certificate it returns an *Error, 401.
func CallerOf(r *http.Request, source cert.Source) (Caller, error) {
	leaf, err := source(r)
	if err != nil || leaf == nil {
		return Caller{}, unauthorized("a client certificate is required", "", err)
	}
	return Caller{Token: token.FromHeader(r.Header), Certificate: leaf}, nil
}

// HasTokens reports whether the Registrar has Tokens. Get, Update, Delete and
// Application work only then.
func (r *Registrar) HasTokens() bool { return r.tokens != nil }

// Application returns the application of the caller's client, and its environment, for
// the bank's other APIs. It makes the checks of Get but those of the path, and of the token's
// subject, audience and scope, because a customer's token is meant for these APIs: the token
// is valid and bound to the certificate, its client is still registered and not younger
// than the token, and the certificate is one of its software now. A refusal is an
// *Error, 401, 405 or 503. Application does not call the Observer.
func (r *Registrar) Application(ctx context.Context, by Caller) (app claims.Application, env claims.Environment, err error) {
	err = r.contained(func() error {
		client, _, err := r.identify(ctx, by)
		if err != nil {
			return err
		}
		if _, err := r.owns(ctx, client, by.Certificate); err != nil {
			return err
		}
		app, env = client.Application, client.Environment
		return nil
	})
	return app, env, err
}

// Get returns a client as it is registered, without a secret. It refuses with an
// *Error, in this order:
//   - 405 at a Registrar without Tokens
//   - 401 without a certificate, and without a token
//   - 401 for a token that is not valid; 503 if Tokens cannot answer now
//   - 401 if the token is bound to another certificate
//   - 401 if the token's client does not exist, or if it was issued after the token by
//     more than the policy's clock_skew (the authorization server's clock may be slow);
//     Tokens.Revoke is asked to end the token
//   - 401 if the token is not the client's own (Config.ClientToken), such as one that a
//     customer granted, and if its audience lacks the policy's management_audience
//   - 401 if clientID is not the token's client, whether that client exists or not;
//     Tokens.Revoke is asked to end the token. The policy foreign_token can make it 403 if
//     the client exists.
//   - 403 if the token's scope lacks a word of the policy's management_scope
//   - 401 if the certificate is not one of the client's software; 503 if the software's
//     keys cannot be read now
//
// A client that is being created or deleted counts as one that does not exist. A client
// that is being updated is returned as it was before.
func (r *Registrar) Get(ctx context.Context, clientID string, by Caller) (registration *Registration, err error) {
	o := r.begin(OpRead, actorOf(by.Certificate))
	err = o.run(ctx, func() (err error) { registration, err = r.get(ctx, clientID, by, o); return err })
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

// Update replaces the registered members of a client by those of a new request, a
// compact JWS. It makes the checks of Get first, then every check of Register. It also
// refuses (400) a request that changes the software, its organisation, the environment
// or the directory, whose client_id is another client's, or whose statement is older than
// the client's own (but for the policy's older_statement_in_update). The client keeps its
// client_id, client_id_issued_at and access tokens. It keeps its secret, unless the new
// authentication method needs none, or another one: Registration.Secret is the new one.
//
// A refusal is an *Error, and the client stays as it was. If another writer changes the
// record meanwhile, Update judges the request once more against the new record. If that
// happens again, or if another change is under way, it refuses with 503.
func (r *Registrar) Update(ctx context.Context, clientID string, request string, by Caller) (registration *Registration, err error) {
	o := r.begin(OpUpdate, actorOf(by.Certificate))
	err = o.run(ctx, func() (err error) { registration, err = r.update(ctx, clientID, request, by, o); return err })
	return registration, err
}

func (r *Registrar) update(ctx context.Context, clientID, request string, by Caller, o *operation) (*Registration, error) {
	s, err := r.authenticate(ctx, clientID, by, o)
	if err != nil {
		return nil, err
	}
	v, err := r.verifier.verify(ctx, request, r.clock(), func(v *VerifiedRequest) error {
		if len(moved(s, v)) > 0 {
			// The request is refused for that. Until then it is the caller's who asks for keys.
			thumbprint := sha256.Sum256(by.Certificate.Raw)
			v.keys.Asker = s.client.SoftwareID + " " + string(thumbprint[:])
			return nil
		}
		// The new statement may name another key set than the old one: the certificate has to
		// be in both.
		return withToken(r.checkCertificate(ctx, v, by.Certificate))
	})
	if err != nil {
		return nil, err
	}
	registration, err := r.replace(ctx, s, v, by.Certificate, o)
	if !errors.Is(err, errRaced) {
		return registration, err
	}
	if s, err = r.authenticate(ctx, clientID, by, o); err != nil {
		return nil, err
	}
	if registration, err = r.replace(ctx, s, v, by.Certificate, o); errors.Is(err, errRaced) {
		return nil, Unavailable(err, "another change of the client is under way")
	}
	return registration, err
}

// judgeUpdate judges an update against the record s. leaf is the certificate of the connection;
// nil where there is none. The error is an outage.
func (r *Registrar) judgeUpdate(ctx context.Context, s *owned, v *VerifiedRequest, leaf *x509.Certificate) (*validate.Report, error) {
	if leaf != nil {
		v.input.Certificate = &validate.Certificate{RawSubject: leaf.RawSubject}
	}
	v.input.Update = &validate.Update{SecretDiffers: anotherSecret(&s.client, v.request.claims)}
	if v.input.Extra = moved(s, v); len(v.input.Extra) == 0 {
		if leaf != nil {
			if err := r.findSubject(ctx, v, leaf); err != nil {
				return nil, err
			}
		}
		v.input.Extra = r.older(s, v)
	}
	v.input.Extra = append(v.input.Extra, v.extra...)
	return r.verifier.Validator.Judge(v.input), nil
}

// leaving is the refusal of a change of a client whose deletion waits; nil for another one.
func leaving(c *store.Client) error {
	if c.State != store.PendingDelete {
		return nil
	}
	return &Error{Status: http.StatusForbidden, Description: "the deletion of this client waits for the bank's approval, and it cannot be changed meanwhile"}
}

// replace judges an update against the record s and stores it. leaf is the certificate of the
// connection; nil where there is none. errRaced: another writer changed the record meanwhile.
func (r *Registrar) replace(ctx context.Context, s *owned, v *VerifiedRequest, leaf *x509.Certificate, o *operation) (*Registration, error) {
	if err := leaving(&s.client); err != nil {
		return nil, err
	}
	report, err := r.judgeUpdate(ctx, s, v, leaf)
	if err != nil {
		return nil, err
	}
	if !report.Valid() {
		return nil, refused(report, nil)
	}
	client, secret, err := r.rebuild(v, s)
	if err != nil {
		return nil, err
	}
	change := compare(OpUpdate, side{&s.client, rolesOf(s.statement)}, side{&client, rolesOf(v.statement)})
	change.Actor, change.Access = o.actor, s.access
	if _, err := r.approve(ctx, change); err != nil {
		return nil, err
	}
	w := &work{op: OpUpdate, client: client, secret: secret, reservation: r.reservation(v), statement: v.statement,
		trail: r.trail(OpUpdate, o.actor, &s.client, s.statement, v.statement)}
	if w.response, err = r.respond(&client, v.statement, secret); err != nil {
		return nil, err
	}
	if w.trail.ends, err = r.losses(ctx, &client); err != nil {
		return nil, err
	}
	err = r.change(ctx, w, s.client)
	if errors.Is(err, errRaced) {
		return nil, err
	}
	if err != nil {
		return nil, r.storeError(v, err)
	}
	change.After = &w.client
	r.done(ctx, change)
	return &Registration{Client: w.client, Secret: w.secret, Report: report, Change: &change, response: w.response}, nil
}

// findSubject looks for the transport certificate that an update moves the client to, where
// its subject is not that of the certificate leaf. It tells the rules of one that is
// published and good. An outage is a 503.
func (r *Registrar) findSubject(ctx context.Context, v *VerifiedRequest, leaf *x509.Certificate) error {
	name, sent := v.request.claims.TLSClientAuthSubjectDN.Get()
	if !r.policy.SubjectDNFromKeySet || !sent || v.request.claims.TokenEndpointAuthMethod.Or("") != claims.TLSClientAuth {
		return nil
	}
	same := func(c *x509.Certificate) bool {
		same, err := r.policy.SubjectDNMatch.Same(name, c.RawSubject)
		return err == nil && same
	}
	if same(leaf) {
		return nil
	}
	next, err := r.certificates.Published(ctx, cert.SoftwareOf(v.statement, v.keys), same)
	var refusal *Error
	switch {
	case err == nil:
		v.input.Update.TransportSubjects = [][]byte{next.Certificate.RawSubject}
	case errors.Is(err, cert.ErrRevocationUnknown):
		return Unavailable(err, "the revocation status of the certificate that the client is to move to cannot be read at the moment")
	case errors.As(certificateError(err), &refusal) && refusal.Status != http.StatusUnauthorized:
		return refusal
	}
	return nil // the rule reports the name
}

// anotherSecret reports whether a request has a client_secret that is not the client's.
func anotherSecret(c *store.Client, request *claims.Request) bool {
	m := request.Member("client_secret")
	sum := sha256.Sum256([]byte(m.Text()))
	return m.Present() && subtle.ConstantTimeCompare(sum[:], c.SecretHash) != 1
}

// moved reports each fact of a request that must not change in an update: the client_id,
// software, organisation, environment and directory.
func moved(s *owned, v *VerifiedRequest) []validate.Violation {
	c, sent, statement := &s.client, v.request.claims, v.statement.Claims()
	var found []validate.Violation
	add := func(broken bool, rule string, d validate.Document, pointer, message string) {
		if broken {
			found = append(found, validate.Violation{Rule: rule, Document: d, Pointer: pointer, Message: message})
		}
	}
	id, named := sent.ClientID.Get()
	add(named && id != c.ClientID, validate.RuleClientIDMatches, validate.DocRequest, "/client_id", "is not the client that is updated")
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

// older reports a statement that is older than the client's own, unless the policy takes
// it. A statement without iat is older than each that has one.
func (r *Registrar) older(s *owned, v *VerifiedRequest) []validate.Violation {
	own, sent := s.statement.Claims().IssuedAt.Or(0), v.statement.Claims().IssuedAt.Or(0)
	if r.policy.OlderStatementInUpdate || sent >= own {
		return nil
	}
	return []validate.Violation{{Rule: validate.RuleSSAIatNotOlder, Document: validate.DocSSA, Pointer: "/iat",
		Got: text.UTC(sent), Want: "not before " + text.UTC(own),
		Message: "is " + text.UTC(sent) + ", before that of the client's own statement, " + text.UTC(own) + "; fetch a new one"}}
}

// Delete removes a client and its tokens, after the checks of Get. After a nil error
// the client cannot be found any more and the Registrar accepts none of its tokens. If the
// authorization server could not be told at once, Reconcile tells it later, provided
// that the Store has store.Unfinished (OutcomeUnfinished). Until then that server may issue
// more tokens to the client, and other APIs may take them. A refusal is an *Error: 403
// by Hooks.Approve, 503 if another request is changing the client. ErrPending is no
// refusal: the deletion waits for approval, and the client goes on as it is.
func (r *Registrar) Delete(ctx context.Context, clientID string, by Caller) error {
	o := r.begin(OpDelete, actorOf(by.Certificate))
	return o.run(ctx, func() error { return r.delete(ctx, clientID, by, o) })
}

func (r *Registrar) delete(ctx context.Context, clientID string, by Caller, o *operation) error {
	for range 2 {
		s, err := r.authenticate(ctx, clientID, by, o)
		if err != nil {
			return err
		}
		if s.client.State == store.PendingDelete {
			return ErrPending
		}
		change := compare(OpDelete, side{&s.client, rolesOf(s.statement)}, side{})
		change.Actor, change.Access = o.actor, s.access
		trail := r.trail(OpDelete, o.actor, &s.client, s.statement)
		if err := r.askDelete(ctx, change, trail, o); !errors.Is(err, errRaced) {
			return err
		}
	}
	return Unavailable(errRaced, "another change of the client is under way")
}

// askDelete has the bank decide on a deletion, and carries it out or leaves it to a person
// (ErrPending). errRaced: another writer changed the record meanwhile. Any other error is an
// *Error.
func (r *Registrar) askDelete(ctx context.Context, change Change, t *trail, o *operation) error {
	pending, err := r.approve(ctx, change)
	switch {
	case err != nil:
		return err
	case pending:
		return r.pendDelete(ctx, change, t)
	}
	finished, err := r.remove(ctx, *change.Before, change, t, DecisionBegun)
	switch {
	case errors.Is(err, errRaced):
		return err
	case err != nil:
		return Unavailable(fmt.Errorf("client %s: %w", change.Before.ID, err), "the client cannot be deleted at the moment")
	}
	o.left(finished)
	r.done(ctx, change)
	return nil
}
