package dcr

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

// ErrNotPending means that no change of a client waits for approval: nothing was asked
// for, or somebody has decided already.
var ErrNotPending = errors.New("dcr: no change of the client waits for approval")

// day is the unit of the policy's pending_days.
const day = 24 * time.Hour

// waits reports whether the policy leaves an operation to a person.
func (r *Registrar) waits(op Operation) bool {
	return op == OpCreate && slices.Contains(r.policy.PendingChanges, validate.PendingCreate) ||
		op == OpDelete && slices.Contains(r.policy.PendingChanges, validate.PendingDelete)
}

// mayWait reports whether an operation can be left to a person: by the policy, or by
// Hooks.Approve at a bank that wants to be told of it.
func (r *Registrar) mayWait(op Operation) bool {
	return r.waits(op) || r.hooks.Approve != nil && r.hooks.Pending != nil && r.pending != nil
}

// pendingAnswer is the answer to a registration that waits.
func pendingAnswer(c *store.Client) claims.Secret { return claims.NewSecret(pendingBody(c.ID)) }

// pendingBody is the body of a 202.
func pendingBody(clientID string) string {
	return `{"client_id":` + quoted(clientID) + `,"status":"pending"}`
}

// pendDelete makes a client wait for the approval of its deletion. It returns ErrPending
// if that was stored, errRaced if another writer changed the record, and else an *Error.
func (r *Registrar) pendDelete(ctx context.Context, change Change, t *trail) error {
	c := change.Before.Clone()
	c.State, c.Since = store.PendingDelete, r.now()
	err := raced(t.update(ctx, c, DecisionPending, store.Reservation{}))
	switch {
	case errors.Is(err, errRaced):
		return err
	case err != nil:
		return Unavailable(fmt.Errorf("client %s: %w", c.ID, err), "the client cannot be deleted at the moment")
	}
	r.waiting(ctx, change)
	return ErrPending
}

// ListPending returns at most limit records whose registration or deletion waits for
// approval (store.PendingCreate, store.PendingDelete), in the order of their IDs. A walk
// begins with "" and goes on with the last ID that it got. Since tells how long a change
// has waited. The error is an *Error: 503 if the store cannot answer, 500 if it has not
// the methods of store.Pending.
func (r *Registrar) ListPending(ctx context.Context, after string, limit int) ([]store.Client, error) {
	if r.pending == nil {
		return nil, internalError(errNoPending)
	}
	found, err := r.pending.ListPending(ctx, after, limit)
	if err != nil {
		return nil, Unavailable(err, "clients cannot be read at the moment")
	}
	return found, nil
}

// ApprovePending carries out a change that waits for approval. id is store.Client.ID. The
// context names the operator (WithActor), and may say why (WithReason). A registration is
// provisioned and becomes Active: Registration has the client, and the secret if its method
// has one, which the operator hands over to the TPP. The rules do not judge it again. A
// deletion is carried out as by Delete: Registration is nil.
//
// An error that wraps store.ErrNotFound or ErrNotPending says that there is nothing to
// approve, or that somebody else decides at this moment. Any other one is an *Error, and
// the change still waits: 400 if the authorization server refuses, 503 if it or the store
// cannot answer, 500 if the directory of the client's statement is not trusted any more.
// ErrUnfinished says that a deletion is carried out here, and that Reconcile completes it.
func (r *Registrar) ApprovePending(ctx context.Context, id string) (*Registration, error) {
	by := actorIn(ctx, ActorOperator)
	record, err := r.record(ctx, id)
	switch {
	case err != nil:
		return nil, err
	case record.State == store.PendingDelete:
		return nil, r.approveDelete(ctx, record, by)
	case record.State != store.PendingCreate:
		return nil, fmt.Errorf("%w: client %s is %s", ErrNotPending, text.Echo(id), record.State)
	}
	o := r.begin(OpCreate, by)
	o.environment = record.Environment
	var registration *Registration
	err = o.run(ctx, func() (err error) { registration, err = r.approveCreate(ctx, record, by); return err })
	return registration, err
}

func (r *Registrar) approveCreate(ctx context.Context, record store.Client, by Actor) (*Registration, error) {
	statement, err := r.reread(record)
	if err != nil {
		return nil, internalError(fmt.Errorf("client %s: the directory of its statement is not trusted any more: %w", record.ID, err))
	}
	request, err := record.Request()
	if err != nil {
		return nil, internalError(err)
	}
	w := &work{op: opApprove, client: record.Clone(), statement: statement, trail: r.trail(OpCreate, by, &record, statement)}
	w.trail.reason = reasonIn(ctx)
	w.client.IssuedAt, w.client.Since = r.now(), r.now()
	if w.secret, err = r.addSecret(&w.client, request.TokenEndpointAuthMethod.Or("")); err != nil {
		return nil, internalError(err)
	}
	if w.response, err = r.respond(&w.client, statement, w.secret); err != nil {
		return nil, err
	}
	if err := r.fulfil(ctx, w); err != nil {
		return nil, decisionError(record.ID, err)
	}
	change := compare(OpCreate, side{}, side{&w.client, rolesOf(statement)})
	change.Actor, change.Reason = by, w.trail.reason
	r.done(ctx, change)
	return &Registration{Client: w.client, Secret: w.secret, Change: &change, response: w.response}, nil
}

