package ssa

import (
	"net/url"
	"strings"
	"time"
)

// KeyEventKind is the kind of a KeyEvent.
type KeyEventKind string

// What RemoteKeys tells its observer.
const (
	KeysFetched       KeyEventKind = "fetched"             // an answer took the place of what was there
	KeysFailed        KeyEventKind = "failed"              // a fetch came to nothing that can be used
	KeysMissing       KeyEventKind = "missing"             // the address of a software answered 404 for the first time; it is read again 5 s later
	KeysWithdrawn     KeyEventKind = "withdrawn"           // an answer says that a software publishes no key
	KeysServedStale   KeyEventKind = "served_stale"        // a look-up was answered with keys that are no longer fresh
	KeysExpiredStale  KeyEventKind = "expired_stale"       // the outage outlasted MaxStale, or a minute after a 404; the keys are dropped
	KeysEvicted       KeyEventKind = "evicted"             // a set made room for others
	KeysRefused       KeyEventKind = "refused"             // a look-up ended with an error, other than by unknown_key_barred
	UnknownKeyRefetch KeyEventKind = "unknown_key_refetch" // a kid that the set lacks, or any where no key is published, has it fetched again
	UnknownKeyBarred  KeyEventKind = "unknown_key_barred"  // a look-up of an unknown kid was refused: UnknownKeyInterval or MaxUnknownReads bars it
)

// KeyEvent is one thing that happened, for metrics and logs. A sender of tokens cannot
// choose the contents of any field. The events of a fetch and of the look-ups that waited
// for it come in no fixed order, since nobody waits for the observer.
type KeyEvent struct {
	Kind      KeyEventKind
	Withdrawn bool   // the set is one of withdrawn keys
	Host      string // of the key set, at most 64 bytes; "" for an address that no source admits
	// Address is that of the key set, at most 2048 bytes, and "" for one that no source admits.
	// It has too many values for a label of metrics.
	Address string
	// Err is why the last fetch failed (failed, missing, served_stale, expired_stale), or how the
	// look-up ended (refused, unknown_key_barred).
	Err  error
	Keys int           // usable keys of the set: fetched, served_stale, expired_stale, evicted; withdrawn: those that were kept until then
	Took time.Duration // fetched, failed, missing, withdrawn
}

// event makes an event about a look-up at an address that a source admits.
func (w want) event(kind KeyEventKind, err error) KeyEvent {
	return KeyEvent{Kind: kind, Withdrawn: w.list == withdrawn, Host: hostOf(w.url), Address: w.url, Err: err}
}

// tell calls the observer, unless the event has no kind. The caller must not hold the
// mutex.
func (r *RemoteKeys) tell(event KeyEvent) {
	if r.observer == nil || event.Kind == "" {
		return
	}
	defer func() { _ = recover() }()
	r.observer(event)
}

// hostOf is the host of an address, at most 64 bytes, and "" where no source could list
// it.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil || strings.ContainsFunc(u.Host, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return ""
	}
	return u.Host[:min(len(u.Host), 64)]
}
