package store_test

import (
	"encoding/hex"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/store"
)

// TestKeyIsWhatItWas: stores keep keys for as long as tokens live. Another form of
// it would let replays through for that time.
func TestKeyIsWhatItWas(t *testing.T) {
	key := store.Reservation{Namespace: "request", Issuer: "4fHuZ6Fy1pLcTLdsTDYvGF", JTI: "00AA-bb"}.Key()
	// printf 'obdcr replay v1\0\0\0\0\0\0\0\7request\0\0\0\0\0\0\0\0264fHuZ6Fy1pLcTLdsTDYvGF\0\0\0\0\0\0\0\00700aa-bb' | sha256sum
	assert.Equal(t, "907d59edefd6529c868d9eb83bb33347305db9ef0b1924c1d0d01fcc56004c00", hex.EncodeToString(key[:]))
	same := store.Reservation{Namespace: "request", Issuer: "4fHuZ6Fy1pLcTLdsTDYvGF", JTI: "00aa-BB", Until: time.Unix(1, 0)}.Key()
	assert.Equal(t, key, same)
	assert.Equal(t, store.Reservation{JTI: "az"}.Key(), store.Reservation{JTI: "AZ"}.Key(), "from the first letter to the last")
}

func TestKeyLowersASCIIOnly(t *testing.T) {
	kelvin := store.Reservation{JTI: "\u212a"}.Key()
	assert.NotEqual(t, store.Reservation{JTI: "k"}.Key(), kelvin)
	for upper, lower := range map[string]string{"@": "`", "[": "{"} {
		assert.NotEqual(t, store.Reservation{JTI: lower}.Key(), store.Reservation{JTI: upper}.Key(), "the bytes beside the letters")
	}
	assert.NotEqual(t, store.Reservation{JTI: "\u00c4"}.Key(), store.Reservation{JTI: "\u00e4"}.Key())
}

func TestOnlyTheEmptyReservationIsZero(t *testing.T) {
	assert.True(t, store.Reservation{}.IsZero())
	for _, r := range []store.Reservation{{Namespace: "a"}, {Issuer: "a"}, {JTI: "a"}, {Until: time.Unix(0, 0)}} {
		assert.False(t, r.IsZero(), "%+v", r)
	}
}

func TestVisibleIsWhatIsInForce(t *testing.T) {
	previous := &store.Client{ID: "a", Version: 1, State: store.Active}
	for _, c := range []struct {
		record  store.Client
		version int64
		seen    bool
	}{
		{store.Client{ID: "a", Version: 3, State: store.Active}, 3, true},
		{store.Client{ID: "a", Version: 3}, 3, true},
		{store.Client{ID: "a", Version: 3, State: store.Updating, Previous: previous}, 1, true},
		{store.Client{ID: "a", Version: 3, State: store.Updating}, 0, false},
		{store.Client{ID: "a", Version: 3, State: store.Creating}, 0, false},
		{store.Client{ID: "a", Version: 3, State: store.Deleting, Previous: previous}, 0, false},
		{store.Client{ID: "a", Version: 3, State: store.PendingDelete}, 3, true},
		{store.Client{ID: "a", Version: 3, State: store.PendingCreate}, 0, false},
		{store.Client{ID: "a", Version: 3, State: store.Creating, Previous: previous}, 0, false},
		{store.Client{ID: "a", Version: 3, State: "other", Previous: previous}, 0, false},
	} {
		seen, ok := c.record.Visible()
		assert.Equal(t, c.seen, ok, "%s", c.record.State)
		assert.Equal(t, c.version, seen.Version, "%s", c.record.State)
	}
}

// TestStatesFollowOneAnother goes through all pairs.
func TestStatesFollowOneAnother(t *testing.T) {
	may := map[store.State]string{
		store.Active: "active updating deleting pending_delete", store.Creating: "creating active deleting pending_create",
		store.Updating: "updating active deleting", store.Deleting: "deleting",
		store.PendingCreate: "pending_create creating active deleting", store.PendingDelete: "pending_delete active deleting updating",
	}
	since := time.Unix(1_700_000_000, 0)
	for from := range may {
		for to := range may {
			old := store.Client{ID: "a", Version: 4, State: from, Since: since}
			got, err := store.ForUpdate(old, store.Client{ID: "a", Version: 4, State: to, Since: since}, store.Change{})
			if !slices.Contains(strings.Fields(may[from]), string(to)) {
				require.ErrorIs(t, err, store.ErrState, "%s to %s", from, to)
				continue
			}
			require.NoError(t, err, "%s to %s", from, to)
			assert.Equal(t, to, got.State)
			assert.Equal(t, int64(5), got.Version)
			kept := from != store.Updating && to == store.Updating || from == store.PendingCreate && to == store.Creating
			assert.Equal(t, kept, got.Previous != nil, "%s to %s", from, to)
		}
	}
}

func TestACloneSharesNothing(t *testing.T) {
	fresh := func() store.Client {
		c := store.Client{ID: "a", Issuer: "i", Metadata: []byte("m"), SecretHash: []byte("h"), SealedSecret: []byte("s"), Reserved: []byte("r"),
			UpstreamState: []byte("u"), UpstreamMembers: []byte("m"),
			Application: claims.Application{Name: "n", Attributes: []claims.Attribute{{Name: "a", Values: []string{"v"}}}}}
		previous := c
		previous.Metadata, previous.SealedSecret, previous.UpstreamState = []byte("m"), []byte("s"), []byte("u")
		c.Previous = &previous
		return c
	}
	original := fresh()
	clone := original.Clone()
	require.Equal(t, fresh(), clone)
	for _, bytes := range [][]byte{clone.Metadata, clone.SecretHash, clone.SealedSecret, clone.Reserved, clone.UpstreamState, clone.UpstreamMembers,
		clone.Previous.Metadata, clone.Previous.SealedSecret, clone.Previous.UpstreamState} {
		bytes[0] = 'x'
	}
	clone.Application.Attributes[0].Values[0], clone.Application.Attributes[0].Name, clone.Previous.ID = "x", "x", "x"
	require.Equal(t, fresh(), original)
	require.Equal(t, store.Client{ID: "b"}, store.Client{ID: "b"}.Clone(), "what is nil stays so")
}

// TestAnUpdatingRecordWithoutAPreviousCannotBeUndone: only a damaged one is so.
func TestAnUpdatingRecordWithoutAPreviousCannotBeUndone(t *testing.T) {
	_, err := store.ForUndo(store.Client{ID: "a", Version: 2, State: store.Updating}, 2, store.Change{})
	require.ErrorIs(t, err, store.ErrState)
}
