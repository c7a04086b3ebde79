package cert

import (
	"context"
	"errors"
	"time"

	"github.com/obdcr/obdcr/ssa"
)

// keySourceRetry is how long to wait for a key source that names no time.
const keySourceRetry = 10 * time.Second

// softwareKeys are the keys of a software as they were read.
type softwareKeys struct {
	published []ssa.Key
	withdrawn *ssa.KeySet // nil where the software names no address of withdrawn keys
}

func readKeys(ctx context.Context, from ssa.SoftwareKeys) (*softwareKeys, error) {
	known := &softwareKeys{}
	if err := known.readPublished(ctx, from); err != nil {
		return nil, err
	}
	if len(from.Revoked) == 0 {
		return known, nil
	}
	withdrawn, err := from.ResolveWithdrawn(ctx)
	if err != nil {
		return nil, keySourceError(err)
	}
	known.withdrawn = &withdrawn
	return known, nil
}

// readPublished reads all keys of the set, withdrawn ones as well: a refusal can then
// tell a withdrawn key from an unknown one. An empty set is no error, since no key
// matches it.
func (known *softwareKeys) readPublished(ctx context.Context, from ssa.SoftwareKeys) error {
	keys, err := from.Source.ResolveKeys(ctx, from.Ref(""))
	if err != nil && !errors.Is(err, ssa.ErrKeyNotFound) {
		return keySourceError(err)
	}
	known.published = keys
	return nil
}

// readAgain has the key set read again, by a kid that it has not. If the resolver may not
// read it yet, barred says until when.
func (known *softwareKeys) readAgain(ctx context.Context, kid string, from ssa.SoftwareKeys) (barred *ssa.UnknownKeyError, failure error) {
	_, err := from.Source.ResolveKeys(ctx, from.Ref(kid))
	if err != nil && !errors.Is(err, ssa.ErrKeyNotFound) {
		return nil, keySourceError(err)
	}
	errors.As(err, &barred)
	return barred, known.readPublished(ctx, from)
}

// keySourceError gives an error of a key resolver its kind. An address that the
// resolver may not read is a fault of the software. Any other error is an outage.
func keySourceError(err error) *Error {
	if errors.Is(err, ssa.ErrJWKSHost) {
		return &Error{Kind: ErrNoKeySet, Cause: err, Detail: "the address of its key set is not on the list of hosts"}
	}
	e := &Error{Kind: ssa.ErrKeySourceUnavailable, Cause: err, RetryAfter: keySourceRetry,
		Detail: "the key set of the software, or that of its withdrawn keys, cannot be read at the moment"}
	var source *ssa.KeySourceError
	if errors.As(err, &source) && source.RetryAfter > 0 {
		e.RetryAfter = source.RetryAfter
	}
	return e
}
