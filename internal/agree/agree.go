// Package agree asks a store and the one in memory the same things, in any order, for tests:
// they give the same answers and hold the same records.
package agree

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/store"
)

// Store is a store with what all of ours have.
type Store interface {
	store.Store
	store.Unfinished
	store.Auditor
	lists
	moves
}

// portal is what a portal asks of a store.
type portal interface {
	store.Users
	store.Sessions
	store.Subscriptions
}

type lists interface {
	store.Lister
	store.ClientIDs
	store.Pending
	store.Searcher
	store.NameSearcher
}

type moves interface {
	store.Purger
	store.Transfer
	store.Noter
	portal
}

// Checks sets how many runs of steps rapid.Check draws in a test, unless the command line says
// how many: rapid's own number is for what needs no disk.
func Checks(t *testing.T, number int) {
	t.Helper()
	checks := flag.Lookup("rapid.checks")
	if checks.Value.String() != checks.DefValue {
		return
	}
	require.NoError(t, checks.Value.Set(strconv.Itoa(number)))
	t.Cleanup(func() { require.NoError(t, checks.Value.Set(checks.DefValue)) })
}

// WithMemory draws steps, and makes each of them in a store in memory and in the store that
// open returns, which is empty and goes by the clock. It fails where an answer or what is
// stored then is another.
func WithMemory(t *rapid.T, open func(clock func() time.Time) Store) {
	now := time.Unix(1000, 0)
	clock := func() time.Time { return now }
	memory, other := store.NewMemory(clock), open(clock)
	kept := map[Store]store.Batch{memory: {}, other: {}}
	// How much a change forgets by itself is up to a store. Where all is forgotten at each step,
	// both hold the same reservations.
	tidy := rapid.Bool().Draw(t, "tidy")
	for range rapid.IntRange(1, 40).Draw(t, "steps") {
		// Each entry of the audit trail has a time of its own, and so one order.
		now = now.Add(time.Duration(rapid.IntRange(0, 2).Draw(t, "pass"))*time.Second + time.Millisecond)
		do := anyStep(t, now, kept, tidy)
		if tidy {
			do = tidied(do)
		}
		require.Equal(t, do(memory), do(other))
		require.Equal(t, contents(t, memory), contents(t, other))
		q := anyQuery(t, now)
		require.Equal(t, register(t, memory, q, tidy), register(t, other, q, tidy))
		require.Equal(t, people(t, memory), people(t, other))
	}
}

// anyStep draws a change, which then can be made in either store, and gives what it answers.
// kept is what an export of each store was at some time.
func anyStep(t *rapid.T, now time.Time, kept map[Store]store.Batch, tidy bool) func(Store) string {
	switch rapid.IntRange(0, 6).Draw(t, "of the register") {
	case 0:
		return anyRegisterStep(t, now, kept, tidy)
	case 1, 2:
		return anyPortalStep(t, now)
	}
	change := anyChange(t, now)
	return func(s Store) string { return answer(change(s)) }
}

// answer is what a change answers. Whether a store has forgotten a jti that has ended is up to
// the store: some forget at each change, some by the minute.
func answer(err error) string {
	if errors.Is(err, store.ErrForgotten) {
		err = store.ErrReplayed
	}
	return fmt.Sprint(err)
}

// anyChange draws a change of one record.
func anyChange(t *rapid.T, now time.Time) func(Store) error {
	ctx := context.Background()
	id, version := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "id"), rapid.Int64Range(1, 4).Draw(t, "version")
	c := store.Client{
		ID: id, Version: version, OrgID: fmt.Sprint(now.Unix()), UniqueKey: rapid.SampledFrom([]string{"", "k", "l"}).Draw(t, "key"),
		State: rapid.SampledFrom([]store.State{
			"", store.Active, store.Creating, store.Updating, store.Updating, store.Deleting, store.PendingCreate, store.PendingDelete,
		}).Draw(t, "state"),
		Since: now, IssuedAt: now.Add(time.Duration(rapid.IntRange(-1, 1).Draw(t, "issued")) * time.Second),
		SoftwareID:  rapid.SampledFrom([]string{"", "s", "S"}).Draw(t, "software"),
		Environment: rapid.SampledFrom([]claims.Environment{"", "e"}).Draw(t, "environment"),
	}
	c.ClientID = rapid.SampledFrom([]string{"", "", "", "a", "b", "x", "y"}).Draw(t, "client_id")
	c.UpstreamState = []byte(rapid.SampledFrom([]string{"", "1", "2"}).Draw(t, "upstream"))
	c.Application.Name = rapid.SampledFrom([]string{"", "One", "ONE two", "t%o"}).Draw(t, "name")
	c.Issuer = rapid.SampledFrom([]string{"", "i", "I"}).Draw(t, "issuer")
	with := store.Change{Audit: anyAudit(t), Unsubscribe: rapid.SampledFrom([][]string{nil, nil, {"x"}, {"x", "y"}}).Draw(t, "unsubscribe")}
	if jti := rapid.SampledFrom([]string{"", "1", "2", "3", "4", "5"}).Draw(t, "jti"); jti != "" {
		until := now.Truncate(time.Second).Add(time.Duration(rapid.IntRange(1, 4).Draw(t, "until")) * time.Second)
		with.Reservation = store.Reservation{Namespace: "request", JTI: jti, Until: until}
	}
	right := rapid.Bool().Draw(t, "right version") // or else any
	switch rapid.IntRange(0, 4).Draw(t, "verb") {
	case 0:
		return func(s Store) error { return s.Create(ctx, c, with) }
	case 1:
		return func(s Store) error {
			return s.Delete(ctx, id, current(s, id, version, right), store.Change{Audit: with.Audit})
		}
	case 2:
		return func(s Store) error {
			return s.Undo(ctx, id, current(s, id, version, right), store.Change{Audit: with.Audit})
		}
	}
	return func(s Store) error {
		c.Version = current(s, id, version, right)
		return s.Update(ctx, c, with)
	}
}

func current(s Store, id string, version int64, right bool) int64 {
	if c, err := s.Get(context.Background(), id); err == nil && right {
		return c.Version
	}
	return version
}

// contents are all records, and the unfinished ones in their order.
func contents(t *rapid.T, s Store) string {
	all, err := s.List(context.Background(), "", 10)
	require.NoError(t, err)
	unfinished, err := s.ListUnfinished(context.Background(), time.Unix(1<<40, 0), 10)
	require.NoError(t, err)
	pending, err := s.ListPending(context.Background(), "", 10)
	require.NoError(t, err)
	text := ""
	for _, id := range []string{"", "a", "b", "c", "x", "y", "z"} {
		c, err := s.GetByClientID(context.Background(), id)
		text += fmt.Sprint(id, " is ", c.ID, " ", err, "\n")
	}
	for _, c := range slices.Concat(all, unfinished, pending) {
		previous := c.Previous
		c.Previous = nil
		text += fmt.Sprintf("%+v %+v\n", c, previous)
	}
	return text
}
