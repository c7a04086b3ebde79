package cert

import (
	"crypto/sha256"
	"crypto/x509"
	"slices"
	"sync"
	"time"

	"github.com/obdcr/obdcr/claims"
)

// maxRemembered bounds the entries of each memory of a checker.
const maxRemembered = 512

// memory remembers what a checker found out about a certificate. A client sends many
// requests by one connection, and its certificate need be judged once. It is safe for
// concurrent use. Nobody may change a value that is in it.
type memory[K comparable, V any] struct {
	mu   sync.Mutex
	held map[K]V
}

func newMemory[K comparable, V any]() *memory[K, V] {
	return &memory[K, V]{held: map[K]V{}}
}

func (m *memory[K, V]) get(key K) (value V, found bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	value, found = m.held[key]
	return value, found
}

// put forgets everything else when the memory is full.
func (m *memory[K, V]) put(key K, value V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, found := m.held[key]; !found && len(m.held) >= maxRemembered {
		clear(m.held)
	}
	m.held[key] = value
}

// identity is Identify, with ProfileUnknown for a certificate that cannot be read.
func (c *Checker) identity(leaf *x509.Certificate, thumbprint [sha256.Size]byte) Identity {
	identity, found := c.identities.get(thumbprint)
	if found {
		return identity
	}
	identity, err := Identify(leaf)
	if err != nil {
		identity = Identity{Profile: ProfileUnknown}
	}
	c.identities.put(thumbprint, identity)
	return identity
}

// judged is a certificate in an environment. It may be good in one and not in the other.
type judged struct {
	thumbprint [sha256.Size]byte
	env        claims.Environment
}

// foundChains are the chains that x509 found for one certificate, without the certificate
// itself, and the time in which it finds the same ones again.
type foundChains struct {
	above       [][]*x509.Certificate
	from, until time.Time // both inclusive
}

// chains is Authorities.chains. It remembers the chains that it finds, and no refusal: a
// certificate that nobody vouches for takes no place. It judges anew when the time has
// left the span of the chains, in either direction.
func (b *believed) chains(env claims.Environment, leaf *x509.Certificate, thumbprint [sha256.Size]byte, now time.Time) ([][]*x509.Certificate, error) {
	key := judged{thumbprint, env}
	found, ok := b.found.get(key)
	if ok && !now.Before(found.from) && !now.After(found.until) {
		chains := make([][]*x509.Certificate, 0, len(found.above))
		for _, above := range found.above {
			chains = append(chains, append([]*x509.Certificate{leaf}, above...))
		}
		return chains, nil
	}
	chains, err := b.authorities.chains(env, leaf, now)
	if err != nil {
		return nil, err
	}
	found = foundChains{above: make([][]*x509.Certificate, 0, len(chains))}
	found.from, found.until = b.authorities.stores[env].span(leaf, now)
	for _, chain := range chains {
		found.above = append(found.above, slices.Clone(chain[1:])) // a copy does not hold on to the leaf
	}
	b.found.put(key, found)
	return chains, nil
}

// span returns the time around now in which x509 finds the same chains for a certificate
// that is valid now. In it no CA of the store begins or ceases to be valid.
func (s *trustStore) span(leaf *x509.Certificate, now time.Time) (from, until time.Time) {
	from, until = leaf.NotBefore, leaf.NotAfter
	for _, ca := range s.certificates {
		first, last := ca.NotBefore, ca.NotAfter
		switch {
		case now.Before(ca.NotBefore):
			first, last = from, ca.NotBefore.Add(-1)
		case now.After(ca.NotAfter):
			first, last = ca.NotAfter.Add(1), until
		}
		if first.After(from) {
			from = first
		}
		if last.Before(until) {
			until = last
		}
	}
	return from, until
}
