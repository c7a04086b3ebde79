package dcr

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

// Manual is what a TPP's contact asks for by a software statement alone (manual
// registration). A field that is empty leaves the choice to the bank, or in an update to what
// the client is registered with.
type Manual struct {
	Statement string // a compact JWS of at most 64 KiB
	Reach     Reach  // the organisations that the person may act for; the statement's has to be one of them
	// RedirectURIs are those that the client is to have, of the statement's. Nil: all of the
	// statement's that the rules admit; there has to be one.
	//
	// Nil in an update: those that the client has, as far as the statement still lists them,
	// and those that its own statement did not list. So one that was left out before stays
	// out, and what the software got since comes in.
	RedirectURIs []string
	// AuthMethod is the token_endpoint_auth_method. "": the first that the policy offers, but
	// tls_client_auth only with a Certificate. In an update: the registered one.
	AuthMethod claims.AuthMethod
	// Certificate is the transport certificate whose subject tls_client_auth registers. It has
	// to be one of the software's: the checks are those of a connection over mutual TLS, and the
	// Config's Certificates need the CAs to tell who issued it. Its subject must not name another
	// software or organisation, because nobody shows that they have its key. With another method
	// it is checked too, if it is there. An update without one keeps the registered subject, as
	// long as the software publishes no other certificate in its place.
	Certificate *x509.Certificate
	// Once names this attempt, such as a form that was sent: of several calls with the same
	// Once, one at most does anything. The others get an *Error that wraps store.ErrReplayed,
	// for a day. One that is refused, or that meets an outage, leaves it unused.
	// At most 200 bytes; "" leaves the call alone.
	Once string
}

// RegisterManual registers a client from a software statement and what a person chose. A
// bank's portal calls it for a TPP's contact: there is no request, no signature by the
// software and no connection over mutual TLS. The caller says whom the person may act for.
//
// RegisterManual verifies the statement as in a request. It makes up a request for the rest:
// what the Manual says, the statement's software_id, the policy's default scopes as far as the
// roles allow them, the code flow with refresh tokens, and for each other member the first
// value that the policy offers. All rules judge that request, but those about a request's
// header and jti. A policy that demands more members (required_members) refuses it. A redirect
// URI that the rules do not admit is left out, with a notice in the report; one that was chosen
// is refused.
//
// The context names the contact (WithActor). Errors and effects are those of Register. A
// statement of an organisation beyond the Reach is refused with 403. A statement may be used
// again, as in requests; the policy's registrations limits how often a software is registered.
// A refusal with a status from 400 to 499 leaves an entry in the audit trail (DecisionDenied).
func (r *Registrar) RegisterManual(ctx context.Context, m Manual) (*Registration, error) {
	return r.manually(ctx, OpCreate, func(o *operation) (*Registration, error) { return r.registerManual(ctx, &m, o) })
}

// manually runs an operation that a person asks for.
func (r *Registrar) manually(ctx context.Context, op Operation, do func(*operation) (*Registration, error)) (registration *Registration, err error) {
	o := r.begin(op, actorIn(ctx, ActorContact))
	err = o.run(ctx, func() (err error) { registration, err = do(o); return err })
	r.noteDenied(ctx, o, err)
	return registration, err
}

func (r *Registrar) registerManual(ctx context.Context, m *Manual, o *operation) (*Registration, error) {
	v, err := r.vouched(ctx, m, o)
	if err != nil {
		return nil, err
	}
	if err := m.admits(v); err != nil {
		return nil, err
	}
	if err := r.ask(ctx, v, nil); err != nil {
		return nil, err
	}
	return r.admit(ctx, v, r.reservation(v), o)
}

// UpdateManual replaces the registered members of a client, whose store.Client.ID is id, by
// those of a newer statement, and by what the Manual says. All else stays as it is registered:
// the scope as far as the roles of the new statement allow it, with the default scopes that
// roles have opened since. The checks of the statement, the rules and the effects are those of
// Update, without the token, the certificate and the signature of a request; the refusals are
// those of RegisterManual. A record that is not there, that nobody can see, or that is not
// within the Reach, gives one and the same error, which wraps store.ErrNotFound.
func (r *Registrar) UpdateManual(ctx context.Context, id string, m Manual) (*Registration, error) {
	return r.manually(ctx, OpUpdate, func(o *operation) (*Registration, error) { return r.updateManual(ctx, id, &m, o) })
}

func (r *Registrar) updateManual(ctx context.Context, id string, m *Manual, o *operation) (*Registration, error) {
	s, err := r.within(ctx, id, m.Reach, o)
	if err != nil {
		return nil, err
	}
	v, err := r.vouched(ctx, m, o)
	if err != nil {
		return nil, err
	}
	for again := false; ; again = true {
		if err := r.ask(ctx, v, s); err != nil {
			return nil, err
		}
		registration, err := r.replace(ctx, s, v, nil, o)
		switch {
		case !errors.Is(err, errRaced):
			return registration, err
		case again:
			return nil, Unavailable(err, "another change of the client is under way")
		}
		if s, err = r.within(ctx, id, m.Reach, o); err != nil {
			return nil, err
		}
	}
}

