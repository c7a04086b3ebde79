package dcr

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/store"
)

// ReprovisionOptions say which clients Reprovision repairs, and how fast.
type ReprovisionOptions struct {
	After string        // the ID after which it begins, such as ReprovisionReport.Next; "" for the first
	Limit int           // at most so many records; 0 for all
	Pause time.Duration // after each call of the Provisioner
}

// ReprovisionReport counts what Reprovision did.
type ReprovisionReport struct {
	Done    int // clients that the authorization server has now as the store has them
	Skipped int // records of clients that are not in force, or whose change is under way: call again later
	Failed  int // clients that the authorization server refused, or whose state does not open; the log has each
	// Moved are the clients that the authorization server made anew with another client_id.
	// Their TPPs have to be told.
	Moved []MovedClient
	// Next is the After with which a later call goes on, and Complete whether there is
	// nothing more to do.
	Next     string
	Complete bool
}

// MovedClient is a client whose client_id the authorization server changed.
type MovedClient struct {
	ID     string // of the record
	Before string // client_id
	After  string
}

// errNoProvisioner means that there is no authorization server to repair.
var errNoProvisioner = errors.New("dcr: reprovision: the registrar has no Provisioner, or the store has not the methods of store.Unfinished and store.Lister")

// reprovisionTries is how often Reprovision tries a client that others change at the same
// time.
const reprovisionTries = 3

// Reprovision gives the authorization server every client in force again: after a client was
// changed or removed there by hand, or after the server was restored from a backup. For
// each client it makes the change that an update makes, with the content that the client
// has, so that it cannot cross another change: the client stays in force, and requests to
// change it are answered with 503 meanwhile. The context names the operator (WithActor).
// Hooks.Done is told of a client whose client_id changed, and of no other.
//
// It walks over the records in the order of their IDs, from After on. It stops at an
// outage: at an error of the Provisioner that is neither a *Refusal nor ErrLost, at one of
// the store, and at the end of the context. The report then has Next to go on with, and the
// error wraps the cause. The client at which it stopped is done again by the next call;
// Reconcile ends what is left of it.
func (r *Registrar) Reprovision(ctx context.Context, o ReprovisionOptions) (ReprovisionReport, error) {
	report := ReprovisionReport{Next: o.After}
	if r.provisioner == nil || r.unfinished == nil || r.lister == nil {
		return report, errNoProvisioner
	}
	if o.Limit < 0 || o.Pause < 0 {
		return report, errors.New("dcr: reprovision: the limit or the pause is negative")
	}
	for left := o.Limit; o.Limit == 0 || left > 0; {
		page := reconcileBatch
		if o.Limit > 0 {
			page = min(page, left)
		}
		found, err := r.lister.List(ctx, report.Next, page)
		if err != nil {
			return report, fmt.Errorf("dcr: reprovision: %w", err)
		}
		for _, c := range found {
			called, err := r.reprovision(ctx, c.ID, &report)
			if err != nil {
				return report, fmt.Errorf("dcr: reprovision: record %s: %w", c.ID, err)
			}
			report.Next = c.ID
			if called {
				err = pause(ctx, o.Pause)
			}
			if err != nil {
				return report, fmt.Errorf("dcr: reprovision: %w", err)
			}
		}
		if left -= len(found); len(found) < page {
			report.Next, report.Complete = "", true
			break
		}
	}
	return report, nil
}

// pause waits, or returns the error of the context.
func pause(ctx context.Context, d time.Duration) error {
	if d == 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// reprovision repairs one client, and reports whether it called the Provisioner. An error
// ends the walk.
func (r *Registrar) reprovision(ctx context.Context, id string, report *ReprovisionReport) (called bool, err error) {
	for range reprovisionTries {
		// The list may be old: the record is read again.
		c, err := r.store.Get(ctx, id)
		switch {
		case errors.Is(err, store.ErrNotFound):
			return false, nil
		case err != nil:
			return false, err
		case c.State != store.Active && c.State != store.PendingDelete:
			report.Skipped++
			return false, nil
		}
		w := &work{op: OpReprovision, client: c.Clone(), recreate: true, trail: r.trail(OpReprovision, actorIn(ctx, ActorOperator), &c)}
		if err := r.change(ctx, w, c); !errors.Is(err, errRaced) {
			return true, r.reprovisioned(ctx, w, c, report, err)
		}
	}
	report.Skipped++
	return true, nil
}

// reprovisioned counts a repair that ended with err, and returns the error if it ends the
// walk.
func (r *Registrar) reprovisioned(ctx context.Context, w *work, before store.Client, report *ReprovisionReport, err error) error {
	by := actorIn(ctx, ActorOperator)
	event := Event{Operation: OpReprovision, Outcome: OutcomeDone, Environment: before.Environment, Actor: by.Kind}
	after := w.client
	var refusal *Refusal
	switch {
	case err == nil:
		report.Done++
	case errors.As(err, &refusal) || errors.Is(err, ErrLost) || errors.Is(err, errSealed):
		report.Failed++
		event.Outcome = OutcomeRefused
		r.log.ErrorContext(ctx, "a client cannot be repaired at the authorization server",
			"id", before.ID, "client_id", clientIDOf(&before), "error", text.Bounded{Err: errors.Unwrap(err)})
	default:
		event.Outcome = OutcomeUnavailable
	}
	if err != nil { // a change that is undone keeps the client_id that the server gave last
		if now, err := r.store.Get(ctx, before.ID); err == nil {
			after = now
		}
	}
	if after.ClientID != clientIDOf(&before) {
		report.Moved = append(report.Moved, MovedClient{ID: before.ID, Before: clientIDOf(&before), After: after.ClientID})
		change := Change{Operation: OpReprovision, Before: &before, After: &after, Actor: by}
		r.done(ctx, change)
	}
	r.observe(event)
	if event.Outcome == OutcomeRefused {
		return nil
	}
	return err
}
