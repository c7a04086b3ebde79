package sqlite

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/store"
)

// TestAChangeWaitsOnceForItsTurnAndForOthers: the turn never comes, or another process holds
// the file for as long as it likes. Each change ends by its own wait, wherever it stands in
// the queue, and has changed nothing. Reads go on.
func TestAChangeWaitsOnceForItsTurnAndForOthers(t *testing.T) {
	s := openForTest(t)
	require.Equal(t, changeWait, s.write.wait)
	require.NoError(t, s.Create(t.Context(), store.Client{ID: "before"}, store.Change{}))
	s.write.wait = 30 * time.Millisecond
	refused := func(changes int, why error) {
		ended := make(chan error)
		for i := range changes {
			go func() {
				ended <- s.Create(t.Context(), store.Client{ID: fmt.Sprint("c", i)}, store.Change{})
			}()
		}
		for range changes {
			err := <-ended
			requireDown(t, err, "Create")
			require.ErrorIs(t, err, why)
		}
		_, err := s.Get(t.Context(), "before")
		require.NoError(t, err)
	}
	<-s.write.turn
	refused(5, errSlow)
	s.write.turn <- struct{}{}

	other, err := connect(s.path(t), 1)
	require.NoError(t, err)
	defer func() { require.NoError(t, other.Close()) }()
	holder, err := other.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	refused(1, errBusy) // from here on each change knows that another process holds the file, before it has its turn
	refused(5, errBusy)
	require.ErrorIs(t, s.Probe(t.Context()), errBusy)
	short, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	require.ErrorIs(t, s.Create(short, store.Client{ID: "c"}, store.Change{}), context.DeadlineExceeded, "its own context ends earlier")
	require.NoError(t, holder.Rollback())

	s.write.wait = changeWait
	found, err := s.List(t.Context(), "", 10)
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.NoError(t, s.Create(t.Context(), store.Client{ID: "after"}, store.Change{}))
}
