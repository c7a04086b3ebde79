package fetch

import (
	"context"
	"errors"
	"runtime"
	"time"
)

// patienceSteps is in how many steps the time of a Get is counted.
const patienceSteps = 25

// Longest is when an exchange ends that may take limit, however little this process could use
// of the time: after three times the limit, but 15 s at most, or the limit where that is more.
// A server that waits for the exchange has still the time to answer.
func Longest(limit time.Duration) time.Duration {
	return max(limit, min(3*limit, 15*time.Second))
}

// WithPatience returns a context that ends with the cause context.DeadlineExceeded after a
// time of which only what this process could use counts: the time is counted in steps, and
// after each one the counting goroutine goes to the end of the scheduler's queue, as each
// step of a connection does. A process that gets no processor, because others have it, because
// it was stopped or because its own handshakes keep it busy, thus gives its peers the time
// that it took from them. Where the processor is free the time is exact. After the time
// longest the context ends whatever this process could use: a peer can keep it busy too.
func WithPatience(parent context.Context, limit, longest time.Duration) (context.Context, context.CancelFunc) {
	bounded, end := context.WithTimeout(parent, longest)
	ctx, cancel := context.WithCancelCause(bounded)
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
	return ctx, func() {
		cancel(nil)
		end()
	}
}

// Late returns context.DeadlineExceeded for an error that came of the end of such a context,
// and any other error as it is.
func Late(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
		return context.DeadlineExceeded
	}
	return err
}
