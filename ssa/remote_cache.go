package ssa

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// list is the purpose for which an address is read. An address that is read for several has
// an entry for each.
type list int

const (
	published  list = iota // keys of a directory that are in use
	ofSoftware             // keys of a software that are in use, perhaps none
	withdrawn              // keys that are revoked, perhaps none
	lists
)

// want is what one look-up asks for. Of withdrawn keys it always asks for all.
type want struct {
	list  list
	url   string
	kid   string // "" for all
	asker string // as KeyRef has it
}

// keySet is the answer of one fetch. Callers share its keys, which never change.
type keySet struct {
	freshUntil time.Time     // zero where there has been no answer
	life       time.Duration // from the moment it came to the end of its freshness
	names      string        // the kids of keys, each behind its length in a byte
	keys       []Key         // those of one kid side by side, else in the order of the set
	inOrder    []Key         // keys, in the order of the set
	skipped    []SkippedKey
	readAt     time.Time // when the fetch began; a key published later may be missing
}

func newKeySet(set KeySet) keySet {
	keys := grouped(set.Keys)
	var names []byte
	for _, k := range keys {
		names = append(append(names, byte(len(k.ID))), k.ID...) // a kid is of jose.MaxKeyIDSize at most
	}
	// The slices are clipped, so that a caller's append copies them.
	return keySet{names: string(names), keys: keys, inOrder: slices.Clip(set.Keys), skipped: slices.Clip(set.Skipped)}
}

// grouped puts keys of the same kid side by side. RFC 7517 section 4.5 allows them
// anywhere in a set. Each answer is then a part of one slice and costs no allocation.
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

// fresh reports whether the set is fresh. A clock that goes back does not prolong the set's
// life.
func (s *keySet) fresh(now time.Time) bool {
	left := s.freshUntil.Sub(now)
	return left > 0 && left <= s.life
}

// pick finds what a look-up wants, fresh or not.
func (s *keySet) pick(w want) (set KeySet, found bool) {
	if w.list == withdrawn {
		return KeySet{Keys: s.inOrder, Skipped: s.skipped}, !s.freshUntil.IsZero()
	}
	keys := s.find(w.kid)
	return KeySet{Keys: keys}, len(keys) > 0
}

// none reports whether the last good answer was that there are no keys.
func (s *keySet) none() bool { return !s.freshUntil.IsZero() && len(s.inOrder) == 0 }

// find returns the keys of a kid. It reads names and not the keys themselves, which lie
// elsewhere in memory: a look-up spends most of its time waiting for memory.
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

// entry is the cache's knowledge of one address.
type entry struct {
	lastUsed  uint64 // in looks
	keySet           // its first fields lie next to lastUsed; a look-up touches no others
	url       string
	failure   error         // of the last fetch, nil if it was good
	retryAt   time.Time     // when the failure is forgotten
	retryIn   time.Duration // from the failure to retryAt
	reads     []unknownRead // the fetches for unknown kids within UnknownKeyInterval, in their order
	missingAt time.Time     // when the first 404 came, zero once a good answer has come since
	again     *time.Timer   // to the second read after it, nil if none is due
	flight    *flight       // the fetch that is under way, if one is
}

// entryOf finds or makes the entry and marks it as the last one used. It makes no room
// for a new entry; land does, after the fetch. For an address that no source admits the
// error wraps ErrJWKSHost.
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

// heed bounds the times of an entry in case the clock has gone back since they were set.
// Each then holds, counted from now, for no longer than it did when it was set.
func (e *entry) heed(now time.Time) {
	bound := func(moment *time.Time, span time.Duration) {
		if latest := now.Add(span); moment.After(latest) {
			*moment = latest
		}
	}
	bound(&e.freshUntil, e.life)
	bound(&e.readAt, 0)
	bound(&e.retryAt, e.retryIn)
	bound(&e.missingAt, 0)
	for i := range e.reads {
		bound(&e.reads[i].at, 0)
	}
}

// replace gives an entry its new set. It joins the address, which is the key of the map,
// and the kids to one string, so that a look-up that has found the address has the kids
// in the processor's cache.
func (r *RemoteKeys) replace(w want, e *entry, set keySet) {
	delete(r.entries[w.list], e.url)
	text, cut := e.url+set.names, len(e.url)
	e.url, set.names = text[:cut], text[cut:]
	e.keySet, e.failure, e.retryAt, e.missingAt = set, nil, time.Time{}, time.Time{}
	r.entries[w.list][e.url] = e
}

func (r *RemoteKeys) touch(e *entry) {
	r.looks++
	e.lastUsed = r.looks
}

// evict makes room in a list that has more sets than it may. It removes the hundredth
// part that was not used for the longest time, so that it has to look at all sets only
// once in that many fetches. A set that is being fetched stays, since its keys may have to
// be served stale, and counts only once it has come.
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
		r.unschedule(e)
		event := want{list: l, url: e.url}.event(KeysEvicted, nil)
		event.Keys = len(e.inOrder)
		events = append(events, event)
	}
	return events
}
