package store

import (
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// Reservation is a jti that must not have been used before. The zero one reserves
// nothing, for changes that no request asked for.
type Reservation struct {
	Namespace string    // what kind of token it was in, such as "request"
	Issuer    string    // iss of the token
	JTI       string    // compared without regard to the case of ASCII letters
	Until     time.Time // when it may be forgotten: exp plus the clock skew
}

// IsZero tells whether it reserves nothing.
func (r Reservation) IsZero() bool {
	return r.Namespace == "" && r.Issuer == "" && r.JTI == "" && r.Until.IsZero()
}

// keyVersion begins what is hashed, so that another form can be told from this one.
const keyVersion = "obdcr replay v1"

// Key is what a store keeps of the jti: the SHA-256 of "obdcr replay v1" and then
// namespace, issuer and the jti in lower case (ASCII), each behind its length in
// bytes as eight bytes, the most significant first. Until is no part of it.
func (r Reservation) Key() [sha256.Size]byte {
	buffer := make([]byte, 0, 256)
	buffer = append(buffer, keyVersion...)
	for _, part := range [...]string{r.Namespace, r.Issuer} {
		buffer = binary.BigEndian.AppendUint64(buffer, uint64(len(part)))
		buffer = append(buffer, part...)
	}
	buffer = binary.BigEndian.AppendUint64(buffer, uint64(len(r.JTI)))
	for _, b := range []byte(r.JTI) {
		if 'A' <= b && b <= 'Z' {
			b += 'a' - 'A'
		}
		buffer = append(buffer, b)
	}
	return sha256.Sum256(buffer)
}
