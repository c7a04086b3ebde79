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
// which others keep busy. Each round of turns takes longer than a tenth of the limit. A machine
// that is busy with other processes takes time that nobody can tell from patience: one of three
// attempts is enough.
func TestPatienceDoesNotCountTheTurnsOfOthers(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var early, inTime error
	for range 3 {
		if early, inTime = besideOthers(); early != nil && inTime == nil {
			return
		}
	}
	require.Error(t, early, "the turns were too short to show anything")
	require.NoError(t, inTime)
}

// besideOthers takes ten turns under a deadline and under a patience of the same time, and
// returns how each ended.
func besideOthers() (early, inTime error) {
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
	ctx, cancel := fetch.WithPatience(context.Background(), limit, time.Hour)
	exact, end := context.WithTimeout(context.Background(), limit)
	for range turns {
		runtime.Gosched()
	}
	early, inTime = exact.Err(), ctx.Err()
	cancel()
	end()
	stop()
	others.Wait()
	return early, inTime
}

func TestPatienceIsExactWhereTheProcessorIsFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, limit := range []time.Duration{1, 7, time.Second, 5 * time.Second} {
			began := time.Now()
			ctx, cancel := fetch.WithPatience(context.Background(), limit, time.Hour)
			<-ctx.Done()
			require.Equal(t, limit, time.Since(began))
			require.ErrorIs(t, context.Cause(ctx), context.DeadlineExceeded)
			cancel()
		}
		ctx, cancel := fetch.WithPatience(context.Background(), time.Hour, time.Hour)
		cancel()
		synctest.Wait()
		require.ErrorIs(t, context.Cause(ctx), context.Canceled)
	})
}

// TestPatienceHasAnEnd: the counted time is not over, as where others keep the processor.
func TestPatienceHasAnEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		ctx, cancel := fetch.WithPatience(context.Background(), time.Hour, 15*time.Second)
		defer cancel()
		<-ctx.Done()
		require.Equal(t, 15*time.Second, time.Since(began))
		require.ErrorIs(t, context.Cause(ctx), context.DeadlineExceeded)
	})
	for limit, longest := range map[time.Duration]time.Duration{
		time.Second: 3 * time.Second, 5 * time.Second: 15 * time.Second, 6 * time.Second: 15 * time.Second, 29 * time.Second: 29 * time.Second,
	} {
		require.Equal(t, longest, fetch.Longest(limit))
	}
}