// DeleteManual deletes a client, as Delete does, for a person within whose reach it is. id is
// store.Client.ID. A registration that still waits for approval is withdrawn. The errors are
// those of Delete and, for a record that is not there, that nobody can see or that is not within
// the reach, one that wraps store.ErrNotFound.
func (r *Registrar) DeleteManual(ctx context.Context, id string, reach Reach) error {
	_, err := r.manually(ctx, OpDelete, func(o *operation) (*Registration, error) { return nil, r.deleteManual(ctx, id, reach, o) })
	return err
}

func (r *Registrar) deleteManual(ctx context.Context, id string, reach Reach, o *operation) error {
	for range 2 {
		record, err := r.reachable(ctx, id, reach)
		if err != nil {
			return err
		}
		o.environment, o.about = record.Environment, &record
		if record.State == store.PendingCreate {
			err = r.withdraw(ctx, record, o)
		} else {
			err = r.deleteReached(ctx, record, o)
		}
		if !errors.Is(err, errRaced) {
			return err
		}
	}
	return Unavailable(errRaced, "another change of the client is under way")
}

func (r *Registrar) deleteReached(ctx context.Context, record store.Client, o *operation) error {
	client, visible := record.Visible()
	switch {
	case !visible:
		return unreachable(record.ID)
	case client.State == store.PendingDelete:
		return ErrPending
	}
	change := compare(OpDelete, side{&client, r.storedRoles(client)}, side{})
	change.Actor = o.actor
	return r.askDelete(ctx, change, r.trail(OpDelete, o.actor, &client), o)
}

// withdraw forgets a registration that waits for approval, as its TPP's contact asks.
func (r *Registrar) withdraw(ctx context.Context, record store.Client, o *operation) error {
	t := r.trail(OpCreate, o.actor, &record)
	t.reason = reasonWithdrawn
	err := raced(t.delete(ctx, record.ID, record.Version, DecisionRefused))
	switch {
	case errors.Is(err, errRaced):
		return err
	case err != nil:
		return Unavailable(fmt.Errorf("client %s: %w", record.ID, err), "the registration cannot be withdrawn at the moment")
	}
	change := compare(OpDelete, side{&record, r.storedRoles(record)}, side{})
	change.Actor, change.Reason = o.actor, reasonWithdrawn
	r.logChange(ctx, "a registration was withdrawn", change)
	return nil
}

// unreachable is the error for a record that a person may know nothing of.
func unreachable(id string) error {
	return fmt.Errorf("dcr: client %s: %w", text.Echo(id), store.ErrNotFound)
}

// reachable reads a record that is within the reach, in any state.
func (r *Registrar) reachable(ctx context.Context, id string, reach Reach) (store.Client, error) {
	record, err := r.store.Get(ctx, id)
	switch {
	case errors.Is(err, store.ErrNotFound) || err == nil && !reach.Covers(record.Issuer, record.OrgID):
		return store.Client{}, unreachable(id)
	case err != nil:
		return store.Client{}, Unavailable(err, "clients cannot be read at the moment")
	}
	return record, nil
}

// within returns the version of a client that is in force, if it is within the reach.
func (r *Registrar) within(ctx context.Context, id string, reach Reach, o *operation) (*owned, error) {
	record, err := r.reachable(ctx, id, reach)
	if err != nil {
		return nil, err
	}
	client, visible := record.Visible()
	if !visible {
		return nil, unreachable(id)
	}
	o.environment, o.about = client.Environment, &client
	statement, err := r.reread(client)
	if err != nil {
		return nil, &Error{Status: http.StatusForbidden, Description: "this bank does not trust the directory of the client any more", Err: err}
	}
	return &owned{client: client, statement: statement}, nil
}

// admits returns the refusal of a statement beyond the reach.
func (m *Manual) admits(v *VerifiedRequest) error {
	c := v.statement.Claims()
	issuer, organisation := c.Issuer.Or(""), c.OrgID.Or("")
	if m.Reach.Covers(issuer, organisation) {
		return nil
	}
	name := text.Quote(c.OrgName.Or(""))
	return &Error{Status: http.StatusForbidden, Description: text.ASCII("the statement is of the organisation "+text.Quote(organisation)+", "+name+
		", of the directory "+text.Quote(issuer)+", and you may not act for it", validate.MaxDescription)}
}

// Policy returns the policy in force, in a fresh copy.
func (r *Registrar) Policy() validate.Policy { return r.verifier.Validator.Policy() }
