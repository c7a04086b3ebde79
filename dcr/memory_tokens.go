package dcr

import (
	"container/heap"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

// MaxMemoryTokens is how many tokens that have not ended a MemoryTokens holds.
const MaxMemoryTokens = 100_000

// accessTokenBytes of randomness are in a token: 256 bits, 43 characters.
const accessTokenBytes = 32

// MemoryTokens issues access tokens and keeps them in memory, as hashes: Tokens for
// sandboxes, tests, and a bank with one process. Only NewMemoryTokens makes one that
// works. It is safe for concurrent use.
type MemoryTokens struct {
	clock  func() time.Time
	random io.Reader

	mu     sync.Mutex
	tokens map[[32]byte]*memoryToken
	ends   tokenQueue // the next to end first
}

type memoryToken struct {
	key   [32]byte // SHA-256 of the token
	token AccessToken
	place int // in the queue
}

// NewMemoryTokens returns an empty one. Both clock and random are required:
// time.Now and crypto/rand.Reader in production.
func NewMemoryTokens(clock func() time.Time, random io.Reader) (*MemoryTokens, error) {
	if clock == nil || random == nil {
		return nil, errors.New("dcr: memory tokens need a clock and randomness")
	}
	return &MemoryTokens{clock: clock, random: random, tokens: map[[32]byte]*memoryToken{}}, nil
}

// Issue makes a token for a client, bound to the certificate with this SHA-256
// thumbprint, that ends after life, which is at least a second; times are in whole
// seconds, as on the wire. It is an error that MaxMemoryTokens are held, of which
// none has ended.
func (m *MemoryTokens) Issue(_ context.Context, clientID string, certificate [32]byte, scope []string, life time.Duration) (string, error) {
	if clientID == "" || certificate == [32]byte{} || life < time.Second {
		return "", errors.New("dcr: a token needs a client, a certificate and a lifetime of a second or more")
	}
	b := make([]byte, accessTokenBytes)
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := io.ReadFull(m.random, b); err != nil {
		return "", fmt.Errorf("dcr: no randomness: %w", err)
	}
	now := m.clock().UTC().Truncate(time.Second)
	m.forgetEnded(now)
	if len(m.tokens) >= MaxMemoryTokens {
		return "", errors.New("dcr: too many access tokens are in use")
	}
	text := base64.RawURLEncoding.EncodeToString(b)
	t := &memoryToken{key: sha256.Sum256([]byte(text)), token: AccessToken{
		ClientID: clientID, CertificateSHA256: certificate, IssuedAt: now, Expiry: now.Add(life), Scope: slices.Clone(scope)}}
	m.tokens[t.key] = t
	heap.Push(&m.ends, t)
	return text, nil
}

// Introspect implements Tokens.
func (m *MemoryTokens) Introspect(_ context.Context, token string) (AccessToken, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t, ok := m.tokens[sha256.Sum256([]byte(token))]
	if !ok || !m.clock().Before(t.token.Expiry) {
		return AccessToken{}, ErrInvalidToken
	}
	found := t.token
	found.Scope = slices.Clone(found.Scope)
	return found, nil
}

// Revoke implements Tokens.
func (m *MemoryTokens) Revoke(_ context.Context, token string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if t, ok := m.tokens[sha256.Sum256([]byte(token))]; ok {
		m.forget(t)
	}
	return nil
}

// RevokeClient implements Tokens.
func (m *MemoryTokens) RevokeClient(_ context.Context, clientID string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, t := range m.tokens {
		if t.token.ClientID == clientID {
			m.forget(t)
		}
	}
	return nil
}

func (m *MemoryTokens) forgetEnded(now time.Time) {
	for len(m.ends) > 0 && !now.Before(m.ends[0].token.Expiry) {
		m.forget(m.ends[0])
	}
}

func (m *MemoryTokens) forget(t *memoryToken) {
	delete(m.tokens, t.key)
	heap.Remove(&m.ends, t.place)
}

// tokenQueue is a heap by the time of the end.
type tokenQueue []*memoryToken

func (q tokenQueue) Len() int           { return len(q) }
func (q tokenQueue) Less(i, j int) bool { return q[i].token.Expiry.Before(q[j].token.Expiry) }
func (q tokenQueue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].place, q[j].place = i, j
}

// Push implements heap.Interface.
func (q *tokenQueue) Push(x any) {
	t, _ := x.(*memoryToken) // Issue pushes nothing else
	t.place = len(*q)
	*q = append(*q, t)
}

// Pop implements heap.Interface.
func (q *tokenQueue) Pop() any {
	last := len(*q) - 1
	t := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	return t
}
