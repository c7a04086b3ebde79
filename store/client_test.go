package store_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/store"
)

// fill makes a store of records. Those that are not Active get there by an update.
func fill(t *testing.T, records ...store.Client) *store.Memory {
	t.Helper()
	m := store.NewMemory(nil)
	for _, c := range records {
		c.Since = since
		state := c.State
		if state != store.Creating && state != store.PendingCreate {
			c.State = store.Active
		}
		require.NoError(t, m.Create(t.Context(), c, store.Change{}))
		if c.State != state && state != "" {
			c.State, c.Version, c.OrgID = state, 1, "new"
			require.NoError(t, m.Update(t.Context(), c, store.Change{}))
		}
	}
	return m
}

// fourVerbs hides what a store has beside its four verbs.
type fourVerbs struct{ store.Store }

// unnamed is a store of before there was a ClientID: it does not keep one.
type unnamed struct{ store.Store }

func (u unnamed) Get(ctx context.Context, id string) (store.Client, error) {
	c, err := u.Store.Get(ctx, id)
	c.ClientID = ""
	if c.Previous != nil {
		c.Previous.ClientID = ""
	}
	return c, err
}

// unindexed is such a store that has an index of client_ids all the same.
type unindexed struct{ unnamed }

func (unindexed) GetByClientID(context.Context, string) (store.Client, error) {
	return store.Client{}, store.ErrNotFound
}

// guard wraps a store and answers for some IDs itself.
type guard struct {
	*store.Memory
	refused map[string]error
}

func (g guard) Get(ctx context.Context, id string) (store.Client, error) {
	if err := g.refused[id]; err != nil {
		return store.Client{}, err
	}
	return g.Memory.Get(ctx, id)
}

// lookUpFails is a store whose index of client_ids cannot be read.
type lookUpFails struct{ *store.Memory }

var errDown = errors.New("down")

func (lookUpFails) GetByClientID(context.Context, string) (store.Client, error) {
	return store.Client{}, errDown
}

func TestByClientIDFindsWhatIsInForce(t *testing.T) {
	m := fill(t,
		store.Client{ID: "own", OrgID: "own"},
		store.Client{ID: "chosen", ClientID: "x", OrgID: "chosen"},
		store.Client{ID: "shadow", ClientID: "y", OrgID: "shadow"},
		store.Client{ID: "other", ClientID: "shadow", OrgID: "other"}, // its client_id is the ID of another
		store.Client{ID: "new", State: store.Creating},
		store.Client{ID: "named", ClientID: "new", OrgID: "named"},
		store.Client{ID: "updating", ClientID: "u", OrgID: "before", State: store.Updating},
		store.Client{ID: "deleting", ClientID: "d", State: store.Deleting},
		store.Client{ID: "waiting", State: store.PendingCreate},
		store.Client{ID: "leaving", ClientID: "l", State: store.PendingDelete},
	)
	for clientID, org := range map[string]string{
		"own": "own", "x": "chosen", "y": "shadow", "shadow": "other", "new": "named", "u": "before", "l": "new",
		"chosen": "", "named": "", "updating": "", "d": "", "deleting": "", "waiting": "", "leaving": "", "": "", "unknown": "",
	} {
		c, err := store.ByClientID(t.Context(), m, clientID)
		if org == "" {
			assert.ErrorIs(t, err, store.ErrNotFound, "%q", clientID)
			assert.Zero(t, c, "%q", clientID)
			continue
		}
		require.NoError(t, err, "%q", clientID)
		assert.Equal(t, org, c.OrgID, "%q", clientID)
		assert.Equal(t, clientID, c.ClientID, "%q", clientID)
	}
}

func TestByClientIDNeedsNoMoreThanFourVerbs(t *testing.T) {
	m := fill(t,
		store.Client{ID: "own", OrgID: "own"},
		store.Client{ID: "changing", OrgID: "before", State: store.Updating},
		store.Client{ID: "chosen", ClientID: "x"},
		store.Client{ID: "new", State: store.Creating},
	)
	for _, s := range []store.Store{fourVerbs{m}, unnamed{m}, unindexed{unnamed{m}}} {
		for id, org := range map[string]string{"own": "own", "changing": "before"} {
			c, err := store.ByClientID(t.Context(), s, id)
			require.NoError(t, err)
			assert.Equal(t, org, c.OrgID)
			assert.Equal(t, id, c.ClientID)
		}
		for _, clientID := range []string{"new", "x", ""} {
			_, err := store.ByClientID(t.Context(), s, clientID)
			assert.ErrorIs(t, err, store.ErrNotFound, "%q", clientID)
		}
	}
	_, err := store.ByClientID(t.Context(), fourVerbs{m}, "chosen")
	require.ErrorIs(t, err, store.ErrNotFound, "it has another client_id")
}

