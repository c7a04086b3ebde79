package dcr

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

// ChangeTimeout bounds the work outside the store for one change, such as the calls of a
// Provisioner. No process works any more on a change that is older than that. Give
// Reconcile a longer time.
const ChangeTimeout = 30 * time.Second

// replayLease is how long Config.Replay holds a jti for a change. It is longer than the
// change can take, so that the lease cannot expire under it.
const replayLease = 2 * ChangeTimeout

// errLost means that another writer changed the record after the request was judged:
// it must be judged again.
var errLost = errors.New("dcr: the record was changed meanwhile")

// Hooks are a bank's own steps around each change.
type Hooks struct {
	// Approve decides on a change before anything is stored. All other checks have
	// passed by then, but the one of the jti. It is called once more if another writer
	// changed the record meanwhile. A *Refusal refuses the change: with 400
	// unapproved_software_statement at create and update, with 403 at delete. Any other
	// error, and a panic, is an outage: 503. Nil approves everything. The records in
	// change are copies.
	Approve func(ctx context.Context, change Change) error
	// Done is called after a change, at most once: it is not called if the process dies
	// in between. It cannot undo the change. Its context goes on when the sender hangs
	// up, and ends after ChangeTimeout. Nil does nothing.
	Done func(ctx context.Context, change Change)
}

// Refusal is the error by which Approve refuses a change.
type Refusal struct {
	Reason string // for the TPP: at most 500 characters are sent, with question marks for all but ASCII
}

// Error returns the reason.
func (r *Refusal) Error() string { return "dcr: refused: " + r.reason() }

// reason returns the Reason, or a default if there is none. r may be nil.
func (r *Refusal) reason() string {
	if r == nil || r.Reason == "" {
		return "the bank does not approve"
	}
	return r.Reason
}

// approve calls Hooks.Approve and turns its error into the refusal.
func (r *Registrar) approve(ctx context.Context, change Change) error {
	var err error
	if r.hooks.Approve != nil {
		err = guarded(func() error { return r.hooks.Approve(ctx, change.copied()) })
	}
	var refusal *Refusal
	switch {
	case err == nil:
		r.reached(string(change.Operation) + ".approved")
		return nil
	case !errors.As(err, &refusal):
		return Unavailable(err, "the bank's approval cannot be had at the moment")
	case change.Operation == OpDelete:
		return &Error{Status: http.StatusForbidden, Description: text.ASCII(refusal.reason(), text.MaxDescription), Err: err}
	}
	return &Error{Status: http.StatusBadRequest, Code: validate.UnapprovedSoftwareStatement, Err: err,
		Description: text.ASCII(refusal.reason(), text.MaxDescription)}
}

// done follows each change: it logs whose client was changed, and calls Hooks.Done.
func (r *Registrar) done(ctx context.Context, change Change) {
	r.reached(string(change.Operation) + ".ended")
	if r.log.Enabled(ctx, slog.LevelInfo) {
		c := change.After
		if c == nil {
			c = change.Before
		}
		r.log.LogAttrs(ctx, slog.LevelInfo, "client changed", slog.String("operation", string(change.Operation)), slog.String("client_id", c.ID),
			slog.String("software_id", text.Echo(c.SoftwareID)), slog.String("environment", string(c.Environment)))
	}
	if r.hooks.Done == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), ChangeTimeout)
	defer cancel()
	if err := guarded(func() error { r.hooks.Done(ctx, change.copied()); return nil }); err != nil {
		r.log.Error("the bank's hook failed", "operation", change.Operation, "error", err)
	}
}

// staged reports whether a create or an update takes more steps than the one write to
// the store.
func (r *Registrar) staged() bool { return r.provisioner != nil || r.replay != nil }

// create stores a new client and returns its record. An error is an *Error or the
// store's. Then nothing is stored, or a record in state Creating, which no client can see
// and which Reconcile undoes.
func (r *Registrar) create(ctx context.Context, c store.Client, secret claims.Secret, reservation store.Reservation) (store.Client, error) {
	if !r.staged() {
		err := r.store.Create(ctx, c, store.Change{Reservation: reservation})
		c.Version = 1
		return c, err
	}
	c.State = store.Creating
	return r.stage(ctx, c, secret, reservation, func(reservation store.Reservation) (store.Client, error) {
		err := r.store.Create(ctx, c, store.Change{Reservation: reservation})
		c.Version = 1
		return c, err
	})
}

// change stores the new version of a client and returns its record. Its errors are those
// of create, and errLost.
func (r *Registrar) change(ctx context.Context, c, before store.Client, secret claims.Secret, reservation store.Reservation) (store.Client, error) {
	write := func(reservation store.Reservation) (store.Client, error) {
		err := r.store.Update(ctx, c, store.Change{Reservation: reservation})
		c.Version++
		return c, lost(err)
	}
	if !r.staged() {
		return write(reservation)
	}
	c.State, c.Previous = store.Updating, &before
	return r.stage(ctx, c, secret, reservation, write)
}

// lost maps ErrConflict, ErrState and ErrNotFound of a store to errLost.
func lost(err error) error {
	for _, sign := range []error{store.ErrConflict, store.ErrState, store.ErrNotFound} {
		if errors.Is(err, sign) {
			return errLost
		}
	}
	return err
}

