package dcr

import (
	"errors"
	"net/http"
	"slices"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/validate"
)

// Outcome is what became of an operation.
type Outcome string

// The outcomes.
const (
	OutcomeDone         Outcome = "done"
	OutcomeRefused      Outcome = "refused"      // 400
	OutcomeUnauthorized Outcome = "unauthorized" // 401
	OutcomeForbidden    Outcome = "forbidden"    // 403
	OutcomeNotOffered   Outcome = "not_offered"  // 405
	OutcomeUnavailable  Outcome = "unavailable"  // 503
	OutcomeFailed       Outcome = "failed"       // 500
	OutcomeUnfinished   Outcome = "unfinished"   // a deletion that is left to Reconcile, or a change that Reconcile had to leave
	OutcomeUndone       Outcome = "undone"       // Reconcile took a change back
)

// Event is what happened, for metrics: each field has few values, none of which a
// sender can choose. Reconcile gives one for each change that it found.
type Event struct {
	Operation   Operation
	Outcome     Outcome
	Rules       []string           // IDs of the rules that were broken, each once, sorted
	Environment claims.Environment // "" where it is not known
}

// operation gathers what the observer is told at its end.
type operation struct {
	registrar   *Registrar
	name        Operation
	environment claims.Environment
	unfinished  bool
}

func (r *Registrar) begin(name Operation) *operation { return &operation{registrar: r, name: name} }

// end tells the observer, once.
func (o *operation) end(err error) {
	event := Event{Operation: o.name, Outcome: OutcomeDone, Environment: o.environment}
	var e *Error
	switch {
	case errors.As(err, &e):
		event.Outcome, event.Rules = outcomeOf(e.Status), brokenRules(e.Report)
	case err != nil:
		event.Outcome = OutcomeFailed
	case o.unfinished:
		event.Outcome = OutcomeUnfinished
	}
	o.registrar.observer(event)
}

func outcomeOf(status int) Outcome {
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
