package store_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/store"
	"github.com/stretchr/testify/require"
)

func newMemory(t *testing.T) (*store.Memory, *time.Time) {
	t.Helper()
	now := time.Unix(1_700_000_000, 0)
	m, err := store.NewMemory(func() time.Time { return now })
	require.NoError(t, err)
	return m, &now
}

func reservation(jti string, until time.Time) store.Reservation {
	return store.Reservation{Namespace: "request", Issuer: "software", JTI: jti, Until: until}
}

func TestMemoryNeedsAClock(t *testing.T) {
	_, err := store.NewMemory(nil)
	require.Error(t, err)
}

func TestCreateCommitsRecordAndReservationTogether(t *testing.T) {
	m, now := newMemory(t)
	ctx, until := context.Background(), now.Add(time.Hour)
	require.NoError(t, m.Create(ctx, store.Client{ID: "a"}, reservation("1", until)))
	require.ErrorIs(t, m.Create(ctx, store.Client{ID: "b"}, reservation("1", until)), store.ErrReplayed)
	_, err := m.Get(ctx, "b")
	require.ErrorIs(t, err, store.ErrNotFound, "a replayed jti must leave no record")

	require.ErrorIs(t, m.Create(ctx, store.Client{ID: "a"}, reservation("2", until)), store.ErrExists)
	require.NoError(t, m.Create(ctx, store.Client{ID: "c"}, reservation("2", until)), "a refused record must burn no jti")

	*now = until
	require.NoError(t, m.Create(ctx, store.Client{ID: "d"}, reservation("1", until.Add(time.Hour))), "an ended reservation is forgotten")
}

func TestUpdateComparesAndSets(t *testing.T) {
	m, now := newMemory(t)
	ctx, until := context.Background(), now.Add(time.Hour)
	require.NoError(t, m.Create(ctx, store.Client{ID: "a", UniqueKey: "u"}, reservation("1", until)))
	require.ErrorIs(t, m.Update(ctx, store.Client{ID: "x", Version: 1}, reservation("2", until)), store.ErrNotFound)
	require.NoError(t, m.Update(ctx, store.Client{ID: "a", UniqueKey: "v", Version: 1, SoftwareID: "s"}, reservation("2", until)))
	require.ErrorIs(t, m.Update(ctx, store.Client{ID: "a", Version: 1}, reservation("3", until)), store.ErrConflict)
	c, err := m.Get(ctx, "a")
	require.NoError(t, err)
	require.Equal(t, int64(2), c.Version)
	require.Equal(t, "s", c.SoftwareID)
	require.NoError(t, m.Create(ctx, store.Client{ID: "b", UniqueKey: "u"}, reservation("4", until)), "the old unique key is free")
	require.ErrorIs(t, m.Create(ctx, store.Client{ID: "c", UniqueKey: "v"}, reservation("5", until)), store.ErrExists)
	require.ErrorIs(t, m.Delete(ctx, "a", 1), store.ErrConflict)
	require.NoError(t, m.Delete(ctx, "a", 2))
	require.ErrorIs(t, m.Delete(ctx, "a", 2), store.ErrNotFound)
}

func TestRecordsAreValues(t *testing.T) {
	m, now := newMemory(t)
	ctx := context.Background()
	values := []string{"AISP"}
	in := store.Client{ID: "a", Metadata: []byte(`{}`), Application: claims.Application{
		Attributes: []claims.Attribute{{Name: "software_roles_sandbox", Values: values, List: true}}}}
	require.NoError(t, m.Create(ctx, in, reservation("1", now.Add(time.Hour))))
	values[0], in.Metadata[0] = "PISP", 'x'
	out, err := m.Get(ctx, "a")
	require.NoError(t, err)
	require.Equal(t, "AISP", out.Application.Attributes[0].Values[0])
	require.JSONEq(t, `{}`, string(out.Metadata))
	out.Application.Attributes[0].Values[0] = "CBPII"
	again, err := m.Get(ctx, "a")
	require.NoError(t, err)
	require.Equal(t, "AISP", again.Application.Attributes[0].Values[0])
}

func TestOneOfManyConcurrentCreatesWins(t *testing.T) {
	m, now := newMemory(t)
	var wg sync.WaitGroup
	won := make(chan string, 64)
	for i := range 64 {
		wg.Go(func() {
			id := string(rune('A' + i))
			if m.Create(context.Background(), store.Client{ID: id, UniqueKey: "one"}, reservation(id, now.Add(time.Hour))) == nil {
				won <- id
			}
		})
	}
	wg.Wait()
	require.Len(t, won, 1)
}
