package dcr

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/validate"
)

// Error is a refused request.
type Error struct {
	Status      int              // HTTP status: 400, 401, 403, 405, 500 or 503
	Code        validate.Code    // RFC 7591 error code; "" where the status is not 400
	Description string           // for the sender: ASCII, at most 500 characters
	Report      *validate.Report // all that was found, where the request was judged
	RetryAfter  time.Duration    // with 503: when to try again
	Challenge   string           // with 401: the value of WWW-Authenticate (RFC 6750 section 3)
	Err         error            // what lies behind it, for logs

	logged bool // what lies behind it is in the Registrar's log
}

// Error gives status and description in one line.
func (e *Error) Error() string {
	return fmt.Sprintf("dcr: %d %s: %s", e.Status, e.Code, e.Description)
}

// Unwrap gives what lies behind the refusal.
func (e *Error) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.Err
}

// refused makes a refusal of a report that is not valid.
func refused(report *validate.Report, err error) *Error {
	wire := report.Wire()
	return &Error{Status: http.StatusBadRequest, Code: wire.Error, Description: wire.Description, Report: report, Err: err}
}

// refusal makes a refusal of one violation, where no policy is at hand to judge by.
func refusal(v validate.Violation) *Error {
	code := v.Code
	if row, ok := validate.RuleByID(v.Rule); ok && code == "" {
		code = row.Code
	}
	if code == "" {
		code = validate.InvalidClientMetadata
	}
	return &Error{Status: http.StatusBadRequest, Code: code, Description: v.Rule + ": " + v.Message}
}

// keysUnreadable is what a sender learns of an outage of the software's key sets.
const keysUnreadable = "the key set of the software cannot be read at the moment"

// retryAfter is when to try again what failed without a time of its own.
const retryAfter = 10 * time.Second

// Unavailable makes the refusal for an outage of something of the bank's or the
// directory's: 503, with what as the description and err behind it. RetryAfter is the
// time that err gives, if its cause is a key source, and 10 seconds otherwise.
func Unavailable(err error, what string) *Error {
	e := &Error{Status: http.StatusServiceUnavailable, Description: what, RetryAfter: retryAfter, Err: err}
	var source *ssa.KeySourceError
	var refused *cert.Error
	switch {
	case errors.As(err, &source):
		e.RetryAfter = source.RetryAfter
	case errors.As(err, &refused) && refused.RetryAfter > 0:
		e.RetryAfter = refused.RetryAfter
	}
	return e
}

// The values of WWW-Authenticate: without an error code where no token was sent
// (RFC 6750 section 3.1).
const (
	challenge             = "Bearer " + realm
	challengeInvalidToken = challenge + `, error="invalid_token"`
	realm                 = `realm="registration"`
)

// WithoutRealm is a challenge of this package as another API of the bank sends it:
// without the realm of the registration endpoint. Any other challenge stays as it is.
func WithoutRealm(challenge string) string {
	rest, found := strings.CutPrefix(challenge, "Bearer "+realm)
	if !found {
		return challenge
	}
	return strings.TrimSuffix("Bearer "+strings.TrimPrefix(rest, ", "), " ")
}

func unauthorized(what, challenge string, err error) *Error {
	return &Error{Status: http.StatusUnauthorized, Description: what, Challenge: challenge, Err: err}
}

// certificateError is the refusal of a client certificate: 401, 503 where its
// revocation status cannot be had, or 500 where the bank's resolver has no source for
// the keys of its software.
func certificateError(err error) error {
	var e *cert.Error
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &e):
		return internalError(err)
	case errors.Is(e.Cause, ssa.ErrJWKSHost):
		return internalError(e.Cause)
	case e.Kind == ssa.ErrKeySourceUnavailable:
		return Unavailable(err, keysUnreadable)
	case e.Kind == cert.ErrRevocationUnknown:
		return Unavailable(err, "the revocation status of the client certificate cannot be read at the moment")
	}
	return unauthorized("the client certificate is refused: "+e.Kind.Error()+": "+e.Detail, challenge, err)
}
