package tpp

import (
	"context"
	"errors"

	"github.com/obdcr/obdcr/ssa"
)

// ErrNotLookedAt is the error of a RevokedKeyResolver for an address that it does not read.
// Lint takes no key of that address for withdrawn, and LintResult.RevokedUnread says so. A
// bank must not do that.
var ErrNotLookedAt = failure("the withdrawn keys are not looked at")

// source returns the SoftwareKeys of the input, with its RevokedKeys; nil if there are none.
func (l *linter) source() ssa.SoftwareKeyResolver {
	if l.in.SoftwareKeys == nil {
		return nil
	}
	return lintKeys{l.in.SoftwareKeys, l}
}

// lintKeys finds keys for one call of Lint.
type lintKeys struct {
	ssa.SoftwareKeyResolver
	of *linter
}

// ResolveRevokedKeys asks RevokedKeys if there are such, whatever the address.
func (k lintKeys) ResolveRevokedKeys(ctx context.Context, url string) (ssa.KeySet, error) {
	if given := k.of.in.RevokedKeys; given != nil {
		return given.ResolveRevokedKeys(ctx, url)
	}
	set, err := k.SoftwareKeyResolver.ResolveRevokedKeys(ctx, url)
	if errors.Is(err, ErrNotLookedAt) {
		k.of.result.RevokedUnread = true
		return ssa.KeySet{}, nil
	}
	return set, err
}
