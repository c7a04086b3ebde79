package sqlite

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/store"
)

// atOnce makes changes while nobody has the turn, then leads the first of them, and returns what
// each came to. The changes stand in the line in their order. One that got the turn by itself
// might be another one than the first, and would go before it.
func (s *Store) atOnce(t *testing.T, do ...func() error) []error {
	t.Helper()
	<-s.write.turn
	answers := make([]error, len(do))
	var all sync.WaitGroup
	for i, one := range do {
		all.Go(func() { answers[i] = one() })
		require.Eventually(t, func() bool {
			s.write.line.mu.Lock()
			defer s.write.line.mu.Unlock()
			return len(s.write.line.queue) == i+1
		}, time.Minute, 100*time.Microsecond)
	}
	s.write.line.mu.Lock()
	first := s.write.line.queue[0]
	s.write.line.mu.Unlock()
	all.Go(func() {
		defer func() { _ = recover() }() // of a change, whose answer is then a fault
		s.write.lead(first)
	})
	all.Wait()
	return answers
}

func reservationOf(jti string) store.Change {
	return store.Change{Reservation: store.Reservation{Namespace: "request", Issuer: "tpp", JTI: jti, Until: time.Now().Add(time.Hour)}}
}

// commits is how many transactions with a change the file has seen, by the counter that
// another connection sees.
func (s *Store) commits(t *testing.T) (n int) {
	t.Helper()
	require.NoError(t, s.read.db.QueryRowContext(t.Context(), "PRAGMA data_version").Scan(&n))
	return n
}

// Changes that wait are committed together, and each has its own answer: what one has done,
// the next one sees.
func TestChangesThatWaitAreCommittedTogether(t *testing.T) {
	s := openForTest(t)
	s.read.db.SetMaxOpenConns(1) // data_version counts for one connection
	create := func(id, key, jti string) func() error {
		return func() error {
			return s.Create(t.Context(), store.Client{ID: id, UniqueKey: key}, reservationOf(jti))
		}
	}
	require.NoError(t, create("a", "", "0")())
	over, cancel := context.WithCancel(t.Context())
	before := s.commits(t)
	answers := s.atOnce(t,
		create("b", "key", "1"),
		create("c", "", "1"),    // the same jti
		create("d", "key", "2"), // the same key
		func() error {
			return s.Update(t.Context(), store.Client{ID: "a", Version: 1, OrgID: "new"}, store.Change{})
		},
		func() error {
			return s.Update(t.Context(), store.Client{ID: "a", Version: 1, OrgID: "other"}, store.Change{})
		},
		func() error { return s.Delete(t.Context(), "nobody", 1, store.Change{}) },
		create("e", "", "3"),
	)
	require.Equal(t, before+1, s.commits(t), "one commit")
	for i, want := range []error{nil, store.ErrReplayed, store.ErrExists, nil, store.ErrConflict, store.ErrNotFound, nil} {
		require.ErrorIs(t, answers[i], want, i)
	}
	all, err := s.List(t.Context(), "", 10)
	require.NoError(t, err)
	require.Len(t, all, 3)
	require.Equal(t, "new", all[0].OrgID)
	require.NoError(t, create("f", "", "2")(), "the jti of what was refused is free")

	ends := func() error {
		return s.write.transact(t.Context(), func(context.Context) error { cancel(); return nil })
	}
	answers = s.atOnce(t, ends, func() error { return s.Create(over, store.Client{ID: "h"}, reservationOf("5")) }, create("i", "", "6"))
	require.NoError(t, errors.Join(answers[0], answers[2]))
	require.ErrorIs(t, answers[1], context.Canceled)
	_, err = s.Get(t.Context(), "h")
	require.ErrorIs(t, err, store.ErrNotFound)
}

// More changes than a group holds are committed all the same, whoever has the turn.
func TestMoreChangesThanAGroupHoldsAreCommitted(t *testing.T) {
	s := openForTest(t)
	var do []func() error
	for i := range 3*maxGroup + 2 {
		do = append(do, func() error {
			return s.Create(t.Context(), store.Client{ID: fmt.Sprint("c", i)}, reservationOf(fmt.Sprint(i)))
		})
	}
	require.NoError(t, errors.Join(s.atOnce(t, do...)...))
	all, err := s.List(t.Context(), "", 100)
	require.NoError(t, err)
	require.Len(t, all, len(do))
}

// A change that finds no room takes nobody with it.
func TestAChangeWithoutRoomHarmsNoOther(t *testing.T) {
	s := openForTest(t)
	var pages int
	require.NoError(t, s.write.conn.QueryRowContext(t.Context(), "PRAGMA page_count").Scan(&pages))
	_, err := s.write.conn.ExecContext(t.Context(), fmt.Sprint("PRAGMA max_page_count = ", pages+10))
	require.NoError(t, err)
	small := func(id string) func() error {
		return func() error { return s.Create(t.Context(), store.Client{ID: id}, reservationOf(id)) }
	}
	answers := s.atOnce(t, small("a"), func() error {
		return s.Create(t.Context(), store.Client{ID: "large", Metadata: make([]byte, 1<<20)}, reservationOf("large"))
	}, small("b"))
	require.NoError(t, errors.Join(answers[0], answers[2]))
	requireDown(t, answers[1], "Create")
	all, err := s.List(t.Context(), "", 10)
	require.NoError(t, err)
	require.Len(t, all, 2)
}

// Where the commit fails nobody has an answer of the contract: it may tell of a change that
// is not there.
func TestACommitThatFailsIsAFaultForAll(t *testing.T) {
	s := openForTest(t)
	orphan := func() error { // a row without its client, which the commit alone refuses
		return s.write.transact(t.Context(), func(ctx context.Context) error {
			if _, err := s.write.conn.ExecContext(ctx, "PRAGMA defer_foreign_keys = 1"); err != nil {
				return err
			}
			_, err := s.write.conn.ExecContext(ctx, "INSERT INTO unique_keys (unique_key, client_id) VALUES ('x', 'nobody')")
			return err
		})
	}
	create := func() error { return s.Create(t.Context(), store.Client{ID: "a"}, reservationOf("1")) }
	answers := s.atOnce(t, create, create, orphan)
	for i, err := range answers {
		require.Error(t, err, i)
		require.NotErrorIs(t, err, store.ErrReplayed, i)
	}
	_, err := s.Get(t.Context(), "a")
	require.ErrorIs(t, err, store.ErrNotFound)
	require.NoError(t, create(), "the writer goes on")
}

// A panic in one change ends the others with a fault, and the writer goes on.
func TestAPanicInAGroupLeavesNobodyWaiting(t *testing.T) {
	s := openForTest(t)
	create := func(id string) func() error {
		return func() error { return s.Create(t.Context(), store.Client{ID: id}, reservationOf(id)) }
	}
	answers := s.atOnce(t, create("a"), func() error {
		return s.write.transact(t.Context(), func(context.Context) error { panic("broken") })
	}, create("b"))
	for i, err := range answers {
		require.ErrorIs(t, err, errAbandoned, i)
	}
	all, err := s.List(t.Context(), "", 10)
	require.NoError(t, err)
	require.Empty(t, all)
	require.NoError(t, create("a")())
}
