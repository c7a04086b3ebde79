package store

import (
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// Reservation is a jti that must not have been used before. The zero Reservation
// reserves nothing, and is never refused; it is for changes that no request asked for.
//
// A clock that was ahead makes reservations end too early, and the token of such a one is
// good again once the clock is mended. So whoever keeps reservations also keeps a mark: the
// latest Until of all those that it has forgotten. It refuses a reservation whose Until is
// not after the mark, with [ErrForgotten]. The mark only rises. It is as durable as the
// reservations, it is written in the transaction that forgets, and all processes that share
// the reservations share it: a column of one row in SQL, a key without an expiry in Redis.
// Redis must not drop a reservation by an expiry of its own, which raises no mark.
// A reservation that has ended and was not forgotten yet is replaced by one with a later
// Until alone, and counts as forgotten then. One that Undo takes back does not.
//
// While the clock is right no sender meets the mark: what was forgotten has ended, and a
// token that ends no later is refused for its age.
type Reservation struct {
	Namespace string    // the kind of token that the jti was in, such as "request"
	Issuer    string    // iss of the token
	JTI       string    // compared without regard to the case of ASCII letters
	Until     time.Time // from when on a store may forget the jti, see below: exp plus the clock skew
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

// forgotten is the mark up to which reservations were forgotten. The zero value is that of
// a store that has forgotten none.
type forgotten struct {
	any  bool
	mark time.Time // the latest Until of those forgotten
}

// add raises the mark for a reservation that is forgotten.
func (f *forgotten) add(until time.Time) {
	if !f.any || until.After(f.mark) {
		*f = forgotten{any: true, mark: until}
	}
}

// refuse returns ErrForgotten for a reservation that may be one of those forgotten.
func (f *forgotten) refuse(r Reservation) error {
	if f.any && !r.Until.After(f.mark) {
		return ErrForgotten
	}
	return nil
}
