package storetest

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/obdcr/obdcr/internal/fulltest"
	"github.com/obdcr/obdcr/store"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// model is a store of its own, as plain as can be, that can be broken in one way.
type model struct {
	mu       sync.Mutex
	fault    string
	clients  map[string]store.Client
	reserved map[string]owned
}

type owned struct {
	id    string
	until time.Time
}

func newModel(fault string) *model {
	return &model{fault: fault, clients: map[string]store.Client{}, reserved: map[string]owned{}}
}

// is tells whether the model is broken in this way.
func (m *model) is(fault string) bool { return m.fault == fault }

// lock keeps others out until the returned function runs. A model that checks
// before it writes lets them in between.
func (m *model) lock(ctx context.Context) (func(), error) {
	m.mu.Lock()
	if ctx.Err() != nil && !m.is("ignores the context") {
		m.mu.Unlock()
		return nil, ctx.Err()
	}
	return m.mu.Unlock, nil
}

func (m *model) between() {
	if m.is("checks, then writes") {
		m.others()
	}
}

// others lets those that wait have their turn, in the middle of a change.
func (m *model) others() {
	m.mu.Unlock()
	for range crowd {
		runtime.Gosched()
	}
	m.mu.Lock()
}

func (m *model) key(r store.Reservation) string {
	switch {
	case m.is("runs issuer and jti together"):
		return strings.ToLower(r.Namespace + r.Issuer + r.JTI)
	case m.is("tells the case of a jti"):
		return fmt.Sprintf("%q %q %q", r.Namespace, r.Issuer, r.JTI)
	}
	key := r.Key()
	return string(key[:])
}

func (m *model) replayed(r store.Reservation) bool {
	if r.IsZero() && !m.is("reserves the zero reservation") {
		return false
	}
	held, ok := m.reserved[m.key(r)]
	return ok && (held.until.After(time.Now()) || m.is("never forgets"))
}

func (m *model) reserve(r store.Reservation, id string) {
	if !m.is("drops the reservation") && (!r.IsZero() || m.is("reserves the zero reservation")) {
		if r.IsZero() {
			r.Until = farAhead
		}
		m.reserved[m.key(r)] = owned{id, r.Until}
	}
	if m.is("keeps ten reservations") && len(m.reserved) > 10 {
		clear(m.reserved)
	}
}

// copied is a deep copy, made by the store that is known to make one.
func (m *model) copied(c store.Client) store.Client {
	if m.is("hands out live pointers") {
		return c
	}
	if c.Previous != nil {
		previous := m.copied(*c.Previous)
		c.Previous = &previous
	}
	c.Metadata, c.SecretHash = slices.Clone(c.Metadata), slices.Clone(c.SecretHash)
	c.SealedSecret, c.Reserved = slices.Clone(c.SealedSecret), slices.Clone(c.Reserved)
	c.Application.Attributes = slices.Clone(c.Application.Attributes)
	for i, a := range c.Application.Attributes {
		c.Application.Attributes[i].Values = slices.Clone(a.Values)
	}
	return c
}

func (m *model) put(c store.Client) {
	switch {
	case m.is("rewrites the metadata"):
		c.Metadata = []byte(strings.ReplaceAll(string(c.Metadata), " ", ""))
	case m.is("drops the secret"):
		c.SealedSecret = nil
	case m.is("keeps parts of a second") && !c.IssuedAt.IsZero():
		c.IssuedAt = c.IssuedAt.Add(time.Millisecond)
	case m.is("cuts off at 64 KiB") && len(c.SoftwareStatement) > 1<<16:
		c.SoftwareStatement = c.SoftwareStatement[:1<<16]
	case m.is("drops the issuer"):
		c.Issuer = ""
	case m.is("keeps no old content"):
		c.Previous = nil
	case m.is("keeps no key of the reservation"):
		c.Reserved = nil
	}
	m.clients[m.id(c.ID)] = m.copied(c)
}

func (m *model) id(id string) string {
	if m.is("folds the case of IDs") {
		return strings.ToLower(id)
	}
	return id
}

