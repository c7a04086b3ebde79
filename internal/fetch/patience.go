package fetch

import (
	"context"
	"errors"
	"runtime"
	"time"
)

// patienceSteps is in how many steps the time of a Get is counted.
const patienceSteps = 25

// WithPatience returns a context that ends with the cause context.DeadlineExceeded after a
// time of which only what this process could use counts: the time is counted in steps, and
// after each one the counting goroutine goes to the end of the scheduler's queue, as each
// step of a connection does. A process that gets no processor, because others have it, because
// it was stopped or because its own handshakes keep it busy, thus gives its peers the time
// that it took from them. Where the processor is free the time is exact.
func WithPatience(parent context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(parent)
	go func() {
		left := limit
		timer := time.NewTimer(limit)
		defer timer.Stop()
		for left > 0 {
			step := min(max(limit/patienceSteps, 1), left)
			left -= step
			timer.Reset(step)
			select {
			case <-timer.C:
				runtime.Gosched()
			case <-ctx.Done():
				return
			}
		}
		cancel(context.DeadlineExceeded)
	}()
	return ctx, func() { cancel(nil) }
}

// late returns context.DeadlineExceeded for an error that came of the end of such a context,
// and any other error as it is.
func late(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
		return context.DeadlineExceeded
	}
	return err
}

// Patience is how many times the limit of an exchange its single steps, dial and handshake,
// may take: the context of the exchange ends them, and the step's own limit is for one that
// outlives its exchange.
const Patience = 4
