package ssa

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// list is what is read at an address. The same address read as both has two entries.
type list int

const (
	published list = iota // keys that are in use
	withdrawn             // keys that are revoked, perhaps none
	lists
)

// want is what one look-up asks for. Withdrawn keys are wanted all.
type want struct {
	list list
	url  string
	kid  string // "" for all
}

// keySet is the answer of one fetch. Its keys are shared with whoever has asked and
// never change.
type keySet struct {
	freshUntil time.Time     // zero where there has been no answer
	life       time.Duration // how long it was fresh from the moment it came
	names      string        // the kids of keys, each behind its length in a byte
	keys       []Key         // those of one kid side by side, else in the order of the set
	inOrder    []Key         // keys, in the order of the set
	skipped    []SkippedKey
	readAt     time.Time // when the fetch began: what the source published later is not in it
}

func newKeySet(set KeySet) keySet {
	keys := grouped(set.Keys)
	var names []byte
	for _, k := range keys {
		names = append(append(names, byte(len(k.ID))), k.ID...) // a kid is of jose.MaxKeyIDSize at most
	}
	// Clipped, so that an append of a caller's copies.
	return keySet{names: string(names), keys: keys, inOrder: slices.Clip(set.Keys), skipped: slices.Clip(set.Skipped)}
}

// grouped brings keys of the same kid together (RFC 7517 section 4.5 allows them
// anywhere), so that each answer is a part of one slice and costs no allocation.
func grouped(keys []Key) []Key {
	first := make(map[string]int, len(keys))
	apart := false
	for i, k := range keys {
		if _, known := first[k.ID]; !known {
			first[k.ID] = i
		} else if keys[i-1].ID != k.ID {
			apart = true
		}
	}
	if !apart {
		return keys
	}
	keys = slices.Clone(keys)
	slices.SortStableFunc(keys, func(a, b Key) int { return cmp.Compare(first[a.ID], first[b.ID]) })
	return keys
}

// fresh is true for no longer than the set's life, whatever the clock does.
func (s *keySet) fresh(now time.Time) bool {
	left := s.freshUntil.Sub(now)
	return left > 0 && left <= s.life
}

// pick finds what is wanted, whether it is fresh or not.
func (s *keySet) pick(w want) (set KeySet, found bool) {
	if w.list == withdrawn {
		return KeySet{Keys: s.inOrder, Skipped: s.skipped}, !s.freshUntil.IsZero()
	}
	keys := s.find(w.kid)
	return KeySet{Keys: keys}, len(keys) > 0
}

// find reads names and not the keys, which lie elsewhere: of all that a look-up does,
// waiting for memory takes longest.
func (s *keySet) find(kid string) []Key {
	if kid == "" {
		return s.inOrder
	}
	from, to := 0, 0
	for rest := s.names; rest != ""; to++ {
		end := 1 + int(rest[0])
		if rest[1:end] != kid {
			if to > from {
				break
			}
			from = to + 1
		}
		rest = rest[end:]
	}
	return s.keys[from:to:to]
}

// entry is what is known of an address.
type entry struct {
	lastUsed  uint64 // in looks
	keySet           // its first fields next to lastUsed: a look-up touches nothing else
	url       string
	failure   error     // of the last fetch, nil if it was good
	retryAt   time.Time // until when the failure is remembered
	unknownAt time.Time // when the last fetch for the sake of an unknown kid began
	flight    *flight   // the fetch that is under way, if one is
}

// entryOf finds or makes the entry and marks it as the last one used. Room is made
// when the fetch has ended. The error, for an address that no source admits, wraps
// ErrJWKSHost.
func (r *RemoteKeys) entryOf(w want) (*entry, error) {
	e := r.entries[w.list][w.url]
	if e == nil {
		if err := r.client.Admits(w.url); err != nil {
			return nil, &unlistedError{host: hostOf(w.url), cause: err}
		}
		e = &entry{url: strings.Clone(w.url)} // it may be part of a whole statement
		r.entries[w.list][e.url] = e
	}
	r.touch(e)
	return e, nil
}

// heed bounds what was settled under a clock that has gone back since: from now on it
// holds for no longer than it did then.
func (e *entry) heed(now time.Time, limits *RemoteLimits) {
	bound := func(moment *time.Time, span time.Duration) {
		if latest := now.Add(span); moment.After(latest) {
			*moment = latest
		}
	}
	bound(&e.freshUntil, e.life)
	bound(&e.readAt, 0)
	bound(&e.retryAt, limits.FailureMemory)
	bound(&e.unknownAt, 0)
}

// replace gives an entry its new set. The address, which is the key of the map, and the
// kids become one string: whoever has found the address has the kids at hand.
func (r *RemoteKeys) replace(w want, e *entry, set keySet) {
	delete(r.entries[w.list], e.url)
	text, cut := e.url+set.names, len(e.url)
	e.url, set.names = text[:cut], text[cut:]
	e.keySet, e.failure, e.retryAt = set, nil, time.Time{}
	r.entries[w.list][e.url] = e
}

func (r *RemoteKeys) touch(e *entry) {
	r.looks++
	e.lastUsed = r.looks
}

// evict makes room in a list that has more sets than it may: the hundredth part that
// was not used for the longest time goes, so that a look at all of them is made once in
// so many fetches. What is being fetched stays, and does not count until it has come:
// its keys may have to be served stale.
func (r *RemoteKeys) evict(l list) (events []KeyEvent) {
	most := r.limits.MaxSets
	if l == withdrawn {
		most *= 2
	}
	entries := r.entries[l]
	surplus := len(entries) - r.flights[l] - most
	if surplus <= 0 {
		return nil
	}
	idle := make([]*entry, 0, most+surplus)
	for _, e := range entries {
		if e.flight == nil {
			idle = append(idle, e)
		}
	}
	slices.SortFunc(idle, func(a, b *entry) int { return cmp.Compare(a.lastUsed, b.lastUsed) })
	for _, e := range idle[:surplus-1+max(most/100, 1)] {
		delete(entries, e.url)
		event := want{list: l, url: e.url}.event(KeysEvicted, nil)
		event.Keys = len(e.inOrder)
		events = append(events, event)
	}
	return events
}