// stage makes a change in three steps: it writes a record that no client can see yet, it
// calls Provisioner and Replay, and it makes the record Active. After the first write the
// change always ends either Active or undone, even if the sender hangs up.
func (r *Registrar) stage(ctx context.Context, c store.Client, secret claims.Secret, reservation store.Reservation,
	write func(store.Reservation) (store.Client, error),
) (store.Client, error) {
	op := OpCreate
	if c.State == store.Updating {
		op = OpUpdate
	}
	if secret.IsZero() && r.provisioner != nil {
		var err error
		if secret, err = r.readableSecret(c); err != nil {
			return store.Client{}, Unavailable(fmt.Errorf("client %s: %w", c.ID, err), notSetUp)
		}
	}
	held := reservation
	if r.replay != nil {
		if err := r.replay.Reserve(ctx, held, replayLease); err != nil {
			return store.Client{}, err
		}
		reservation = store.Reservation{}
	}
	c, err := write(reservation)
	if err != nil {
		r.release(ctx, held)
		return store.Client{}, err
	}
	r.reached(string(op) + ".begun")
	work, cancel := context.WithTimeout(context.WithoutCancel(ctx), ChangeTimeout)
	defer cancel()
	answer := notSetUp
	err = guarded(func() error { return r.prepare(work, op, c, secret, held) })
	if err == nil {
		if r.replay != nil { // a confirmed jti cannot be released again
			answer += "; sign a new request, the jti of this one is used"
		}
		err = guarded(func() error { return r.show(work, &c) })
	}
	if err != nil {
		r.takeBack(ctx, op, c)
		r.release(ctx, held)
		return store.Client{}, Unavailable(fmt.Errorf("client %s was taken back: %w", c.ID, err), answer)
	}
	return c, nil
}

// notSetUp is the description for the sender of a change that was undone.
const notSetUp = "the client cannot be set up at the moment"

// prepare calls Provisioner and Replay, before the record can become Active.
func (r *Registrar) prepare(ctx context.Context, op Operation, c store.Client, secret claims.Secret, held store.Reservation) error {
	if r.provisioner != nil {
		if _, err := r.provisioner.Provision(ctx, Provisioning{Client: c.Clone(), Secret: secret}); err != nil {
			return err
		}
		r.reached(string(op) + ".provisioned")
	}
	if r.replay != nil {
		if err := r.replay.Confirm(ctx, held); err != nil {
			return err
		}
		r.reached(string(op) + ".confirmed")
	}
	return nil
}

// show makes a record Active.
func (r *Registrar) show(ctx context.Context, c *store.Client) error {
	active := *c
	active.State, active.Since, active.Previous = store.Active, r.now(), nil
	if err := r.store.Update(ctx, active, store.Change{}); err != nil {
		return err
	}
	active.Version++
	*c = active
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
		r.log.Error("the lease on a jti cannot be released", "error", err)
	}
}

// remove deletes a client. finished is false if something is left for Reconcile, or if
// tokens could not be revoked. On an error nothing was deleted; errLost: another writer
// changed the record meanwhile.
func (r *Registrar) remove(ctx context.Context, c store.Client) (finished bool, err error) {
	if r.unfinished == nil {
		if err := r.store.Delete(ctx, c.ID, c.Version, store.Change{}); err != nil {
			return false, lost(err)
		}
		work, cancel := context.WithTimeout(context.WithoutCancel(ctx), ChangeTimeout)
		defer cancel()
		err := r.tokens.RevokeClient(work, c.ID)
		if err != nil {
			r.log.Error("tokens of a deleted client are left to end", "client_id", c.ID, "error", err)
		}
		return err == nil, nil
	}
	c.State, c.Since = store.Deleting, r.now()
	if err := r.store.Update(ctx, c, store.Change{}); err != nil {
		return false, lost(err)
	}
	c.Version++
	r.reached("delete.begun")
	work, cancel := context.WithTimeout(context.WithoutCancel(ctx), ChangeTimeout)
	defer cancel()
	if err := guarded(func() error { return r.erase(work, c) }); err != nil {
		r.log.Error("a deletion is left to Reconcile", "client_id", c.ID, "error", err)
		return false, nil
	}
	return true, nil
}

// erase completes the deletion of a client whose record is Deleting: it revokes the
// tokens, removes the client from the authorization server and deletes the record.
func (r *Registrar) erase(ctx context.Context, c store.Client) error {
	if r.tokens != nil {
		if err := r.tokens.RevokeClient(ctx, c.ID); err != nil {
			return err
		}
		r.reached("delete.revoked")
	}
	if r.provisioner != nil {
		if err := r.provisioner.Deprovision(ctx, Deprovisioning{ClientID: c.ID}); err != nil {
			return err
		}
		r.reached("delete.deprovisioned")
	}
	if err := lost(r.store.Delete(ctx, c.ID, c.Version, store.Change{})); err != nil && !errors.Is(err, errLost) {
		return err
	}
	return nil // errLost too: another process has taken the deletion over
}
