package dcr

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/dcr/token"
	"github.com/obdcr/obdcr/internal/text"
)

const (
	// MaxRequestBody is the greatest length of a registration request, in bytes.
	MaxRequestBody = 64 << 10
	// DefaultBodyTimeout is how long a client may take to send a body.
	DefaultBodyTimeout = 15 * time.Second
	// HeaderTimeout is how long it should have for the header. That is read before any
	// handler runs: set it as ReadHeaderTimeout of the http.Server.
	HeaderTimeout = 10 * time.Second
)

// HandlerConfig configures the HTTP side of a Registrar.
type HandlerConfig struct {
	Registrar   *Registrar  // required
	Path        string      // required: of the registration endpoint, such as /register
	Certificate cert.Source // required; cert.FromTLS unless a proxy ends TLS
	Limiter     Limiter     // nil: nobody is limited
	// Methods are the verbs that are offered; any other is answered with 405 and
	// Allow. Nil: POST, GET, PUT and DELETE, or POST alone where the Registrar has no
	// Tokens.
	Methods []string
	// BodyTimeout takes the place of the server's ReadTimeout while a body is read;
	// DefaultBodyTimeout where 0. A ResponseWriter that stands between must have Unwrap
	// (http.ResponseController), or the server's own timeout is all there is.
	BodyTimeout time.Duration
	// Logger hears of each refusal, with all the rules that were broken; the answer
	// says less. Nil logs nothing.
	Logger *slog.Logger
}

// Handler serves the registration endpoint. Only NewHandler makes one that works.
type Handler struct {
	path        string
	site        http.Handler // what is served below the path
	registrar   *Registrar
	certificate cert.Source
	limiter     Limiter
	methods     []string
	bodyTimeout time.Duration
	log         *slog.Logger
}

// request is what every verb needs to know.
type request struct {
	*http.Request
	clientID string // of the path; "" at POST, and where it cannot be a client's
	caller   Caller
}

// verb does the work of a request, and returns the status and body of its answer.
type verb func(context.Context, http.ResponseWriter, request) (int, string, error)

// NewHandler serves the registration endpoint (OBIE DCR, endpoints):
//
//	POST   Path              registers a client: 201 (or 200 by policy) and the client
//	GET    Path/{ClientId}   200 and the client
//	PUT    Path/{ClientId}   200 and the client as it is now
//	DELETE Path/{ClientId}   204
//
// A request must be application/jwt or application/jose of at most MaxRequestBody.
// A refused one is answered with 400 and an RFC 7591 error object; otherwise there is
// a line of text with 401 (and WWW-Authenticate), 403, 405 (Allow), 408, 413, 415, 429
// or 503 (Retry-After), or 500. The document [OpenAPI] has all of it. No answer may be
// stored or its type guessed.
//
// Other paths are 404, also those with an empty or a dot segment or a slash at the
// end: nothing is redirected. Put it before a mux, which would do so, by [Handler.Before].
func NewHandler(c HandlerConfig) (*Handler, error) {
	if c.Registrar == nil || c.Certificate == nil {
		return nil, errors.New("dcr: a handler needs a Registrar and a certificate source")
	}
	if err := CheckPath(c.Path); err != nil {
		return nil, err
	}
	methods, err := offeredMethods(c)
	if err != nil {
		return nil, err
	}
	h := &Handler{path: c.Path, registrar: c.Registrar, certificate: c.Certificate, limiter: c.Limiter,
		methods: methods, bodyTimeout: c.BodyTimeout, log: c.Logger}
	switch {
	case c.BodyTimeout < 0:
		return nil, errors.New("dcr: the BodyTimeout is negative")
	case c.BodyTimeout == 0:
		h.bodyTimeout = DefaultBodyTimeout
	}
	if h.log == nil {
		h.log = slog.New(slog.DiscardHandler)
	}
	mux := http.NewServeMux()
	mux.Handle(c.Path, h.resource(map[string]verb{http.MethodPost: h.register}))
	mux.Handle(c.Path+"/{ClientId}", h.resource(map[string]verb{
		http.MethodGet: h.get, http.MethodPut: h.update, http.MethodDelete: h.delete}))
	h.site = h.outer(mux)
	return h, nil
}