func (m *model) taken(c store.Client) error {
	if c.UniqueKey == "" || m.is("checks no unique key") {
		return nil
	}
	for _, other := range m.clients {
		same := other.UniqueKey == c.UniqueKey || other.Previous != nil && other.Previous.UniqueKey == c.UniqueKey && !m.is("frees the old key at once")
		if m.is("folds the case of unique keys") {
			same = strings.EqualFold(other.UniqueKey, c.UniqueKey)
		}
		if same && other.ID != c.ID && (other.State == store.Active || !m.is("sees Active records only") || other.State == store.Updating) {
			if other.State == store.Deleting != m.is("mistakes who leaves") {
				return store.ErrLeaving
			}
			return store.ErrExists
		}
	}
	return nil
}

func (m *model) Create(ctx context.Context, c store.Client, with store.Change) error {
	r := with.Reservation
	unlock, err := m.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	given := c
	if c, err = store.ForCreate(c, with); err != nil && !(m.is("takes any state") && c.ID == "") {
		return err
	} else if err != nil {
		c = given
	}
	if m.is("burns the jti first") && !m.replayed(r) {
		defer m.reserve(r, c.ID)
	}
	_, exists := m.clients[m.id(c.ID)]
	if m.is("says the record first") && exists {
		return store.ErrExists
	}
	if m.replayed(r) {
		return store.ErrReplayed
	}
	if exists && !m.is("overwrites") {
		return store.ErrExists
	}
	if err := m.taken(c); err != nil {
		return err
	}
	m.between()
	m.put(c)
	if m.is("writes before it reserves") {
		m.others()
	}
	m.reserve(r, c.ID)
	return nil
}

func (m *model) Get(ctx context.Context, id string) (store.Client, error) {
	unlock, err := m.lock(ctx)
	if err != nil {
		return store.Client{}, err
	}
	defer unlock()
	c, ok := m.clients[m.id(id)]
	if !ok && !m.is("gives an empty record for none") {
		return store.Client{}, store.ErrNotFound
	}
	if m.is("shows what is visible") {
		c, _ = c.Visible()
	}
	return m.copied(c), nil
}

func (m *model) Update(ctx context.Context, c store.Client, with store.Change) error {
	r := with.Reservation
	unlock, err := m.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	old, ok := m.clients[m.id(c.ID)]
	switch {
	case !ok && m.is("resurrects by update"):
		old = store.Client{ID: c.ID, Version: c.Version, State: store.Active}
	case !ok:
		return store.ErrNotFound
	case m.replayed(r) && !m.is("lets an update replay"):
		return store.ErrReplayed
	}
	if m.is("loses updates") {
		c.Version = old.Version
	}
	given := c
	if c, err = store.ForUpdate(old, c, with); err != nil && !m.is("takes any state") {
		return err
	} else if err != nil {
		c = given
		c.Version = old.Version + 1
	}
	switch {
	case m.is("takes Previous from the caller") && c.State == store.Updating:
		c.Previous = given.Previous
	case m.is("keeps members that were left out") && c.SecretHash == nil:
		c.SecretHash = old.SecretHash
	case m.is("moves a unique key onto another"):
		for id, other := range m.clients {
			if id != c.ID && other.UniqueKey == c.UniqueKey {
				delete(m.clients, id)
			}
		}
	}
	if err := m.taken(c); err != nil {
		return err
	}
	m.between()
	if m.is("tears its writes") {
		half := old
		half.OrgID = c.OrgID
		m.put(half)
		m.others()
	}
	m.put(c)
	m.reserve(r, c.ID)
	return nil
}

func (m *model) Delete(ctx context.Context, id string, version int64, with store.Change) error {
	unlock, err := m.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	old, ok := m.clients[m.id(id)]
	switch {
	case !ok && m.is("deletes what is not there"):
		return nil
	case !ok:
		return store.ErrNotFound
	case m.is("deletes any version"):
		version = old.Version
	case m.is("deletes with a reservation"):
		with = store.Change{}
	}
	if err := store.ForDelete(old, version, with); err != nil {
		return err
	}
	m.between()
	delete(m.clients, m.id(id))
	if m.is("forgets the jti with the client") {
		m.forget(func(o owned) bool { return o.id == id })
	}
	return nil
}

