package storetest

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/obdcr/obdcr/store"
)

// note writes the entry of a change.
func (m *model) note(c store.Client, removed bool, with store.Change) {
	if m.is("notes what says nothing") && with.Audit.IsZero() {
		with.Audit.Decision = "done"
	}
	e, ok := store.NewAuditEntry(c, removed, with, m.clock())
	if !ok || removed && m.is("notes no removal") {
		return
	}
	same := func(other store.AuditEntry) bool { return other.Client == e.Client && other.Version == e.Version }
	switch {
	case m.is("drops the history with the record") && removed:
		m.trail = slices.DeleteFunc(m.trail, func(other store.AuditEntry) bool { return other.Client == e.Client })
	case m.is("writes over an entry of the same version"):
		m.trail = slices.DeleteFunc(m.trail, same)
	case m.is("cuts the reason"):
		e.Reason = e.Reason[:min(len(e.Reason), 1<<10)]
	case m.is("takes null for none"):
		for i, change := range e.Changes {
			if string(change.After) == "null" {
				e.Changes[i].After = nil
			}
		}
	case m.is("numbers the entries"):
		e.ID = strings.Repeat("0", 32-len(e.ID[20:])) + e.ID[20:]
	case m.is("notes by a clock of its own"):
		e.At = time.UnixMilli(farAhead.UnixMilli()).UTC()
	case m.is("needs the entry before") && e.Version > 1:
		e.Version--
		if !slices.ContainsFunc(m.trail, same) {
			return
		}
		e.Version++
	}
	m.trail = append(m.trail, e)
}

// entries returns copies of the entries wanted, in the order of their IDs.
func (m *model) entries(wanted func(store.AuditEntry) bool) []store.AuditEntry {
	var found []store.AuditEntry
	for _, e := range m.trail {
		if wanted(e) {
			if !m.is("hands out live pointers") {
				e = e.Clone()
			}
			found = append(found, e)
		}
	}
	slices.SortStableFunc(found, func(a, b store.AuditEntry) int { return strings.Compare(a.ID, b.ID) })
	return found
}

func (m complete) cut(found []store.AuditEntry, limit int) []store.AuditEntry {
	if m.is("lists without a limit") {
		return found
	}
	return found[:min(len(found), max(limit, 0))]
}

func (m complete) History(ctx context.Context, id string, after int64, limit int) ([]store.AuditEntry, error) {
	unlock, err := m.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	found := m.entries(func(e store.AuditEntry) bool {
		of := e.Client == id || m.is("finds histories by their beginning") && strings.HasPrefix(e.Client, id)
		if e.IsNote() && !m.is("shows notes in histories") {
			return false
		}
		return of && (e.Version > after || m.is("shows notes in histories") || m.is("repeats the last") && e.Version == after)
	})
	if !m.is("orders a history by time") {
		slices.SortStableFunc(found, func(a, b store.AuditEntry) int { return cmp.Compare(a.Version, b.Version) })
	}
	return m.cut(found, limit), nil
}

func (m complete) ListAudit(ctx context.Context, after string, limit int) ([]store.AuditEntry, error) {
	unlock, err := m.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	found := m.entries(func(e store.AuditEntry) bool { return e.ID > after || m.is("repeats the last") && e.ID == after })
	if m.is("lists the trail by records") {
		slices.SortStableFunc(found, func(a, b store.AuditEntry) int { return strings.Compare(a.Client, b.Client) })
	}
	return m.cut(found, limit), nil
}

func (m complete) AuditedAs(ctx context.Context, clientID string) (string, error) {
	unlock, err := m.lock(ctx)
	if err != nil {
		return "", err
	}
	defer unlock()
	found := m.entries(func(e store.AuditEntry) bool {
		switch {
		case e.IsNote() && !m.is("finds a record by a note"):
			return false
		case m.is("finds the record by its ID") && e.Client == clientID:
			return true
		case m.is("finds who has the client_id now") && m.clients[e.Client].ClientID != clientID:
			return false
		}
		return clientID != "" && e.ClientID == clientID && e.Client != clientID
	})
	switch {
	case len(found) == 0:
		return "", store.ErrNotFound
	case m.is("finds who had the client_id first"):
		return found[0].Client, nil
	}
	return found[len(found)-1].Client, nil
}

// asked is the query with what a fault does not look at.
func (m *model) asked(q store.Query) store.Query {
	switch {
	case m.is("searches any organisation"):
		q.OrgID = ""
	case m.is("searches any of the organisations") && len(q.OrgIDs) > 1:
		q.OrgIDs = nil
	case m.is("searches any issuer"):
		q.Issuers = nil
	case m.is("orders the lists of its caller"):
		slices.Sort(q.OrgIDs)
	case m.is("searches any software"):
		q.SoftwareID = ""
	case m.is("searches any environment"):
		q.Environment = ""
	case m.is("searches any state"):
		q.State = ""
	case m.is("searches the past"):
		q.IssuedFrom = time.Time{}
	case m.is("searches the future"):
		q.IssuedBefore = time.Time{}
	case m.is("searches by whole seconds"):
		q.IssuedFrom, q.IssuedBefore = q.IssuedFrom.Truncate(time.Second), q.IssuedBefore.Truncate(time.Second)
	case m.is("searches the end of a period too") && !q.IssuedBefore.IsZero():
		q.IssuedBefore = q.IssuedBefore.Add(time.Second)
	}
	return q
}

