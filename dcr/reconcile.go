package dcr

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/store"
)

// endOfTime is after each time that a record can have.
var endOfTime = time.Unix(1<<40, 0)

// reconcileBatch is how many changes Reconcile reads at a time.
const reconcileBatch = 100

// ReconcileReport counts the changes that Reconcile found.
type ReconcileReport struct {
	Undone   int // creations and updates that it undid
	Finished int // deletions that it completed
	Failed   int // changes that it left as they are, because a step failed
	Expired  int // changes that it refused, because nobody approved them in the policy's time
}

// Reconcile ends the changes that stopped half-way, because a process died or a system
// of the bank's was down. It undoes creations and updates: their senders had no answer,
// and may send the request again. It completes deletions. It also refuses the changes that
// have waited for approval for the policy's pending_days.
//
// It takes the changes that are in their state for at least olderThan, in whole seconds.
// Give it twice Config.ChangeTimeout or more while other processes serve requests, and 0 while none
// does, at the start of a single process for example. Several processes may run it at
// once.
//
// It returns an error if olderThan is negative, if the store fails, or if the store has
// not the methods of store.Unfinished. Else the error wraps the first one of the changes
// that Failed; the next call tries them again.
func (r *Registrar) Reconcile(ctx context.Context, olderThan time.Duration) (ReconcileReport, error) {
	var report ReconcileReport
	if olderThan < 0 {
		return report, errors.New("dcr: reconcile: the age is negative")
	}
	if r.unfinished == nil {
		return report, fmt.Errorf("dcr: reconcile: %w", errNoUnfinished)
	}
	// The store keeps Since in whole seconds: changes of the same second are included.
	before := r.clock().Add(-olderThan).Truncate(time.Second).Add(time.Second)
	if olderThan == 0 {
		before = endOfTime // a clock that was set back must not hide changes
	}
	seen := map[string]bool{}
	var first error
	for {
		// The store may list the changes that failed again, ahead of new ones: ask for as
		// many more.
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
			break
		}
	}
	expired, err := r.expirePending(ctx)
	report.Expired = expired
	return report, cmp.Or(first, err)
}

// conclude ends one change and counts it.
func (r *Registrar) conclude(ctx context.Context, c store.Client, report *ReconcileReport) error {
	ctx, cancel := context.WithTimeout(ctx, r.changeTimeout)
	defer cancel()
	// Reconcile takes the record over by an update that counts its version up: an
	// earlier process, or another Reconcile, then fails at its next step. Since keeps others
	// from the record meanwhile.
	found := c
	t := r.trail(begunBy(&found, r.replay != nil), Actor{Kind: ActorBank}, &found)
	c.Since = r.now()
	err := t.touch(ctx, c)
	if errors.Is(raced(err), errRaced) {
		return nil // another process ends it
	}
	event := Event{Operation: OpReconcile, Outcome: OutcomeUndone, Environment: c.Environment, Actor: ActorBank}
	count := &report.Undone
	if err == nil {
		c.Version++
		r.reached("reconcile.taken")
		end := r.revert
		if t.reason = reasonHalfWay; c.State == store.Deleting {
			event.Outcome, count, end = OutcomeDone, &report.Finished, r.erase
		}
		if err = r.guarded(func() error { return end(ctx, &c, t) }); err != nil {
			r.putBack(ctx, c, t)
		}
	}
	if err != nil {
		event.Outcome, count = OutcomeUnfinished, &report.Failed
		r.log.Error("a change cannot be ended", "state", c.State, "id", c.ID, "client_id", clientIDOf(&c), "error", text.Bounded{Err: err})
	}
	*count++
	r.observe(event)
	return err
}

// begunBy returns the operation that an unfinished change is of. A repair leaves the content as
// it is and burns no jti; outside says that jti are kept outside of the store.
func begunBy(c *store.Client, outside bool) Operation {
	switch before := c.Previous; {
	case c.State == store.Creating:
		return OpCreate
	case c.State == store.Deleting:
		return OpDelete
	case before != nil && (outside || c.Reserved == nil) && before.SoftwareStatement == c.SoftwareStatement && bytes.Equal(before.Metadata, c.Metadata):
		return OpReprovision
	}
	return OpUpdate
}

// putBack says of a change that Reconcile could not end that nobody works on it any more: it
// is old enough for Remove, and for the next Reconcile. It goes to the end of the queue: a
// stuck record does not block the rest. If this fails, both have to wait.
func (r *Registrar) putBack(ctx context.Context, c store.Client, t *trail) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), revokeTimeout)
	defer cancel()
	c.Since = r.now().Add(-2*r.changeTimeout - time.Second)
	if err := raced(t.touch(ctx, c)); err != nil && !errors.Is(err, errRaced) {
		r.log.Error("a change that cannot be ended cannot be put back", "id", c.ID, "error", text.Bounded{Err: err})
	}
}
