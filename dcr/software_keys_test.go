package dcr_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/ssa"
)

// TestTheKeysOfASoftwareAreShownAsTheyArePublished: an outage, a set without keys and a directory
// that is not trusted any more are told apart.
func TestTheKeysOfASoftwareAreShownAsTheyArePublished(t *testing.T) {
	keys := &flaky{}
	b := newCounter(t, nil, func(c *dcr.Config) {
		keys.SoftwareKeyResolver = c.SoftwareKeys
		c.SoftwareKeys = keys
	})
	made := b.walkIn(t, b.manual(t, nil)).Client
	found, err := b.SoftwareKeys(context.Background(), made)
	require.NoError(t, err)
	require.Equal(t, b.software.Keys().Keys, found)

	keys.err = &ssa.KeySourceError{Host: "directory.example"}
	_, err = b.SoftwareKeys(context.Background(), made)
	require.ErrorIs(t, err, ssa.ErrKeySourceUnavailable)
	keys.err = &ssa.Error{Kind: ssa.ErrNoKeyPublished, Cause: ssa.ErrKeyNotFound}
	_, err = b.SoftwareKeys(context.Background(), made)
	require.ErrorIs(t, err, ssa.ErrKeyNotFound)

	foreign := made.Clone()
	foreign.Environment = "nowhere"
	_, err = b.SoftwareKeys(context.Background(), foreign)
	require.ErrorContains(t, err, "is not trusted any more")
}

// flaky is a resolver that fails as it is told.
type flaky struct {
	ssa.SoftwareKeyResolver

	err error
}

func (f *flaky) ResolveKeys(ctx context.Context, ref ssa.KeyRef) ([]ssa.Key, error) {
	if f.err != nil {
		return nil, f.err
	}
	return f.SoftwareKeyResolver.ResolveKeys(ctx, ref)
}
