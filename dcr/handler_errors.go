package dcr

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/obdcr/obdcr/validate"
)

// protect keeps an answer from caches, and its type from guesses.
func protect(header http.Header) {
	header.Set("Cache-Control", "no-store")
	header.Set("Pragma", "no-cache")
	header.Set("X-Content-Type-Options", "nosniff")
}

// asError is the refusal that an error of the Registrar is; any other error is a
// fault of ours, of which the sender learns nothing.
func asError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return internalError(err)
}

// writeError answers with error and error_description alone (RFC 7591 section
// 3.2.2), or with a bare status where the specification gives no object. tokenSent
// says that the request carried an access token where one is wanted.
func writeError(w http.ResponseWriter, e *Error, tokenSent bool) {
	header := w.Header()
	switch e.Status {
	case http.StatusUnauthorized:
		header.Set("WWW-Authenticate", challengeOf(e, tokenSent))
	case http.StatusForbidden:
		if e.Challenge != "" {
			header.Set("WWW-Authenticate", e.Challenge)
		}
	case http.StatusTooManyRequests:
		header.Set("Retry-After", wholeSeconds(e.RetryAfter))
	case http.StatusServiceUnavailable:
		wait := e.RetryAfter
		if wait <= 0 {
			wait = retryAfter
		}
		header.Set("Retry-After", wholeSeconds(wait))
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

// wholeSeconds rounds up: whoever comes back in time must not be too early.
func wholeSeconds(d time.Duration) string {
	return strconv.FormatInt(max(1, int64((d+time.Second-1)/time.Second)), 10)
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
		attrs = append(attrs, slog.String("certificate", limitKey(q.caller.Certificate)))
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
