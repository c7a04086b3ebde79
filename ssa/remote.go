package ssa

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/obdcr/obdcr/internal/fetch"
)

// RemoteKeys fetches key sets over https and keeps them: a KeyResolver and
// RevokedKeyResolver for trust anchors and for software. It sends nothing to a host
// that no source lists. It is safe for concurrent use.
//
// What a look-up comes to, by what is known of the address:
//
//	kept keys     last fetch       kid there  outcome
//	------------  ---------------  ---------  ------------------------------------------
//	fresh         any              yes        those keys
//	fresh         good             no         fetch for an unknown kid; not again within
//	                                          UnknownKeyInterval of the start of the last
//	                                          one: UnknownKeyError
//	fresh         failed           no         the same, but KeySourceError for
//	                                          UnknownKeyError: nobody knows the kid to be
//	                                          unknown; nor within FailureMemory
//	none or old   good, or failed  any        fetch
//	              long ago
//	old           failed within    yes        those keys, stale
//	              FailureMemory    no         KeySourceError
//	none          failed within    any        KeySourceError
//	              FailureMemory
//
// Old keys whose freshness ended MaxStale ago or earlier are dropped when a fetch has
// failed. While a fetch is under way, whoever needs one waits for that one and then
// looks at the table again; in the midst of an outage (twice FailureMemory from the
// last failure) whoever could have stale keys has them without waiting. Whoever began
// the fetch takes its result: a set that was read for this very look-up is not read
// again. A fetch for a kid that the kept keys, if any, do not have goes past the caches
// of proxies between (Cache-Control: no-cache), which may have kept an older set.
//
// A good answer replaces the kept keys wholly. An answer that is no key set of at
// least one usable key (another status than 200, HTML, too large, empty) is a failed
// fetch and leaves them as they are. At the addresses of withdrawn keys, 404, 410 and
// a set without usable keys are good answers.
type RemoteKeys struct {
	client   *fetch.Client
	clock    func() time.Time
	limits   RemoteLimits
	observer func(KeyEvent)
	closed   context.Context // of all flights
	close    context.CancelFunc

	mu      sync.Mutex // held for look-ups and for making room, never over a fetch or a callback
	entries [lists]map[string]*entry
	flights [lists]int // that are under way
	looks   uint64
}

// NewRemoteKeys checks the configuration; a contradiction, a missing source and a
// limit out of its range are errors. Nothing is fetched before the first
// look-up.
func NewRemoteKeys(c RemoteConfig) (*RemoteKeys, error) {
	limits, err := c.Limits.withDefaults()
	if err != nil {
		return nil, err
	}
	guard := fetch.Config{Transport: c.Transport, Resolver: c.Resolver, MaxBytes: limits.MaxBytes, Timeout: limits.Timeout}
	for _, s := range c.Sources {
		guard.Sources = append(guard.Sources, fetch.Source(s))
	}
	client, err := fetch.New(guard)
	if err != nil {
		var refused *fetch.Error
		errors.As(err, &refused)
		return nil, configError("remote keys: %s", refused.Detail)
	}
	r := &RemoteKeys{client: client, clock: c.Clock, limits: limits, observer: c.Observer}
	if r.clock == nil {
		r.clock = steadyClock()
	}
	r.closed, r.close = context.WithCancel(context.Background())
	for l := range r.entries {
		r.entries[l] = map[string]*entry{}
	}
	return r, nil
}

// steadyClock tells the time by the monotonic clock alone, from now on. Where a
// look-up does little else, reading the wall clock too, as time.Now does, counts.
func steadyClock() func() time.Time {
	start := time.Now()
	return func() time.Time { return start.Add(time.Since(start)) }
}

// Close breaks off what is being fetched and gives up idle connections. Afterwards
// nothing is fetched any more; keys that are kept are used as in an outage.
func (r *RemoteKeys) Close() {
	r.close()
	r.client.Close()
}

// ResolveKeys returns the keys of the set at ref.URL that have the kid, all of them
// where it is empty. The slice is shared and must not be changed. A context that ends
// ends the wait, not the fetch. The errors are *UnknownKeyError, *KeySourceError, and,
// for an address that no source admits, one that wraps ErrJWKSHost.
func (r *RemoteKeys) ResolveKeys(ctx context.Context, ref KeyRef) ([]Key, error) {
	now := r.clock()
	r.mu.Lock()
	// The first row of the table, alone: it is what nearly every look-up comes to.
	if e := r.entries[published][ref.URL]; e != nil && e.fresh(now) {
		r.touch(e) // first, as the processor then waits for entry and kids at once
		if keys := e.find(ref.KeyID); len(keys) > 0 {
			r.mu.Unlock()
			return keys, nil
		}
	}
	r.mu.Unlock()
	set, err := r.look(ctx, want{list: published, url: ref.URL, kid: ref.KeyID})
	return set.Keys, err
}

