package dcr

import (
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"io"
)

// sealer encrypts secrets at rest with AES-256-GCM, bound to the client's ID.
type sealer struct{ aead cipher.AEAD }

func newSealer(key []byte) (*sealer, error) {
	if len(key) != 32 {
		return nil, errors.New("dcr: client_secret_jwt needs SealingKey, 32 random bytes")
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

func (s *sealer) seal(random io.Reader, clientID, secret string) ([]byte, error) {
	nonce := make([]byte, s.aead.NonceSize())
	if _, err := io.ReadFull(random, nonce); err != nil {
		return nil, fmt.Errorf("dcr: no randomness: %w", err)
	}
	return s.aead.Seal(nonce, nonce, []byte(secret), []byte(clientID)), nil
}
