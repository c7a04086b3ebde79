package server

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/store"
)

// probed is a store whose reads and probes end as the test says.
type probed struct {
	*store.Memory
	read, write func(context.Context) error
	probes      atomic.Int32
}

func (p *probed) Get(ctx context.Context, _ string) (store.Client, error) {
	if p.read != nil {
		return store.Client{}, p.read(ctx)
	}
	return store.Client{}, store.ErrNotFound
}

func (p *probed) Probe(ctx context.Context) error {
	p.probes.Add(1)
	if p.write != nil {
		return p.write(ctx)
	}
	return nil
}

func fails(context.Context) error { return errors.New("the cause") }

func asked(t *testing.T) (*probed, *readiness, *strings.Builder) {
	t.Helper()
	var log strings.Builder
	p := &probed{Memory: store.NewMemory(nil)}
	return p, newReadiness(p, slog.New(slog.NewTextHandler(&log, nil))), &log
}

// TestReadinessTellsReadsFromChangesAndLogsEachTurnOnce: a poll that finds the same as before
// logs nothing.
func TestReadinessTellsReadsFromChangesAndLogsEachTurnOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, r, log := asked(t)
		for _, step := range []struct {
			read, write func(context.Context) error
			want        string
			lines       int // in all
		}{
			{nil, nil, isReady, 0},
			{nil, fails, noChanges, 1},
			{fails, fails, noReads, 2},
			{nil, func(context.Context) error { panic("at the probe") }, noChanges, 4},
			{nil, func(context.Context) error { return errors.New("another cause") }, noChanges, 5},
			{nil, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, noChanges, 6},
			{nil, nil, isReady, 7},
		} {
			p.read, p.write = step.read, step.write
			for range 3 {
				time.Sleep(readyFor)
				require.Equal(t, step.want, r.ask(t.Context()))
				synctest.Wait() // until the check has ended, too
			}
			require.Equal(t, step.lines, strings.Count(log.String(), "\n"), log)
		}
		require.Contains(t, log.String(), "the cause")
	})
}

// TestStrangersWhoAskForReadinessDoNotMakeTheDiskWrite: those who ask together share a check,
// and its answer is kept.
func TestStrangersWhoAskForReadinessDoNotMakeTheDiskWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, r, _ := asked(t)
		p.write = func(context.Context) error { time.Sleep(readyTimeout / 2); return nil }
		answers := make(chan string)
		for range 100 {
			go func() { answers <- r.ask(t.Context()) }()
		}
		for range 100 {
			require.Equal(t, isReady, <-answers)
		}
		for range 4 {
			time.Sleep(readyFor / 5)
			require.Equal(t, isReady, r.ask(t.Context()))
		}
		require.EqualValues(t, 1, p.probes.Load())
		time.Sleep(readyFor)
		p.write = fails
		require.Equal(t, noChanges, r.ask(t.Context()))
		require.Equal(t, noChanges, r.ask(t.Context()))
		require.EqualValues(t, 2, p.probes.Load())
		p.write = nil
		time.Sleep(unreadyFor)
		require.Equal(t, isReady, r.ask(t.Context()))
	})
}

// TestAStoreThatDoesNotAnswerIsNotReady: it gets one check and no more, until that ends.
func TestAStoreThatDoesNotAnswerIsNotReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, r, log := asked(t)
		release := make(chan struct{})
		p.write = func(context.Context) error { <-release; return nil }
		for range 5 {
			require.Equal(t, noChanges, r.ask(t.Context()))
		}
		require.EqualValues(t, 1, p.probes.Load())
		require.Equal(t, 1, strings.Count(log.String(), "the store does not answer"))
		close(release)
		synctest.Wait()
		require.Equal(t, isReady, r.ask(t.Context()))
	})
}

// TestAChangeThatFailedMakesReadinessLookAgain within a second, and however many fail, the
// store is not asked more often.
func TestAChangeThatFailedMakesReadinessLookAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, r, _ := asked(t)
		status := http.StatusCreated
		change := r.watch(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		fail := func() {
			change.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil))
		}
		fail()
		require.Equal(t, isReady, r.ask(t.Context()))
		fail()
		time.Sleep(unreadyFor)
		require.Equal(t, isReady, r.ask(t.Context()))
		require.EqualValues(t, 1, p.probes.Load(), "a change that was made is no reason to look")
		p.write, status = fails, http.StatusServiceUnavailable
		for range 100 {
			fail()
		}
		require.Equal(t, noChanges, r.ask(t.Context()))
		require.EqualValues(t, 2, p.probes.Load())
		p.write = nil
		time.Sleep(unreadyFor)
		for range 100 {
			require.Equal(t, isReady, r.ask(t.Context()))
			fail()
		}
		require.EqualValues(t, 3, p.probes.Load())
	})
}
