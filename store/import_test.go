package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/store"
)

// TestOnlyWhatAStoreCanHaveIsImported: each fault alone is refused with ErrState.
func TestOnlyWhatAStoreCanHaveIsImported(t *testing.T) {
	at := time.UnixMilli(1_700_000_000_123).UTC()
	sound := func() store.Batch {
		before := store.Client{ID: "b", ClientID: "b", Version: 1, State: store.Active}
		entry, ok := store.NewAuditEntry(store.Client{ID: "a", Version: 1, State: store.Active}, false, store.Change{Audit: store.Audit{Operation: "create"}}, at)
		require.True(t, ok)
		return store.Batch{
			Clients: []store.Client{
				{ID: "a", Version: 1}, {ID: "b", Version: 2, State: store.Updating, Since: at, Previous: &before, Reserved: make([]byte, 32)},
			},
			Reservations: []store.HeldReservation{{Until: at, Client: "a"}},
			Audit:        []store.AuditEntry{entry},
			Forgotten:    at,
		}
	}
	got, err := store.ForImport(sound())
	require.NoError(t, err)
	assert.Equal(t, "a", got.Clients[0].ClientID)
	assert.Equal(t, "b", got.Clients[1].ClientID, "that of before")
	assert.Equal(t, store.Active, got.Clients[0].State)
	assert.Equal(t, at.Truncate(time.Second), got.Clients[1].Since)
	assert.Equal(t, time.Unix(1_700_000_001, 0).UTC(), got.Reservations[0].Until, "never earlier than it was")
	assert.Equal(t, time.Unix(1_700_000_001, 0).UTC(), got.Forgotten)
	for name, spoil := range map[string]func(*store.Batch){
		"no ID":                func(b *store.Batch) { b.Clients[0].ID = "" },
		"no version":           func(b *store.Batch) { b.Clients[0].Version = 0 },
		"no such state":        func(b *store.Batch) { b.Clients[0].State = "sleeping" },
		"since never":          func(b *store.Batch) { b.Clients[1].Since = time.Time{} },
		"nothing to return to": func(b *store.Batch) { b.Clients[1].Previous = nil },
		"a previous of nothing": func(b *store.Batch) {
			b.Clients[0].Previous = &store.Client{ID: "a", Version: 1}
			b.Clients[0].Version = 2
		},
		"a later previous":         func(b *store.Batch) { b.Clients[1].Previous.Version = 2 },
		"another's previous":       func(b *store.Batch) { b.Clients[1].Previous.ID = "a" },
		"a deleting previous":      func(b *store.Batch) { b.Clients[1].Previous.State, b.Clients[1].Previous.Since = store.Deleting, at },
		"reserved at rest":         func(b *store.Batch) { b.Clients[0].Reserved = make([]byte, 32) },
		"a reservation of nobody":  func(b *store.Batch) { b.Reservations[0].Client = "" },
		"a reservation for ever":   func(b *store.Batch) { b.Reservations[0].Until = time.Time{} },
		"an entry of another time": func(b *store.Batch) { b.Audit[0].At = at.Add(time.Second) },
		"an entry's ID":            func(b *store.Batch) { b.Audit[0].ID += "00" },
		"an entry of nobody":       func(b *store.Batch) { b.Audit[0].Client = "" },
		"an entry that is silent":  func(b *store.Batch) { b.Audit[0].Audit = store.Audit{} },
		"an entry's state":         func(b *store.Batch) { b.Audit[0].State = "sleeping" },
	} {
		b := sound()
		spoil(&b)
		_, err := store.ForImport(b)
		assert.ErrorIs(t, err, store.ErrState, name)
	}
}

// TestSameRecordTellsContentApart, and nothing else.
func TestSameRecordTellsContentApart(t *testing.T) {
	record := func() store.Client {
		return store.Client{ID: "a", Version: 2, Since: time.Unix(1, 0), Application: claims.Application{Attributes: []claims.Attribute{{Name: "n"}}}}
	}
	other := record()
	other.Metadata, other.Reserved, other.Since = []byte{}, []byte{}, time.Unix(1, 5).UTC()
	other.Application.Attributes[0].Values = []string{}
	require.True(t, store.SameRecord(record(), other))
	other.Previous = &store.Client{ID: "a"}
	require.False(t, store.SameRecord(record(), other))
	other = record()
	other.Application.Attributes[0].Values = []string{"v"}
	require.False(t, store.SameRecord(record(), other))

	entry := store.AuditEntry{ID: "e", Audit: store.Audit{Changes: []store.AuditChange{{Member: "scope"}}}}
	same := entry
	same.Changes = []store.AuditChange{{Member: "scope", Before: []byte{}}}
	require.True(t, store.SameEntry(entry, same))
	same.Changes[0].Before = []byte("1")
	require.False(t, store.SameEntry(entry, same))
	same = entry
	same.Reason = "why"
	require.False(t, store.SameEntry(entry, same))
}
