package dcr

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/dcr/internal/verdict"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/validate"
)

// Error is a refused request.
type Error struct {
	Status      int              // HTTP status: 400, 401, 403, 405, 500 or 503
	Code        validate.Code    // RFC 7591 error code; "" where the status is not 400
	Description string           // for the sender: ASCII, at most 500 characters
	Report      *validate.Report // every violation; nil if the request was not judged
	RetryAfter  time.Duration    // with 503: when to try again
	BearerError string           // with 401 and 403: the error code of WWW-Authenticate, "" for none (RFC 6750 section 3.1)
	Scope       string           // with BearerError: the scope that is needed, for WWW-Authenticate (RFC 6750 section 3); "" for none
	Err         error            // the cause, for logs

	logged bool   // the Registrar has logged the cause
	scheme string // with 401: what WWW-Authenticate asks for; "" asks for a bearer token
}

// Error returns status, code and description in one line.
func (e *Error) Error() string {
	return fmt.Sprintf("dcr: %d %s: %s", e.Status, e.Code, e.Description)
}

// Unwrap returns the cause of the refusal.
func (e *Error) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.Err
}

// refused makes the refusal of a request whose report is not valid.
func refused(report *validate.Report, err error) *Error {
	wire := report.Wire()
	code := cmp.Or(wire.Error, validate.InvalidClientMetadata) // of a certificate that a person chose
	return &Error{Status: http.StatusBadRequest, Code: code, Description: wire.Description, Report: report, Err: err}
}

// refusal makes the refusal of one violation, for callers that have no policy to judge
// by.
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

// internalError makes the refusal for a fault of the bank's: 500, without details for the
// sender.
func internalError(err error) *Error {
	return &Error{Status: http.StatusInternalServerError, Description: "the request could not be served, by a fault of the bank's", Err: err}
}

// keysUnreadable is the description for an outage of the software's key sets.
const keysUnreadable = "the key set of the software cannot be read at the moment"

// retryAfter is the Retry-After of an outage whose error gives no time.
const retryAfter = 10 * time.Second

// Unavailable makes the refusal for an outage, at the bank or at the directory: 503, with
// what as the description and err as the cause. RetryAfter is the time that err gives, if
// a key source or the check of a certificate failed, and 10 seconds otherwise. A store that
// panicked is no outage: 500.
func Unavailable(err error, what string) *Error {
	if errors.Is(err, errStorePanic) {
		return internalError(err)
	}
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

// mutualTLS is the scheme of WWW-Authenticate where a client certificate is all that is
// asked for. A 401 must name a scheme (RFC 9110 section 15.5.2). No registered one asks for
// a certificate, and Bearer would make the sender look for a token that opens nothing.
const mutualTLS = "MutualTLS"

// realm is that of the registration endpoint. An API of the bank has another one.
const realm = "registration"

// invalidToken is the error code for a token that opens nothing here. A request without
// a token gets no code (RFC 6750 section 3.1).
const invalidToken = "invalid_token"

func unauthorized(what, bearerError string, err error) *Error {
	return &Error{Status: http.StatusUnauthorized, Description: what, BearerError: bearerError, Err: err}
}

// certificateError makes the refusal of a client certificate: 401; 503 if the software's
// keys or the revocation status cannot be read; 500 if the bank's resolver has no source
// for the software's keys.
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
	return unauthorized(verdict.Certificate(e), "", err)
}
