package cert_test

import (
	"context"
	"crypto/x509"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/ssa"
)

// carrying is the key of a certificate, with the certificate.
func carrying(id string, c *x509.Certificate) ssa.Key {
	k := keyOf(id, c)
	k.Certificate = c.Raw
	return k
}

func anyOne(*x509.Certificate) bool { return true }

// publishedAt asks a checker for a certificate of a software whose keys are at a source.
func publishedAt(t *testing.T, config cert.CheckerConfig, source *keySource, wanted func(*x509.Certificate) bool) (*cert.Acceptance, error) {
	t.Helper()
	checker, err := cert.NewChecker(config)
	require.NoError(t, err)
	return checker.Published(t.Context(), cert.Software{Environment: claims.Sandbox, OrgID: orgID, SoftwareID: softwareID,
		Keys: ssa.SoftwareKeys{Source: source, Address: keysAt, Revoked: []string{revokedAt}}}, wanted)
}

func TestPublishedSaysWhyThereIsNone(t *testing.T) {
	p := newPKI(t)
	good := p.issuing.transport(t)
	other := p.otherIssuing.transport(t)
	late := p.issuing.transport(t, func(c *x509.Certificate) { c.NotAfter = noon.Add(-time.Hour) })
	server := p.issuing.transport(t, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })
	foreign := p.issuing.transport(t, func(c *x509.Certificate) { c.Subject.OrganizationalUnit = []string{"0015800000VICTIM01"} })
	mismatched := carrying("m", good)
	mismatched.Public = other.PublicKey
	named := namedBy("n", good, other.PublicKey)
	named.Certificate = good.Raw
	use := func(use string) ssa.Key {
		k := carrying("k", good)
		k.Use = use
		return k
	}
	down := errors.New("down")
	unknown := revocation(func() error { return down })
	revocationBy := func(r cert.RevocationChecker) func(*cert.CheckerConfig, *keySource) {
		return func(c *cert.CheckerConfig, _ *keySource) { c.Revocation = r }
	}
	config := cert.CheckerConfig{Bindings: []cert.Binding{cert.ByPublicKey}, Authorities: p.authorities, Clock: clock}
	for name, c := range map[string]struct {
		keys   []ssa.Key
		change func(*cert.CheckerConfig, *keySource)
		wanted func(*x509.Certificate) bool
		kind   error // nil: good is found
	}{
		"good":                   {keys: []ssa.Key{carrying("o", other), carrying("k", good)}},
		"of a key without a use": {keys: []ssa.Key{use("")}},
		"for signatures":         {keys: []ssa.Key{use("sig")}, kind: cert.ErrNotOwned},
		"for encryption":         {keys: []ssa.Key{use("enc")}, kind: cert.ErrNotOwned},
		"without a certificate":  {keys: []ssa.Key{keyOf("k", good)}, kind: cert.ErrNotOwned},
		"that cannot be read":    {keys: []ssa.Key{{Public: good.PublicKey, Certificate: []byte{1}}}, kind: cert.ErrNotOwned},
		"over another key":       {keys: []ssa.Key{mismatched}, kind: cert.ErrNotOwned},
		"named by another key": {keys: []ssa.Key{named}, change: func(c *cert.CheckerConfig, _ *keySource) {
			c.Bindings = []cert.Binding{cert.ByThumbprint}
		}, kind: cert.ErrNotOwned},
		"of another environment": {keys: []ssa.Key{carrying("o", other)}, kind: cert.ErrNotOwned},
		"expired":                {keys: []ssa.Key{carrying("l", late)}, kind: cert.ErrNotOwned},
		"for servers":            {keys: []ssa.Key{carrying("s", server)}, kind: cert.ErrNotOwned},
		"that nobody wants":      {keys: []ssa.Key{carrying("k", good)}, wanted: func(*x509.Certificate) bool { return false }, kind: cert.ErrNotOwned},
		"in no set":              {kind: ssa.ErrNoKeyPublished},
		"without authorities": {keys: []ssa.Key{carrying("k", good)}, change: func(c *cert.CheckerConfig, _ *keySource) {
			c.Authorities = nil
		}, kind: cert.ErrNotOwned},
		"revoked":              {keys: []ssa.Key{carrying("k", good)}, change: revocationBy(p.lists(t, good)), kind: cert.ErrNotOwned},
		"of unknown status":    {keys: []ssa.Key{carrying("k", good)}, change: revocationBy(unknown), kind: cert.ErrRevocationUnknown},
		"in a set that is out": {change: func(_ *cert.CheckerConfig, s *keySource) { s.err = down }, kind: ssa.ErrKeySourceUnavailable},
		"and withdrawn sets out": {keys: []ssa.Key{keyOf("o", other)}, change: func(_ *cert.CheckerConfig, s *keySource) {
			s.revokedErr = down
		}, kind: ssa.ErrKeySourceUnavailable},
		"withdrawn": {keys: []ssa.Key{carrying("k", good)}, change: func(_ *cert.CheckerConfig, s *keySource) {
			s.revoked = map[string]ssa.KeySet{revokedAt: {Keys: []ssa.Key{keyOf("k", good)}}}
		}, kind: cert.ErrNotOwned},
		"of another organisation": {keys: []ssa.Key{carrying("k", foreign)}, kind: cert.ErrNotOwned},
	} {
		t.Run(name, func(t *testing.T) {
			source, config, wanted := &keySource{sets: map[string][]ssa.Key{keysAt: c.keys}}, config, anyOne
			if c.change != nil {
				c.change(&config, source)
			}
			if c.wanted != nil {
				wanted = c.wanted
			}
			accepted, err := publishedAt(t, config, source, wanted)
			if c.kind != nil {
				refused(t, err, c.kind)
				require.Nil(t, accepted)
				return
			}
			require.NoError(t, err)
			require.Equal(t, good.Raw, accepted.Certificate.Raw)
		})
	}
}