func (m *model) forget(which func(owned) bool) {
	for key, o := range m.reserved {
		if which(o) {
			delete(m.reserved, key)
		}
	}
}

// complete is the model with the capabilities.
type complete struct{ *model }

func (m complete) Undo(ctx context.Context, id string, version int64) error {
	unlock, err := m.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	old, ok := m.clients[m.id(id)]
	if !ok {
		return store.ErrNotFound
	}
	if m.is("undoes any version") {
		version = old.Version
	}
	if m.is("undoes by deleting") && old.Version == version {
		delete(m.clients, m.id(id))
		return nil
	}
	before, err := store.ForUndo(old, version)
	if err != nil {
		return err
	}
	m.between()
	switch {
	case m.is("keeps the jti of an undone change"):
	case m.is("frees every jti of the client"):
		m.forget(func(o owned) bool { return o.id == id })
	default:
		if o, ok := m.reserved[string(old.Reserved)]; ok && (o.id == id || m.is("frees the jti of another")) {
			delete(m.reserved, string(old.Reserved))
		}
	}
	delete(m.clients, m.id(id))
	if before != nil {
		if m.is("turns the version back") {
			before.Version = old.Version - 1
		}
		m.put(*before)
	}
	return nil
}

func (m complete) ListUnfinished(ctx context.Context, before time.Time, limit int) ([]store.Client, error) {
	all, err := m.list(ctx, func(c store.Client) bool {
		return (c.State != store.Active || m.is("lists finished ones")) && (c.Since.Before(before) || m.is("lists the youngest too"))
	})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(all, func(a, b store.Client) int {
		if m.is("lists by ID") {
			return 0
		}
		return a.Since.Compare(b.Since)
	})
	return m.page(all, limit), nil
}

func (m complete) List(ctx context.Context, after string, limit int) ([]store.Client, error) {
	all, err := m.list(ctx, func(c store.Client) bool { return c.ID > after || m.is("repeats the last") && c.ID == after })
	if err != nil {
		return nil, err
	}
	return m.page(all, limit), nil
}

func (m complete) page(all []store.Client, limit int) []store.Client {
	if m.is("lists without a limit") {
		return all
	}
	return all[:min(len(all), max(limit, 0))]
}

func (m complete) list(ctx context.Context, wanted func(store.Client) bool) ([]store.Client, error) {
	unlock, err := m.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	var all []store.Client
	for _, c := range m.clients {
		if wanted(c) {
			all = append(all, m.copied(c))
		}
	}
	slices.SortFunc(all, func(a, b store.Client) int { return strings.Compare(a.ID, b.ID) })
	return all, nil
}

func TestAPlainStoreKeepsTheContract(t *testing.T) {
	Run(t, Config{
		Open:   func(*testing.T) store.Store { return complete{newModel("")} },
		Wanted: []Capability{Unfinished, Lister}, Rounds: fulltest.Rounds(20),
	})
}

