package dcr

import (
	"context"
	"time"

	"github.com/obdcr/obdcr/internal/text"
)

// runEvery is how often Run calls Reconcile unless the caller says otherwise.
const runEvery = time.Minute

// Run calls Reconcile now and then at each interval, until the context ends; a pass that is
// under way then ends at its next step. Each pass begins after the one before has ended. A
// pass takes changes that are older than twice Config.ChangeTimeout, because younger ones may be
// under way here or in another process: every process that shares a store may call Run.
//
// The interval is a minute where every is not positive. Run logs a pass that ended changes,
// and one that failed; the next pass tries again. A Store without the methods of
// store.Unfinished has nothing to reconcile, and Run just waits for the end of the context.
func (r *Registrar) Run(ctx context.Context, every time.Duration) {
	if r.unfinished == nil {
		<-ctx.Done()
		return
	}
	if every <= 0 {
		every = runEvery
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for ctx.Err() == nil {
		report, err := r.Reconcile(ctx, 2*r.changeTimeout)
		if report != (ReconcileReport{}) {
			r.log.Info("changes that stopped half-way were reconciled", "undone", report.Undone, "finished", report.Finished,
				"failed", report.Failed, "expired", report.Expired)
		}
		if err != nil && ctx.Err() == nil {
			r.log.Error("changes that stopped half-way cannot be ended; the next pass tries again", "error", text.Bounded{Err: err})
		}
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
}
