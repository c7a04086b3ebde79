package dcr

import (
	"bytes"
	"context"
	"errors"
	"mime"
	"net/http"
	"os"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/validate"
)

// maxSegment is the length up to which a path segment can be a client identifier.
const maxSegment = 64

// mostRoom is how much is made ready for what a client says that it will send, in bytes.
const mostRoom = 8 << 10

func (h *Handler) register(ctx context.Context, w http.ResponseWriter, q request) (int, string, error) {
	token, err := h.readToken(w, q.Request)
	if err != nil {
		return 0, "", err
	}
	registration, err := h.registrar.Register(ctx, RegisterInput{Token: claims.NewSecret(token), Certificate: q.caller.Certificate})
	return answered(h.registrar.policy.CreatedStatus, registration, err)
}

func (h *Handler) get(ctx context.Context, _ http.ResponseWriter, q request) (int, string, error) {
	registration, err := h.registrar.Get(ctx, q.clientID, q.caller)
	return answered(http.StatusOK, registration, err)
}

func (h *Handler) update(ctx context.Context, w http.ResponseWriter, q request) (int, string, error) {
	var token string
	if !q.caller.Token.IsZero() { // without one the Registrar refuses, and nothing need be read
		var err error
		if token, err = h.readToken(w, q.Request); err != nil {
			return 0, "", err
		}
	}
	registration, err := h.registrar.Update(ctx, q.clientID, token, q.caller)
	return answered(http.StatusOK, registration, err)
}

func (h *Handler) delete(ctx context.Context, _ http.ResponseWriter, q request) (int, string, error) {
	return http.StatusNoContent, "", h.registrar.Delete(ctx, q.clientID, q.caller)
}

func answered(status int, registration *Registration, err error) (int, string, error) {
	if err != nil {
		return 0, "", err
	}
	return status, registration.response.Reveal(), nil
}

// readToken reads a request's body within its limits of type, size and time.
func (h *Handler) readToken(w http.ResponseWriter, r *http.Request) (string, error) {
	if !isJOSE(r.Header) {
		return "", &Error{Status: http.StatusUnsupportedMediaType, Description: "send Content-Type application/jwt or application/jose, and no Content-Encoding"}
	}
	var body bytes.Buffer
	body.Grow(int(min(max(r.ContentLength, 0), mostRoom)) + bytes.MinRead)
	_, err := body.ReadFrom(http.MaxBytesReader(w, r.Body, MaxRequestBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return "", &Error{Status: http.StatusRequestEntityTooLarge, Description: "a request has at most 65536 bytes", Err: err}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "", &Error{Status: http.StatusRequestTimeout, Description: "the body took too long", Err: err}
	case err != nil:
		return "", &Error{Status: http.StatusBadRequest, Code: validate.InvalidClientMetadata,
			Description: "the body could not be read", Err: err}
	}
	// The server goes on reading to see whether the client leaves, and would take the
	// end of this deadline for that. Nothing more of this request is to come.
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	return body.String(), nil
}

// isJOSE says whether the body is of one of the two types, once and not encoded.
func isJOSE(header http.Header) bool {
	types := header.Values("Content-Type")
	if len(types) != 1 || len(header.Values("Content-Encoding")) > 0 {
		return false
	}
	media, _, err := mime.ParseMediaType(types[0])
	return err == nil && (media == "application/jwt" || media == "application/jose")
}

// isClientID says whether a path segment can be a client identifier at all. One that
// cannot is looked for as "", and so answered like any other that nobody has.
func isClientID(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	return s != "" && len(s) <= maxSegment
}
