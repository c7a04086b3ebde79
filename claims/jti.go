package claims

import (
	"crypto/rand"
	"fmt"
	"io"
)

// NewJTI makes a jti: a random UUID, version 4 (RFC 9562 section 5.4), as OBIE DCR
// wants it of a request. random is crypto/rand.Reader where nil; its error is wrapped.
func NewJTI(random io.Reader) (string, error) {
	if random == nil {
		random = rand.Reader
	}
	var b [16]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return "", fmt.Errorf("claims: no randomness: %w", err)
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:]), nil
}
