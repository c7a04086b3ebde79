package token

import (
	"container/heap"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/obdcr/obdcr/claims"
)

// MaxInMemory is the greatest number of unexpired tokens that a Memory holds.
const MaxInMemory = 100_000

// accessTokenBytes is the number of random bytes of a token: 256 bits, 43 characters.
const accessTokenBytes = 32

// Memory implements Tokens: it issues access tokens and keeps their hashes in memory. It
// is for sandboxes, tests, and a bank with one process. Only NewMemory makes one that
// works. It is safe for concurrent use.
type Memory struct {
	clock  func() time.Time
	random io.Reader

	mu     sync.Mutex
	tokens map[[32]byte]*heldToken
	ends   tokenQueue // the next one to expire first
}

type heldToken struct {
	key   [32]byte // SHA-256 of the token
	token AccessToken
	place int // index in the queue
}

// NewMemory returns an empty Memory. A nil clock is time.Now, a nil random is
// crypto/rand.Reader.
func NewMemory(clock func() time.Time, random io.Reader) *Memory {
	if clock == nil {
		clock = time.Now
	}
	if random == nil {
		random = rand.Reader
	}
	return &Memory{clock: clock, random: random, tokens: map[[32]byte]*heldToken{}}
}

// Issue is IssueToken for a token of a client, a certificate and a scope alone.
func (m *Memory) Issue(ctx context.Context, clientID string, certificate [32]byte, scope []string, life time.Duration) (claims.Secret, error) {
	return m.IssueToken(ctx, AccessToken{ClientID: clientID, CertificateSHA256: certificate, Scope: scope}, life)
}

// IssueToken makes a token for a client, bound to the certificate with this SHA-256
// thumbprint. The token expires after life, at least a second; IssuedAt and Expiry of t are
// ignored. Times are in whole seconds, as on the wire. IssueToken returns an error if
// MaxInMemory unexpired tokens are held already.
func (m *Memory) IssueToken(_ context.Context, t AccessToken, life time.Duration) (claims.Secret, error) {
	if t.ClientID == "" || t.CertificateSHA256 == [32]byte{} || life < time.Second {
		return claims.Secret{}, errors.New("token: a token needs a client, a certificate and a lifetime of a second or more")
	}
	b := make([]byte, accessTokenBytes)
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := io.ReadFull(m.random, b); err != nil {
		return claims.Secret{}, fmt.Errorf("token: no randomness: %w", err)
	}
	now := m.clock().UTC().Truncate(time.Second)
	m.forgetEnded(now)
	if len(m.tokens) >= MaxInMemory {
		return claims.Secret{}, errors.New("token: too many access tokens are in use")
	}
	text := base64.RawURLEncoding.EncodeToString(b)
	t.IssuedAt, t.Expiry = now, now.Add(life)
	t.Scope, t.Audience = slices.Clone(t.Scope), slices.Clone(t.Audience)
	held := &heldToken{key: sha256.Sum256([]byte(text)), token: t}
	m.tokens[held.key] = held
	heap.Push(&m.ends, held)
	return claims.NewSecret(text), nil
}

// Introspect implements Tokens.
func (m *Memory) Introspect(_ context.Context, token claims.Secret) (AccessToken, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t, ok := m.tokens[sha256.Sum256([]byte(token.Reveal()))]
	if !ok || !m.clock().Before(t.token.Expiry) {
		return AccessToken{}, ErrInvalid
	}
	found := t.token
	found.Scope, found.Audience = slices.Clone(found.Scope), slices.Clone(found.Audience)
	return found, nil
}

// Revoke implements Tokens.
func (m *Memory) Revoke(_ context.Context, r Revocation) (Revoked, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if t, ok := m.tokens[sha256.Sum256([]byte(r.Token.Reveal()))]; ok {
		m.forget(t)
	}
	return Revoked{Ended: true}, nil
}

// RevokeClient implements Tokens.
func (m *Memory) RevokeClient(_ context.Context, clientID string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, t := range m.tokens {
		if t.token.ClientID == clientID {
			m.forget(t)
		}
	}
	return nil
}

func (m *Memory) forgetEnded(now time.Time) {
	for len(m.ends) > 0 && !now.Before(m.ends[0].token.Expiry) {
		m.forget(m.ends[0])
	}
}

func (m *Memory) forget(t *heldToken) {
	delete(m.tokens, t.key)
	heap.Remove(&m.ends, t.place)
}

// tokenQueue is a heap by the time of expiry: Issue drops expired tokens without a search.
type tokenQueue []*heldToken

func (q tokenQueue) Len() int           { return len(q) }
func (q tokenQueue) Less(i, j int) bool { return q[i].token.Expiry.Before(q[j].token.Expiry) }
func (q tokenQueue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].place, q[j].place = i, j
}

// Push implements heap.Interface.
func (q *tokenQueue) Push(x any) {
	t, _ := x.(*heldToken) // Issue pushes no other type
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
