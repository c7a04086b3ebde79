package sandbox

import (
	"context"
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/store"
)

func TestChangesThatStoppedHalfWayAreEndedAtEachTick(t *testing.T) {
	ctx := context.Background()
	s, err := Start(ctx, Config{Dir: t.TempDir(), Listen: "127.0.0.1:0", Directory: "127.0.0.1:0", Store: StoreMemory})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close(ctx)) })
	now := time.Now()
	for id, since := range map[string]time.Time{"stopped": now.Add(-3 * dcr.ChangeTimeout), "under-way": now} {
		require.NoError(t, s.bank.store.Create(ctx, store.Client{ID: id, State: store.Creating, Since: since, Metadata: json.RawMessage(`{}`)}, store.Change{}))
	}
	ticks, stop, ended := make(chan time.Time), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		s.bank.reconcileAt(ticks, stop, slog.New(slog.DiscardHandler))
	}()
	for range 2 { // the second is taken when the first is done
		ticks <- now
	}
	close(stop)
	<-ended
	_, err = s.bank.store.Get(ctx, "stopped")
	require.ErrorIs(t, err, store.ErrNotFound)
	_, err = s.bank.store.Get(ctx, "under-way")
	require.NoError(t, err)
}