// CheckPath refuses a path that cannot be that of a registration endpoint: client
// identifiers are appended to it.
func CheckPath(endpoint string) error {
	if !strings.HasPrefix(endpoint, "/") || endpoint == "/" || path.Clean(endpoint) != endpoint || strings.ContainsAny(endpoint, "{}%?# ") {
		return errors.New("dcr: the path must begin with a slash, end without one, and hold no wildcard")
	}
	return nil
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.site.ServeHTTP(w, r) }

// Before returns a handler of a bank's whole API: requests for the registration
// endpoint go to h, however their path is written, and all others to rest. A
// [http.ServeMux] in front would redirect //register, and a client would send its
// request there again.
func (h *Handler) Before(rest http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h.Serves(r) {
			h.ServeHTTP(w, r)
			return
		}
		rest.ServeHTTP(w, r)
	})
}

// Serves tells whether a request is for the registration endpoint or below it,
// however its path is written.
func (h *Handler) Serves(r *http.Request) bool {
	return strings.HasPrefix(path.Clean(r.URL.Path)+"/", h.path+"/")
}

// verbs are those of the specification, in the order of Allow.
var verbs = [...]string{http.MethodPost, http.MethodGet, http.MethodPut, http.MethodDelete}

func offeredMethods(c HandlerConfig) ([]string, error) {
	managed := c.Registrar.tokens != nil
	if c.Methods == nil && !managed {
		return []string{http.MethodPost}, nil
	}
	if c.Methods == nil {
		return verbs[:], nil
	}
	for i, m := range c.Methods {
		switch {
		case !slices.Contains(verbs[:], m) || slices.Contains(c.Methods[:i], m):
			return nil, fmt.Errorf("dcr: method %d is none of POST, GET, PUT and DELETE, or stands there twice", i)
		case m != http.MethodPost && !managed:
			return nil, fmt.Errorf("dcr: %s needs a Registrar with Tokens", m)
		}
	}
	return slices.Clone(c.Methods), nil
}

// outer sets what every answer has, and keeps from the mux what it would redirect: a
// client would repeat its request, or its token, at the other place.
func (h *Handler) outer(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text.NoStore(w.Header())
		if r.Body != nil && r.Body != http.NoBody {
			// The server reads the body even if no verb does. A writer without deadlines, as
			// in tests, has nothing to wait for.
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(h.bodyTimeout))
		}
		if asked := r.URL.EscapedPath(); path.Clean(asked) != asked {
			http.NotFound(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// resource serves one path.
func (h *Handler) resource(known map[string]verb) http.Handler {
	var allowed []string
	for _, m := range verbs {
		if known[m] != nil && slices.Contains(h.methods, m) {
			allowed = append(allowed, m)
		}
	}
	allow := strings.Join(allowed, ", ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !slices.Contains(allowed, r.Method) {
			w.Header().Set("Allow", allow)
			http.Error(w, "this path does not offer the method", http.StatusMethodNotAllowed)
			return
		}
		h.serve(w, r, known[r.Method])
	})
}

func (h *Handler) serve(w http.ResponseWriter, r *http.Request, do verb) {
	q := request{Request: r, caller: Caller{Token: token.FromHeader(r.Header)}}
	if id := r.PathValue("ClientId"); isClientID(id) {
		q.clientID = id
	}
	leaf, err := h.admit(r)
	var status int
	var body string
	if err == nil {
		q.caller.Certificate = leaf
		status, body, err = do(r.Context(), w, q)
	}
	if err != nil {
		refusal := asError(err)
		h.logRefusal(q, refusal)
		refusal.Answer(w, !q.caller.Token.IsZero() && r.Method != http.MethodPost)
		return
	}
	if body != "" {
		w.Header().Set("Content-Type", "application/json")
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body) // if the client is gone: the record stays, and GET finds it
}

// admit wants a client certificate, and not too many requests by it.
func (h *Handler) admit(r *http.Request) (*x509.Certificate, error) {
	leaf, err := h.certificate(r)
	if err != nil || leaf == nil {
		return nil, &Error{Status: http.StatusUnauthorized, Description: "a client certificate is required", Err: err}
	}
	if h.limiter != nil {
		if wait, ok := h.limiter.Allow(LimitKey(leaf)); !ok {
			return nil, &Error{Status: http.StatusTooManyRequests, Description: "too many requests by this client certificate", RetryAfter: wait}
		}
	}
	return leaf, nil
}