func (m *model) compared(a, b store.Position, newest bool) int {
	ties := strings.Compare(a.ID, b.ID)
	switch {
	case m.is("orders ties without case"):
		ties = strings.Compare(strings.ToLower(a.ID), strings.ToLower(b.ID))
	case m.is("walks on by the second alone"):
		ties = 0
	case m.is("turns the seconds alone") && newest:
		ties = -ties
	}
	if newest {
		return cmp.Or(b.IssuedAt.Compare(a.IssuedAt), -ties)
	}
	return cmp.Or(a.IssuedAt.Compare(b.IssuedAt), ties)
}

func (m complete) Search(ctx context.Context, q store.Query, after store.Position, limit int) ([]store.Client, error) {
	if q, none, err := store.ForSearch(m.asked(q)); err != nil || none && !m.is("takes none for all") {
		return nil, err
	} else if m.is("takes none for all") && none {
		return m.Search(ctx, store.Query{Newest: q.Newest}, after, limit)
	}
	q = m.asked(q)
	all, err := m.list(ctx, func(c store.Client) bool {
		switch {
		case m.is("searches what is in force") && c.Previous != nil:
			c = *c.Previous
		case m.is("searches without case"):
			c.OrgID, q.OrgID = strings.ToLower(c.OrgID), strings.ToLower(q.OrgID)
		}
		return as(q, c)
	})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(all, func(a, b store.Client) int { return m.compared(a.Position(), b.Position(), q.Newest) })
	if m.is("goes through one organisation after the other") && len(q.OrgIDs) > 1 {
		slices.SortStableFunc(all, func(a, b store.Client) int { return strings.Compare(a.OrgID, b.OrgID) })
	}
	switch {
	case after.IsZero():
	case m.is("counts its way"):
		m.mu.Lock()
		all = all[min(m.offsets[after], len(all)):]
		m.mu.Unlock()
	case m.is("needs the record of its cursor") && !slices.ContainsFunc(all, func(c store.Client) bool { return c.Position() == after }):
		return nil, nil
	default:
		all = slices.DeleteFunc(all, func(c store.Client) bool { return m.compared(c.Position(), after, q.Newest) <= 0 })
	}
	page := m.page(all, limit)
	if len(page) > 0 {
		m.mu.Lock()
		m.offsets[page[len(page)-1].Position()] = m.offsets[after] + len(page)
		m.mu.Unlock()
	}
	for i := range page {
		if m.is("searches in part") {
			page[i].UpstreamState = nil
		}
	}
	return page, nil
}

func (m complete) Purge(ctx context.Context, what store.Purge) (store.Purged, error) {
	unlock, err := m.lock(ctx)
	if err != nil {
		return store.Purged{}, err
	}
	defer unlock()
	if m.is("purges without a limit") {
		what.Limit = len(m.trail) + len(m.reserved)
	}
	old := m.cut(m.purgeable(what.AuditBefore), what.Limit)
	m.between()
	m.forgetEntries(old)
	removed := m.cut(m.removedBefore(what.DeletedBefore), what.Limit)
	m.forgetEntries(removed)
	gone := store.Purged{Reservations: m.forgetEnded(what.Limit), Audit: len(old), Deleted: len(removed)}
	if m.is("counts all twice") {
		gone.Deleted += gone.Audit
	}
	return gone, nil
}

func (m *model) purgeable(before time.Time) []store.AuditEntry {
	old := m.entries(func(e store.AuditEntry) bool {
		return !(e.IsNote() && m.is("purges no note")) && e.At.Before(before) || m.is("purges on the day") && e.At.Equal(before)
	})
	if m.is("purges the youngest first") {
		slices.Reverse(old)
	}
	return old
}

func (m *model) removedBefore(before time.Time) []store.AuditEntry {
	ends := map[string]store.AuditEntry{}
	for _, e := range m.entries(func(e store.AuditEntry) bool {
		return e.Removed() || m.is("takes a note for a removal") && e.State == ""
	}) {
		if _, exists := m.clients[e.Client]; !exists || m.is("purges what came again") {
			if _, again := ends[e.Client]; !again || !m.is("purges by the first removal") {
				ends[e.Client] = e
			}
		}
	}
	found := m.entries(func(e store.AuditEntry) bool {
		end, removed := ends[e.Client]
		switch {
		case m.is("purges removed records by the age of each entry"):
			return removed && e.At.Before(before)
		case m.is("purges records that are there"):
			return e.At.Before(before)
		}
		return removed && end.At.Before(before) && !(e.IsNote() && m.is("purges no note")) && !m.lately(e.Client, before)
	})
	// In the order of the versions the removal comes last.
	slices.SortStableFunc(found, func(a, b store.AuditEntry) int { return cmp.Compare(a.Version, b.Version) })
	if m.is("takes the newest entry for the last") {
		slices.SortStableFunc(found, func(a, b store.AuditEntry) int { return strings.Compare(a.ID, b.ID) })
	}
	if m.is("purges the removal first") {
		slices.Reverse(found)
	}
	return found
}

// lately reports whether a record has an entry of a time, or of a later one.
func (m *model) lately(id string, before time.Time) bool {
	return slices.ContainsFunc(m.trail, func(e store.AuditEntry) bool { return e.Client == id && !e.At.Before(before) && e.IsNote() })
}

func (m *model) forgetEntries(gone []store.AuditEntry) {
	m.trail = slices.DeleteFunc(m.trail, func(e store.AuditEntry) bool {
		return slices.ContainsFunc(gone, func(other store.AuditEntry) bool { return other.ID == e.ID })
	})
}
