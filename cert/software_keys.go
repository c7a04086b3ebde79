package cert

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/ssa"
)

// keySourceRetry is how long to wait for a key source that names no time.
const keySourceRetry = 10 * time.Second

// maxCause is how many characters of an ssa.KeySourceError an Error has.
const maxCause = 300

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

// allWithdrawn returns an error of ssa.ErrKeyRevoked if the software publishes keys and the
// directory has withdrawn all of them.
func (known *softwareKeys) allWithdrawn() error {
	if len(known.published) == 0 {
		return nil
	}
	for i := range known.published {
		k := &known.published[i]
		listed := func(w ssa.Key) bool { return w.Is(k.Public) }
		if !slices.ContainsFunc(known.withdrawn.Keys, listed) && (k.ID == "" || !hasID(known.withdrawn, k.ID)) {
			return nil
		}
	}
	return &ssa.Error{Kind: ssa.ErrKeyRevoked, Pointer: "/kid", Header: true, Cause: ssa.ErrKeyNotFound,
		Detail: "every key of the software is withdrawn; publish a new one"}
}

// readPublished reads all keys of the set, withdrawn ones as well: a refusal can then
// tell a withdrawn key from an unknown one. That no key is published is an error of its own.
func (known *softwareKeys) readPublished(ctx context.Context, from ssa.SoftwareKeys) error {
	keys, err := from.Source.ResolveKeys(ctx, from.Ref(""))
	if errors.Is(err, ssa.ErrNoKeyPublished) {
		return noKeyPublished(err)
	}
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

// noKeyPublished makes the error for a software that publishes no key.
func noKeyPublished(err error) *Error {
	e := &Error{Kind: ssa.ErrNoKeyPublished, Cause: err, Detail: "the software's key set is empty or gone; the TPP is to publish its keys"}
	if barred := (*ssa.UnknownKeyError)(nil); errors.As(err, &barred) {
		e.Detail += rereads(barred)
	}
	return e
}

// rereads says when a set was read, and when it can be read again.
func rereads(barred *ssa.UnknownKeyError) string {
	return fmt.Sprintf("; the set was read at %s, and can be read again from %s on", date(barred.ReadAt), date(barred.RetryAt))
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
	if !errors.As(err, &source) {
		return e // the words of another resolver may be for the bank alone; they are the Cause
	}
	e.Detail += ": " + text.ASCII(source.Detail(), maxCause)
	if source.RetryAfter > 0 {
		e.RetryAfter = source.RetryAfter
	}
	return e
}
