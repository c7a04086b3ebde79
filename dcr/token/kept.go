package token

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/obdcr/obdcr/claims"
)

// keptVersion is that of the content that Kept writes. A content of another version is that of
// another version of the program, beside this one over the same Keeper.
const keptVersion = 1

// keptToken is what a Keeper keeps of a token.
type keptToken struct {
	Version     int      `json:"v"`
	ClientID    string   `json:"client_id"`
	Certificate []byte   `json:"x5t"`
	IssuedAt    int64    `json:"iat"`
	Expiry      int64    `json:"exp"`
	Scope       []string `json:"scope,omitempty"`
	Subject     string   `json:"sub,omitempty"`
	Audience    []string `json:"aud,omitempty"`
}

// Kept is an Issuer over a Keeper: each process that shares the Keeper knows the tokens that
// any of them has issued, and a restart ends none. Only NewKept makes one that works. It is
// safe for concurrent use.
type Kept struct {
	keeper Keeper
	clock  func() time.Time
	random io.Reader
}

// NewKept returns an Issuer that keeps its tokens in the Keeper. A nil clock is time.Now, a
// nil random is crypto/rand.Reader. It returns an error without a Keeper.
func NewKept(keeper Keeper, clock func() time.Time, random io.Reader) (*Kept, error) {
	if keeper == nil {
		return nil, errors.New("token: there is no Keeper")
	}
	if clock == nil {
		clock = time.Now
	}
	if random == nil {
		random = rand.Reader
	}
	return &Kept{keeper: keeper, clock: clock, random: random}, nil
}

// IssueToken makes a token, as Memory.IssueToken does, and keeps its hash. A client that holds
// MaxPerClient tokens loses the one that expires first. The error tells that a parameter is
// missing, that there is no randomness, or that the Keeper cannot answer now.
func (k *Kept) IssueToken(ctx context.Context, t AccessToken, life time.Duration) (claims.Secret, error) {
	text, t, err := issue(t, k.clock().UTC().Truncate(time.Second), life.Truncate(time.Second), k.random)
	if err != nil {
		return claims.Secret{}, err
	}
	content, err := json.Marshal(keptToken{Version: keptVersion, ClientID: t.ClientID, Certificate: t.CertificateSHA256[:], IssuedAt: t.IssuedAt.Unix(),
		Expiry: t.Expiry.Unix(), Scope: t.Scope, Subject: t.Subject, Audience: t.Audience})
	if err != nil {
		return claims.Secret{}, fmt.Errorf("token: %w", err)
	}
	if err := k.keeper.KeepToken(ctx, hashOf(text), t.ClientID, content, t.Expiry, MaxPerClient); err != nil {
		return claims.Secret{}, fmt.Errorf("token: a token cannot be kept: %w", err)
	}
	return text, nil
}

// Introspect implements Tokens. A text that is no token of a Kept is invalid, and the Keeper is
// not asked.
func (k *Kept) Introspect(ctx context.Context, token claims.Secret) (AccessToken, error) {
	if !mayBeKept(token) {
		return AccessToken{}, ErrInvalid
	}
	content, err := k.keeper.KeptToken(ctx, hashOf(token))
	switch {
	case err != nil:
		return AccessToken{}, fmt.Errorf("token: a token cannot be looked up: %w", err)
	case content == nil:
		return AccessToken{}, ErrInvalid
	}
	t, err := readKept(content)
	switch {
	case err != nil:
		return AccessToken{}, err
	case !k.clock().Before(t.Expiry):
		return AccessToken{}, ErrInvalid
	}
	return t, nil
}

// mayBeKept reports whether a text has the form of the tokens that issue makes.
func mayBeKept(token claims.Secret) bool {
	text := token.Reveal()
	if len(text) != base64.RawURLEncoding.EncodedLen(accessTokenBytes) {
		return false
	}
	_, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return err == nil
}

// readKept reads what a Keeper kept. What cannot be read is an outage: this program cannot
// tell whether the token is good.
func readKept(content []byte) (AccessToken, error) {
	var kept keptToken
	if err := json.Unmarshal(content, &kept); err != nil {
		return AccessToken{}, fmt.Errorf("token: what is kept of a token cannot be read: %w", err)
	}
	if kept.Version != keptVersion || kept.ClientID == "" || len(kept.Certificate) != len(AccessToken{}.CertificateSHA256) {
		return AccessToken{}, fmt.Errorf("token: what is kept of a token is of version %d, and this program reads %d", kept.Version, keptVersion)
	}
	return AccessToken{ClientID: kept.ClientID, CertificateSHA256: [32]byte(kept.Certificate), IssuedAt: time.Unix(kept.IssuedAt, 0).UTC(),
		Expiry: time.Unix(kept.Expiry, 0).UTC(), Scope: kept.Scope, Subject: kept.Subject, Audience: kept.Audience}, nil
}

// Revoke implements Tokens.
func (k *Kept) Revoke(ctx context.Context, r Revocation) (Revoked, error) {
	if mayBeKept(r.Token) {
		if err := k.keeper.EndToken(ctx, hashOf(r.Token)); err != nil {
			return Revoked{}, fmt.Errorf("token: a token cannot be ended: %w", err)
		}
	}
	return Revoked{Ended: true}, nil
}

// RevokeClient implements Tokens.
func (k *Kept) RevokeClient(ctx context.Context, clientID string) error {
	if err := k.keeper.EndTokensOf(ctx, clientID); err != nil {
		return fmt.Errorf("token: the tokens of a client cannot be ended: %w", err)
	}
	return nil
}
