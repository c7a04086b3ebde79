package dcr

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/validate"
)

// asError returns the *Error in err. Any other error is a fault of the bank's: it
// becomes a 500 without details.
func asError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return internalError(err)
}

// Answer writes the refusal as an HTTP answer. With a Code the body is an object of
// error and error_description (RFC 7591 section 3.2.2), else a line of text.
// WWW-Authenticate and Retry-After are set where the status has them; realm is that of
// the protected resource, "" for none (RFC 6750 section 3). Answer does not set
// Cache-Control; the caller does.
func (e *Error) Answer(w http.ResponseWriter, realm string) {
	header := w.Header()
	switch e.Status {
	case http.StatusUnauthorized:
		header.Set("WWW-Authenticate", e.challenge(realm))
	case http.StatusForbidden:
		if e.BearerError != "" {
			header.Set("WWW-Authenticate", e.challenge(realm))
		}
	case http.StatusTooManyRequests:
		text.RetryAfter(header, e.RetryAfter)
	case http.StatusServiceUnavailable:
		wait := e.RetryAfter
		if wait <= 0 {
			wait = retryAfter
		}
		text.RetryAfter(header, wait)
	}
	if e.Code == "" {
		http.Error(w, e.Description, e.Status)
		return
	}
	header.Set("Content-Type", "application/json")
	w.WriteHeader(e.Status)
	// Two strings always encode: an error means that the client has hung up.
	_ = json.NewEncoder(w).Encode(validate.WireError{Error: e.Code, Description: e.Description})
}

// challenge is the value of WWW-Authenticate.
func (e *Error) challenge(realm string) string {
	var parameters []string
	if realm != "" {
		parameters = append(parameters, `realm="`+realm+`"`)
	}
	if e.BearerError != "" {
		parameters = append(parameters, `error="`+e.BearerError+`"`)
	}
	if e.BearerError != "" && e.Scope != "" {
		parameters = append(parameters, `scope="`+e.Scope+`"`)
	}
	return strings.TrimSpace(cmp.Or(e.scheme, "Bearer") + " " + strings.Join(parameters, ", "))
}

// tell tells the bank of a refusal. A panic there is the bank's, and no reason to answer
// otherwise.
func (h *Handler) tell(ctx context.Context, e *Error) {
	if err := h.registrar.guarded(func() error { h.refused(ctx, e); return nil }); err != nil {
		h.log.Error("what is told of refusals failed", "error", err)
	}
}

// logRefusal logs what the answer leaves out: the rules and the cause. It logs neither
// the access token nor the request.
func (h *Handler) logRefusal(q verbRequest, e *Error) {
	level := slog.LevelInfo
	if e.Status >= http.StatusInternalServerError && q.Context().Err() == nil && !e.logged {
		level = slog.LevelError
	}
	attrs := []slog.Attr{slog.String("method", q.Method), slog.Int("status", e.Status), slog.String("description", e.Description)}
	if q.clientID != "" {
		attrs = append(attrs, slog.String("client_id", q.clientID))
	}
	if q.caller.Certificate != nil {
		attrs = append(attrs, slog.String("certificate", LimitKey(q.caller.Certificate)))
	}
	if e.Code != "" {
		attrs = append(attrs, slog.String("code", string(e.Code)))
	}
	if rules := brokenRules(e.Report); len(rules) > 0 {
		attrs = append(attrs, slog.Any("rules", rules))
	}
	if e.Err != nil && !e.logged {
		attrs = append(attrs, slog.String("cause", text.Bounded{Err: e.Err}.Error()))
	}
	h.log.LogAttrs(q.Context(), level, "registration request refused", attrs...)
}
