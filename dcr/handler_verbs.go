package dcr

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/internal/verdict"
	"github.com/obdcr/obdcr/validate"
)

// maxSegment is the greatest length of a path segment that can be a client identifier.
const maxSegment = 64

// mostReserved is the most memory that is reserved because of a Content-Length alone, in
// bytes: a client may announce a body and never send it.
const mostReserved = 8 << 10

func (h *Handler) register(ctx context.Context, w http.ResponseWriter, q verbRequest) (int, string, error) {
	token, err := h.readToken(w, q.Request)
	if err != nil {
		return 0, "", err
	}
	registration, err := h.registrar.Register(ctx, RegisterInput{Token: claims.NewSecret(token), Certificate: q.caller.Certificate})
	status := h.registrar.policy.CreatedStatus
	if registration != nil && registration.Pending {
		status = http.StatusAccepted
	}
	return answered(status, registration, err)
}

func (h *Handler) get(ctx context.Context, _ http.ResponseWriter, q verbRequest) (int, string, error) {
	registration, err := h.registrar.Get(ctx, q.clientID, q.caller)
	return answered(http.StatusOK, registration, err)
}

func (h *Handler) update(ctx context.Context, w http.ResponseWriter, q verbRequest) (int, string, error) {
	var token string
	if !q.caller.Token.IsZero() { // the Registrar refuses a request without one, so its body is not read
		var err error
		if token, err = h.readToken(w, q.Request); err != nil {
			return 0, "", err
		}
	}
	registration, err := h.registrar.Update(ctx, q.clientID, token, q.caller)
	return answered(http.StatusOK, registration, err)
}

func (h *Handler) delete(ctx context.Context, _ http.ResponseWriter, q verbRequest) (int, string, error) {
	err := h.registrar.Delete(ctx, q.clientID, q.caller)
	if errors.Is(err, ErrPending) {
		return http.StatusAccepted, pendingBody(q.clientID), nil
	}
	return http.StatusNoContent, "", err
}

func answered(status int, registration *Registration, err error) (int, string, error) {
	if err != nil {
		return 0, "", err
	}
	return status, registration.response.Reveal(), nil
}

// readToken reads the body of a request. It refuses another type, more than
// MaxRequestBody, and a body that takes too long.
func (h *Handler) readToken(w http.ResponseWriter, r *http.Request) (string, error) {
	if !isJOSE(r.Header) {
		return "", &Error{Status: http.StatusUnsupportedMediaType, Description: "send Content-Type application/jwt or application/jose, and no Content-Encoding"}
	}
	var body strings.Builder
	body.Grow(int(min(max(r.ContentLength, 0), mostReserved)))
	_, err := io.CopyBuffer(&body, http.MaxBytesReader(w, r.Body, MaxRequestBody), make([]byte, 1<<10))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return "", &Error{Status: http.StatusRequestEntityTooLarge, Description: verdict.TooLarge, Err: err}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "", &Error{Status: http.StatusRequestTimeout, Description: "the body took too long", Err: err}
	case err != nil:
		return "", &Error{Status: http.StatusBadRequest, Code: validate.InvalidClientMetadata,
			Description: "the body could not be read", Err: err}
	}
	// The server keeps reading from the connection to notice a client that hangs up, and
	// it takes an expired deadline for that. The body is complete: the deadline goes.
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	return body.String(), nil
}

// isJOSE reports whether a header has one Content-Type, of the two types, and no
// Content-Encoding.
func isJOSE(header http.Header) bool {
	types := header.Values("Content-Type")
	if len(types) != 1 || len(header.Values("Content-Encoding")) > 0 {
		return false
	}
	media, _, err := mime.ParseMediaType(types[0])
	return err == nil && (media == "application/jwt" || media == "application/jose")
}

// isClientID reports whether a path segment can be a client identifier. The Handler
// asks for any other as "", so that its answer is the same as for an unknown client.
func isClientID(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	return s != "" && len(s) <= maxSegment
}
