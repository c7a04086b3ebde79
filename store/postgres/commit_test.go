package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/postgres"
)

// registration is a record, and requestOf a change that asks for it.
func registration(id string) store.Client {
	return store.Client{
		ID: id, IssuedAt: time.Unix(1_700_000_000, 0).UTC(), Since: time.Unix(1_700_000_000, 0).UTC(), Environment: "sandbox",
		SoftwareID: "software of " + id, UniqueKey: "key of " + id, Metadata: []byte(`{"n": 1}`), SoftwareStatement: "statement of " + id,
	}
}

func jtiOf(id string) store.Reservation {
	return store.Reservation{Namespace: "request", Issuer: "tpp", JTI: id, Until: time.Now().Add(time.Hour).Truncate(time.Second)}
}

func subscriptionOf(id string) store.Subscription {
	return store.Subscription{Client: id, API: "accounts", Since: time.Unix(1_700_000_000, 0).UTC()}
}

func noted(what store.Change) store.Change {
	what.Audit = store.Audit{Actor: "tpp", Operation: "test", Decision: "done"}
	return what
}

// lost is a change whose COMMIT is cut, and what it leaves.
type lost struct {
	name   string
	before func(ctx context.Context, s *postgres.Store) error // what is there already; nil for nothing
	change func(ctx context.Context, s *postgres.Store, with store.Change) error
	// unknown: without an audit entry nobody can tell whether the change was made.
	unknown bool
	after   func(ctx context.Context, t *testing.T, s *postgres.Store)
}

func created(state store.State) func(ctx context.Context, s *postgres.Store) error {
	return func(ctx context.Context, s *postgres.Store) error {
		c := registration("a")
		c.State = state
		return s.Create(ctx, c, store.Change{Reservation: jtiOf("a")})
	}
}

func hasVersion(version int64) func(context.Context, *testing.T, *postgres.Store) {
	return func(ctx context.Context, t *testing.T, s *postgres.Store) {
		t.Helper()
		c, err := s.Get(ctx, "a")
		require.NoError(t, err)
		require.Equal(t, version, c.Version)
	}
}

func isGone(ctx context.Context, t *testing.T, s *postgres.Store) {
	t.Helper()
	_, err := s.Get(ctx, "a")
	require.ErrorIs(t, err, store.ErrNotFound)
	c := registration("b")
	c.UniqueKey = "key of a"
	require.NoError(t, s.Create(ctx, c, store.Change{}), "its unique key is free")
}

func lostChanges() []lost {
	return []lost{
		{name: "create", change: func(ctx context.Context, s *postgres.Store, with store.Change) error {
			with.Reservation = jtiOf("a")
			return s.Create(ctx, registration("a"), with)
		}, after: func(ctx context.Context, t *testing.T, s *postgres.Store) {
			hasVersion(1)(ctx, t, s)
			require.ErrorIs(t, s.Create(ctx, registration("c"), store.Change{Reservation: jtiOf("a")}), store.ErrReplayed)
		}},
		{name: "create without a request", change: func(ctx context.Context, s *postgres.Store, with store.Change) error {
			return s.Create(ctx, registration("a"), with)
		}, after: hasVersion(1)},
		{name: "update", before: created(store.Active), change: func(ctx context.Context, s *postgres.Store, with store.Change) error {
			c := registration("a")
			c.Version, with.Reservation = 1, jtiOf("b")
			return s.Update(ctx, c, with)
		}, after: hasVersion(2)},
		{name: "delete", before: created(store.Active), change: func(ctx context.Context, s *postgres.Store, with store.Change) error {
			return s.Delete(ctx, "a", 1, with)
		}, unknown: true, after: isGone},
		{name: "undo", before: created(store.Creating), change: func(ctx context.Context, s *postgres.Store, with store.Change) error {
			return s.Undo(ctx, "a", 1, with)
		}, unknown: true, after: isGone},
		{name: "subscribe", before: created(store.Active), change: func(ctx context.Context, s *postgres.Store, with store.Change) error {
			return s.Subscribe(ctx, subscriptionOf("a"), 1, with)
		}, after: func(ctx context.Context, t *testing.T, s *postgres.Store) {
			hasVersion(2)(ctx, t, s)
			require.ErrorIs(t, s.Subscribe(ctx, subscriptionOf("a"), 2, store.Change{}), store.ErrExists)
		}},
		{name: "unsubscribe", before: func(ctx context.Context, s *postgres.Store) error {
			return errors.Join(created(store.Active)(ctx, s), s.Subscribe(ctx, subscriptionOf("a"), 1, store.Change{}))
		}, change: func(ctx context.Context, s *postgres.Store, with store.Change) error {
			return s.Unsubscribe(ctx, "a", "accounts", 2, with)
		}, after: func(ctx context.Context, t *testing.T, s *postgres.Store) {
			hasVersion(3)(ctx, t, s)
			require.ErrorIs(t, s.Unsubscribe(ctx, "a", "accounts", 3, store.Change{}), store.ErrNotFound)
		}},
	}
}