// ResolveRevokedKeys returns the keys that the set at the address withdraws; none
// where it answers 404 or 410, or is empty. Entries that are no usable keys are in
// Skipped, by their kid. The slices are shared and must not be changed. The errors
// are *KeySourceError and, for an address that no source admits, one that wraps
// ErrJWKSHost.
func (r *RemoteKeys) ResolveRevokedKeys(ctx context.Context, url string) (KeySet, error) {
	return r.look(ctx, want{list: withdrawn, url: url})
}

// maxWaits bounds the flights that one look-up waits for: an ordinary one and one for
// an unknown kid, and one more for an entry that was evicted between the two.
const maxWaits = 3

var errDisplaced = errors.New("the key set was displaced as soon as it was read; the cache is too small")

func (r *RemoteKeys) look(ctx context.Context, w want) (KeySet, error) {
	read := false // the set has been read for this look-up
	last := errDisplaced
	for range maxWaits {
		d := r.decide(w, read)
		r.tell(d.dropped)
		r.tell(d.event)
		if d.flight == nil {
			return d.set, d.err
		}
		select {
		case <-d.flight.done:
		case <-ctx.Done():
			return r.giveUp(w, ctx.Err())
		}
		switch set, found := d.flight.set.pick(w); {
		case found:
			return set, nil
		case d.flight.err != nil:
			last = d.flight.err
		default:
			read = read || d.launched
		}
	}
	return r.giveUp(w, last)
}

// giveUp ends a look-up that has waited for a fetch.
func (r *RemoteKeys) giveUp(w want, cause error) (KeySet, error) {
	err := unavailable(w, 0, cause)
	r.tell(w.event(KeysRefused, err))
	return KeySet{}, err
}

// decision is what a look-up comes to: a set, an error, or a flight to wait for.
type decision struct {
	set      KeySet
	err      error
	flight   *flight
	launched bool // by this decision
	event    KeyEvent
	dropped  KeyEvent
}

func refusal(w want, kind KeyEventKind, err error) decision {
	return decision{err: err, event: w.event(kind, err)}
}

// decide is the table above.
func (r *RemoteKeys) decide(w want, read bool) (d decision) {
	now := r.clock()
	r.mu.Lock()
	defer r.mu.Unlock()
	e, err := r.entryOf(w)
	if err != nil {
		return decision{err: err, event: KeyEvent{Kind: KeysRefused, Withdrawn: w.list == withdrawn, Err: err}}
	}
	e.heed(now, &r.limits)
	dropped := r.dropExpired(w, e, now)
	defer func() { d.dropped = dropped }()
	set, found := e.pick(w)
	fresh := e.fresh(now)
	switch {
	case fresh && found:
		return decision{set: set}
	case e.flight != nil && !(found && e.failure != nil && now.Before(e.retryAt.Add(r.limits.FailureMemory))):
		return decision{flight: e.flight}
	case fresh:
		return r.decideUnknown(w, e, now, read)
	case e.flight == nil && !now.Before(e.retryAt):
		return decision{flight: r.launch(w, e, now, found), launched: true}
	case found:
		event := w.event(KeysServedStale, e.failure)
		event.Keys = len(e.inOrder)
		return decision{set: set, event: event}
	}
	return refusal(w, KeysRefused, unavailable(w, e.retryAt.Sub(now), e.failure))
}

// decideUnknown is the part of the table on kids that a fresh set does not have.
func (r *RemoteKeys) decideUnknown(w want, e *entry, now time.Time, read bool) decision {
	next := e.unknownAt.Add(r.limits.UnknownKeyInterval)
	if e.failure != nil && next.Before(e.retryAt) {
		next = e.retryAt
	}
	switch {
	case read:
		if next.Before(now) {
			next = now
		}
		return refusal(w, KeysRefused, &UnknownKeyError{ReadAt: e.readAt, RetryAt: next})
	case now.Before(next) && e.failure != nil:
		return refusal(w, UnknownKeyBarred, unavailable(w, next.Sub(now), e.failure))
	case now.Before(next):
		return refusal(w, UnknownKeyBarred, &UnknownKeyError{ReadAt: e.readAt, RetryAt: next})
	}
	e.unknownAt = now
	return decision{flight: r.launch(w, e, now, false), launched: true, event: w.event(UnknownKeyRefetch, nil)}
}

// dropExpired drops keys that an outage has outlived.
func (r *RemoteKeys) dropExpired(w want, e *entry, now time.Time) KeyEvent {
	if e.failure == nil || e.freshUntil.IsZero() || now.Before(e.freshUntil.Add(r.limits.MaxStale)) {
		return KeyEvent{}
	}
	event := w.event(KeysExpiredStale, e.failure)
	event.Keys = len(e.inOrder)
	e.keySet = keySet{}
	return event
}
