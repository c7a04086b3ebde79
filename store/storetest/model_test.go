package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/obdcr/obdcr/store"
)

// model is a store of its own, as plain as can be, that can be broken in one way.
type model struct {
	mu       sync.Mutex
	fault    string
	clients  map[string]store.Client
	reserved map[string]owned
	stuck    map[string]bool // client_ids that a fault does not free
	clock    func() time.Time
	marks    [2]time.Time // one, unless the fault is that each process has its own
	turn     int          // counts the calls, which two processes make by turns
	trail    []store.AuditEntry
	portal   portal
	offsets  map[store.Position]int // how many records a walk met before, for a fault that counts them
}

type owned struct {
	id    string
	until time.Time
}

func newModel(fault string) *model {
	return &model{fault: fault, clients: map[string]store.Client{}, reserved: map[string]owned{}, stuck: map[string]bool{}, clock: time.Now,
		offsets: map[store.Position]int{}, portal: newPortal()}
}

// is tells whether the model is broken in this way.
func (m *model) is(fault string) bool { return m.fault == fault }

// lock keeps others out until the returned function runs. A model that checks
// before it writes lets them in between.
func (m *model) lock(ctx context.Context) (func(), error) {
	m.mu.Lock()
	m.turn++
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

func (m *model) replayed(r store.Reservation) error {
	if r.IsZero() && !m.is("reserves the zero reservation") && !m.is("marks the bank's own changes") {
		return nil
	}
	held, ok := m.reserved[m.key(r)]
	if !ok || m.givesWay(held, r) {
		return m.forgotten(r)
	}
	c, key := m.clients[held.id], r.Key()
	underWay := bytes.Equal(c.Reserved, key[:]) || m.is("calls every jti under way") || m.is("calls a deletion under way") && c.State == store.Deleting
	if m.is("knows a change by its state") {
		underWay = c.State.IsUnfinished()
	}
	if underWay && !m.is("knows no change under way") {
		return store.ErrUnderWay
	}
	return store.ErrReplayed
}

func (m *model) reserve(r store.Reservation, id string) {
	if !m.is("drops the reservation") && (!r.IsZero() || m.is("reserves the zero reservation")) {
		if r.IsZero() {
			r.Until = farAhead
		}
		if old, ok := m.reserved[m.key(r)]; ok && !m.is("forgets what gave way") {
			m.raise(old.until)
		}
		m.reserved[m.key(r)] = owned{id, r.Until}
		m.purge()
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
	if !m.is("hands out live decisions") {
		c.UpstreamState, c.UpstreamMembers = slices.Clone(c.UpstreamState), slices.Clone(c.UpstreamMembers)
	}
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
	c = m.decidedWrongly(c)
	if _, known := m.portal.first[c.ID]; !known {
		m.portal.first[c.ID] = c.Application.Name
	}
	m.clients[m.id(c.ID)] = m.copied(c)
}

// decidedWrongly breaks what the authorization server decides, and what waits.
func (m *model) decidedWrongly(c store.Client) store.Client {
	switch {
	case m.is("drops the subject"):
		c.SubjectDN = ""
	case m.is("drops the address of the key set"):
		c.JWKSAddress = ""
	case m.is("drops the state"):
		c.UpstreamState = nil
	case m.is("drops the sub"):
		c.OwnSubject = ""
	case m.is("rewrites the members"):
		c.UpstreamMembers = bytes.ReplaceAll(c.UpstreamMembers, []byte(" "), nil)
	case m.is("keeps no decision of before") && c.Previous != nil:
		previous := *c.Previous
		previous.UpstreamState = nil
		c.Previous = &previous
	case m.is("names no record") && c.ClientID == c.ID:
		c.ClientID = ""
	case m.is("names every record") && c.ClientID == "":
		c.ClientID = c.ID
	case m.is("keeps no record that waited") && c.State == store.Creating:
		c.Previous = nil
	case m.is("hides a deletion that waits") && c.State == store.PendingDelete:
		c.State = store.Deleting
	case m.is("shows a registration that waits") && c.State == store.PendingCreate:
		c.State = store.Active
	}
	return c
}

func (m *model) id(id string) string {
	if m.is("folds the case of IDs") {
		return strings.ToLower(id)
	}
	return id
}

func (m *model) taken(c store.Client) error {
	for _, check := range []func(store.Client) error{m.takenClientID, m.takenKey} {
		if m.is("looks at the unique key first") {
			check = map[bool]func(store.Client) error{true: m.takenKey, false: m.takenClientID}[c.UniqueKey != ""]
		}
		if err := check(c); err != nil {
			return err
		}
	}
	return nil
}

func (m *model) takenClientID(c store.Client) error {
	if c.ClientID == "" && !m.is("takes no client_id for one") || m.is("checks no client_id") || m.is("checks the client_id of new records only") && c.Version > 1 {
		return nil
	}
	if m.stuck[c.ClientID] {
		return store.ErrExists
	}
	for _, other := range m.clients {
		if other.ClientID == c.ClientID && other.ID != c.ID {
			if m.is("says that a client_id leaves") && other.State == store.Deleting {
				return store.ErrLeaving
			}
			return store.ErrExists
		}
	}
	return nil
}

func (m *model) takenKey(c store.Client) error {
	if c.UniqueKey == "" || m.is("checks no unique key") {
		return nil
	}
	for _, other := range m.clients {
		same := other.UniqueKey == c.UniqueKey || other.Previous != nil && other.Previous.UniqueKey == c.UniqueKey && !m.is("frees the old key at once")
		if m.is("folds the case of unique keys") {
			same = strings.EqualFold(other.UniqueKey, c.UniqueKey)
		}
		if m.is("lets go of a key that waits") && other.State.IsPending() {
			continue
		}
		if same && other.ID != c.ID && (other.State == store.Active || !m.is("sees Active records only") || other.State == store.Updating) {
			mayPass := other.State == store.Deleting || other.State == store.Creating && !m.is("takes a new client for one that stays")
			if mayPass != m.is("mistakes who leaves") {
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
	if m.is("writes the entry first") {
		m.note(c, false, with)
	}
	given := c
	if c, err = store.ForCreate(c, with); err != nil && !(m.is("takes any state") && c.ID == "") {
		return err
	} else if err != nil {
		c = given
	}
	if m.is("burns the jti first") && m.replayed(r) == nil {
		defer m.reserve(r, c.ID)
	}
	_, exists := m.clients[m.id(c.ID)]
	if m.is("says the record first") && exists {
		return store.ErrExists
	}
	if err := m.replayed(r); err != nil {
		return err
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
	if !m.is("writes the entry first") {
		m.note(c, false, with)
	}
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
	case m.is("marks new clients only") && errors.Is(m.replayed(r), store.ErrForgotten):
	case m.replayed(r) != nil && !m.is("lets an update replay"):
		return m.replayed(r)
	case m.is("approves in two steps only") && old.State == store.PendingCreate && c.State == store.Active:
		return store.ErrState
	}
	if m.is("forgets the client_id") && c.ClientID == "" {
		old.ClientID = ""
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
	case m.is("keeps the reservation of what waits") && c.State.IsPending() && old.State != c.State:
		key := r.Key()
		c.Reserved = slices.Clone(key[:])
		if r.IsZero() {
			c.Reserved = old.Reserved
		}
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
	m.keepsSubscriptions(c.ID, false, with)
	m.reserve(r, c.ID)
	switch {
	case m.is("writes the entry late"):
		m.others()
	case m.is("notes what was before"):
		c.OrgID = old.OrgID
	}
	m.note(c, false, with)
	if m.is("keeps an old client_id") && old.ClientID != c.ClientID {
		m.stuck[old.ClientID] = true
	}
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
	m.keepsSubscriptions(id, true, with)
	m.stuck[old.ClientID] = m.is("keeps the client_id of a deleted client")
	if m.is("forgets the jti with the client") {
		m.forget(func(o owned) bool { return o.id == id })
	}
	m.note(old, true, with)
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

func (m complete) Undo(ctx context.Context, id string, version int64, with store.Change) error {
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
	before, err := store.ForUndo(old, version, with)
	switch {
	case err == nil && before != nil && m.is("undoes what was decided"):
		*before = *old.Previous
		before.Version = old.Version + 1
	case err == nil && before != nil && old.State == store.Creating && m.is("undoes an approval by deleting"):
		before = nil
	case err == nil && before != nil && old.State == store.Creating && m.is("keeps the decision of an undone approval"):
		before.ClientID, before.UpstreamState = old.ClientID, old.UpstreamState
	case err != nil && m.is("undoes what waits") && old.State.IsPending() && old.Version == version:
	case err != nil:
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
			if m.is("marks what is undone") {
				m.raise(o.until)
			}
		}
	}
	delete(m.clients, m.id(id))
	m.stuck[old.ClientID] = before == nil && m.is("keeps the client_id of an undone registration")
	if before == nil || m.is("ends subscriptions by an undo") {
		m.keepsSubscriptions(id, true, with)
	}
	if before != nil {
		if m.is("turns the version back") {
			before.Version = old.Version - 1
		}
		m.put(*before)
	}
	switch {
	case m.is("notes no undo"):
	case before != nil:
		m.note(*before, false, with)
	default:
		m.note(old, true, with)
	}
	return nil
}

func (m complete) ListUnfinished(ctx context.Context, before time.Time, limit int) ([]store.Client, error) {
	all, err := m.list(ctx, func(c store.Client) bool {
		return (c.State.IsUnfinished() || m.is("lists finished ones") || m.is("lists what waits as unfinished") && c.State.IsPending()) && (c.Since.Before(before) || m.is("lists the youngest too"))
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

func (m complete) GetByClientID(ctx context.Context, clientID string) (store.Client, error) {
	all, err := m.list(ctx, func(c store.Client) bool {
		switch {
		case m.is("finds by the ID"):
			return c.ID == clientID
		case m.is("finds what is in force only") && c.State == store.Deleting, m.is("finds no deletion that waits") && c.State == store.PendingDelete:
			return false
		case m.is("folds the case of client_ids"):
			return strings.EqualFold(c.ClientID, clientID) && clientID != ""
		}
		return c.ClientID == clientID && (clientID != "" || m.is("finds by nothing"))
	})
	if err == nil && len(all) == 0 {
		err = store.ErrNotFound
	}
	if err != nil {
		return store.Client{}, err
	}
	return all[0], nil
}

func (m complete) ListPending(ctx context.Context, after string, limit int) ([]store.Client, error) {
	all, err := m.list(ctx, func(c store.Client) bool {
		waits := c.State == store.PendingCreate || c.State == store.PendingDelete && !m.is("lists registrations only") || m.is("lists what was decided on")
		return waits && (c.ID > after || m.is("repeats the last") && c.ID == after)
	})
	if err != nil {
		return nil, err
	}
	if m.is("lists what waits in part") {
		for i := range all {
			all[i].UpstreamState = nil
		}
	}
	if m.is("lists what waits in any order") {
		slices.Reverse(all)
	}
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
