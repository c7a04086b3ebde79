package dcr

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/store"
)

// Remove deletes a client for the bank's own reasons, such as a TPP that lost its
// authorisation. id is store.Client.ID. The context names the operator (WithActor). Remove
// asks neither for a token nor Hooks.Approve. It does to the client what Delete does, and
// forgets a registration that waits for approval. The reason goes to the log and to
// Hooks.Done.
//
// Remove completes a deletion that was left to Reconcile, or tries to: Hooks.Done was told
// of it before, and is not told again. At most 500 characters of the reason are logged.
//
// A nil error means what it means for Delete. An error that wraps store.ErrNotFound says
// that there is no such record. Any other one is an *Error: 503 if another change is under
// way or the store cannot answer.
func (r *Registrar) Remove(ctx context.Context, id, reason string) error {
	o := r.begin(OpDelete, actorIn(ctx, ActorOperator))
	err := r.removeRecord(ctx, id, reason, o)
	o.end(ctx, err)
	return err
}

func (r *Registrar) removeRecord(ctx context.Context, id, reason string, o *operation) error {
	for range 2 {
		record, err := r.record(ctx, id)
		if err != nil {
			return err
		}
		o.environment = record.Environment
		if record.State == store.Creating || record.State == store.Updating {
			return Unavailable(errLost, "the client is being changed at the moment")
		}
		change := compare(OpDelete, side{&record, r.storedRoles(record)}, side{})
		change.Actor, change.Reason = o.actor, reason
		finished := true
		if record.State == store.PendingCreate {
			err = lost(r.store.Delete(ctx, record.ID, record.Version, store.Change{}))
		} else { // the deletion of a record that is Deleting already is completed
			finished, err = r.remove(ctx, record)
		}
		switch {
		case errors.Is(err, errLost):
			continue
		case err != nil:
			return Unavailable(fmt.Errorf("client %s: %w", id, err), "the client cannot be deleted at the moment")
		}
		o.left(finished)
		r.log.LogAttrs(ctx, slog.LevelInfo, "client removed", slog.String("client_id", clientIDOf(&record)), slog.String("reason", reasonText(reason)),
			slog.String("actor", string(o.actor.Kind)), slog.String("actor_name", text.Echo(o.actor.Name)))
		if record.State != store.Deleting {
			r.done(ctx, change)
		}
		return nil
	}
	return Unavailable(errLost, "the client is being changed by another request at the moment")
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

// remove deletes a client. finished is false if something is left for Reconcile, or if
// tokens could not be revoked. On an error nothing was deleted; errLost: another writer
// changed the record meanwhile.
func (r *Registrar) remove(ctx context.Context, c store.Client) (finished bool, err error) {
	if r.unfinished == nil {
		if err := r.store.Delete(ctx, c.ID, c.Version, store.Change{}); err != nil {
			return false, lost(err)
		}
		work, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.changeTimeout)
		defer cancel()
		if err := guarded(func() error { return r.revokeTokens(work, c) }); err != nil {
			r.log.Error("tokens of a deleted client are left to end", "client_id", clientIDOf(&c), "error", err)
			return false, nil
		}
		return true, nil
	}
	c.State, c.Since = store.Deleting, r.now()
	if err := r.store.Update(ctx, c, store.Change{}); err != nil {
		return false, lost(err)
	}
	c.Version++
	r.reached("delete.begun")
	work, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.changeTimeout)
	defer cancel()
	if err := guarded(func() error { return r.erase(work, c) }); err != nil {
		r.log.Error("a deletion is left to Reconcile", "client_id", clientIDOf(&c), "error", err)
		return false, nil
	}
	return true, nil
}

// erase completes the deletion of a client whose record is Deleting: it revokes the
// tokens, removes the client from the authorization server and deletes the record.
func (r *Registrar) erase(ctx context.Context, c store.Client) error {
	if r.tokens != nil {
		if err := r.revokeTokens(ctx, c); err != nil {
			return err
		}
		r.reached("delete.revoked")
	}
	if r.provisioner != nil {
		if err := r.deprovision(ctx, c); err != nil {
			return err
		}
		r.reached("delete.deprovisioned")
	}
	if err := lost(r.store.Delete(ctx, c.ID, c.Version, store.Change{})); err != nil && !errors.Is(err, errLost) {
		return err
	}
	return nil // errLost too: another process has taken the deletion over
}

// revokeTokens ends the tokens of a client that had a client_id.
func (r *Registrar) revokeTokens(ctx context.Context, c store.Client) error {
	if r.tokens == nil || c.ClientID == "" {
		return nil
	}
	return r.tokens.RevokeClient(ctx, c.ClientID)
}
