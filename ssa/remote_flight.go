package ssa

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/obdcr/obdcr/internal/fetch"
)

// errAbandoned stands for a fetch that ended without a result, by a panic of the
// caller's transport.
var errAbandoned = errors.New("the fetch was abandoned")

// errClosed stands for a fetch after Close.
var errClosed = errors.New("the resolver is closed")

// flight is a fetch under way. All who want its address wait for the one flight; it
// belongs to none of them, so that nobody's cancellation costs another the keys.
type flight struct {
	done  chan struct{} // closed when what follows is final
	began time.Time
	set   keySet
	err   error // why there is no set; wraps ErrJWKSHost where the address was refused
}

// launch starts the flight of an entry. The mutex is held.
func (r *RemoteKeys) launch(w want, e *entry, now time.Time) *flight {
	f := &flight{done: make(chan struct{}), began: now, err: errAbandoned}
	e.flight = f
	go r.fly(w, e, f)
	return f
}

func (r *RemoteKeys) fly(w want, e *entry, f *flight) {
	defer func() {
		if panicked := recover(); panicked != nil { // in the caller's transport, say
			f.err = fmt.Errorf("%w: panic: %.200v", errAbandoned, panicked)
		}
		r.land(w, e, f)
	}()
	ctx, cancel := context.WithTimeout(r.closed, r.limits.Timeout)
	defer cancel()
	f.set, f.err = r.read(ctx, w)
}

// read fetches and parses a set. Only what is a good answer at that address makes
// one; everything else leaves the keys that are there in place.
func (r *RemoteKeys) read(ctx context.Context, w want) (keySet, error) {
	if r.closed.Err() != nil {
		return keySet{}, errClosed
	}
	answer, err := r.client.Get(ctx, w.url)
	switch {
	case errors.Is(err, fetch.ErrAddress):
		return keySet{}, fmt.Errorf("ssa: %w: %w", ErrJWKSHost, err)
	case err != nil:
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
	case w.list == published && answer.Status != http.StatusOK:
		return keySet{}, fmt.Errorf("the status of the answer is %d", answer.Status)
	case w.list == published && len(set.Keys) == 0:
		return keySet{}, errors.New(unusable(set.Skipped))
	}
	life := r.limits.DefaultFresh
	if answer.HasMaxAge {
		life = min(max(answer.MaxAge, r.limits.MinFresh), r.limits.MaxFresh)
	}
	result := newKeySet(set)
	result.freshUntil = r.clock().Add(life)
	return result, nil
}

// land makes the result of a flight known to the cache and to those who wait.
func (r *RemoteKeys) land(w want, e *entry, f *flight) {
	now := r.clock()
	event := KeyEvent{Kind: KeysFetched, Host: hostOf(w.url), Keys: len(f.set.inOrder), Took: now.Sub(f.began)}
	if f.err != nil {
		event.Kind, event.Err = KeysFailed, f.err
	}
	r.mu.Lock()
	e.flight = nil
	switch {
	case f.err == nil:
		f.set.readAt = f.began
		r.replace(w, e, f.set)
	case errors.Is(f.err, ErrJWKSHost):
		delete(r.entries[w.list], w.url)
		event.Host = ""
	default:
		e.failure, e.retryAt = f.err, now.Add(r.limits.FailureMemory)
	}
	r.touch(e)
	evicted := r.evict()
	r.mu.Unlock()
	close(f.done)
	r.tell(event)
	for _, event := range evicted {
		r.tell(event)
	}
}
