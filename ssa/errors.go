package ssa

import (
	"errors"
	"fmt"

	"github.com/obdcr/obdcr/claims"
)

// The kinds of an Error: what can be wrong with a token, a key set, or with getting a
// key. They are for errors.Is.
var (
	ErrMalformed            = errors.New("malformed")
	ErrUnknownIssuer        = errors.New("unknown issuer")
	ErrAlgorithm            = errors.New("algorithm not allowed")
	ErrKeyNotFound          = errors.New("key not found")
	ErrKeyRevoked           = errors.New("key revoked")      // comes with ErrKeyNotFound
	ErrNoKeyPublished       = errors.New("no key published") // comes with ErrKeyNotFound
	ErrBadSignature         = errors.New("bad signature")
	ErrTooOld               = errors.New("too old")
	ErrNotYetValid          = errors.New("not yet valid")
	ErrNotApproved          = errors.New("not approved")
	ErrJWKSHost             = errors.New("key set address not allowed")
	ErrKeySourceUnavailable = errors.New("key source unavailable")
)

// ErrKeySetMissing is the cause of a KeySourceError where the address of the key set has
// answered 404.
var ErrKeySetMissing = errors.New("the status of the answer is 404")

// Error is a fault of a token or of a key set. Its text is ASCII and
// repeats no input beyond 64 characters.
type Error struct {
	Kind    error  // one of the Err values
	Rule    string // ID of the rule that is broken, as in package validate
	Pointer string // RFC 6901, into the statement's header or claims
	Header  bool   // Pointer is into the header
	Detail  string // what is wrong, and what would be right; without package and kind
	Cause   error  // what lies beneath: a key resolver's error, or a parser's

	// Claims, Faults and Environment are those of a statement whose signature is good
	// but which is refused all the same; Claims is nil where it is not. ClaimNames are
	// those of its anchor, and not to be changed.
	Claims      *claims.SSA
	Faults      []claims.Fault
	Environment claims.Environment
	ClaimNames  map[string]string
}

// Error gives rule, if there is one, kind and detail in one line.
func (e *Error) Error() string {
	text := e.Kind.Error() + ": " + e.Detail
	if e.Rule != "" {
		text = e.Rule + ": " + text
	}
	return "ssa: " + text
}

// Unwrap gives kind and cause to errors.Is and errors.As.
func (e *Error) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Cause}
}

// ConfigError is the reason why a configuration is refused: by NewVerifier or
// NewRemoteKeys.
type ConfigError struct{ detail string }

// Error is the detail behind the name of the package.
func (e *ConfigError) Error() string { return "ssa: " + e.detail }

// Detail names the fault of the configuration.
func (e *ConfigError) Detail() string { return e.detail }

func configError(format string, args ...any) error {
	return &ConfigError{detail: fmt.Sprintf(format, args...)}
}
