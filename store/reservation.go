package store

import (
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// Reservation is a jti that must not have been used before. The zero Reservation
// reserves nothing; it is for changes that no request asked for.
type Reservation struct {
	Namespace string    // the kind of token that the jti was in, such as "request"
	Issuer    string    // iss of the token
	JTI       string    // compared without regard to the case of ASCII letters
	Until     time.Time // from when on a store may forget the jti: exp plus the clock skew
}

// IsZero reports whether it reserves nothing.
func (r Reservation) IsZero() bool {
	return r.Namespace == "" && r.Issuer == "" && r.JTI == "" && r.Until.IsZero()
}

// keyVersion begins the hashed text. A later form will begin differently.
const keyVersion = "obdcr replay v1"

// Key is what a store keeps of the jti. It is the SHA-256 of "obdcr replay v1" followed
// by the namespace, the issuer and the jti, each with its length before it as eight
// bytes, most significant byte first. ASCII letters of the jti are hashed in lower case.
// Until is not hashed.
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
