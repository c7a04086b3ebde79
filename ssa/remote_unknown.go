package ssa

import (
	"crypto/sha256"
	"slices"
	"time"
)

// unknownRead is a fetch for a kid that the kept keys do not have.
type unknownRead struct {
	asker [sha256.Size]byte // digest of KeyRef.Asker, which may be long
	at    time.Time         // when it began
}

// decideUnknown implements the rows on kids that a fresh set does not have.
func (r *RemoteKeys) decideUnknown(w want, e *entry, now time.Time, read bool) decision {
	asker := sha256.Sum256([]byte(w.asker))
	next := r.nextRead(e, asker, now)
	unknown := &UnknownKeyError{ReadAt: e.readAt, RetryAt: next, NonePublished: e.none()}
	switch {
	case read:
		return refusal(w, KeysRefused, unknown)
	case now.Before(next) && e.failure != nil:
		return refusal(w, UnknownKeyBarred, unavailable(w, next.Sub(now), e.failure))
	case now.Before(next):
		return refusal(w, UnknownKeyBarred, unknown)
	}
	e.reads = append(e.reads, unknownRead{asker, now})
	return decision{flight: r.launch(w, e, now, true), launched: true, event: w.event(UnknownKeyRefetch, nil)}
}

// nextRead returns when the asker may have the set read again, now at the earliest. While a
// 404 waits for its second read, that is the one to wait for: it may bring the key.
func (r *RemoteKeys) nextRead(e *entry, asker [sha256.Size]byte, now time.Time) time.Time {
	interval := r.limits.UnknownKeyInterval
	e.reads = slices.DeleteFunc(e.reads, func(u unknownRead) bool { return !now.Before(u.at.Add(interval)) })
	next := now
	if e.failure != nil && next.Before(e.retryAt) {
		next = e.retryAt
	}
	if e.again != nil {
		return next
	}
	later := func(u unknownRead) {
		if free := u.at.Add(interval); next.Before(free) {
			next = free
		}
	}
	if len(e.reads) >= r.limits.MaxUnknownReads {
		later(e.reads[0])
	}
	for _, u := range e.reads {
		if u.asker == asker {
			later(u)
		}
	}
	return next
}
