package dcr

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/obdcr/obdcr/store"
)

// ReprovisionOptions say which clients Reprovision repairs, and how fast.
type ReprovisionOptions struct {
	After string        // the ID after which it begins, such as ReprovisionReport.Next; "" for the first
	Limit int           // at most so many records; 0 for all
	Pause time.Duration // between two calls of the Provisioner
}

// ReprovisionReport counts what Reprovision did.
type ReprovisionReport struct {
	Done    int // clients that the authorization server has now as the store has them
	Skipped int // records that are not Active: another change is under way, or waits for approval
	Failed  int // clients that the authorization server refused; the log has each
	// Moved are the clients that the authorization server made anew with another client_id.
	// Their TPPs have to be told.
	Moved []MovedClient
	// Next is the After with which a later call goes on; "" if there are no more records.
	Next string
}

// MovedClient is a client whose client_id the authorization server changed.
type MovedClient struct {
	ID     string // of the record
	Before string // client_id
	After  string
}

// errNoProvisioner means that there is no authorization server to repair.
var errNoProvisioner = errors.New("dcr: reprovision: the registrar has no Provisioner, or the store has not the methods of store.Unfinished and store.Lister")

// Reprovision gives the authorization server every Active client again: after a client was
// changed or removed there by hand, or after the server was restored from a backup. For
// each client it makes the change that an update makes, with the content that the client
// has, so that it cannot cross another change: the client stays in force, and requests to
// change it are answered with 503 meanwhile. The context names the operator (WithActor).
//
// It walks over the records in the order of their IDs, from After on. It stops at an
// outage: at an error of the Provisioner that is neither a *Refusal nor ErrLost, at one of
// the store, and at the end of the context. The report then has Next to go on with, and the
// error wraps the cause. The client at which it stopped is done again by the next call;
// Reconcile ends what is left of it.
func (r *Registrar) Reprovision(ctx context.Context, o ReprovisionOptions) (ReprovisionReport, error) {
	report := ReprovisionReport{Next: o.After}
	lister, _ := r.store.(store.Lister)
	if r.provisioner == nil || r.unfinished == nil || lister == nil {
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
		found, err := lister.List(ctx, report.Next, page)
		if err != nil {
			return report, fmt.Errorf("dcr: reprovision: %w", err)
		}
		for _, c := range found {
			if err := r.reprovision(ctx, c, &report); err != nil {
				return report, fmt.Errorf("dcr: reprovision: client %s: %w", clientIDOf(&c), err)
			}
			report.Next = c.ID
			if err := pause(ctx, o.Pause); err != nil {
				return report, fmt.Errorf("dcr: reprovision: %w", err)
			}
		}
		if left -= len(found); len(found) < page {
			report.Next = ""
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

// reprovision repairs one client. An error ends the walk.
func (r *Registrar) reprovision(ctx context.Context, c store.Client, report *ReprovisionReport) error {
	if c.State != store.Active {
		report.Skipped++
		return nil
	}
	event := Event{Operation: OpReprovision, Outcome: OutcomeDone, Environment: c.Environment, Actor: actorIn(ctx, ActorOperator).Kind}
	w := &work{op: OpReprovision, client: c.Clone(), recreate: true}
	w.client.Since = r.now()
	err := r.change(ctx, w, c)
	var refusal *Refusal
	switch {
	case err == nil:
		report.Done++
		if w.client.ClientID != clientIDOf(&c) {
			report.Moved = append(report.Moved, MovedClient{ID: c.ID, Before: clientIDOf(&c), After: w.client.ClientID})
			r.log.ErrorContext(ctx, "the authorization server made a client anew with another client_id: tell its TPP",
				"client_id", w.client.ClientID, "client_id_before", clientIDOf(&c))
		}
	case errors.Is(err, errLost):
		report.Skipped++
		return nil
	case errors.As(err, &refusal) || errors.Is(err, ErrLost):
		report.Failed++
		event.Outcome = OutcomeRefused
		r.log.ErrorContext(ctx, "the authorization server does not take a client", "client_id", clientIDOf(&c), "error", errors.Unwrap(err))
		err = nil
	default:
		event.Outcome = OutcomeUnavailable
	}
	r.observe(event)
	return err
}
