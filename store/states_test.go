package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/store"
)

var since = time.Unix(1_700_000_000, 0).UTC()

func request(jti string) store.Change {
	return store.Change{Reservation: store.Reservation{Namespace: "request", Issuer: "tpp", JTI: jti, Until: since.Add(time.Hour)}}
}

func keyOf(change store.Change) []byte {
	key := change.Reservation.Key()
	return key[:]
}

func TestForCreateTellsWhatIsWritten(t *testing.T) {
	for name, c := range map[string]struct {
		given    store.Client
		clientID string
		reserved bool
		err      error
	}{
		"no state is Active":                          {given: store.Client{ID: "a"}, clientID: "a"},
		"an Active record has its ID for a client_id": {given: store.Client{ID: "a", State: store.Active}, clientID: "a"},
		"another client_id stays":                     {given: store.Client{ID: "a", ClientID: "b"}, clientID: "b"},
		"a Creating record has no client_id":          {given: store.Client{ID: "a", State: store.Creating, Since: since}, reserved: true},
		"a Creating record may have one":              {given: store.Client{ID: "a", ClientID: "b", State: store.Creating, Since: since}, clientID: "b", reserved: true},
		"a PendingCreate record keeps no reservation": {given: store.Client{ID: "a", State: store.PendingCreate, Since: since}},
		"Creating since never":                        {given: store.Client{ID: "a", State: store.Creating}, err: store.ErrState},
		"PendingCreate since never":                   {given: store.Client{ID: "a", State: store.PendingCreate}, err: store.ErrState},
		"Updating":                                    {given: store.Client{ID: "a", State: store.Updating, Since: since}, err: store.ErrState},
		"Deleting":                                    {given: store.Client{ID: "a", State: store.Deleting, Since: since}, err: store.ErrState},
		"PendingDelete":                               {given: store.Client{ID: "a", State: store.PendingDelete, Since: since}, err: store.ErrState},
		"no state that there is":                      {given: store.Client{ID: "a", State: "other", Since: since}, err: store.ErrState},
	} {
		t.Run(name, func(t *testing.T) {
			c.given.Version, c.given.Previous, c.given.Reserved = 7, &store.Client{ID: "other"}, []byte("other")
			got, err := store.ForCreate(c.given, request("1"))
			if c.err != nil {
				require.ErrorIs(t, err, c.err)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, c.clientID, got.ClientID)
			assert.Equal(t, int64(1), got.Version)
			assert.Nil(t, got.Previous)
			if assert.Equal(t, c.reserved, got.Reserved != nil); c.reserved {
				assert.Equal(t, keyOf(request("1")), got.Reserved)
			}
		})
	}
	_, err := store.ForCreate(store.Client{}, store.Change{})
	require.Error(t, err)
}

func TestForUpdateTellsWhatIsWritten(t *testing.T) {
	record := func(state store.State, clientID string) store.Client {
		return store.Client{ID: "a", ClientID: clientID, Version: 4, State: state, Since: since}
	}
	underWay := record(store.Updating, "x")
	underWay.Previous, underWay.Reserved = &store.Client{ID: "a", ClientID: "x", Version: 3, State: store.Active}, []byte("key")
	repaired := record(store.Updating, "x")
	repaired.Previous = &store.Client{ID: "a", ClientID: "x", Version: 3, State: store.PendingDelete}
	creating := record(store.Creating, "")
	creating.Reserved = []byte("key")
	for name, c := range map[string]struct {
		old, given store.Client
		with       store.Change
		clientID   string
		previous   int64 // its Version; 0 for none
		reserved   []byte
		err        error
	}{
		"a client_id stays where none is given":    {old: record(store.Active, "x"), given: record(store.Active, ""), clientID: "x"},
		"a client_id is replaced":                  {old: record(store.Active, "x"), given: record(store.Active, "y"), clientID: "y"},
		"a record without one gets its ID":         {old: record(store.Active, ""), given: record(store.Active, ""), clientID: "a"},
		"an Updating record keeps the client_id":   {old: record(store.Active, "x"), given: record(store.Updating, ""), clientID: "x", previous: 4},
		"an Updating record has a reservation":     {old: record(store.Active, "x"), given: record(store.Updating, "x"), with: request("1"), clientID: "x", previous: 4, reserved: keyOf(request("1"))},
		"a change taken up again stays what it is": {old: underWay, given: record(store.Updating, "y"), clientID: "y", previous: 3, reserved: []byte("key")},
		"a finished change has no past":            {old: underWay, given: record(store.Active, "y"), clientID: "y"},
		"a deletion has no past":                   {old: underWay, given: record(store.Deleting, ""), clientID: "x"},
		"a change takes no request":                {old: underWay, given: record(store.Updating, ""), with: request("1"), err: store.ErrState},
		"a registration ends":                      {old: creating, given: record(store.Active, "y"), clientID: "y"},
		"a registration ends with its ID":          {old: creating, given: record(store.Active, ""), clientID: "a"},
		"a registration ends waiting":              {old: creating, given: record(store.PendingCreate, "")},
		"an approval keeps what waited":            {old: record(store.PendingCreate, ""), given: record(store.Creating, ""), previous: 4},
		"a decision takes no request":              {old: record(store.PendingCreate, ""), given: record(store.Creating, ""), with: request("1"), err: store.ErrState},
		"a deletion that waits has no reservation": {old: record(store.Active, "x"), given: record(store.PendingDelete, ""), with: request("1"), clientID: "x"},
		"a deletion waits on":                      {old: record(store.PendingDelete, "x"), given: record(store.PendingDelete, ""), clientID: "x"},
		"a client is repaired meanwhile":           {old: record(store.PendingDelete, "x"), given: record(store.Updating, ""), clientID: "x", previous: 4},
		"a repaired client waits again":            {old: repaired, given: record(store.PendingDelete, "y"), clientID: "y"},
		"an updated client does not wait":          {old: underWay, given: record(store.PendingDelete, "x"), err: store.ErrState},
		"a deletion is refused":                    {old: record(store.PendingDelete, "x"), given: record(store.Active, ""), clientID: "x"},
		"a deletion that waits takes no request":   {old: record(store.PendingDelete, "x"), given: record(store.Active, ""), with: request("1"), err: store.ErrState},
		"since never":                              {old: record(store.Active, "x"), given: store.Client{ID: "a", Version: 4, State: store.PendingDelete}, err: store.ErrState},
		"another version":                          {old: record(store.Active, "x"), given: store.Client{ID: "a", Version: 3}, err: store.ErrConflict},
	} {
		t.Run(name, func(t *testing.T) {
			c.given.Reserved = []byte("of the caller")
			got, err := store.ForUpdate(c.old, c.given, c.with)
			if c.err != nil {
				require.ErrorIs(t, err, c.err)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, c.clientID, got.ClientID)
			assert.Equal(t, int64(5), got.Version)
			assert.Equal(t, c.reserved, got.Reserved)
			if c.previous == 0 {
				assert.Nil(t, got.Previous)
				return
			}
			require.NotNil(t, got.Previous)
			assert.Equal(t, c.previous, got.Previous.Version)
			assert.Nil(t, got.Previous.Previous)
		})
	}
}

