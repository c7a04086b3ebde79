package sqlite_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/sqlite"
)

// full is a store with what both of ours have.
type full interface {
	store.Store
	store.Unfinished
	store.Auditor
	lists
	moves
}

type lists interface {
	store.Lister
	store.ClientIDs
	store.Pending
	store.Searcher
}

type moves interface {
	store.Purger
	store.Transfer
}

// TestBothStoresAgree asks the store in memory and the one in SQLite the same
// things in any order: they give the same answers and hold the same records.
func TestBothStoresAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(1000, 0)
		clock := func() time.Time { return now }
		dir, err := os.MkdirTemp("", "agree")
		require.NoError(t, err)
		defer func() { require.NoError(t, os.RemoveAll(dir)) }()
		disk, err := sqlite.Open(context.Background(), sqlite.Config{Path: filepath.Join(dir, "clients.db"), Clock: clock})
		require.NoError(t, err)
		defer func() { require.NoError(t, disk.Close()) }()
		memory := store.NewMemory(clock)
		kept := map[full]store.Batch{memory: {}, disk: {}}
		// How much a change forgets by itself is up to a store. Where all is forgotten at each
		// step, both hold the same reservations.
		tidy := rapid.Bool().Draw(t, "tidy")
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			// Each entry of the audit trail has a time of its own, and so one order.
			now = now.Add(time.Duration(rapid.IntRange(0, 2).Draw(t, "pass"))*time.Second + time.Millisecond)
			do := anyStep(t, now, kept, tidy)
			if tidy {
				do = tidied(do)
			}
			require.Equal(t, do(memory), do(disk))
			require.Equal(t, contents(t, memory), contents(t, disk))
			q := anyQuery(t, now)
			require.Equal(t, register(t, memory, q, tidy), register(t, disk, q, tidy))
		}
	})
}

// anyStep draws a change, which then can be made in either store, and gives what it answers.
// kept is what an export of each store was at some time.
func anyStep(t *rapid.T, now time.Time, kept map[full]store.Batch, tidy bool) func(full) string {
	if rapid.IntRange(0, 4).Draw(t, "of the register") == 0 {
		return anyRegisterStep(t, now, kept, tidy)
	}
	change := anyChange(t, now)
	return func(s full) string { return fmt.Sprint(change(s)) }
}

// anyChange draws a change of one record.
func anyChange(t *rapid.T, now time.Time) func(full) error {
	ctx := context.Background()
	id, version := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "id"), rapid.Int64Range(1, 4).Draw(t, "version")
	c := store.Client{
		ID: id, Version: version, OrgID: fmt.Sprint(now.Unix()), UniqueKey: rapid.SampledFrom([]string{"", "k", "l"}).Draw(t, "key"),
		State: rapid.SampledFrom([]store.State{
			"", store.Active, store.Creating, store.Updating, store.Updating, store.Deleting, store.PendingCreate, store.PendingDelete,
		}).Draw(t, "state"),
		Since: now, IssuedAt: now.Add(time.Duration(rapid.IntRange(-1, 1).Draw(t, "issued")) * time.Second),
		SoftwareID: rapid.SampledFrom([]string{"", "s", "S"}).Draw(t, "software"), Environment: rapid.SampledFrom([]claims.Environment{"", "e"}).Draw(t, "environment"),
	}
	c.ClientID = rapid.SampledFrom([]string{"", "", "", "a", "b", "x", "y"}).Draw(t, "client_id")
	c.UpstreamState = []byte(rapid.SampledFrom([]string{"", "1", "2"}).Draw(t, "upstream"))
	with := store.Change{Audit: anyAudit(t)}
	if jti := rapid.SampledFrom([]string{"", "1", "2", "3", "4", "5"}).Draw(t, "jti"); jti != "" {
		with.Reservation = store.Reservation{Namespace: "request", JTI: jti, Until: now.Truncate(time.Second).Add(time.Duration(rapid.IntRange(1, 4).Draw(t, "until")) * time.Second)}
	}
	right := rapid.Bool().Draw(t, "right version") // or else any
	switch rapid.IntRange(0, 4).Draw(t, "verb") {
	case 0:
		return func(s full) error { return s.Create(ctx, c, with) }
	case 1:
		return func(s full) error {
			return s.Delete(ctx, id, current(s, id, version, right), store.Change{Audit: with.Audit})
		}
	case 2:
		return func(s full) error {
			return s.Undo(ctx, id, current(s, id, version, right), store.Change{Audit: with.Audit})
		}
	}
	return func(s full) error {
		c.Version = current(s, id, version, right)
		return s.Update(ctx, c, with)
	}
}

func current(s full, id string, version int64, right bool) int64 {
	if c, err := s.Get(context.Background(), id); err == nil && right {
		return c.Version
	}
	return version
}

// contents are all records, and the unfinished ones in their order.
func contents(t *rapid.T, s full) string {
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
