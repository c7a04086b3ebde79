package cert

import (
	"errors"
	"fmt"
	"time"

	"github.com/obdcr/obdcr/internal/text"
)

// The kinds of an Error: why a certificate is refused. They are for errors.Is. A key
// set that cannot be read at the moment is ssa.ErrKeySourceUnavailable, and one without a
// key ssa.ErrNoKeyPublished.
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

// ErrUnknownClient means that there is no such client. MiddlewareConfig.Client returns
// an error that wraps it.
var ErrUnknownClient = errors.New("unknown client")

// Error is the reason why a certificate is refused. Its text is ASCII. It quotes input,
// at most 64 characters of it.
type Error struct {
	Kind       error         // one of the Err values, ssa.ErrKeySourceUnavailable or ssa.ErrNoKeyPublished
	Detail     string        // what is wrong, and what would be right; at most 500 characters, without package and kind
	Cause      error         // the error of a collaborator that failed; else nil
	RetryAfter time.Duration // when to ask again, where something cannot be read at the moment; else 0
}

// Error is the kind and the detail in one line.
func (e *Error) Error() string { return "cert: " + e.Kind.Error() + ": " + bounded(e.Detail) }

// Unwrap returns kind and cause, for errors.Is and errors.As.
func (e *Error) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Cause}
}

// bounded cuts and cleans a text of another package to what an Error may hold.
func bounded(s string) string { return text.ASCII(s, text.MaxDescription) }

// ConfigError is the reason why this package refuses a setting, a file or a list of the
// bank. Where a file cannot be read, it wraps the file system's error.
type ConfigError struct{ cause error }

// Error is the detail behind the name of the package.
func (e *ConfigError) Error() string { return "cert: " + e.Detail() }

// Detail names the fault, and what would be right.
func (e *ConfigError) Detail() string { return e.cause.Error() }

// Unwrap returns the error beneath, for errors.Is and errors.As.
func (e *ConfigError) Unwrap() error { return e.cause }

func configError(format string, args ...any) error {
	return &ConfigError{fmt.Errorf(format, args...)}
}