func TestForUndoTellsWhatIsLeft(t *testing.T) {
	before := store.Client{ID: "a", ClientID: "x", Version: 3, State: store.Active, OrgID: "old", OwnSubject: "s", UpstreamState: []byte("1"), UpstreamMembers: []byte("{}")}
	updating := before
	updating.State, updating.Version, updating.OrgID, updating.Previous = store.Updating, 4, "new", &before
	decided := updating
	decided.ClientID, decided.OwnSubject, decided.UpstreamState, decided.UpstreamMembers = "y", "t", []byte("2"), []byte(`{"a":1}`)
	waits := store.Client{ID: "a", Version: 3, State: store.PendingCreate}
	approved := decided
	approved.State, approved.Previous = store.Creating, &waits

	was := func(change func(*store.Client)) *store.Client {
		c := before
		c.Version = 5
		change(&c)
		return &c
	}
	unnamed := updating
	unnamed.ClientID = ""
	for name, c := range map[string]struct {
		record store.Client
		want   *store.Client
		err    error
	}{
		"what was before an update": {record: updating, want: was(func(*store.Client) {})},
		"what was decided last": {record: decided, want: was(func(c *store.Client) {
			c.ClientID, c.OwnSubject, c.UpstreamState, c.UpstreamMembers = "y", "t", []byte("2"), []byte(`{"a":1}`)
		})},
		"a client_id":            {record: unnamed, want: was(func(*store.Client) {})},
		"nothing":                {record: store.Client{ID: "a", Version: 4, State: store.Creating}},
		"what waited":            {record: approved, want: &store.Client{ID: "a", Version: 5, State: store.PendingCreate}},
		"no Active record":       {record: store.Client{ID: "a", Version: 4, State: store.Active}, err: store.ErrState},
		"no deletion":            {record: store.Client{ID: "a", Version: 4, State: store.Deleting}, err: store.ErrState},
		"no waiting record":      {record: store.Client{ID: "a", Version: 4, State: store.PendingCreate}, err: store.ErrState},
		"no waiting deletion":    {record: store.Client{ID: "a", Version: 4, State: store.PendingDelete}, err: store.ErrState},
		"no update without past": {record: store.Client{ID: "a", Version: 4, State: store.Updating}, err: store.ErrState},
		"no other version":       {record: store.Client{ID: "a", Version: 5, State: store.Creating}, err: store.ErrConflict},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := store.ForUndo(c.record, 4, store.Change{})
			require.ErrorIs(t, err, c.err)
			assert.Equal(t, c.want, got)
		})
	}
	assert.Equal(t, int64(3), before.Version, "the record that was given is as it was")
}

func TestAStateIsPendingOrUnfinishedOrNeither(t *testing.T) {
	for state, want := range map[store.State][2]bool{
		store.Active: {}, "": {}, "other": {}, store.Creating: {false, true}, store.Updating: {false, true}, store.Deleting: {false, true},
		store.PendingCreate: {true, false}, store.PendingDelete: {true, false},
	} {
		assert.Equal(t, want, [2]bool{state.IsPending(), state.IsUnfinished()}, "%s", state)
	}
}
