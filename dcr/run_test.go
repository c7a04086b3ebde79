package dcr_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/store"
)

// busyStore is a store whose list of unfinished changes takes a time, or fails.
type busyStore struct {
	*store.Memory
	busy   time.Duration
	err    error
	passes []time.Time
	inside atomic.Int32
}

func (s *busyStore) ListUnfinished(ctx context.Context, before time.Time, limit int) ([]store.Client, error) {
	if s.inside.Add(1) > 1 {
		panic("two passes at once")
	}
	defer s.inside.Add(-1)
	s.passes = append(s.passes, time.Now())
	if s.busy > 0 {
		select {
		case <-time.After(s.busy):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if s.err != nil {
		return nil, s.err
	}
	return s.Memory.ListUnfinished(ctx, before, limit)
}

// runs calls Run for a time, and returns when the passes began.
func (s *busyStore) runs(t *testing.T, every, until time.Duration, log *slog.Logger) []time.Duration {
	t.Helper()
	b := newOffice(t, nil, func(c *dcr.Config) { c.Store, c.Logger = s, log })
	var began []time.Duration
	synctest.Test(t, func(*testing.T) {
		ctx, stop := context.WithTimeout(context.Background(), until)
		defer stop()
		start := time.Now()
		b.Run(ctx, every)
		require.Equal(t, until, time.Since(start).Truncate(time.Second), "it ends with its context")
		for _, at := range s.passes {
			began = append(began, at.Sub(start))
		}
	})
	return began
}

func TestRunReconcilesNowAndAtEachInterval(t *testing.T) {
	for name, c := range map[string]struct {
		every time.Duration
		want  []time.Duration
	}{
		"as often as it is told":     {50 * time.Second, []time.Duration{0, 50 * time.Second, 100 * time.Second}},
		"each minute without a word": {0, []time.Duration{0, time.Minute, 2 * time.Minute}},
		"each minute at nonsense":    {-time.Hour, []time.Duration{0, time.Minute, 2 * time.Minute}},
	} {
		s := &busyStore{Memory: store.NewMemory(nil)}
		require.Equal(t, c.want, s.runs(t, c.every, 130*time.Second, nil), name)
	}
}

func TestPassesOfRunDoNotOverlap(t *testing.T) {
	s := &busyStore{Memory: store.NewMemory(nil), busy: 25 * time.Second}
	began := s.runs(t, 10*time.Second, 90*time.Second, nil)
	require.Equal(t, []time.Duration{0, 25 * time.Second, 50 * time.Second, 75 * time.Second}, began)
}

func TestRunLogsWhatItDidAndWhatFailed(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, nil))
	s := &busyStore{Memory: store.NewMemory(nil)}
	s.runs(t, time.Minute, 90*time.Second, log)
	require.NotContains(t, out.String(), "half-way", "nothing was to do")

	stopped := store.Client{ID: "stopped", State: store.Creating, Since: time.Unix(1, 0), SoftwareID: "s", Environment: claims.Sandbox, Metadata: []byte(`{}`)}
	require.NoError(t, s.Create(t.Context(), stopped, store.Change{}))
	s.runs(t, time.Minute, 90*time.Second, log)
	require.Equal(t, 1, strings.Count(out.String(), "undone=1 finished=0 failed=0"), out.String())
	_, err := s.Get(t.Context(), "stopped")
	require.ErrorIs(t, err, store.ErrNotFound)
	require.NotContains(t, out.String(), "level=ERROR")

	s.err = errors.New("\x1b[31m" + strings.Repeat("the disk is full ", 900))
	s.runs(t, time.Minute, 90*time.Second, log)
	require.Equal(t, 2, strings.Count(out.String(), "level=ERROR"), "each pass that fails, and the next one runs all the same")
	require.Less(t, out.Len(), 4000)
	require.NotContains(t, out.String(), "\x1b")
}

func TestRunEndsWithItsContextAtAStoreOfFourVerbs(t *testing.T) {
	var out bytes.Buffer
	b := newOffice(t, nil, func(c *dcr.Config) {
		c.Store, c.Logger = struct{ store.Store }{c.Store}, slog.New(slog.NewTextHandler(&out, nil))
	})
	synctest.Test(t, func(*testing.T) {
		ctx, stop := context.WithTimeout(context.Background(), time.Hour)
		defer stop()
		b.Run(ctx, time.Second)
	})
	require.Empty(t, out.String())
}
