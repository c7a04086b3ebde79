package dcr

import (
	"bytes"
	"context"
	"errors"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/store"
)

// takeBack undoes a create or an update that failed half-way by cause, and reports whether
// it did. If that fails too, Reconcile undoes it later. It has half of the time that the
// change has, and a quarter for a last write: nothing works on a change any more that is
// twice as old as ChangeTimeout.
func (r *Registrar) takeBack(ctx context.Context, w *work, cause error) (undone bool) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.changeTimeout/2)
	defer cancel()
	revert := r.revert
	w.trail.reason = reasonIncomplete
	if errors.As(cause, new(*Refusal)) {
		w.trail.reason = reasonRefused
	}
	switch {
	case w.pending: // nothing was provisioned
		revert = r.undo
	case errors.Is(cause, errForeignID) || errors.Is(cause, store.ErrExists):
		// Another record has the client_id: to remove the client would remove that one's.
		revert = r.undo
		r.logOrphan(&w.client, cause)
	case errors.As(cause, new(unchangedError)):
		revert = r.undo
		if errors.Is(cause, ErrLost) {
			r.logLost(&w.client, cause)
		}
	}
	err := r.guarded(func() error { return revert(ctx, &w.client, w.trail) })
	if err == nil {
		return true
	}
	r.log.Error("a change is left to Reconcile", "operation", w.op, "client_id", clientIDOf(&w.client), "error", text.Bounded{Err: err})
	given := w.client.UpstreamState
	if before := w.client.Previous; before == nil && given != nil || before != nil && !bytes.Equal(before.UpstreamState, given) {
		// Reconcile needs what the authorization server gave, also where the time of ctx went
		// by. If this fails, Reconcile logs that the server may hold the client.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.changeTimeout/4)
		defer cancel()
		if err := raced(w.trail.update(ctx, w.client, DecisionKept, store.Reservation{})); err != nil && !errors.Is(err, errRaced) {
			r.log.Error("what the authorization server gave to manage a client by cannot be stored", "client_id", clientIDOf(&w.client), "error", text.Bounded{Err: err})
		}
	}
	return false
}

// revert undoes a record that is Creating or Updating: in the authorization server
// first, then in the store. In this order Reconcile can still find the change if the
// process dies in between. If another process took the change over, revert sets the
// authorization server to what the store has now. It writes into c what the server gives.
func (r *Registrar) revert(ctx context.Context, c *store.Client, t *trail) error {
	if r.provisioner != nil {
		if err := r.restore(ctx, c, t); err != nil {
			return err
		}
	}
	return r.undo(ctx, c, t)
}

// undo undoes a record that is Creating or Updating in the store, where the authorization
// server has what was before already.
func (r *Registrar) undo(ctx context.Context, c *store.Client, t *trail) error {
	r.reached("undo.reverted")
	err := raced(t.undo(ctx, c.ID, c.Version))
	if errors.Is(err, errRaced) {
		return r.align(ctx, c.ID, t)
	}
	return err
}

// restore sets the authorization server to the version of a record that is in force, or
// removes the client if none is. It stores what the server gave to manage the client by,
// which Undo keeps. A server that refuses what was in force, has lost the client, or gives
// an answer that cannot be taken, is logged: the record goes back all the same, and
// Reprovision tries again.
func (r *Registrar) restore(ctx context.Context, record *store.Client, t *trail) error {
	c, visible := record.Visible()
	if !visible {
		return r.deprovision(ctx, *record)
	}
	c.ClientID, c.OwnSubject, c.UpstreamState = record.ClientID, record.OwnSubject, record.UpstreamState
	err := r.provision(ctx, &c, claims.Secret{}, false)
	var refusal *Refusal
	switch {
	case errors.Is(err, ErrLost):
		r.logLost(&c, err)
		err = nil
	case errors.As(err, &refusal):
		r.log.Error("the authorization server refuses a client as it was: it may have the new content, or none; see its policies, then call Reprovision",
			"id", c.ID, "client_id", clientIDOf(&c), "error", text.Bounded{Err: err})
		err = nil
	case errors.Is(err, errUnfit):
		r.log.Error("the authorization server has a client as it was, and its answer cannot be taken: mend the server, or call Reprovision for another client_id",
			"id", c.ID, "client_id", clientIDOf(&c), "error", text.Bounded{Err: err})
		err = nil
	}
	if bytes.Equal(record.UpstreamState, c.UpstreamState) {
		return err
	}
	record.ClientID, record.OwnSubject = c.ClientID, c.OwnSubject
	record.UpstreamState, record.UpstreamMembers = c.UpstreamState, c.UpstreamMembers
	stored := raced(t.update(ctx, *record, DecisionKept, store.Reservation{}))
	if stored == nil {
		record.Version++
	}
	return errors.Join(err, stored)
}

// logLost says that the authorization server does not have a client any more. While it was
// being made anew, the server may have made it.
func (r *Registrar) logLost(c *store.Client, err error) {
	r.log.Error("the authorization server has lost a client, or does not take changes to it: Reprovision makes it anew; "+
		"if that stopped half-way, the server may hold a second client of the record",
		"id", c.ID, "client_id", clientIDOf(c), "error", text.Bounded{Err: err})
}

// align sets the authorization server to what the store has now.
func (r *Registrar) align(ctx context.Context, id string, t *trail) error {
	if r.provisioner == nil {
		return nil
	}
	record, err := r.store.Get(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		record, err = store.Client{ID: id, State: store.Deleting}, nil
	}
	if err != nil {
		return err
	}
	found, again := record, *t
	again.stored, again.ends = &found, nil
	return r.restore(ctx, &record, &again)
}
