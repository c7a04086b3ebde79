package dcr

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

// EventOutcome is how an operation ended.
type EventOutcome string

// The outcomes.
const (
	OutcomeDone         EventOutcome = "done"
	OutcomeRefused      EventOutcome = "refused"      // 400, or by a person who was to approve
	OutcomeUnauthorized EventOutcome = "unauthorized" // 401
	OutcomeForbidden    EventOutcome = "forbidden"    // 403
	OutcomeNotOffered   EventOutcome = "not_offered"  // 405
	OutcomeUnavailable  EventOutcome = "unavailable"  // 503
	OutcomeFailed       EventOutcome = "failed"       // 500
	// OutcomeUnfinished is a deletion that is left to Reconcile, or a change that
	// Reconcile could not end. Without store.Unfinished it is a deleted client whose
	// tokens could not be revoked. The Registrar does not try again then: it refuses
	// such a token until the token expires, because it finds no client for it.
	OutcomeUnfinished EventOutcome = "unfinished"
	OutcomeUndone     EventOutcome = "undone"  // Reconcile took a change back
	OutcomePending    EventOutcome = "pending" // a person has yet to approve the change
	OutcomeExpired    EventOutcome = "expired" // Reconcile refused a change that nobody had decided on
)

// Event describes one operation, for metrics. Each field has few values, and a sender
// cannot choose them freely: they can be metric labels. Reconcile gives one Event for
// each change that it found. A change that waits for approval gives one Event when it
// begins to wait (OutcomePending), another for each DELETE that is sent meanwhile, and one
// when it is decided. ApprovePending, RefusePending, Remove and Forget give none if they
// return ErrNotPending or store.ErrNotFound, and so do UpdateManual, DeleteManual, Subscribe and
// Unsubscribe. PreviewManual gives none.
type Event struct {
	Operation   Operation
	Outcome     EventOutcome
	Rules       []string           // IDs of the rules that were broken, each once, sorted
	Environment claims.Environment // "" where it is not known
	Actor       ActorKind          // who asked for it
}

// operation collects the facts of one operation for the Event at its end.
type operation struct {
	registrar   *Registrar
	name        Operation
	actor       Actor
	environment claims.Environment
	outcome     EventOutcome // where err is nil; "" is OutcomeDone

	statement *ssa.Verified // that a person gave; nil until it is verified
	about     *store.Client // that a person asks to change; nil for none
}

func (r *Registrar) begin(name Operation, by Actor) *operation {
	return &operation{registrar: r, name: name, actor: by}
}

// run runs the operation and ends it. A panic is a failure.
func (o *operation) run(ctx context.Context, do func() error) error {
	err := o.registrar.contained(do)
	o.end(ctx, err)
	return err
}

// end tells the observer once. It logs what went wrong on the bank's side. An operator's
// call that found nothing to decide on or to remove is no operation on a client.
func (o *operation) end(ctx context.Context, err error) {
	event := Event{Operation: o.name, Outcome: cmp.Or(o.outcome, OutcomeDone), Environment: o.environment, Actor: o.actor.Kind}
	var e *Error
	switch {
	case errors.As(err, &e):
		event.Outcome, event.Rules = outcomeOf(e.Status), brokenRules(e.Report)
		o.log(ctx, e)
	case errors.Is(err, ErrPending):
		event.Outcome = OutcomePending
	case errors.Is(err, ErrNotPending) || errors.Is(err, store.ErrNotFound):
		return
	case err != nil:
		event.Outcome = OutcomeFailed
	}
	o.registrar.observe(event)
}

// left notes whether a deletion is complete, or something of it is left.
func (o *operation) left(finished bool) {
	if !finished {
		o.outcome = OutcomeUnfinished
	}
}

// unfinished returns ErrUnfinished for a deletion without an error of which something is
// left, and else err.
func (o *operation) unfinished(err error) error {
	if err == nil && o.outcome == OutcomeUnfinished {
		return ErrUnfinished
	}
	return err
}

// log records an outage or a fault. Where the sender has hung up, the level is Info
// alone: the broken connection is the probable cause, and not the bank.
func (o *operation) log(ctx context.Context, e *Error) {
	level := slog.LevelError
	if ctx.Err() != nil {
		level = slog.LevelInfo
	}
	if e.Status < http.StatusInternalServerError || !o.registrar.log.Enabled(ctx, level) {
		return
	}
	e.logged = true
	attrs := []any{"operation", o.name, "status", e.Status, "description", e.Description}
	if e.Err != nil {
		attrs = append(attrs, "error", text.Bounded{Err: e.Err})
	}
	o.registrar.log.Log(ctx, level, "a request failed", attrs...)
}

func (r *Registrar) observe(event Event) {
	if err := r.guarded(func() error { r.observer(event); return nil }); err != nil {
		r.log.Error("the observer failed", "operation", event.Operation, "error", err)
	}
}

func outcomeOf(status int) EventOutcome {
	switch status {
	case http.StatusBadRequest:
		return OutcomeRefused
	case http.StatusUnauthorized:
		return OutcomeUnauthorized
	case http.StatusForbidden:
		return OutcomeForbidden
	case http.StatusMethodNotAllowed:
		return OutcomeNotOffered
	case http.StatusServiceUnavailable:
		return OutcomeUnavailable
	}
	return OutcomeFailed
}

func brokenRules(report *validate.Report) []string {
	if report == nil {
		return nil
	}
	var rules []string
	for i := range report.Violations {
		if v := &report.Violations[i]; v.Severity == validate.SeverityError {
			rules = append(rules, v.Rule)
		}
	}
	slices.Sort(rules)
	return slices.Compact(rules)
}
