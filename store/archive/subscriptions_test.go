package archive_test

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/archive"
)

// farAway is a store that takes its time to list subscriptions, and does not know those of one
// client.
type farAway struct {
	*store.Memory
	failing     string
	asked, most atomic.Int64
}

func (f *farAway) ListSubscriptions(ctx context.Context, client string) ([]store.Subscription, error) {
	now := f.asked.Add(1)
	defer f.asked.Add(-1)
	for seen := f.most.Load(); now > seen && !f.most.CompareAndSwap(seen, now); seen = f.most.Load() {
	}
	time.Sleep(time.Millisecond)
	if client == f.failing {
		return nil, errors.New("the line is cut")
	}
	return f.Memory.ListSubscriptions(ctx, client)
}

// TestAnExportAsksForSubscriptionsSeveralAtATime, in the order of the clients all the same.
func TestAnExportAsksForSubscriptionsSeveralAtATime(t *testing.T) {
	from := &farAway{Memory: memory()}
	fill(t, from.Memory, 60)
	require.Equal(t, string(export(t, from.Memory)), string(export(t, from)))
	require.Greater(t, from.most.Load(), int64(1))
	require.LessOrEqual(t, from.most.Load(), int64(8))

	clients := read(t, from.Memory).clients
	from.failing = clients[len(clients)/2].ID
	_, err := archive.Export(t.Context(), io.Discard, archive.ExportConfig{From: from, Clock: clock, Sealing: archive.Sealing{KeyID: key}})
	require.ErrorContains(t, err, "subscriptions of client")
	require.ErrorContains(t, err, from.failing)
	require.ErrorContains(t, err, "the line is cut")
}
