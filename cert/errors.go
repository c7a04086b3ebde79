package cert

import (
	"errors"
	"time"
)

// Why a certificate is refused, for errors.Is. A key set that cannot be read at the
// moment is ssa.ErrKeySourceUnavailable.
var (
	ErrNoCertificate     = errors.New("no client certificate")
	ErrUntrusted         = errors.New("certificate not trusted")
	ErrExpired           = errors.New("certificate out of its validity")
	ErrUsage             = errors.New("certificate not for this use") // a key that is too weak included
	ErrRevoked           = errors.New("certificate revoked")
	ErrRevocationUnknown = errors.New("revocation status unknown")
	ErrNotOwned          = errors.New("certificate not of this software")
	ErrNoKeySet          = errors.New("software without a key set")
)

// ErrUnknownClient is what MiddlewareConfig.Client wraps to say that there is
// no such client.
var ErrUnknownClient = errors.New("unknown client")

// Error says why a certificate is refused. Its text is ASCII, repeats no input
// beyond 64 characters, quoted, and has a Detail of at most 500.
type Error struct {
	Kind       error         // one of the Err values, or ssa.ErrKeySourceUnavailable
	Detail     string        // what is wrong, and what would be right
	Cause      error         // what a collaborator said, if it was its failure
	RetryAfter time.Duration // for what is unknown at the moment: when to ask again; else 0
}

// Error gives kind and detail in one line.
func (e *Error) Error() string { return "cert: " + e.Kind.Error() + ": " + clip(e.Detail) }

// Unwrap gives kind and cause to errors.Is and errors.As.
func (e *Error) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Cause}
}
