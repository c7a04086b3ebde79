package ssa_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// now is when the tests play.
var now = time.Date(2026, 3, 14, 9, 26, 53, 0, time.UTC)

func clock() time.Time { return now }

func newDirectory(t testing.TB, opts ssatest.Options) *ssatest.Directory {
	t.Helper()
	if opts.Clock == nil {
		opts.Clock = clock
	}
	d, err := ssatest.New(opts)
	require.NoError(t, err)
	t.Cleanup(d.Close)
	return d
}

func newSoftware(t testing.TB, d *ssatest.Directory) *ssatest.EnrolledSoftware {
	t.Helper()
	s, err := d.NewSoftware(ssatest.SoftwareOptions{})
	require.NoError(t, err)
	return s
}

func newVerifier(t testing.TB, anchors ...ssa.Anchor) *ssa.Verifier {
	t.Helper()
	v, err := ssa.NewVerifier(ssa.VerifierConfig{Anchors: anchors, Clock: clock, Skew: time.Minute})
	require.NoError(t, err)
	return v
}

// mint is a good statement with changes.
func mint(t testing.TB, s *ssatest.EnrolledSoftware, changes map[string]any) string {
	t.Helper()
	token, err := s.SSA(changes)
	require.NoError(t, err)
	return token
}

func forge(t testing.TB, s *ssatest.EnrolledSoftware, f ssatest.Forgery) string {
	t.Helper()
	token, err := s.SSAWith(nil, f)
	require.NoError(t, err)
	return token
}

func verify(v *ssa.Verifier, token string) (*ssa.Verified, error) {
	statement, err := ssa.Parse(token)
	if err != nil {
		return nil, err
	}
	return v.Verify(context.Background(), statement)
}

// requireRefused checks the kind and rule of a refusal, that it is of this kind
// alone, and what every error of the package promises.
func requireRefused(t testing.TB, verified *ssa.Verified, err, kind error, rule string) {
	t.Helper()
	require.Error(t, err)
	require.Nil(t, verified)
	for _, k := range []error{
		ssa.ErrMalformed, ssa.ErrUnknownIssuer, ssa.ErrAlgorithm, ssa.ErrKeyNotFound, ssa.ErrBadSignature, ssa.ErrTooOld,
		ssa.ErrNotYetValid, ssa.ErrNotApproved, ssa.ErrJWKSHost, ssa.ErrKeySourceUnavailable,
	} {
		if k == kind { //nolint:errorlint // the sentinels themselves
			require.ErrorIs(t, err, k)
			continue
		}
		require.NotErrorIs(t, err, k)
	}
	var e *ssa.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, rule, e.Rule)
	requireText(t, err)
}

func requireText(t testing.TB, err error) {
	t.Helper()
	require.LessOrEqual(t, len(err.Error()), 500)
	for _, r := range err.Error() {
		require.True(t, r >= ' ' && r < 0x7f, "error text is not ASCII: %q", err.Error())
	}
}

// resolverFunc is a key resolver that records what it is asked.
type resolverFunc func(ref ssa.KeyRef) ([]ssa.Key, error)

func (f resolverFunc) ResolveKeys(_ context.Context, ref ssa.KeyRef) ([]ssa.Key, error) {
	return f(ref)
}

func staticKeys(t testing.TB, d *ssatest.Directory) []ssa.Key {
	t.Helper()
	set, err := ssa.ParseJWKS(d.JWKS())
	require.NoError(t, err)
	return set.Keys
}
