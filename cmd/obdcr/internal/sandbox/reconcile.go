package sandbox

import (
	"context"
	"log/slog"
	"time"

	"github.com/obdcr/obdcr/dcr"
)

// reconcileEvery is how often changes that stopped half-way are looked for.
const reconcileEvery = time.Minute

// reconcile ends the changes that stopped half-way at least olderThan ago. What fails
// is tried again the next time.
func (b *bank) reconcile(ctx context.Context, olderThan time.Duration, log *slog.Logger) {
	if _, err := b.registrar.Reconcile(ctx, olderThan); err != nil {
		log.Error("changes that stopped half-way cannot be ended", "error", err)
	}
}

// reconcileAt reconciles at each tick until stop is closed. What may be under way in
// this very process is left alone.
func (b *bank) reconcileAt(ticks <-chan time.Time, stop <-chan struct{}, log *slog.Logger) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	for {
		select {
		case <-stop:
			return
		case <-ticks:
			b.reconcile(ctx, 2*dcr.ChangeTimeout, log)
		}
	}
}
