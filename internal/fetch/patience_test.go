package fetch_test

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/fetch"
)

// TestPatienceDoesNotCountTheTurnsOfOthers: an exchange takes ten turns of one processor,
// which others keep busy. Each round of turns takes longer than a tenth of the limit.
func TestPatienceDoesNotCountTheTurnsOfOthers(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const limit, turns = 25 * time.Millisecond, 10
	busy, stop := context.WithCancel(context.Background())
	var others sync.WaitGroup
	for range 10 {
		others.Go(func() {
			for busy.Err() == nil {
				for began := time.Now(); time.Since(began) < time.Millisecond; {
					_ = began // keeps the processor
				}
				runtime.Gosched()
			}
		})
	}
	ctx, cancel := fetch.WithPatience(context.Background(), limit)
	exact, end := context.WithTimeout(context.Background(), limit)
	for range turns {
		runtime.Gosched()
	}
	early, inTime := exact.Err(), ctx.Err()
	cancel()
	end()
	stop()
	others.Wait()
	require.Error(t, early, "the turns were too short to show anything")
	require.NoError(t, inTime)
}

func TestPatienceIsExactWhereTheProcessorIsFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, limit := range []time.Duration{1, 7, time.Second, 5 * time.Second} {
			began := time.Now()
			ctx, cancel := fetch.WithPatience(context.Background(), limit)
			<-ctx.Done()
			require.Equal(t, limit, time.Since(began))
			require.ErrorIs(t, context.Cause(ctx), context.DeadlineExceeded)
			cancel()
		}
		ctx, cancel := fetch.WithPatience(context.Background(), time.Hour)
		cancel()
		synctest.Wait()
		require.ErrorIs(t, context.Cause(ctx), context.Canceled)
	})
}
