package store

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"time"
)

// Search implements Searcher.
func (m *Memory) Search(ctx context.Context, q Query, after Position, limit int) ([]Client, error) {
	q, none, err := ForSearch(q)
	if err != nil {
		return nil, err
	}
	if none {
		limit = 0
	}
	order := Position.compare
	if q.Newest {
		order = func(a, b Position) int { return b.compare(a) }
	}
	return m.list(ctx, limit, func(c Client) bool {
		return q.wants(c) && (after.IsZero() || order(c.Position(), after) > 0)
	}, func(a, b Client) int { return order(a.Position(), b.Position()) })
}

// SearchName implements NameSearcher.
func (m *Memory) SearchName(ctx context.Context, q Query, name string, after Position, limit int) ([]Client, error) {
	return ForSearchName(ctx, q, name, after, limit, m.Search, m.Get)
}

// note writes the entry of a change into the trail, if the change leaves one.
func (m *Memory) note(c Client, removed bool, with Change) {
	if entry, ok := NewAuditEntry(c, removed, with, m.clock()); ok {
		m.addEntry(entry)
	}
}

// Note implements Noter.
func (m *Memory) Note(ctx context.Context, e AuditEntry) error {
	if err := m.lock(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	e, err := NewNote(e, m.clock())
	if err != nil {
		return err
	}
	m.addEntry(e)
	return nil
}

// addEntry puts an entry where it belongs in the history of its record.
func (m *Memory) addEntry(e AuditEntry) {
	trail := m.trail[e.Client]
	at := len(trail)
	for at > 0 && cmp.Or(cmp.Compare(trail[at-1].Version, e.Version), byEntryID(trail[at-1], e)) > 0 {
		at--
	}
	m.trail[e.Client] = slices.Insert(trail, at, e)
	m.audited[e.ID] = e.Client
}

func (m *Memory) removeEntry(e AuditEntry) {
	kept := slices.DeleteFunc(m.trail[e.Client], func(held AuditEntry) bool { return held.ID == e.ID })
	if m.trail[e.Client] = kept; len(kept) == 0 {
		delete(m.trail, e.Client)
	}
	delete(m.audited, e.ID)
}

// History implements Auditor.
func (m *Memory) History(ctx context.Context, id string, after int64, limit int) ([]AuditEntry, error) {
	if err := m.lock(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	var found []AuditEntry
	for _, entry := range m.trail[id] {
		if entry.Version > max(after, 0) && len(found) < limit {
			found = append(found, entry.Clone())
		}
	}
	return found, nil
}

// ListAudit implements Auditor.
func (m *Memory) ListAudit(ctx context.Context, after string, limit int) ([]AuditEntry, error) {
	if err := m.lock(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	found := m.entries(func(e AuditEntry) bool { return e.ID > after })
	found = found[:min(len(found), max(limit, 0))]
	for i, entry := range found {
		found[i] = entry.Clone()
	}
	return found, nil
}

// AuditedAs implements Auditor.
func (m *Memory) AuditedAs(ctx context.Context, clientID string) (string, error) {
	if err := m.lock(ctx); err != nil {
		return "", err
	}
	defer m.mu.Unlock()
	found := m.entries(func(e AuditEntry) bool {
		return clientID != "" && e.ClientID == clientID && e.Client != clientID && !e.IsNote()
	})
	if len(found) == 0 {
		return "", ErrNotFound
	}
	return found[len(found)-1].Client, nil
}

// entries returns the entries that are wanted, in the order of their IDs.
func (m *Memory) entries(wanted func(AuditEntry) bool) []AuditEntry {
	var found []AuditEntry
	for _, trail := range m.trail {
		for _, entry := range trail {
			if wanted(entry) {
				found = append(found, entry)
			}
		}
	}
	slices.SortFunc(found, byEntryID)
	return found
}

func byEntryID(a, b AuditEntry) int { return cmp.Compare(a.ID, b.ID) }

// Purge implements Purger.
func (m *Memory) Purge(ctx context.Context, what Purge) (Purged, error) {
	if err := m.lock(ctx); err != nil {
		return Purged{}, err
	}
	defer m.mu.Unlock()
	limit := max(what.Limit, 0)
	old := m.entries(func(e AuditEntry) bool { return e.At.Before(what.AuditBefore) })
	old = old[:min(len(old), limit)]
	m.forgetEntries(old)
	removed := m.removedBefore(what.DeletedBefore)
	removed = removed[:min(len(removed), limit)]
	m.forgetEntries(removed)
	return Purged{Reservations: m.forgetEnded(limit), Audit: len(old), Deleted: len(removed)}, nil
}

// removedBefore returns the entries about records that were removed before a time, and have
// none after it: an ID may have been used again. The record that was removed first comes
// first, and the entry of its removal is its last.
func (m *Memory) removedBefore(before time.Time) []AuditEntry {
	late := func(e AuditEntry) bool { return !e.At.Before(before) }
	ends := m.entries(func(e AuditEntry) bool {
		_, exists := m.clients[e.Client]
		return !exists && e.Removed() && !slices.ContainsFunc(m.trail[e.Client], late)
	})
	var found []AuditEntry
	taken := map[string]bool{}
	for _, end := range ends {
		if !taken[end.Client] {
			taken[end.Client] = true
			found = append(found, m.trail[end.Client]...)
		}
	}
	return found
}

func (m *Memory) forgetEntries(entries []AuditEntry) {
	for _, gone := range entries {
		m.removeEntry(gone)
	}
}

// forgetEnded forgets at most limit reservations that have ended, and returns how many. It
// leaves their keys in the queue, which reserve takes out.
func (m *Memory) forgetEnded(limit int) int {
	var ended []HeldReservation
	for key, held := range m.reserved {
		if !m.clock().Before(held.until) {
			ended = append(ended, HeldReservation{Key: key, Until: held.until})
		}
	}
	slices.SortFunc(ended, func(a, b HeldReservation) int { return a.Until.Compare(b.Until) })
	ended = ended[:min(len(ended), limit)]
	for _, gone := range ended {
		m.gone.add(gone.Until)
		delete(m.reserved, gone.Key)
	}
	return len(ended)
}

// ListReservations implements Transfer.
func (m *Memory) ListReservations(ctx context.Context, after []byte, limit int) ([]HeldReservation, error) {
	if err := m.lock(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	var found []HeldReservation
	for key, held := range m.reserved {
		if bytes.Compare(key[:], after) > 0 {
			found = append(found, HeldReservation{Key: key, Until: nextSecond(held.until), Client: held.id})
		}
	}
	slices.SortFunc(found, func(a, b HeldReservation) int { return bytes.Compare(a.Key[:], b.Key[:]) })
	return found[:min(len(found), max(limit, 0))], nil
}

// Forgotten implements Transfer.
func (m *Memory) Forgotten(ctx context.Context) (mark time.Time, ok bool, err error) {
	if err := m.lock(ctx); err != nil {
		return time.Time{}, false, err
	}
	defer m.mu.Unlock()
	return m.gone.mark, m.gone.any, nil
}
