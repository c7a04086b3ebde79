package ssa

import (
	"fmt"
	"time"
)

// UnknownKeyError means that a key set has no key of the kid, and that the set may not be
// read again yet. It wraps ErrKeyNotFound, and is ErrNoKeyPublished too where the software
// publishes no key at all.
type UnknownKeyError struct {
	ReadAt        time.Time // when the set was asked for
	RetryAt       time.Time // when the asker may have the set read again for an unknown kid
	NonePublished bool      // the address answered with an empty set or 410, or twice with 404
}

// Error is the detail behind package and kind.
func (e *UnknownKeyError) Error() string {
	kind := ErrKeyNotFound
	if e.NonePublished {
		kind = ErrNoKeyPublished
	}
	return fmt.Sprintf("ssa: %v: %s", kind, e.Detail())
}

// Detail tells when the set was read and when to try again.
func (e *UnknownKeyError) Detail() string {
	if e.NonePublished {
		return fmt.Sprintf("no key is published at the address of the key set, as read at %s; it can be read again from %s on",
			e.ReadAt.UTC().Format(time.RFC3339), e.RetryAt.UTC().Format(time.RFC3339))
	}
	return fmt.Sprintf("the key set, read at %s, has no key of this kid; it can be read again from %s on",
		e.ReadAt.UTC().Format(time.RFC3339), e.RetryAt.UTC().Format(time.RFC3339))
}

// Unwrap gives ErrKeyNotFound.
func (e *UnknownKeyError) Unwrap() error { return ErrKeyNotFound }

// Is reports whether the error is ErrNoKeyPublished.
func (e *UnknownKeyError) Is(target error) bool {
	return e.NonePublished && target == ErrNoKeyPublished //nolint:errorlint // the sentinel itself
}

// KeySourceError means that a key set cannot be read at the moment, which is never the
// fault of the token's sender. It wraps ErrKeySourceUnavailable.
type KeySourceError struct {
	Host       string        // of the key set, at most 64 bytes
	RetryAfter time.Duration // when to try again: whole seconds, at least one
	Cause      error         // what the last attempt came to
}

// Error is the detail behind package and kind.
func (e *KeySourceError) Error() string {
	return fmt.Sprintf("ssa: %v: %s", ErrKeySourceUnavailable, e.Detail())
}

// Detail gives host and cause.
func (e *KeySourceError) Detail() string { return fmt.Sprintf("%s: %v", e.Host, e.Cause) }

// Unwrap gives ErrKeySourceUnavailable and the cause.
func (e *KeySourceError) Unwrap() []error { return []error{ErrKeySourceUnavailable, e.Cause} }

// unlistedError means that no source admits an address. It wraps ErrJWKSHost.
type unlistedError struct {
	host  string // at most 64 bytes of ASCII, "" for what is no host
	cause error  // a *fetch.Error
}

func (e *unlistedError) Error() string {
	return fmt.Sprintf("ssa: %v: host %q: %v; add the host to RemoteConfig.Sources", ErrJWKSHost, e.host, e.cause)
}

func (e *unlistedError) Unwrap() []error { return []error{ErrJWKSHost, e.cause} }

func unavailable(w want, wait time.Duration, cause error) error {
	seconds := (wait + time.Second - 1) / time.Second
	return &KeySourceError{Host: hostOf(w.url), RetryAfter: max(seconds, 1) * time.Second, Cause: cause}
}
