package cert_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/ssa"
)

// A bank answers 400 where the TPP has withdrawn its keys, so the refusal says so, whatever
// the binding.
func TestASoftwareThatPublishesNoKeyIsToldFromACertificateOfAnother(t *testing.T) {
	p, ctx := newPKI(t), context.Background()
	leaf, other := p.issuing.transport(t), p.issuing.transport(t)
	all := ssa.KeySet{Keys: []ssa.Key{keyOf("a", other)}, Skipped: []ssa.SkippedKey{{ID: "b"}}}
	keys := []ssa.Key{keyOf("a", other), keyOf("b", other)}
	barred := &keySource{err: &ssa.UnknownKeyError{ReadAt: noon, RetryAt: noon.Add(30 * time.Second), NonePublished: true}}
	for name, c := range map[string]struct {
		keys ssa.SoftwareKeys
		kind error
		is   error // beside it
	}{
		"an empty set":                {published(), ssa.ErrNoKeyPublished, ssa.ErrKeyNotFound},
		"an empty set, as kept":       {ssa.SoftwareKeys{Source: barred}, ssa.ErrNoKeyPublished, ssa.ErrKeyNotFound},
		"all keys are withdrawn":      {withdrawn(all, keys...), cert.ErrRevoked, ssa.ErrKeyRevoked},
		"its own and only key is":     {withdrawn(all, keyOf("a", leaf)), cert.ErrRevoked, ssa.ErrKeyRevoked},
		"some of its keys are":        {withdrawn(ssa.KeySet{Skipped: []ssa.SkippedKey{{ID: "b"}}}, keyOf("a", other), keyOf("b", leaf)), cert.ErrRevoked, nil},
		"another key, none withdrawn": {withdrawn(ssa.KeySet{}, keys...), cert.ErrNotOwned, nil},
	} {
		for _, binding := range []cert.Binding{cert.ByPublicKey, cert.BySubject} {
			if errors.Is(c.kind, cert.ErrNotOwned) && binding == cert.BySubject {
				continue
			}
			checker := p.checker(t, &keySource{}, func(c *cert.CheckerConfig) { c.Bindings = []cert.Binding{binding} })
			_, err := checker.Check(ctx, leaf, cert.Software{Environment: claims.Sandbox, SoftwareID: softwareID, OrgID: orgID, Keys: c.keys})
			refusal := refused(t, err, c.kind)
			require.NotErrorIs(t, err, ssa.ErrKeySourceUnavailable)
			if c.is != nil {
				require.ErrorIs(t, err, c.is, name)
				require.NotErrorIs(t, err, cert.ErrNotOwned, name)
			} else {
				require.NotErrorIs(t, err, ssa.ErrKeyRevoked, name)
				require.NotErrorIs(t, err, ssa.ErrNoKeyPublished, name)
			}
			if name == "an empty set, as kept" {
				require.Contains(t, refusal.Detail, "read at 2026-11-21T12:00:00Z, and can be read again from 2026-11-21T12:00:30Z on")
			}
		}
	}
}

func TestASoftwareWhoseKeysAreAllWithdrawnMayHavePublishedNewOnes(t *testing.T) {
	p, ctx := newPKI(t), context.Background()
	leaf, old := p.issuing.transport(t), p.issuing.transport(t)
	source := &keySource{sets: map[string][]ssa.Key{"": {keyOf("old", old)}},
		revoked: map[string]ssa.KeySet{"revoked": {Keys: []ssa.Key{keyOf("old", old)}}}}
	source.unknown = func(ssa.KeyRef) error {
		source.sets[""] = append(source.sets[""], keyOf("new", leaf))
		return &ssa.UnknownKeyError{ReadAt: noon, RetryAt: noon.Add(30 * time.Second)}
	}
	_, err := p.checker(t, &keySource{}).Check(ctx, leaf, cert.Software{Environment: claims.Sandbox,
		Keys: ssa.SoftwareKeys{Source: source, Revoked: []string{"revoked"}, Asker: "software and certificate"}})
	require.NoError(t, err)
	require.Len(t, source.asked, 3)
	for _, ref := range source.asked {
		require.True(t, ref.Software)
		require.Equal(t, "software and certificate", ref.Asker, "each look-up is on the asker's behalf")
	}
}