// TestABrokenStoreIsFound: each fault is found, by the case that is about it.
func TestABrokenStoreIsFound(t *testing.T) {
	all := cases()
	for fault, name := range map[string]string{
		"drops the reservation":             "a jti is used once",
		"hands out live pointers":           "a record that comes out is the caller's",
		"loses updates":                     "Update of a stale version is ErrConflict and changes nothing",
		"checks no unique key":              "a unique key is held by one record",
		"resurrects by update":              "a deleted record is gone",
		"checks, then writes":               "of 64 with one unique key one wins",
		"writes before it reserves":         "of 64 with one jti one wins",
		"tears its writes":                  "readers see whole records only",
		"ignores the context":               "a context that has ended changes nothing",
		"runs issuer and jti together":      "a jti counts within its namespace and issuer",
		"tells the case of a jti":           "a jti is compared in lower case",
		"reserves the zero reservation":     "the zero reservation reserves nothing",
		"never forgets":                     "a reservation that has ended is no obstacle",
		"keeps ten reservations":            "forgetting what has ended forgets nothing else",
		"rewrites the metadata":             "a record comes back as it was written",
		"drops the secret":                  "a record comes back as it was written",
		"drops the issuer":                  "a record comes back as it was written",
		"mistakes who leaves":               "a unique key whose holder is Deleting is ErrLeaving",
		"keeps parts of a second":           "times are kept in whole seconds of UTC",
		"cuts off at 64 KiB":                "a large record comes back whole",
		"keeps no old content":              "an Updating record keeps what is in force",
		"keeps no key of the reservation":   "Reserved is the key of the reservation, and the store's",
		"folds the case of IDs":             "client IDs are compared byte by byte",
		"frees the old key at once":         "an Updating record holds the old unique key and the new",
		"folds the case of unique keys":     "unique keys are compared byte by byte",
		"sees Active records only":          "Creating and Deleting records hold their unique key",
		"takes any state":                   "a new record is Active or Creating",
		"burns the jti first":               "a refused record burns no jti",
		"says the record first":             "a replay is said before a record that exists",
		"overwrites":                        "of 64 with one ID one wins",
		"gives an empty record for none":    "an unknown client is ErrNotFound",
		"shows what is visible":             "an Updating record keeps what is in force",
		"lets an update replay":             "a jti that made a client does not change one",
		"takes Previous from the caller":    "Previous is the store's",
		"keeps members that were left out":  "Update replaces the whole record and counts Version up",
		"moves a unique key onto another":   "Update to a unique key of another changes nothing",
		"deletes what is not there":         "of 16 deletes one wins",
		"deletes any version":               "Delete of a stale version is ErrConflict and changes nothing",
		"deletes with a reservation":        "Delete with a reservation is refused and changes nothing",
		"forgets the jti with the client":   "a jti outlives its client",
		"undoes any version":                "Undo of a stale version is ErrConflict",
		"undoes by deleting":                "Undo of an Updating record leaves what was before",
		"keeps the jti of an undone change": "Undo of a Creating record leaves nothing",
		"frees every jti of the client":     "Undo of an Updating record leaves what was before",
		"frees the jti of another":          "Undo forgets its own reservation alone",
		"turns the version back":            "Undo of an Updating record leaves what was before",
		"lists finished ones":               "ListUnfinished finds what stopped half-way, oldest first",
		"lists the youngest too":            "ListUnfinished finds what stopped half-way, oldest first",
		"lists by ID":                       "ListUnfinished finds what stopped half-way, oldest first",
		"repeats the last":                  "List walks over all records",
		"lists without a limit":             "List walks over all records",
	} {
		t.Run(fault, func(t *testing.T) {
			i := slices.IndexFunc(all, func(c testCase) bool { return c.name == name })
			require.GreaterOrEqual(t, i, 0, "there is no case %q", name)
			assert.Error(t, all[i].run(t.Context(), complete{newModel(fault)}, 200))
		})
	}
}

func TestACapabilityThatIsMissingIsFound(t *testing.T) {
	assert.False(t, Unfinished.of(newModel("")))
	assert.False(t, Lister.of(newModel("")))
	assert.True(t, Unfinished.of(complete{newModel("")}))
	assert.True(t, Lister.of(complete{newModel("")}))
	assert.False(t, Capability("store.Other").of(complete{newModel("")}))
}

func TestTheSuiteIsWhole(t *testing.T) {
	races := map[string]bool{}
	for _, c := range raceCases() {
		races[c.name] = true
	}
	names := map[string]bool{}
	for _, c := range cases() {
		assert.NotEmpty(t, c.why, c.name)
		assert.False(t, names[c.name], "%q is there twice", c.name)
		names[c.name] = true
	}
	for _, c := range replayCases() {
		assert.NotEmpty(t, c.why, c.name)
	}
	assert.GreaterOrEqual(t, len(names), 30)
	assert.GreaterOrEqual(t, len(races), 8)
	require.Less(t, len(races), len(names))
}
