package dcr

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

// Hooks are a bank's own steps around each change.
type Hooks struct {
	// Approve decides on a change before anything is stored. All other checks have
	// passed by then, but the one of the jti. It is called once more if another writer
	// changed the record meanwhile. A *Refusal refuses the change: with 400
	// unapproved_software_statement at create and update, with 403 at delete. ErrPending
	// leaves a create or a delete to a person, as the policy's pending_changes does; an
	// update cannot wait (500). Any other error, and a panic, is an outage: 503. Nil
	// approves everything. The records in change are copies. ApprovePending,
	// RefusePending, Remove and Reprovision do not call it: a person decided already.
	Approve func(ctx context.Context, change Change) error
	// Pending is called after a change began to wait for a person's decision, at most
	// once. Its context is that of Done. A bank whose Approve returns ErrPending sets it:
	// the OpenAPI document of the Handler then has the status 202. Nil does nothing.
	Pending func(ctx context.Context, change Change)
	// Done is called after a change, at most once: it is not called if the process dies
	// in between. It cannot undo the change. Its context goes on when the sender hangs
	// up, and ends after Config.ChangeTimeout. Nil does nothing.
	Done func(ctx context.Context, change Change)
}

// ErrPending is the error by which Hooks.Approve leaves a change to a person, who calls
// ApprovePending or RefusePending. It is also the error of Registrar.Delete where the
// deletion waits for that. The Store needs the methods of store.Unfinished and
// store.Pending.
var ErrPending = errors.New("dcr: the change waits for the bank's approval")

// Refusal is the error by which Hooks.Approve and Provisioner.Provision refuse a change
// for good.
type Refusal struct {
	Reason string // for the TPP: at most 500 characters are sent, with question marks for all but ASCII
	// Code is the error code of a 400. "" is unapproved_software_statement from Approve, and
	// invalid_client_metadata from Provision.
	Code validate.Code
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

// answer makes the 400 of a refusal. code is for one that has none. r may be nil.
func (r *Refusal) answer(code validate.Code, err error) *Error {
	if r != nil && r.Code != "" {
		code = r.Code
	}
	return &Error{Status: http.StatusBadRequest, Code: code, Description: text.ASCII(r.reason(), text.MaxDescription), Err: err}
}

// approve calls Hooks.Approve and turns its error into the refusal. pending means that a
// person decides.
func (r *Registrar) approve(ctx context.Context, change Change) (pending bool, err error) {
	if r.hooks.Approve != nil {
		err = r.guarded(func() error { return r.hooks.Approve(ctx, change.copied()) })
	}
	pending = r.waits(change.Operation)
	if errors.Is(err, ErrPending) {
		if change.Operation == OpUpdate {
			return false, internalError(fmt.Errorf("Hooks.Approve: an update cannot wait: %w", err))
		}
		pending, err = true, nil
	}
	var refusal *Refusal
	switch {
	case err == nil && pending && r.pending == nil:
		return false, internalError(errNoPending)
	case err == nil:
		r.reached(string(change.Operation) + ".approved")
		return pending, nil
	case !errors.As(err, &refusal):
		return false, Unavailable(err, "the bank's approval cannot be had at the moment")
	case change.Operation == OpDelete:
		return false, &Error{Status: http.StatusForbidden, Description: text.ASCII(refusal.reason(), text.MaxDescription), Err: err}
	}
	return false, refusal.answer(validate.UnapprovedSoftwareStatement, err)
}

// done follows each change: it logs whose client was changed, and calls Hooks.Done.
func (r *Registrar) done(ctx context.Context, change Change) {
	r.reached(string(change.Operation) + ".ended")
	r.tell(ctx, "client changed", change, r.hooks.Done)
}

// waiting follows a change that began to wait for approval: it logs whose change it is,
// and calls Hooks.Pending.
func (r *Registrar) waiting(ctx context.Context, change Change) {
	r.reached(string(change.Operation) + ".pending")
	r.tell(ctx, "a change waits for approval", change, r.hooks.Pending)
}

// tell logs a change and calls a hook that cannot fail.
func (r *Registrar) tell(ctx context.Context, message string, change Change, hook func(context.Context, Change)) {
	r.logChange(ctx, message, change)
	if hook == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.changeTimeout)
	defer cancel()
	if err := r.guarded(func() error { hook(ctx, change.copied()); return nil }); err != nil {
		r.log.Error("the bank's hook failed", "operation", change.Operation, "error", err)
	}
}

// logChange logs whose client a change concerns, who asks for it, and why.
func (r *Registrar) logChange(ctx context.Context, message string, change Change) {
	if !r.log.Enabled(ctx, slog.LevelInfo) {
		return
	}
	c := change.After
	if c == nil {
		c = change.Before
	}
	attrs := []slog.Attr{slog.String("operation", string(change.Operation)), slog.String("client_id", clientIDOf(c)),
		slog.String("software_id", text.Echo(c.SoftwareID)), slog.String("environment", string(c.Environment)),
		slog.String("actor", string(change.Actor.Kind)), slog.String("actor_name", auditName(change.Actor))}
	if change.Reason != "" {
		attrs = append(attrs, slog.String("reason", reasonText(change.Reason)))
	}
	r.log.LogAttrs(ctx, slog.LevelInfo, message, attrs...)
}

// clientIDOf returns the client_id of a record, or the ID where it has none yet.
func clientIDOf(c *store.Client) string {
	if c.ClientID != "" {
		return c.ClientID
	}
	return c.ID
}
