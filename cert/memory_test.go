package cert_test

import (
	"context"
	"crypto/x509"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
)

// at makes a checker whose clock the test sets.
func (p *pki) at(t *testing.T, now *time.Time, change ...func(*cert.CheckerConfig)) *cert.Checker {
	t.Helper()
	return p.checker(t, &keySource{}, append(change, func(c *cert.CheckerConfig) { c.Clock = func() time.Time { return *now } })...)
}

func ownerOf(leaf *x509.Certificate) cert.Software {
	return cert.Software{Environment: claims.Sandbox, Keys: published(keyOf("a", leaf))}
}

// validFor sets the validity of a certificate, from noon.
func validFor(from, until time.Duration) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.NotBefore, c.NotAfter = noon.Add(from), noon.Add(until) }
}

// One checker judges one certificate, at each time in turn. What it remembers of one time
// does not hold at another.
func TestAChainThatWasGoodCountsOnlyWhileAllOfItIsValid(t *testing.T) {
	const day = 24 * time.Hour
	type validity struct{ from, until time.Duration }
	for name, v := range map[string]struct{ root, issuing, leaf validity }{
		"the root is the first to end":    {validity{-time.Hour, time.Hour}, validity{-day, day}, validity{-day, day}},
		"the issuing CA is":               {validity{-day, day}, validity{-time.Hour, time.Hour}, validity{-day, day}},
		"the certificate itself is":       {validity{-day, day}, validity{-day, day}, validity{-time.Hour, time.Hour}},
		"one begins and another one ends": {validity{-time.Hour, day}, validity{-day, time.Hour}, validity{-day, day}},
	} {
		root := newRoot(t, "Root", validFor(v.root.from, v.root.until))
		issuing := root.issuing(t, "Issuing", validFor(v.issuing.from, v.issuing.until))
		p := &pki{authorities: authorities(t, []*x509.Certificate{root.cert, issuing.cert})}
		leaf := issuing.transport(t, validFor(v.leaf.from, v.leaf.until))
		now := noon
		checker := p.at(t, &now)
		for _, step := range []struct {
			after time.Duration
			good  bool
		}{
			{-time.Hour - time.Second, false}, {-time.Hour, true}, {0, true}, {time.Hour, true}, {time.Hour + time.Second, false},
			{0, true}, {-time.Hour - time.Second, false}, {time.Hour, true}, {12 * time.Hour, false},
		} {
			now = noon.Add(step.after)
			_, err := checker.Check(context.Background(), leaf, ownerOf(leaf))
			if step.good {
				require.NoError(t, err, "%s: %s", name, step.after)
			} else {
				refused(t, err, cert.ErrExpired)
			}
		}
	}
}

func TestAChainIsFoundFromWhenItsCABegins(t *testing.T) {
	roots := [2]*ca{newRoot(t, "Root A", validFor(-24*time.Hour, 2*time.Hour)), newRoot(t, "Root B", validFor(0, 24*time.Hour))}
	issuing := roots[0].issuing(t, "Issuing")
	below := roots[1].sign(t, caTemplate("Issuing", nil), issuing.key.Public())
	p := &pki{authorities: authorities(t, []*x509.Certificate{roots[0].cert, roots[1].cert, issuing.cert, below})}
	lists, err := cert.NewCRLs(p.authorities.Certificates(), issuing.list(t, nil), roots[1].list(t, nil),
		roots[0].list(t, func(l *x509.RevocationList) {
			l.ThisUpdate, l.NextUpdate = noon.Add(-time.Hour), noon.Add(24*time.Hour)
		}, issuing.cert))
	require.NoError(t, err)
	now := noon
	plain, careful := p.at(t, &now), p.at(t, &now, func(c *cert.CheckerConfig) { c.Revocation = lists })
	leaf := issuing.transport(t)
	for _, step := range []struct {
		after          time.Duration
		plain, careful string // the root of the chain; "" for a refusal
	}{
		{-time.Second, "Root A", ""}, // the only chain is revoked
		{0, "Root", "Root B"},
		{time.Hour, "Root", "Root B"},
		{2*time.Hour + time.Second, "Root B", ""}, // no list is in date
		{-time.Second, "Root A", ""},
	} {
		now = noon.Add(step.after)
		accepted, err := plain.Check(context.Background(), leaf, ownerOf(leaf))
		require.NoError(t, err, step.after)
		require.Contains(t, accepted.Checks[2].Note, step.plain, step.after)
		accepted, err = careful.Check(context.Background(), leaf, ownerOf(leaf))
		if step.careful == "" {
			require.Error(t, err, step.after)
			continue
		}
		require.NoError(t, err, step.after)
		require.Contains(t, accepted.Checks[2].Note, step.careful, step.after)
	}
}

