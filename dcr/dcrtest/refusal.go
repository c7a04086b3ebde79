package dcrtest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/validate"
)

// Refusal is a bank's answer other than success, with what the bank knows of it and does not
// tell. It unwraps to the *tpp.ResponseError that a TPP gets.
type Refusal struct {
	Verb        string // register, get, update, delete or token
	Status      int    // of HTTP
	Code        string // error of the answer; "" for none
	Description string // error_description, or the text of the answer
	// Rules are the IDs of all rules that were broken, sorted, each once: as the bank found
	// them. Where it is not the Bank that refused, but a handler in front of it, they are those
	// that the answer names.
	Rules    []string
	Report   *validate.Report // nil if the bank judged nothing
	Cause    error            // the bank's own, of which the answer tells nothing; nil for none
	Exchange *Exchange        // what was sent, and the answer

	err *tpp.ResponseError
}

// Error returns verb, status, code and rules in a line.
func (r *Refusal) Error() string {
	text := fmt.Sprintf("dcrtest: %s: %d %s", r.Verb, r.Status, r.Code)
	if len(r.Rules) > 0 {
		return text + ": " + strings.Join(r.Rules, ", ")
	}
	return text + ": " + r.Description
}

// Unwrap returns the error of the TPP.
func (r *Refusal) Unwrap() error { return r.err }

// refusal makes the Refusal of an exchange, where err is one.
func refusal(e *Exchange, err error) error {
	answer, ok := errors.AsType[*tpp.ResponseError](err)
	if !ok {
		return err
	}
	r := &Refusal{Verb: e.verb, Status: answer.Status, Code: answer.Code, Description: answer.Description, Exchange: e, err: answer}
	for _, rule := range answer.Rules() {
		r.Rules = append(r.Rules, rule.ID)
	}
	e.mu.Lock()
	known := e.refused
	e.mu.Unlock()
	if known != nil {
		r.Cause = known.Err
		if known.Report != nil {
			r.Report, r.Rules = known.Report, nil
			for _, v := range known.Report.Violations {
				if v.Severity == validate.SeverityError {
					r.Rules = append(r.Rules, v.Rule)
				}
			}
		}
	}
	slices.Sort(r.Rules)
	r.Rules = slices.Compact(r.Rules)
	return r
}

// RequireViolation ends the test unless err is a Refusal for which each of the rules was broken,
// with others or without. Without rules it demands a Refusal alone; [RequireRefused] returns it.
func RequireViolation(t testing.TB, err error, rules ...string) {
	t.Helper()
	r := RequireRefused(t, err)
	for _, rule := range rules {
		if _, known := validate.RuleByID(rule); !known {
			t.Fatalf("dcrtest: there is no rule %q: take one of the constants validate.Rule...", rule)
		}
		if !slices.Contains(r.Rules, rule) {
			r.Exchange.shown.Store(true)
			t.Fatalf("dcrtest: the bank does not find %s broken\nfound: %s\n%s", rule, r.found(), r.Exchange)
		}
	}
}

// RequireOnly is RequireViolation for a Refusal for which no other rule was broken.
func RequireOnly(t testing.TB, err error, rules ...string) {
	t.Helper()
	RequireViolation(t, err, rules...)
	r := RequireRefused(t, err)
	for _, found := range r.Rules {
		if !slices.Contains(rules, found) {
			r.Exchange.shown.Store(true)
			t.Fatalf("dcrtest: the bank finds %s broken too\nfound: %s\n%s", found, r.found(), r.Exchange)
		}
	}
}

// RequireRefused ends the test unless err is a Refusal, and returns it.
func RequireRefused(t testing.TB, err error) *Refusal {
	t.Helper()
	r, ok := errors.AsType[*Refusal](err)
	switch {
	case ok:
		return r
	case err == nil:
		t.Fatalf("dcrtest: the bank refuses nothing: the call has no error")
	default:
		t.Fatalf("dcrtest: the bank gives no refusal: %v", err)
	}
	return &Refusal{Exchange: &Exchange{}} // for a t that goes on
}

// found is what the bank found, in a line.
func (r *Refusal) found() string {
	if len(r.Rules) > 0 {
		return strings.Join(r.Rules, ", ")
	}
	return fmt.Sprintf("no rule, and the answer %d: %s", r.Status, r.Description)
}
