package sqlite

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/store"
)

// probes counts what Probe has left.
func (s *Store) probes(t *testing.T) (n int) {
	t.Helper()
	require.NoError(t, s.read.db.QueryRowContext(t.Context(), "SELECT count(*) FROM probes").Scan(&n))
	return n
}

func TestAProbeWritesAndLeavesNoRecord(t *testing.T) {
	s := openForTest(t)
	before, err := os.Stat(s.path(t) + "-wal")
	require.NoError(t, err)
	require.NoError(t, s.Probe(t.Context()))
	after, err := os.Stat(s.path(t) + "-wal")
	require.NoError(t, err)
	require.Greater(t, after.Size(), before.Size()+8192)
	found, err := s.List(t.Context(), "", 10)
	require.NoError(t, err)
	require.Empty(t, found)
	require.Zero(t, s.probes(t))
}

// TestAProbeTellsWhyNoChangeIsTaken, and each change gets the same words.
func TestAProbeTellsWhyNoChangeIsTaken(t *testing.T) {
	s := openForTest(t)
	exec := func(statement string) {
		_, err := s.write.conn.ExecContext(t.Context(), statement)
		require.NoError(t, err)
	}
	var pages string
	require.NoError(t, s.write.conn.QueryRowContext(t.Context(), "PRAGMA page_count").Scan(&pages))
	for _, fault := range []struct{ name, begin, end, words string }{
		{"full disk", "PRAGMA max_page_count = " + pages, "PRAGMA max_page_count = 1000000", "make room on the disk"},
		{"read-only", "PRAGMA query_only = 1", "PRAGMA query_only = 0", "make it writable"},
	} {
		t.Run(fault.name, func(t *testing.T) {
			exec(fault.begin)
			require.ErrorContains(t, s.Probe(t.Context()), fault.words)
			large := store.Client{ID: fault.name, Metadata: make([]byte, 1<<20)}
			require.ErrorContains(t, s.Create(t.Context(), large, store.Change{}), fault.words)
			_, err := s.Get(t.Context(), large.ID)
			require.ErrorIs(t, err, store.ErrNotFound, "it is read as before")
			exec(fault.end)
			require.NoError(t, s.Probe(t.Context()))
			require.NoError(t, s.Create(t.Context(), large, store.Change{}))
		})
	}
	s.write.wait = time.Millisecond
	<-s.write.turn
	require.ErrorIs(t, s.Probe(t.Context()), errSlow)
	s.write.turn <- struct{}{}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, s.Probe(gone), context.Canceled)
}