func TestPublishedNeedsAKeySetAndAnEnvironment(t *testing.T) {
	p := newPKI(t)
	checker := p.checker(t, &keySource{})
	_, err := checker.Published(t.Context(), cert.Software{Environment: claims.Sandbox}, anyOne)
	refused(t, err, cert.ErrNotOwned)
	_, err = checker.Published(t.Context(), cert.Software{Environment: "test", Keys: published(carrying("k", p.issuing.transport(t)))}, anyOne)
	misconfigured(t, err, "an environment that is none")
}

// The first that is good ends the search. A revoked one does not hide that the status of
// another is unknown.
func TestPublishedJudgesTheNewestTen(t *testing.T) {
	p, ctx := newPKI(t), context.Background()
	var keys []ssa.Key
	for i := range 12 {
		keys = append(keys, carrying("k", p.issuing.transport(t, func(c *x509.Certificate) { c.NotBefore = noon.Add(-time.Duration(1+i) * time.Hour) })))
	}
	slices.Reverse(keys) // the oldest first
	var asked []*x509.Certificate
	status := func(n int) error {
		if n == 3 {
			return nil
		}
		return cert.ErrRevoked
	}
	checker, err := cert.NewChecker(cert.CheckerConfig{Bindings: []cert.Binding{cert.ByPublicKey}, Authorities: p.authorities, Clock: clock,
		Revocation: chainRevocation(func(chain []*x509.Certificate) error {
			asked = append(asked, chain[0])
			return status(len(asked))
		})})
	require.NoError(t, err)
	accepted, err := checker.Published(ctx, cert.Software{Environment: claims.Sandbox, Keys: published(keys...)}, anyOne)
	require.NoError(t, err)
	require.Equal(t, noon.Add(-3*time.Hour), accepted.Certificate.NotBefore)
	require.Len(t, asked, 3)

	asked, status = nil, func(n int) error {
		if n == 2 {
			return errors.New("down")
		}
		return cert.ErrRevoked
	}
	_, err = checker.Published(ctx, cert.Software{Environment: claims.Sandbox, Keys: published(keys...)}, anyOne)
	refused(t, err, cert.ErrRevocationUnknown)
	require.Len(t, asked, 10)
}

// chainRevocation is a RevocationChecker that sees the chain.
type chainRevocation func([]*x509.Certificate) error

func (f chainRevocation) CheckRevocation(_ context.Context, chain []*x509.Certificate, _ time.Time) error {
	return f(chain)
}

// The set that a source remembers may be older than the certificate.
func TestACertificateThatWasPublishedAMomentAgoIsFound(t *testing.T) {
	p := newPKI(t)
	good := p.issuing.transport(t)
	source := &keySource{sets: map[string][]ssa.Key{keysAt: {keyOf("o", good)}}}
	source.unknown = func(ssa.KeyRef) error {
		source.sets[keysAt] = []ssa.Key{carrying("k", good)}
		return ssa.ErrKeyNotFound
	}
	checker, err := cert.NewChecker(cert.CheckerConfig{Bindings: []cert.Binding{cert.ByPublicKey}, Authorities: p.authorities, Clock: clock})
	require.NoError(t, err)
	keys := ssa.SoftwareKeys{Source: source, Address: keysAt, Asker: "a"}
	accepted, err := checker.Published(t.Context(), cert.Software{Environment: claims.Sandbox, Keys: keys}, anyOne)
	require.NoError(t, err)
	require.Equal(t, good.Raw, accepted.Certificate.Raw)
	require.Len(t, source.asked, 3)
	require.Equal(t, "a", source.asked[1].Asker)

	// Without an asker the reads count for the software, and against no certificate.
	keys.Asker = ""
	source.sets[keysAt], source.asked = []ssa.Key{keyOf("o", good)}, nil
	_, err = checker.Published(t.Context(), cert.Software{Environment: claims.Sandbox, SoftwareID: softwareID, Keys: keys}, anyOne)
	require.NoError(t, err)
	require.Len(t, source.asked, 3)
	for _, ref := range source.asked {
		require.Equal(t, softwareID+" another certificate", ref.Asker)
	}
}