// TestALostCommitIsFoundOut cuts the connection just before COMMIT reaches the database, and
// just before its answer reaches the store: either way the change is made once, and the store
// says so.
func TestALostCommitIsFoundOut(t *testing.T) {
	t.Parallel()
	for _, options := range []string{"", serializable} {
		h, ok := homeOf(t, options)
		if !ok {
			return
		}
		for _, where := range []cut{beforeCommit, afterCommit} {
			for _, audited := range []bool{true, false} {
				for _, c := range lostChanges() {
					t.Run(fmt.Sprint(c.name, where, audited, options), func(t *testing.T) { loses(t, h, c, where, audited) })
				}
			}
		}
	}
}

func loses(t *testing.T, h *home, c lost, where cut, audited bool) {
	ctx := t.Context()
	direct, s, p := h.seatWithProxy(t)
	if c.before != nil {
		require.NoError(t, c.before(ctx, direct))
	}
	with := store.Change{}
	if audited {
		with = noted(with)
	}
	p.where.Store(int32(where))
	err := c.change(ctx, s, with)
	require.EqualValues(t, 1, p.cuts.Load())
	if c.unknown && where == afterCommit && !audited {
		require.ErrorIs(t, err, postgres.ErrUnknown)
	} else {
		require.NoError(t, err)
	}
	c.after(ctx, t, direct)
	entries, err := direct.ListAudit(ctx, "", 10)
	require.NoError(t, err)
	if audited {
		require.Len(t, entries, 1, "one change has one entry, however often it was made")
	}
}

// TestALostCommitIsNotTakenForAnothersChange has somebody else change the record before the
// store looks for its own change.
func TestALostCommitIsNotTakenForAnothersChange(t *testing.T) {
	h, ok := homeOf(t, "")
	if !ok {
		return
	}
	again := func(version int64) store.Client {
		c := registration("a")
		c.Version = version
		return c
	}
	type meanwhile func(ctx context.Context, direct *postgres.Store) error
	creates := func(ctx context.Context, d *postgres.Store) error { return d.Create(ctx, again(0), store.Change{}) }
	updates := func(ctx context.Context, d *postgres.Store) error { return d.Update(ctx, again(1), store.Change{}) }
	deletes := func(ctx context.Context, d *postgres.Store) error { return d.Delete(ctx, "a", 1, store.Change{}) }
	reserves := func(ctx context.Context, d *postgres.Store) error {
		return d.Create(ctx, registration("b"), store.Change{Reservation: jtiOf("a")})
	}
	for name, c := range map[string]struct {
		where   cut
		audited bool
		then    meanwhile
		want    error
	}{
		"another made the record":           {beforeCommit, true, creates, store.ErrExists},
		"another made it, without an entry": {beforeCommit, false, creates, store.ErrExists},
		"another has the jti":               {beforeCommit, true, reserves, store.ErrReplayed},
		"it was made and changed":           {afterCommit, true, updates, nil},
		"it was made and removed":           {afterCommit, true, deletes, nil},
		"it was made and changed, no entry": {afterCommit, false, updates, postgres.ErrUnknown},
		"it was made and removed, no entry": {afterCommit, false, deletes, postgres.ErrUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			direct, s, p := h.seatWithProxy(t)
			meanwhile := make(chan error, 1)
			p.then = func() { meanwhile <- c.then(context.WithoutCancel(t.Context()), direct) }
			with := store.Change{Reservation: jtiOf("a")}
			if c.audited {
				with = noted(with)
			}
			p.where.Store(int32(c.where))
			err := s.Create(t.Context(), registration("a"), with)
			require.EqualValues(t, 1, p.cuts.Load())
			require.NoError(t, <-meanwhile)
			if c.want == nil {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, c.want)
		})
	}
}

// TestALeaseWhoseCommitWasLostIsHeld does the same for Reserve and Confirm.
func TestALeaseWhoseCommitWasLostIsHeld(t *testing.T) {
	h, ok := homeOf(t, "")
	if !ok {
		return
	}
	for _, where := range []cut{beforeCommit, afterCommit} {
		t.Run(fmt.Sprint(where), func(t *testing.T) {
			direct, s, p := h.seatWithProxy(t)
			p.where.Store(int32(where))
			require.NoError(t, s.Reserve(t.Context(), jtiOf("a"), time.Minute))
			s.Swept() // whose COMMIT would be the one that is cut
			require.ErrorIs(t, direct.Reserve(t.Context(), jtiOf("a"), time.Minute), store.ErrUnderWay)
			p.where.Store(int32(where))
			require.NoError(t, s.Confirm(t.Context(), jtiOf("a")))
			require.EqualValues(t, 2, p.cuts.Load())
			require.ErrorIs(t, direct.Confirm(t.Context(), jtiOf("a")), store.ErrReplayed)
		})
	}
}
