package ssa

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/obdcr/obdcr/internal/fetch"
	"github.com/obdcr/obdcr/internal/text"
)

// errAbandoned is the error of a fetch that ended by a panic of the caller's transport.
var errAbandoned = errors.New("the fetch was abandoned")

// errClosed is the error of a fetch after Close.
var errClosed = errors.New("the resolver is closed")

// flight is a fetch under way. All look-ups of an address wait for its one flight. The
// flight belongs to none of them: it goes on for the others if one of them gives up.
type flight struct {
	done  chan struct{} // closed when what follows is final
	began time.Time
	again bool // a 404 is believed: it was one before, or no key was published before
	set   keySet
	err   error // why there is no set
}

// launch starts the flight of an entry. A current one asks past the caches on the way: a
// proxy may have kept a set that is older than ours. The caller holds the mutex.
func (r *RemoteKeys) launch(w want, e *entry, now time.Time, current bool) *flight {
	r.unschedule(e)
	f := &flight{done: make(chan struct{}), began: now, err: errAbandoned, again: !e.missingAt.IsZero() || e.none()}
	e.flight = f
	r.flights[w.list]++
	get := r.client.Get
	if current {
		get = r.client.GetCurrent
	}
	go r.fly(w, e, f, get)
	return f
}

type getter func(ctx context.Context, address string) (*fetch.Response, error)

func (r *RemoteKeys) fly(w want, e *entry, f *flight, get getter) {
	defer func() {
		if panicked := recover(); panicked != nil { // in the caller's transport, say
			f.err = fmt.Errorf("%w: panic: %s", errAbandoned, text.Quote(fmt.Sprint(panicked)))
		}
		r.land(w, e, f)
	}()
	f.set, f.err = r.read(r.closed, w, f.again, get) // get bounds its time
}

// read fetches and parses a set. Only a good answer makes a set; after any other the kept
// keys stay.
func (r *RemoteKeys) read(ctx context.Context, w want, again bool, get getter) (keySet, error) {
	if r.closed.Err() != nil {
		return keySet{}, errClosed
	}
	answer, err := get(ctx, w.url)
	if err != nil {
		return keySet{}, err
	}
	var set KeySet
	if answer.Status == http.StatusOK {
		set, err = readSet(answer.Body)
	}
	entries := len(set.Keys) + len(set.Skipped)
	switch {
	case err != nil:
		return keySet{}, err
	case entries > r.limits.MaxKeys:
		return keySet{}, fmt.Errorf("the key set has %d keys, above the limit of %d", entries, r.limits.MaxKeys)
	case w.list == withdrawn || len(set.Keys) > 0:
	case answer.Status == http.StatusNotFound && !again:
		return keySet{}, ErrKeySetMissing
	case w.list == published && answer.Status != http.StatusOK:
		return keySet{}, fmt.Errorf("the status of the answer is %d", answer.Status)
	case w.list == published || len(set.Skipped) > 0:
		return keySet{}, errors.New(unusable(set.Skipped))
	}
	life := r.limits.DefaultFresh
	if answer.HasMaxAge {
		life = min(max(answer.MaxAge, r.limits.MinFresh), r.limits.MaxFresh)
	}
	result := newKeySet(set)
	result.freshUntil, result.life = r.clock().Add(life), life
	return result, nil
}

// land puts the result of a flight into the cache and wakes those who wait for it.
func (r *RemoteKeys) land(w want, e *entry, f *flight) {
	now := r.clock()
	kind := KeysFailed
	r.mu.Lock()
	e.flight = nil
	r.flights[w.list]--
	switch {
	case f.err == nil && w.list == ofSoftware && f.set.none():
		kind = KeysWithdrawn
	case f.err == nil:
		kind = KeysFetched
	case w.list == ofSoftware && errors.Is(f.err, ErrKeySetMissing):
		kind = KeysMissing
	}
	event := w.event(kind, f.err)
	event.Keys, event.Took = len(f.set.inOrder), max(now.Sub(f.began), 0)
	switch kind {
	case KeysFailed:
		e.fail(f.err, now, r.limits.FailureMemory)
	case KeysMissing:
		r.miss(e, now)
	case KeysWithdrawn:
		event.Keys = len(e.inOrder)
		fallthrough
	default:
		f.set.readAt = f.began
		r.replace(w, e, f.set)
	}
	r.touch(e)
	evicted := r.evict(w.list)
	r.mu.Unlock()
	close(f.done)
	r.tell(event)
	for _, event := range evicted {
		r.tell(event)
	}
}
