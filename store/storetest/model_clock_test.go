package storetest

import (
	"maps"
	"slices"
	"time"

	"github.com/obdcr/obdcr/store"
)

// at gives the model a clock.
func (m *model) at(clock func() time.Time) *model {
	m.clock = clock
	return m
}

// givesWay tells whether what is held has ended and may be replaced by r.
func (m *model) givesWay(held owned, r store.Reservation) bool {
	ended := !held.until.After(m.clock()) && !m.is("never forgets")
	return ended && (r.Until.After(held.until) || m.is("replaces what has ended"))
}

// mark is up to which end reservations were forgotten.
func (m *model) mark() *time.Time {
	if m.is("keeps the mark in the process") {
		return &m.marks[m.turn%2]
	}
	return &m.marks[0]
}

func (m *model) forgotten(r store.Reservation) error {
	if mark := *m.mark(); !mark.IsZero() && !r.Until.After(mark) {
		return store.ErrForgotten
	}
	return nil
}

func (m *model) raise(until time.Time) {
	switch mark := m.mark(); {
	case m.is("remembers no mark"):
	case m.is("marks the time"):
		*mark = m.clock()
	case until.After(*mark) || m.is("lowers the mark"):
		*mark = until
	}
}

// purge forgets all that has ended, what ends last first.
func (m *model) purge() {
	byEnd := func(a, b string) int { return m.reserved[b].until.Compare(m.reserved[a].until) }
	for _, key := range slices.SortedFunc(maps.Keys(m.reserved), byEnd) {
		if held := m.reserved[key]; !held.until.After(m.clock()) && !m.is("never forgets") {
			delete(m.reserved, key)
			m.raise(held.until)
		}
	}
}