func TestAChainThatWasGoodIsAskedForRevocationEachTime(t *testing.T) {
	p := newPKI(t)
	leaf, now := p.issuing.transport(t), noon
	lists := p.lists(t)
	checker := p.at(t, &now, func(c *cert.CheckerConfig) { c.Revocation = lists })
	for range 2 {
		_, err := checker.Check(context.Background(), leaf, ownerOf(leaf))
		require.NoError(t, err)
	}
	newer := func(l *x509.RevocationList) { l.ThisUpdate = noon.Add(-time.Minute) }
	require.NoError(t, lists.Replace(p.root.list(t, newer), p.issuing.list(t, newer, leaf)))
	_, err := checker.Check(context.Background(), leaf, ownerOf(leaf))
	refused(t, err, cert.ErrRevoked)
}

// meddler is a RevocationChecker that changes the chain that it gets.
type meddler struct{ seen *[]string }

func (m meddler) CheckRevocation(_ context.Context, chain []*x509.Certificate, _ time.Time) error {
	for i, c := range chain {
		*m.seen = append(*m.seen, c.Subject.CommonName)
		chain[i] = nil
	}
	chain[len(chain)-1] = &x509.Certificate{}
	return nil
}

func TestWhatARevocationCheckerDoesToAChainIsNotRemembered(t *testing.T) {
	p, seen := newPKI(t), []string{}
	leaf, now := p.issuing.transport(t), noon
	checker := p.at(t, &now, func(c *cert.CheckerConfig) { c.Revocation = meddler{&seen} })
	for range 3 {
		seen = nil
		_, err := checker.Check(context.Background(), leaf, ownerOf(leaf))
		require.NoError(t, err)
		require.Equal(t, []string{softwareID, "Sandbox Issuing", "Sandbox Root"}, seen)
	}
}

func TestACertificateThatIsGoodInOneEnvironmentIsNotInTheOther(t *testing.T) {
	p := newPKI(t)
	leaf, now := p.issuing.transport(t), noon
	for _, binding := range []cert.Binding{cert.ByPublicKey, cert.BySubject} {
		checker := p.at(t, &now, func(c *cert.CheckerConfig) { c.Bindings = []cert.Binding{binding} })
		s := ownerOf(leaf)
		s.SoftwareID, s.OrgID = softwareID, orgID
		for range 2 {
			s.Environment = claims.Sandbox
			accepted, err := checker.Check(context.Background(), leaf, s)
			require.NoError(t, err)
			require.Equal(t, binding, accepted.Binding)
			s.Environment = claims.Production
			_, err = checker.Check(context.Background(), leaf, s)
			refused(t, err, cert.ErrUntrusted)
		}
	}
}

func TestManyAskOneCheckerAtOnce(t *testing.T) {
	p := newPKI(t)
	lists := p.lists(t)
	checker := p.checker(t, &keySource{}, func(c *cert.CheckerConfig) { c.Revocation = lists })
	good, strange := p.issuing.transport(t), p.otherIssuing.transport(t)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 20 {
				_, err := checker.Check(context.Background(), good, ownerOf(good))
				assert.NoError(t, err)
				_, err = checker.Check(context.Background(), strange, ownerOf(strange))
				assert.ErrorIs(t, err, cert.ErrUntrusted)
			}
		})
	}
	all.Wait()
}