func TestByClientIDDoesNotGoRoundAStoreThatWrapsAnother(t *testing.T) {
	m := fill(t, store.Client{ID: "hidden"}, store.Client{ID: "broken"}, store.Client{ID: "shadow", ClientID: "y"}, store.Client{ID: "other", ClientID: "shadow"})
	s := guard{m, map[string]error{"hidden": store.ErrNotFound, "broken": errDown}}
	_, err := store.ByClientID(t.Context(), s, "hidden")
	require.ErrorIs(t, err, store.ErrNotFound, "its Get says that there is no such client")
	_, err = store.ByClientID(t.Context(), s, "broken")
	require.ErrorIs(t, err, errDown)
	c, err := store.ByClientID(t.Context(), guard{m, map[string]error{"shadow": store.ErrNotFound}}, "shadow")
	require.NoError(t, err)
	require.Equal(t, "other", c.ID, "the client of that client_id is another one, and not hidden")
}

func TestByClientIDFailsWhereItCannotTell(t *testing.T) {
	m := fill(t, store.Client{ID: "own"}, store.Client{ID: "shadow", ClientID: "y"})
	s := lookUpFails{m}
	c, err := store.ByClientID(t.Context(), s, "own")
	require.NoError(t, err, "most clients need one read")
	require.Equal(t, "own", c.ID)
	for _, clientID := range []string{"shadow", "unknown"} {
		_, err := store.ByClientID(t.Context(), s, clientID)
		require.ErrorIs(t, err, errDown, clientID)
	}
}

func TestRequestReadsTheMetadata(t *testing.T) {
	request, err := store.Client{ID: "a", Metadata: []byte(`{"scope":"openid accounts","token_endpoint_auth_method":"private_key_jwt"}`)}.Request()
	require.NoError(t, err)
	require.Equal(t, []string{"openid", "accounts"}, request.Scope.Or(claims.Scope{}).Words)
	long := strings.Repeat("x", 1<<12)
	for name, metadata := range map[string]string{
		"none": "", "no JSON": "{", "no object": "[]", "null": "null", "a member of the wrong type": `{"scope":1}`, "two members of one name": `{"scope":"a","scope":"b"}`,
		"something long": `{"scope":"` + long, "a long value of the wrong type": `{"redirect_uris":"` + long + `"}`,
	} {
		request, err := store.Client{ID: long, Metadata: []byte(metadata)}.Request()
		require.Error(t, err, name)
		assert.Nil(t, request, name)
		assert.Less(t, len(err.Error()), 512, name)
	}
}

func TestJWKSURIIsThatOfTheRecordOrOfItsStatement(t *testing.T) {
	const address = "https://keystore.example/a.jwks"
	statement := func(payload string) string {
		return "e30." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + ".c2ln"
	}
	for name, c := range map[string]struct{ kept, statement, want string }{
		"the record's":                    {address, statement(`{"software_jwks_endpoint":"https://other.example"}`), address},
		"the statement's":                 {"", statement(`{"iss":"x","software_jwks_endpoint":"` + address + `"}`), address},
		"the statement has none":          {"", statement(`{"iss":"x"}`), ""},
		"no statement":                    {"", "", ""},
		"no payload":                      {"", "e30", ""},
		"an empty payload":                {"", "e30..c2ln", ""},
		"no base64url":                    {"", "e30.*.c2ln", ""},
		"padded base64":                   {"", "e30." + base64.URLEncoding.EncodeToString([]byte(`{"software_jwks_endpoint":"`+address+`"} `)) + ".c2ln", ""},
		"no JSON":                         {"", statement(`{"software_jwks_endpoint":"` + address), ""},
		"no object":                       {"", statement(`"` + address + `"`), ""},
		"an address that is no text":      {"", statement(`{"software_jwks_endpoint":["` + address + `"]}`), ""},
		"two addresses":                   {"", statement(`{"software_jwks_endpoint":"` + address + `","software_jwks_endpoint":"https://other.example"}`), ""},
		"another member of another type":  {"", statement(`{"software_roles":1,"software_jwks_endpoint":"` + address + `"}`), address},
		"a statement that has no payload": {"", "..", ""},
	} {
		assert.Equal(t, c.want, store.Client{ID: "a", JWKSAddress: c.kept, SoftwareStatement: c.statement}.JWKSURI(), name)
	}
	encoded, err := json.Marshal(strings.Repeat("x", 1<<16))
	require.NoError(t, err)
	require.Empty(t, store.Client{SoftwareStatement: statement(`{"a":` + strings.Repeat("[", 1<<16) + string(encoded))}.JWKSURI())
}
