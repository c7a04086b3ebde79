package postgres_test

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/fulltest"
	"github.com/obdcr/obdcr/store"
)

// TestAJTIIsUsedOnceWhileItIsForgotten has one process, the clock of which is ahead, forget a
// jti while others send the same request again.
func TestAJTIIsUsedOnceWhileItIsForgotten(t *testing.T) {
	for _, options := range []string{"", serializable} {
		h, ok := homeOf(t, options)
		if !ok {
			return
		}
		start := time.Now().Truncate(time.Second)
		s := h.seat(t, func() time.Time { return start })
		for round := range fulltest.Rounds(3) {
			ahead := openAt(t, s.dsn, func() time.Time { return start.Add(24 * time.Hour) })
			with := store.Change{Reservation: jtiOf("a")}
			require.NoError(t, s.stores[0].Create(t.Context(), registration("a"), with))
			var wins atomic.Int32
			var group sync.WaitGroup
			for i := range 8 {
				group.Go(func() {
					if s.next().Create(t.Context(), registration(fmt.Sprint("again", i)), with) == nil {
						wins.Add(1)
					}
				})
			}
			group.Go(func() { _, _ = ahead.Purge(t.Context(), store.Purge{Limit: 10}) })
			group.Wait()
			require.Zero(t, wins.Load(), "round %d: the jti was used twice", round)
			done, err := ahead.Purge(t.Context(), store.Purge{Limit: 10})
			require.NoError(t, err)
			require.LessOrEqual(t, done.Reservations, 1)
			require.ErrorIs(t, s.next().Create(t.Context(), registration("last"), with), store.ErrForgotten)
			require.NoError(t, ahead.Close())
			for _, one := range s.stores {
				one.Swept()
			}
			require.NoError(t, emptied(s.broom))
		}
	}
}

// TestEndedReservationsAreForgottenByChanges: the table does not grow for ever, and no change
// waits for it.
func TestEndedReservationsAreForgottenByChanges(t *testing.T) {
	h, ok := homeOf(t, "")
	if !ok {
		return
	}
	var passed atomic.Int64
	start := time.Now().Truncate(time.Second)
	s := h.seat(t, func() time.Time { return start.Add(time.Duration(passed.Load())) })
	create := func(id string) {
		r := jtiOf(id)
		r.Until = start.Add(time.Duration(passed.Load()) + time.Minute)
		require.NoError(t, s.next().Create(t.Context(), registration(id), store.Change{Reservation: r}))
	}
	for i := range 10 {
		create(fmt.Sprint("early", i))
	}
	passed.Store(int64(time.Hour))
	create("late1")
	create("late2")
	held, err := s.next().ListReservations(t.Context(), nil, 100)
	require.NoError(t, err)
	require.Len(t, held, 2)
	mark, any, err := s.next().Forgotten(t.Context())
	require.NoError(t, err)
	require.True(t, any)
	require.Equal(t, start.Add(time.Minute).Unix(), mark.Unix())
}

// TestTheStatementsAboutTheMarkDoWhatTheDocumentSays: each is in docs/operations.md word for
// word. A bank whose clock was ahead needs no restart.
func TestTheStatementsAboutTheMarkDoWhatTheDocumentSays(t *testing.T) {
	document, err := os.ReadFile("../../docs/operations.md")
	require.NoError(t, err)
	const look, free = "SELECT to_timestamp(ends_at) FROM reservation_marks WHERE name = 'forgotten'", "DELETE FROM reservation_marks WHERE name = 'forgotten'"
	require.Contains(t, string(document), look)
	require.Contains(t, string(document), free)
	_, _, dsn, ok := scratch(t)
	if !ok {
		return
	}
	s := open(t, dsn)
	end := time.Now().Add(time.Hour).Truncate(time.Second)
	until := func(jti string, end time.Time) store.Change {
		with := store.Change{Reservation: jtiOf(jti)}
		with.Reservation.Until = end
		return with
	}
	require.NoError(t, s.Create(t.Context(), registration("a"), until("a", end)))
	ahead := openAt(t, dsn, func() time.Time { return end.Add(time.Hour) })
	_, err = ahead.Purge(t.Context(), store.Purge{Limit: 10})
	require.NoError(t, err)
	require.ErrorIs(t, s.Create(t.Context(), registration("b"), until("b", end)), store.ErrForgotten)

	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(t.Context())) }()
	var mark time.Time
	require.NoError(t, conn.QueryRow(t.Context(), look).Scan(&mark))
	require.Equal(t, end.Unix(), mark.Unix())
	run(t, dsn, free)
	require.NoError(t, s.Create(t.Context(), registration("b"), until("b", end)))
}
