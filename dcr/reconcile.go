package dcr

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/obdcr/obdcr/store"
)

// reconcileBatch is how many changes Reconcile reads at a time.
const reconcileBatch = 100

// ReconcileReport is what Reconcile found.
type ReconcileReport struct {
	Undone   int // creations and updates that were taken back
	Finished int // deletions that were completed
	Failed   int // changes that could not be ended now, and were left as they are
}

// Reconcile ends the changes that stopped half-way, because the process died or
// something of the bank's was out: creations and updates are taken back, since
// nobody has had an answer, and their requests may be sent again; deletions are
// completed. It takes those that are in their state for at least olderThan, in whole
// seconds; give it more than ChangeTimeout while other processes serve requests,
// and 0 where none does, at the start say. It may run in several processes at once.
//
// The error says that olderThan is negative, that the store cannot be asked, or has not the methods of
// store.Unfinished; or it wraps the first error of the changes that Failed, which
// the next call tries again.
func (r *Registrar) Reconcile(ctx context.Context, olderThan time.Duration) (ReconcileReport, error) {
	var report ReconcileReport
	if olderThan < 0 {
		return report, errors.New("dcr: reconcile: the age is negative")
	}
	if r.unfinished == nil {
		return report, errors.New("dcr: reconcile: the store has not the methods of store.Unfinished")
	}
	// Since is kept in whole seconds: what began in the same second is included.
	before := r.clock().Add(-olderThan).Truncate(time.Second).Add(time.Second)
	seen := map[string]bool{}
	var first error
	for {
		// Those that were met and are still there may be listed first again.
		met := len(seen) - report.Undone - report.Finished
		found, err := r.unfinished.ListUnfinished(ctx, before, reconcileBatch+met)
		if err != nil {
			return report, fmt.Errorf("dcr: reconcile: %w", err)
		}
		progress := false
		for _, c := range found {
			if seen[c.ID] {
				continue
			}
			seen[c.ID], progress = true, true
			if err := r.conclude(ctx, c, &report); err != nil && first == nil {
				first = fmt.Errorf("dcr: reconcile: %w", err)
			}
		}
		if !progress {
			return report, first
		}
	}
}

// conclude ends one change and counts it.
func (r *Registrar) conclude(ctx context.Context, c store.Client, report *ReconcileReport) error {
	ctx, cancel := context.WithTimeout(ctx, ChangeTimeout)
	defer cancel()
	// To take the record over is to count its version up: whoever else works on it,
	// an earlier process or another Reconcile, fails at its next step. It also moves
	// the record behind all others, so that one that fails holds up none.
	c.Since = r.now()
	err := r.store.Update(ctx, c, store.Change{})
	if errors.Is(lost(err), errLost) {
		return nil // somebody else ends it
	}
	event := Event{Operation: OpReconcile, Outcome: OutcomeUndone, Environment: c.Environment}
	count := &report.Undone
	if err == nil {
		c.Version++
		r.reached("reconcile.taken")
		end := r.revert
		if c.State == store.Deleting {
			event.Outcome, count, end = OutcomeDone, &report.Finished, r.erase
		}
		err = guarded(func() error { return end(ctx, c) })
	}
	if err != nil {
		event.Outcome, count = OutcomeUnfinished, &report.Failed
		r.log.Error("a change cannot be ended", "state", c.State, "client_id", c.ID, "error", err)
	}
	*count++
	r.observe(event)
	return err
}
