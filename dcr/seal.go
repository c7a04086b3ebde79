package dcr

import (
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"io"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/store"
)

// errSealed means that a sealed secret cannot be opened.
var errSealed = errors.New("dcr: a sealed secret does not open")

// upstreamOwner stands before the ID of the record that owns a sealed Provisioned.State, so
// that a sealed client secret does not open as one. No ID has a blank.
const upstreamOwner = "upstream "

// sealer encrypts the secrets in records with AES-256-GCM. A sealed secret is bound to
// the client's ID, so that it does not open in another client's record.
type sealer struct{ aead cipher.AEAD }

func newSealer(key []byte) (*sealer, error) {
	if len(key) != 32 {
		return nil, errors.New("dcr: the SealingKey must be 32 random bytes; client_secret_jwt needs one")
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("dcr: sealing key: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("dcr: sealing key: %w", err)
	}
	return &sealer{aead: aead}, nil
}

// seal seals a secret for the owner: a record's ID, with upstreamOwner before it for the
// state of the authorization server.
func (s *sealer) seal(random io.Reader, owner, secret string) ([]byte, error) {
	nonce := make([]byte, s.aead.NonceSize())
	if _, err := io.ReadFull(random, nonce); err != nil {
		return nil, fmt.Errorf("dcr: no randomness: %w", err)
	}
	return s.aead.Seal(nonce, nonce, []byte(secret), []byte(owner)), nil
}

func (s *sealer) open(owner string, sealed []byte) (string, error) {
	n := s.aead.NonceSize()
	if len(sealed) < n {
		return "", fmt.Errorf("%w: it is too short", errSealed)
	}
	secret, err := s.aead.Open(nil, sealed[:n], sealed[n:], []byte(owner))
	if err != nil {
		return "", fmt.Errorf("%w: it is of another key or client, or was changed", errSealed)
	}
	return string(secret), nil
}

// CheckSealed returns an error where a sealing key, that of Config.SealingKey, does not open
// what a record and its Previous have sealed, such as one that was moved from another store. A
// record that has nothing sealed is good with any key.
func CheckSealed(key claims.Secret, c store.Client) error {
	s, err := newSealer([]byte(key.Reveal()))
	if err != nil {
		return err
	}
	for record := &c; record != nil; record = record.Previous {
		for owner, sealed := range map[string][]byte{record.ID: record.SealedSecret, upstreamOwner + record.ID: record.UpstreamState} {
			if len(sealed) == 0 {
				continue
			}
			if _, err := s.open(owner, sealed); err != nil {
				return err
			}
		}
	}
	return nil
}

// OpenSecret returns the secret of a client that is registered for client_secret_jwt: the
// token endpoint needs it to check the client's assertions. It returns an error if the
// record has no sealed secret, or one that was sealed by another key or for another
// client.
func (r *Registrar) OpenSecret(c store.Client) (claims.Secret, error) {
	if r.sealer == nil || c.SealedSecret == nil {
		return claims.Secret{}, errors.New("dcr: the client has no sealed secret, or the registrar no SealingKey")
	}
	secret, err := r.sealer.open(c.ID, c.SealedSecret)
	return claims.NewSecret(secret), err
}

// sealState seals what the authorization server gave to manage a client by.
func (r *Registrar) sealState(id string, state claims.Secret) ([]byte, error) {
	if r.sealer == nil {
		return nil, errors.New("dcr: the authorization server gave a state to keep sealed: give Config.SealingKey, 32 random bytes")
	}
	if len(state.Reveal()) > maxState {
		return nil, fmt.Errorf("dcr: the state that the authorization server gave has more than %d bytes", maxState)
	}
	return r.sealer.seal(r.random, upstreamOwner+id, state.Reveal())
}

// openState opens the UpstreamState of a record; zero if it has none.
func (r *Registrar) openState(c store.Client) (claims.Secret, error) {
	if c.UpstreamState == nil {
		return claims.Secret{}, nil
	}
	if r.sealer == nil {
		return claims.Secret{}, fmt.Errorf("%w: there is no SealingKey", errSealed)
	}
	state, err := r.sealer.open(upstreamOwner+c.ID, c.UpstreamState)
	return claims.NewSecret(state), err
}
