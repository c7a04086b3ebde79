package ssa

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/obdcr/obdcr/internal/fetch"
	"github.com/obdcr/obdcr/internal/text"
)

// RemoteKeys fetches key sets over https and keeps them. It is a KeyResolver and a
// RevokedKeyResolver, for trust anchors and for software. It sends nothing to a host
// that no source lists. It is safe for concurrent use.
//
// The outcome of a look-up depends on what RemoteKeys knows of the address:
//
//	kept keys     last fetch       kid there  outcome
//	------------  ---------------  ---------  ------------------------------------------
//	fresh         any              yes        those keys
//	fresh         good             no         fetch for an unknown kid; not again within
//	                                          UnknownKeyInterval of the start of the last
//	                                          one by the same KeyRef.Asker, nor beyond
//	                                          MaxUnknownReads by all: UnknownKeyError
//	fresh         failed           no         the same, and not within FailureMemory
//	                                          either; KeySourceError, since a set that
//	                                          could be read might have the kid
//	none or old   good, or failed  any        fetch
//	              long ago
//	old           failed within    yes        those keys, stale
//	              FailureMemory    no         KeySourceError
//	none          failed within    any        KeySourceError
//	              FailureMemory
//
// A failed fetch drops old keys whose freshness ended MaxStale ago or earlier.
//
// What an answer is depends on whose the address is. A good answer replaces the kept keys as
// a whole; a failed fetch leaves them as they are:
//
//	answer                    a directory's  a software's (KeyRef.Software)  withdrawn keys
//	------------------------  -------------  ------------------------------  ----------------
//	200, a usable key         good           good                            good
//	200, an empty set         failed         good: no key is published       good: none
//	200, no key is usable     failed         failed                          good: their kids
//	410                       failed         good: no key is published       good: none
//	404                       failed         missing                         good: none
//	anything else             failed         failed                          failed
//
// Where no key is published, the set is fresh as any other, and no kid is there, not even
// the empty one that asks for all keys: by the second row each look-up may fetch, and the
// UnknownKeyError says NonePublished.
//
// The first 404 at a software's address is a failed fetch that is remembered for 5 s, and
// not for FailureMemory. The address is then read again, without a look-up that asks for it
// (for 1,000 addresses at a time; with more, and with one that was evicted, the next look-up
// that may fetch reads again). From then on, until another good answer, 404 means that no
// key is published. The keys that were kept at the first 404 end a minute after it at the
// latest, whatever the reads come to. Where no key is published already, 404 says it again.
//
// Each address has one fetch under way at most. A look-up that needs a fetch waits for
// that one and then goes by the table again. In an outage (until twice FailureMemory
// after the last failure) a look-up for which there are stale keys takes them without
// waiting. The look-up that began a fetch takes its result: it does not read a set for
// the second time. A fetch for a kid that the kept keys do not have is sent with
// Cache-Control: no-cache, since a proxy on the way may have kept an older set. So is the
// second read after a 404.
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
	again   int        // second reads that are due
	looks   uint64
}

