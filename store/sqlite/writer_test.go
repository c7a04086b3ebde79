package sqlite

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/store"
)

func openForTest(t *testing.T) *Store {
	t.Helper()
	s, err := Open(t.Context(), Config{Path: filepath.Join(t.TempDir(), "clients.db"), Clock: time.Now})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func TestTheWriterWritesDurably(t *testing.T) {
	s := openForTest(t)
	for pragma, want := range map[string]string{
		"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "20", "query_only": "0",
	} {
		var got string
		require.NoError(t, s.write.conn.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got))
		require.Equal(t, want, got, pragma)
	}
	_, err := s.read.db.ExecContext(t.Context(), "DELETE FROM clients")
	require.Error(t, err, "readers cannot write")
}

func TestAContextEndsTheWaitForTheTurn(t *testing.T) {
	s := openForTest(t)
	<-s.write.turn
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.Create(ctx, store.Client{ID: "a"}, store.Change{}) }()
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
	s.write.turn <- struct{}{}
	require.NoError(t, s.Create(t.Context(), store.Client{ID: "a"}, store.Change{}))
}

// TestAFullDiskChangesNothing: a transaction that cannot be written leaves no part
// of it, and the writer goes on once there is room.
func TestAFullDiskChangesNothing(t *testing.T) {
	s := openForTest(t)
	var pages string
	require.NoError(t, s.write.conn.QueryRowContext(t.Context(), "PRAGMA page_count").Scan(&pages))
	_, err := s.write.conn.ExecContext(t.Context(), "PRAGMA max_page_count = "+pages)
	require.NoError(t, err)
	large := store.Client{ID: "a", UniqueKey: "key", Metadata: make([]byte, 1<<20)}
	with := store.Change{Reservation: store.Reservation{Namespace: "request", Issuer: "tpp", JTI: "1", Until: time.Now().Add(time.Hour)}}
	err = s.Create(t.Context(), large, with)
	requireDown(t, err, "Create")
	_, err = s.Get(t.Context(), "a")
	require.ErrorIs(t, err, store.ErrNotFound)
	_, err = s.write.conn.ExecContext(t.Context(), "PRAGMA max_page_count = 1000000")
	require.NoError(t, err)
	require.NoError(t, s.Create(t.Context(), large, with))
}

// TestAForgottenTransactionIsEnded: whatever left the writer inside of one, the
// next change but one works again.
func TestAForgottenTransactionIsEnded(t *testing.T) {
	s := openForTest(t)
	_, err := s.write.begin.ExecContext(t.Context())
	require.NoError(t, err)
	require.Error(t, s.Create(t.Context(), store.Client{ID: "a"}, store.Change{}))
	require.NoError(t, s.Create(t.Context(), store.Client{ID: "a"}, store.Change{}))
}
