package dcr

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

// ChangeTimeout is the default of Config.ChangeTimeout.
const ChangeTimeout = 30 * time.Second

// The bounds of Config.ChangeTimeout.
const (
	minChangeTimeout = time.Second
	maxChangeTimeout = 10 * time.Minute
)

// ChangeTimeout bounds the work outside the store for one change, such as the calls of a
// Provisioner. Half of that again is for taking back a change that fails. No process works
// any more on a change that is twice as old: give Reconcile, and a server's WriteTimeout,
// that time.
func (r *Registrar) ChangeTimeout() time.Duration { return r.changeTimeout }

// replayLease is how long Config.Replay holds a jti for a change. It is longer than the
// change can take, so that the lease cannot expire under it.
func (r *Registrar) replayLease() time.Duration { return 2 * r.changeTimeout }

// errRaced means that another writer changed the record after the request was judged:
// it must be judged again.
var errRaced = errors.New("dcr: the record was changed meanwhile")

// opApprove is the work of ApprovePending. In a Change and an Event it is OpCreate.
const opApprove Operation = "approve"

// work is a change while it is made.
type work struct {
	op          Operation
	client      store.Client // the record to write; at the end the one that was written
	secret      claims.Secret
	reservation store.Reservation
	// statement is what the answer repeats; nil where nobody is answered.
	statement *ssa.Verified
	response  claims.Secret // the answer; made anew if the authorization server changed what it says
	pending   bool          // the change ends PendingCreate: nothing is provisioned
	recreate  bool          // the authorization server may make the client anew
	trail     *trail        // makes the writes
}

// staged reports whether a create or an update takes more steps than the one write to
// the store.
func (r *Registrar) staged() bool { return r.provisioner != nil || r.replay != nil }

// create stores a new client. An error is an *Error or the store's. Then nothing is
// stored, or a record in state Creating, which no client can see and which Reconcile
// undoes.
func (r *Registrar) create(ctx context.Context, w *work) error {
	w.client.Since = r.now() // an approval before may have taken its time
	first := DecisionBegun
	write := func(reservation store.Reservation) error {
		err := w.trail.create(ctx, w.client, first, reservation)
		w.client.Version = 1
		return err
	}
	switch {
	case r.replay == nil && w.pending:
		w.client.State, first = store.PendingCreate, DecisionPending
		return write(w.reservation)
	case !r.staged():
		w.client.ClientID, first = w.client.ID, DecisionDone
		return write(w.reservation)
	}
	w.client.State = store.Creating
	return r.stage(ctx, w, write)
}

// change stores the new version of a client. Its errors are those of create, and errRaced.
func (r *Registrar) change(ctx context.Context, w *work, before store.Client) error {
	w.client.Since = r.now()
	first := DecisionBegun
	write := func(reservation store.Reservation) error {
		err := w.trail.update(ctx, w.client, first, reservation)
		w.client.Version++
		return raced(err)
	}
	if !r.staged() {
		first = DecisionDone
		return write(w.reservation)
	}
	w.client.State, w.client.Previous = store.Updating, &before
	return r.stage(ctx, w, write)
}

// raced maps ErrConflict, ErrState and ErrNotFound of a store to errRaced.
func raced(err error) error {
	for _, sign := range []error{store.ErrConflict, store.ErrState, store.ErrNotFound} {
		if errors.Is(err, sign) {
			return errRaced
		}
	}
	return err
}

// stage makes a change in three steps: it writes a record that no client can see yet, it
// calls Provisioner and Replay, and it makes the record Active. After the first write the
// change always ends either Active or undone, even if the sender hangs up.
func (r *Registrar) stage(ctx context.Context, w *work, write func(store.Reservation) error) error {
	if r.provisioner != nil && !w.pending {
		// What does not open now would fail after the first write.
		_, errSecret := r.readableSecret(w.client)
		_, errState := r.openState(w.client)
		if err := errors.Join(errSecret, errState); err != nil {
			return Unavailable(fmt.Errorf("client %s: %w", w.client.ID, err), notSetUp)
		}
	}
	held, reservation := w.reservation, w.reservation
	if r.replay != nil {
		if err := r.replay.Reserve(ctx, held, r.replayLease()); err != nil {
			return err
		}
		reservation = store.Reservation{}
	}
	if err := write(reservation); err != nil {
		r.release(ctx, held)
		return err
	}
	r.reached(string(w.op) + ".begun")
	work, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.changeTimeout)
	defer cancel()
	answer := notSetUp
	err := r.guarded(func() error { return r.prepare(work, w, held) })
	if err == nil {
		if r.replay != nil && !held.IsZero() { // a confirmed jti cannot be released again
			answer += usedUp(held)
		}
		err = r.guarded(func() error { return r.show(work, w) })
	}
	if err == nil {
		return nil
	}
	undone := r.takeBack(ctx, w, err)
	if undone { // else Reconcile undoes it, and the same request has to wait for that
		r.release(ctx, held)
	}
	var refusal *Refusal
	switch {
	case !undone:
		return Unavailable(fmt.Errorf("client %s is left to Reconcile: %w", w.client.ID, err), answer)
	case errors.As(err, &refusal):
		return refusal.answer(validate.InvalidClientMetadata, fmt.Errorf("client %s was taken back: %w", w.client.ID, err))
	}
	return Unavailable(fmt.Errorf("client %s was taken back: %w", w.client.ID, err), answer)
}

// notSetUp is the description for the sender of a change that was undone.
const notSetUp = "the client cannot be set up at the moment"

// prepare calls Provisioner and Replay, before the record can become Active.
func (r *Registrar) prepare(ctx context.Context, w *work, held store.Reservation) error {
	if r.provisioner != nil && !w.pending {
		if err := r.provision(ctx, &w.client, w.secret, w.recreate); err != nil {
			return err
		}
		r.reached(string(w.op) + ".provisioned")
		if w.statement != nil {
			var err error
			if w.response, err = r.respond(&w.client, w.statement, w.secret); err != nil {
				return err
			}
		}
	}
	if r.replay != nil {
		if err := r.replay.Confirm(ctx, held); err != nil {
			return err
		}
		r.reached(string(w.op) + ".confirmed")
	}
	return nil
}

// show ends the change: it makes the record Active, or lets it wait for approval.
func (r *Registrar) show(ctx context.Context, w *work) error {
	end, last := w.client, DecisionDone
	if w.op == opApprove && r.provisioner == nil {
		last = DecisionApproved // it is the only write
	}
	end.State, end.Since, end.Previous = store.Active, r.now(), nil
	switch before := w.client.Previous; {
	case w.pending:
		end.State, last = store.PendingCreate, DecisionPending
	case before != nil && before.State == store.PendingDelete: // Reprovision decides nothing
		end.State, end.Since = before.State, before.Since
	case end.ClientID == "":
		end.ClientID = end.ID
	}
	if err := w.trail.update(ctx, end, last, store.Reservation{}); err != nil {
		return err
	}
	end.Version++
	w.client = end
	return nil
}

// release ends the lease on a jti whose change did not happen. If that fails, the lease
// expires. A confirmed jti stays used.
func (r *Registrar) release(ctx context.Context, held store.Reservation) {
	if r.replay == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), revokeTimeout)
	defer cancel()
	if err := r.replay.Release(ctx, held); err != nil {
		r.log.Error("the lease on a jti cannot be released", "error", text.Bounded{Err: err})
	}
}
