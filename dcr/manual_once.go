package dcr

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"

	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

const (
	attemptNamespace = "manual" // of the reservations of Manual.Once
	attemptLife      = day      // how long an attempt is known
	maxOnce          = 200      // bytes of Manual.Once
)

// attempt returns what an attempt by a person reserves. A hash stands for its name, which may
// have letters of either case.
func (r *Registrar) attempt(once string) store.Reservation {
	if once == "" {
		return store.Reservation{}
	}
	sum := sha256.Sum256([]byte(once))
	return store.Reservation{Namespace: attemptNamespace, JTI: hex.EncodeToString(sum[:]), Until: r.now().Add(attemptLife)}
}

// checkOnce refuses a name of an attempt that is too long.
func (m *Manual) checkOnce() error {
	if len(m.Once) <= maxOnce {
		return nil
	}
	return &Error{Status: http.StatusBadRequest, Code: validate.InvalidClientMetadata,
		Description: fmt.Sprintf("the name of the attempt has %d bytes; at most %d", len(m.Once), maxOnce)}
}

// attemptError makes the refusal of an attempt that was made before.
func (r *Registrar) attemptError(err error) error {
	if errors.Is(err, store.ErrUnderWay) {
		e := Unavailable(err, "this was sent before, and the bank has not finished with it: look later whether it was done, or send it again")
		e.RetryAfter = r.changeTimeout
		return e
	}
	description := "this was sent before, and was done: it is not done a second time"
	if errors.Is(err, store.ErrForgotten) {
		description = "this bank cannot tell whether this was sent before: look whether it was done, else begin anew"
	}
	return &Error{Status: http.StatusBadRequest, Code: validate.InvalidClientMetadata, Description: description, Err: err}
}

// usedUp says what to do after a change that was undone, and whose reservation stays used.
func usedUp(held store.Reservation) string {
	if held.Namespace == attemptNamespace {
		return "; begin anew, this attempt is used"
	}
	return "; sign a new request, the jti of this one is used"
}
