package token

import (
	"container/heap"
	"container/list"
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

const (
	// MaxInMemory is the greatest number of unexpired tokens that a Memory holds.
	MaxInMemory = 100_000
	// MaxPerClient is the greatest number of unexpired tokens that a Memory holds for one
	// client. The next one ends the client's oldest. A Kept ends the one that expires first.
	MaxPerClient = 100
)

// accessTokenBytes is the number of random bytes of a token: 256 bits, 43 characters.
const accessTokenBytes = 32

// Memory implements Tokens: it issues access tokens and keeps their hashes in memory. It
// is for sandboxes, tests, and a bank with one process. Only NewMemory makes one that
// works. It is safe for concurrent use.
type Memory struct {
	clock  func() time.Time
	random io.Reader

	mu      sync.Mutex
	tokens  map[[32]byte]*heldToken
	ends    tokenQueue // the next one to expire first
	holders holders
}

type heldToken struct {
	key    [32]byte // SHA-256 of the token
	token  AccessToken
	place  int           // index in the queue
	holder *holder       // its client
	age    *list.Element // in the holder's list
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
	return &Memory{clock: clock, random: random, tokens: map[[32]byte]*heldToken{}, holders: newHolders()}
}

// Issue is IssueToken for a token of a client, a certificate and a scope alone.
func (m *Memory) Issue(ctx context.Context, clientID string, certificate [32]byte, scope []string, life time.Duration) (claims.Secret, error) {
	return m.IssueToken(ctx, AccessToken{ClientID: clientID, CertificateSHA256: certificate, Scope: scope}, life)
}

// IssueToken makes a token for a client, bound to the certificate with this SHA-256
// thumbprint. The token expires after life, at least a second; IssuedAt and Expiry of t are
// ignored. Times are in whole seconds, as on the wire.
//
// A client that holds MaxPerClient tokens loses the oldest. If MaxInMemory tokens are held,
// one of the clients that hold most loses its oldest: the client itself if it is one of
// them. So no client keeps another one from its tokens. The error tells that a parameter
// is missing, or that there is no randomness.
func (m *Memory) IssueToken(_ context.Context, t AccessToken, life time.Duration) (claims.Secret, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.clock().UTC().Truncate(time.Second)
	text, t, err := issue(t, now, life, m.random)
	if err != nil {
		return claims.Secret{}, err
	}
	m.forgetEnded(now)
	m.makeRoom(t.ClientID)
	held := &heldToken{key: hashOf(text), token: t}
	m.tokens[held.key] = held
	heap.Push(&m.ends, held)
	m.holders.add(held)
	return text, nil
}

// issue makes the text of a token and what is known of it. now is in whole seconds.
func issue(t AccessToken, now time.Time, life time.Duration, random io.Reader) (claims.Secret, AccessToken, error) {
	if t.ClientID == "" || t.CertificateSHA256 == [32]byte{} || life < time.Second {
		return claims.Secret{}, AccessToken{}, errors.New("token: a token needs a client, a certificate and a lifetime of a second or more")
	}
	b := make([]byte, accessTokenBytes)
	if _, err := io.ReadFull(random, b); err != nil {
		return claims.Secret{}, AccessToken{}, fmt.Errorf("token: no randomness: %w", err)
	}
	t.IssuedAt, t.Expiry = now, now.Add(life)
	t.Scope, t.Audience = slices.Clone(t.Scope), slices.Clone(t.Audience)
	return claims.NewSecret(base64.RawURLEncoding.EncodeToString(b)), t, nil
}

// hashOf is what is kept of a token.
func hashOf(token claims.Secret) [32]byte { return sha256.Sum256([]byte(token.Reveal())) }

// Introspect implements Tokens.
func (m *Memory) Introspect(_ context.Context, token claims.Secret) (AccessToken, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t, ok := m.tokens[hashOf(token)]
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
	if t, ok := m.tokens[hashOf(r.Token)]; ok {
		m.forget(t)
	}
	return Revoked{Ended: true}, nil
}

// RevokeClient implements Tokens.
func (m *Memory) RevokeClient(_ context.Context, clientID string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for t := m.holders.oldest(clientID); t != nil; t = m.holders.oldest(clientID) {
		m.forget(t)
	}
	return nil
}

// makeRoom ends a token if the client holds as many as it may, or if all clients together do.
func (m *Memory) makeRoom(clientID string) {
	switch {
	case m.holders.count(clientID) >= MaxPerClient:
		m.forget(m.holders.oldest(clientID))
	case len(m.tokens) >= MaxInMemory:
		m.forget(m.holders.oldest(m.holders.greatest(clientID)))
	}
}

func (m *Memory) forgetEnded(now time.Time) {
	for len(m.ends) > 0 && !now.Before(m.ends[0].token.Expiry) {
		m.forget(m.ends[0])
	}
}

func (m *Memory) forget(t *heldToken) {
	delete(m.tokens, t.key)
	heap.Remove(&m.ends, t.place)
	m.holders.remove(t)
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