// NewRemoteKeys checks the configuration. A contradiction, a missing source and a limit
// out of its range are a *ConfigError. It fetches nothing before the first look-up.
func NewRemoteKeys(c RemoteConfig) (*RemoteKeys, error) {
	limits, err := c.Limits.withDefaults()
	if err != nil {
		return nil, err
	}
	guard := fetch.Config{NotPublic: c.NotPublic, Transport: c.Transport, Resolver: c.Resolver, MaxBytes: limits.MaxBytes, Timeout: limits.Timeout,
		Longest: min(fetch.Longest(limits.Timeout), limits.UnknownKeyInterval-1)}
	for _, s := range c.Sources {
		guard.Sources = append(guard.Sources, fetch.Source(s))
	}
	client, err := fetch.New(guard)
	if err != nil {
		return nil, configError("remote keys: %s", text.Detail(err))
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

// steadyClock tells the time by the monotonic clock alone, counted from now. time.Now
// reads the wall clock too and costs twice as much, which counts in a warm look-up.
func steadyClock() func() time.Time {
	start := time.Now()
	return func() time.Time { return start.Add(time.Since(start)) }
}

// Close ends the fetches under way and closes idle connections. RemoteKeys fetches nothing
// afterwards, and uses the keys that it has kept as in an outage.
func (r *RemoteKeys) Close() {
	r.close()
	r.mu.Lock()
	for _, e := range r.entries[ofSoftware] {
		r.unschedule(e)
	}
	r.mu.Unlock()
	r.client.Close()
}

// ResolveKeys returns the keys of the set at ref.URL that have the kid, all of them
// where it is empty. A set that is read for a directory and one that is read for a software
// are kept apart, also at the same address. The slice is shared and must not be changed. When the context ends,
// ResolveKeys stops waiting, and the fetch goes on for others. The error is an
// *UnknownKeyError or a *KeySourceError, or, for an address that no source admits, one
// that wraps ErrJWKSHost.
func (r *RemoteKeys) ResolveKeys(ctx context.Context, ref KeyRef) ([]Key, error) {
	list := published
	if ref.Software {
		list = ofSoftware
	}
	now := r.clock()
	r.mu.Lock()
	// Nearly every look-up ends here, in the first row of the table.
	if e := r.entries[list][ref.URL]; e != nil && e.fresh(now) {
		r.touch(e) // before find: the processor then loads entry and kids at the same time
		if keys := e.find(ref.KeyID); len(keys) > 0 {
			r.mu.Unlock()
			return keys, nil
		}
	}
	r.mu.Unlock()
	set, err := r.look(ctx, want{list: list, url: ref.URL, kid: ref.KeyID, asker: ref.Asker})
	return set.Keys, err
}

// ResolveRevokedKeys returns the keys that the set at the address withdraws: none where
// the address answers 404 or 410, or where the set is empty. Skipped holds the kids of
// entries that are no usable keys. The slices are shared and must not be changed. The
// error is a *KeySourceError, or, for an address that no source admits, one that wraps
// ErrJWKSHost.
func (r *RemoteKeys) ResolveRevokedKeys(ctx context.Context, url string) (KeySet, error) {
	return r.look(ctx, want{list: withdrawn, url: url})
}

// maxWaits bounds the flights that one look-up waits for: an ordinary one, one for an
// unknown kid, and one more in case the entry was evicted between the two.
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

// decision is the outcome of a look-up for now: a set, an error, or a flight to wait for.
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

// decide implements the table on RemoteKeys. Its cases are, in this order: the rows with
// fresh keys and a known kid; a fetch that is under way already; the other rows with
// fresh keys; the row that fetches; old keys, stale; and the rows that refuse.
func (r *RemoteKeys) decide(w want, read bool) (d decision) {
	now := r.clock()
	r.mu.Lock()
	defer r.mu.Unlock()
	e, err := r.entryOf(w)
	if err != nil {
		return decision{err: err, event: KeyEvent{Kind: KeysRefused, Withdrawn: w.list == withdrawn, Err: err}}
	}
	e.heed(now)
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
		return decision{flight: r.launch(w, e, now, w.kid != "" && !found), launched: true}
	case found:
		event := w.event(KeysServedStale, e.failure)
		event.Keys = len(e.inOrder)
		return decision{set: set, event: event}
	}
	return refusal(w, KeysRefused, unavailable(w, e.retryAt.Sub(now), e.failure))
}

// dropExpired drops the keys of an entry when an outage has lasted longer than MaxStale, or
// than a missing set is borne.
func (r *RemoteKeys) dropExpired(w want, e *entry, now time.Time) KeyEvent {
	if e.failure == nil || e.freshUntil.IsZero() || now.Before(e.freshUntil.Add(r.limits.MaxStale)) && !e.missed(now) {
		return KeyEvent{}
	}
	event := w.event(KeysExpiredStale, e.failure)
	event.Keys = len(e.inOrder)
	e.keySet = keySet{}
	return event
}
