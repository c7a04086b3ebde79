package dcr

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"

	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/validate"
)

// asError is the refusal that an error of the Registrar is; any other error is a
// fault of ours, of which the sender learns nothing.
func asError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return internalError(err)
}

// Answer writes the refusal: error and error_description alone (RFC 7591 section
// 3.2.2), or a line of text where the specification gives no object; with
// WWW-Authenticate or Retry-After where the status has one. tokenSent says that the
// request carried an access token where one is wanted (RFC 6750 section 3.1). The
// caller sets what keeps an answer out of caches.
func (e *Error) Answer(w http.ResponseWriter, tokenSent bool) {
	header := w.Header()
	switch e.Status {
	case http.StatusUnauthorized:
		header.Set("WWW-Authenticate", challengeOf(e, tokenSent))
	case http.StatusForbidden:
		if e.Challenge != "" {
			header.Set("WWW-Authenticate", e.Challenge)
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
	// Two strings always encode; a client that is gone reads nothing.
	_ = json.NewEncoder(w).Encode(validate.WireError{Error: e.Code, Description: e.Description})
}

// challengeOf is the Registrar's challenge, or one that names an error where a token
// was sent (RFC 6750 section 3).
func challengeOf(e *Error, tokenSent bool) string {
	switch {
	case e.Challenge != "":
		return e.Challenge
	case tokenSent:
		return challengeInvalidToken
	}
	return challenge
}

// logRefusal tells the bank what the answer leaves out. Neither token nor request is
// in it.
func (h *Handler) logRefusal(q request, e *Error) {
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
		attrs = append(attrs, slog.String("cause", e.Err.Error()))
	}
	h.log.LogAttrs(q.Context(), level, "registration request refused", attrs...)
}
