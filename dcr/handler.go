package dcr

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/validate"
)

const (
	maxBody     = 64 << 10
	bodyTimeout = 15 * time.Second
)

// HandlerConfig configures the HTTP side of a Registrar.
type HandlerConfig struct {
	Registrar   *Registrar  // required
	Path        string      // of the registration endpoint, such as /register
	Certificate cert.Source // required; cert.FromTLS unless a proxy ends TLS
}

type handler struct {
	registrar   *Registrar
	certificate cert.Source
}

// NewHandler serves POST at the path: application/jwt or application/jose of at
// most 64 KiB, answered with 201 and the client or with an RFC 7591 error object.
func NewHandler(c HandlerConfig) (http.Handler, error) {
	if c.Registrar == nil || c.Certificate == nil {
		return nil, errors.New("dcr: a handler needs a Registrar and a certificate source")
	}
	if !strings.HasPrefix(c.Path, "/") || strings.ContainsAny(c.Path, "{} ") || strings.HasSuffix(c.Path, "/") {
		return nil, errors.New("dcr: the path must begin with a slash, end without one, and hold no wildcard")
	}
	h := &handler{registrar: c.Registrar, certificate: c.Certificate}
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+c.Path, h.register)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Cache-Control", "no-store")
		header.Set("Pragma", "no-cache")
		header.Set("X-Content-Type-Options", "nosniff")
		// The mux would redirect such a path, and a client would repeat its POST there.
		if strings.Contains(r.URL.Path, "//") {
			http.NotFound(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	}), nil
}

func (h *handler) register(w http.ResponseWriter, r *http.Request) {
	if refusal := h.serve(w, r); refusal != nil {
		writeError(w, refusal)
	}
}

func (h *handler) serve(w http.ResponseWriter, r *http.Request) *Error {
	leaf, err := h.certificate(r)
	if err != nil || leaf == nil {
		return &Error{Status: http.StatusUnauthorized, Description: "a client certificate is required", Err: err}
	}
	token, refusal := readToken(w, r)
	if refusal != nil {
		return refusal
	}
	registration, err := h.registrar.Register(r.Context(), RegisterInput{Token: token, Certificate: leaf})
	if err != nil {
		var e *Error
		if !errors.As(err, &e) {
			e = internalError(err)
		}
		return e
	}
	policy := h.registrar.policy
	body, err := Response(registration.Client, registration.Secret, policy)
	if err != nil {
		return internalError(err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(policy.CreatedStatus)
	_, _ = w.Write(body) // the client is gone; the record stays, and GET finds it
	return nil
}

// readToken reads the request's body within its limits of type, size and time.
func readToken(w http.ResponseWriter, r *http.Request) (string, *Error) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || (media != "application/jwt" && media != "application/jose") {
		return "", &Error{Status: http.StatusUnsupportedMediaType, Description: "send Content-Type application/jwt or application/jose"}
	}
	// A writer without deadlines, as in tests, has nothing to wait for.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return "", &Error{Status: http.StatusRequestEntityTooLarge, Description: "a request has at most 65536 bytes", Err: err}
	case err != nil:
		return "", &Error{Status: http.StatusBadRequest, Code: validate.InvalidClientMetadata,
			Description: "the body could not be read", Err: err}
	}
	return string(body), nil
}

// writeError answers with error and error_description alone (RFC 7591 section
// 3.2.2), or with a bare status where the specification gives no object.
func writeError(w http.ResponseWriter, e *Error) {
	header := w.Header()
	if e.RetryAfter > 0 {
		header.Set("Retry-After", strconv.Itoa(int(e.RetryAfter/time.Second)))
	}
	if e.Status == http.StatusUnauthorized {
		header.Set("WWW-Authenticate", `Bearer realm="registration"`)
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
