package cert

import (
	"errors"
	"fmt"
	"time"

	"github.com/obdcr/obdcr/internal/text"
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
func (e *Error) Error() string { return "cert: " + e.Kind.Error() + ": " + bounded(e.Detail) }

// Unwrap gives kind and cause to errors.Is and errors.As.
func (e *Error) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Cause}
}

// bounded brings a text that another package made within the bounds of this one's.
func bounded(s string) string { return text.ASCII(s, text.MaxDescription) }

// ConfigError says why this package refuses a setting, a file or a list that a bank
// gave it. Where reading a file failed, it wraps what the file system said.
type ConfigError struct{ cause error }

// Error gives the detail behind the name of the package.
func (e *ConfigError) Error() string { return "cert: " + e.Detail() }

// Detail says what is wrong, and what would be right.
func (e *ConfigError) Detail() string { return e.cause.Error() }

// Unwrap gives what lies beneath to errors.Is and errors.As.
func (e *ConfigError) Unwrap() error { return e.cause }

func configError(format string, args ...any) error {
	return &ConfigError{fmt.Errorf(format, args...)}
}
