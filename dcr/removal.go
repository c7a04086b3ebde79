package dcr

import (
	"context"
	"errors"
	"fmt"

	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/store"
)

// ErrUnfinished means that a client is deleted here, and that the authorization server could
// not be told yet: it may still issue tokens to the client. Reconcile tells it.
var ErrUnfinished = errors.New("dcr: the client is deleted, and the authorization server is yet to be told")

// Remove deletes a client for the bank's own reasons, such as a TPP that lost its
// authorisation. id is store.Client.ID. The context names the operator (WithActor). Remove
// asks neither for a token nor Hooks.Approve. It does to the client what Delete does, and
// forgets a registration that waits for approval. It also ends a change that is under way for
// more than twice Config.ChangeTimeout, which Reconcile could not end. The reason goes to the
// log and to the audit trail, before anything is asked of the authorization server, and to
// Hooks.Done.
//
// Remove completes a deletion that was left to Reconcile, or tries to: Hooks.Done was told
// of it before, and is not told again. At most 500 characters of the reason are kept.
//
// After a nil error the client is gone everywhere. ErrUnfinished: it is gone here. An error
// that wraps store.ErrNotFound says that there is no such record. Any other one is an
// *Error: 503 if another change is under way or the store cannot answer.
func (r *Registrar) Remove(ctx context.Context, id, reason string) error {
	o := r.begin(OpDelete, actorIn(ctx, ActorOperator))
	err := o.run(ctx, func() error { return r.removeRecord(ctx, id, reason, o) })
	return o.unfinished(err)
}

func (r *Registrar) removeRecord(ctx context.Context, id, reason string, o *operation) error {
	for range 2 {
		record, err := r.record(ctx, id)
		if err != nil {
			return err
		}
		o.environment = record.Environment
		if (record.State == store.Creating || record.State == store.Updating) && r.clock().Sub(record.Since) <= 2*r.changeTimeout {
			return Unavailable(errRaced, "a change of the client is under way")
		}
		inForce, visible := record.Visible()
		if !visible {
			inForce = record
		}
		change := compare(OpDelete, side{&inForce, r.storedRoles(inForce)}, side{})
		change.Actor, change.Reason = o.actor, reason
		t := r.trail(OpDelete, o.actor, &record)
		t.reason = reason
		finished := true
		if record.State == store.PendingCreate {
			err = raced(t.delete(ctx, record.ID, record.Version, DecisionDone))
		} else { // the deletion of a record that is Deleting already is completed
			finished, err = r.remove(ctx, record, change, t, DecisionBegun)
		}
		switch {
		case errors.Is(err, errRaced):
			continue
		case err != nil:
			return Unavailable(fmt.Errorf("client %s: %w", id, err), "the client cannot be deleted at the moment")
		}
		o.left(finished)
		if record.State != store.Deleting {
			r.done(ctx, change)
		}
		return nil
	}
	return Unavailable(errRaced, "another change of the client is under way")
}

// Forget deletes the record of a client whose deletion cannot be completed: the
// authorization server is gone for good, or refuses to remove it. The record has to be
// Deleting; Remove comes first. What that server may still hold is logged as an error with
// the reason, for somebody to remove there. id is store.Client.ID; the context names the
// operator (WithActor). An error wraps store.ErrNotFound, or is an *Error: 503.
func (r *Registrar) Forget(ctx context.Context, id, reason string) error {
	by := actorIn(ctx, ActorOperator)
	record, err := r.record(ctx, id)
	if err != nil {
		return err
	}
	if record.State != store.Deleting {
		return Unavailable(errRaced, "the client is not being deleted: remove it first")
	}
	t := r.trail(OpDelete, by, &record)
	t.reason = reason
	if err := t.delete(ctx, id, record.Version, DecisionForgotten); err != nil {
		return Unavailable(fmt.Errorf("client %s: %w", id, err), "the client cannot be deleted at the moment")
	}
	r.logOrphan(&record, fmt.Errorf("the record was forgotten by %s: %s", text.Quote(by.Name), reasonText(reason)))
	r.observe(Event{Operation: OpDelete, Outcome: OutcomeDone, Environment: record.Environment, Actor: by.Kind})
	return nil
}

// record reads a record by its ID, in any state.
func (r *Registrar) record(ctx context.Context, id string) (store.Client, error) {
	record, err := r.store.Get(ctx, id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return store.Client{}, fmt.Errorf("dcr: client %s: %w", text.Echo(id), err)
	case err != nil:
		return store.Client{}, Unavailable(err, "clients cannot be read at the moment")
	}
	return record, nil
}

// remove deletes a client. first is the decision of the first of several writes. finished is false if something is left for Reconcile, or if
// tokens could not be revoked. On an error nothing was deleted; errRaced: another writer
// changed the record meanwhile.
func (r *Registrar) remove(ctx context.Context, c store.Client, change Change, t *trail, first AuditDecision) (finished bool, err error) {
	if r.unfinished == nil {
		if err := t.delete(ctx, c.ID, c.Version, DecisionDone); err != nil {
			return false, raced(err)
		}
		work, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.changeTimeout)
		defer cancel()
		if err := r.guarded(func() error { return r.revokeTokens(work, c) }); err != nil {
			r.log.Error("tokens of a deleted client are left to end", "client_id", clientIDOf(&c), "error", text.Bounded{Err: err})
			return false, nil
		}
		return true, nil
	}
	c.State, c.Since = store.Deleting, r.now()
	if err := t.update(ctx, c, first, store.Reservation{}); err != nil {
		return false, raced(err)
	}
	c.Version++
	r.logChange(ctx, "a deletion has begun", change)
	r.reached("delete.begun")
	work, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.changeTimeout)
	defer cancel()
	if err := r.guarded(func() error { return r.erase(work, &c, t) }); err != nil {
		r.log.Error("a deletion is left to Reconcile", "client_id", clientIDOf(&c), "error", text.Bounded{Err: err})
		return false, nil
	}
	return true, nil
}

// erase completes the deletion of a client whose record is Deleting: it revokes the
// tokens, removes the client from the authorization server and deletes the record.
func (r *Registrar) erase(ctx context.Context, c *store.Client, t *trail) error {
	if r.tokens != nil {
		if err := r.revokeTokens(ctx, *c); err != nil {
			return err
		}
		r.reached("delete.revoked")
	}
	if r.provisioner != nil {
		if err := r.deprovision(ctx, *c); err != nil {
			return err
		}
		r.reached("delete.deprovisioned")
	}
	if err := raced(t.delete(ctx, c.ID, c.Version, DecisionDone)); err != nil && !errors.Is(err, errRaced) {
		return err
	}
	return nil // errRaced too: another process has taken the deletion over
}

// revokeTokens ends the tokens of a client that had a client_id.
func (r *Registrar) revokeTokens(ctx context.Context, c store.Client) error {
	if r.tokens == nil || c.ClientID == "" {
		return nil
	}
	return r.tokens.RevokeClient(ctx, c.ClientID)
}