// fulfil makes a PendingCreate record Active.
func (r *Registrar) fulfil(ctx context.Context, w *work) error {
	if r.provisioner == nil {
		return raced(r.show(ctx, w))
	}
	w.client.State = store.Creating
	return r.stage(ctx, w, func(store.Reservation) error {
		before := w.client.Clone()
		err := w.trail.update(ctx, w.client, DecisionApproved, store.Reservation{})
		w.client.Version++
		w.client.Previous = &before
		return raced(err)
	})
}

func (r *Registrar) approveDelete(ctx context.Context, record store.Client, by Actor) error {
	o := r.begin(OpDelete, by)
	o.environment = record.Environment
	change := compare(OpDelete, side{&record, r.storedRoles(record)}, side{})
	t := r.trail(OpDelete, by, &record)
	t.reason = reasonIn(ctx)
	change.Actor, change.Reason = by, t.reason
	finished, err := r.remove(ctx, record, change, t, DecisionApproved)
	if err != nil {
		err = decisionError(record.ID, err)
	} else {
		o.left(finished)
		r.done(ctx, change)
	}
	o.end(ctx, err)
	return o.unfinished(err)
}

// decisionError makes the error of a decision that could not be carried out.
func decisionError(id string, err error) error {
	var e *Error
	switch {
	case errors.As(err, &e):
		return err
	case errors.Is(err, errRaced):
		return fmt.Errorf("%w: client %s was decided on or changed meanwhile", ErrNotPending, text.Echo(id))
	}
	return Unavailable(fmt.Errorf("client %s: %w", id, err), "the decision cannot be stored at the moment")
}

// RefusePending ends a change that waits for approval without carrying it out. A
// registration is forgotten, and its jti stays used. A client that was to be deleted stays
// as it is. id is store.Client.ID; the context names the operator (WithActor). The reason
// goes to the log and to the audit trail, at most 500 characters of it. The TPP is not told. Of the errors of
// ApprovePending RefusePending has store.ErrNotFound, ErrNotPending and the 503.
func (r *Registrar) RefusePending(ctx context.Context, id, reason string) error {
	record, err := r.record(ctx, id)
	if err != nil {
		return err
	}
	if !record.State.IsPending() {
		return fmt.Errorf("%w: client %s is %s", ErrNotPending, text.Echo(id), record.State)
	}
	return r.refusePending(ctx, record, actorIn(ctx, ActorOperator), OutcomeRefused, reason)
}

// refusePending ends a change that waits. outcome is OutcomeRefused or OutcomeExpired.
func (r *Registrar) refusePending(ctx context.Context, record store.Client, by Actor, outcome EventOutcome, reason string) error {
	o := r.begin(OpCreate, by)
	o.environment, o.outcome = record.Environment, outcome
	before := record
	t := r.trail(OpCreate, by, &before)
	t.reason = reason
	decision := DecisionRefused
	if outcome == OutcomeExpired {
		decision = DecisionExpired
	}
	var err error
	if record.State == store.PendingCreate {
		err = t.delete(ctx, record.ID, record.Version, decision)
	} else {
		o.name, t.op = OpDelete, OpDelete
		record.State, record.Since = store.Active, r.now()
		err = t.update(ctx, record, decision, store.Reservation{})
	}
	if err = raced(err); err != nil {
		err = decisionError(record.ID, err)
	} else {
		r.log.InfoContext(ctx, "a change was refused", "operation", o.name, "outcome", outcome, "client_id", clientIDOf(&record),
			"software_id", text.Echo(record.SoftwareID), "reason", reasonText(reason), "actor", by.Kind, "actor_name", auditName(by))
	}
	o.end(ctx, err)
	return err
}

// reasonText is an operator's reason as a log has it.
func reasonText(reason string) string { return text.Clip(text.Visible(reason), text.MaxDescription) }

// pendingBatch is how many waiting changes Reconcile reads at a time.
const pendingBatch = 100

// expirePending refuses the changes that nobody decided on in the policy's time. It
// returns how many it refused, and the first error; the rest is tried all the same.
func (r *Registrar) expirePending(ctx context.Context) (expired int, first error) {
	if r.pending == nil {
		return 0, nil
	}
	oldest := r.clock().Add(-time.Duration(r.policy.PendingDays) * day)
	for after := ""; ; {
		found, err := r.pending.ListPending(ctx, after, pendingBatch)
		if err != nil {
			return expired, fmt.Errorf("dcr: reconcile: %w", err)
		}
		for _, c := range found {
			if after = c.ID; c.Since.After(oldest) {
				continue
			}
			err := r.refusePending(ctx, c, Actor{Kind: ActorBank}, OutcomeExpired, reasonExpired)
			switch {
			case err == nil:
				expired++
			case !errors.Is(err, ErrNotPending) && first == nil:
				first = fmt.Errorf("dcr: reconcile: %w", err)
			}
		}
		if len(found) < pendingBatch {
			return expired, first
		}
	}
}

// storedRoles are the roles of a record's statement; none if its directory is not trusted
// any more.
func (r *Registrar) storedRoles(record store.Client) []claims.Role {
	statement, err := r.reread(record)
	if err != nil {
		return nil
	}
	return rolesOf(statement)
}
