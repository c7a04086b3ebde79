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
	"github.com/obdcr/obdcr/dcr/internal/contain"
	"github.com/obdcr/obdcr/dcr/internal/verdict"
	"github.com/obdcr/obdcr/dcr/token"
	"github.com/obdcr/obdcr/internal/text"
)

const (
	// MaxRequestBody is the greatest length of a registration request, in bytes.
	MaxRequestBody = verdict.MaxRequest
	// DefaultBodyTimeout is how long a client may take to send a body.
	DefaultBodyTimeout = 15 * time.Second
	// HeaderTimeout is how long a client should have to send the header. The server
	// reads the header before any handler runs: set this as its ReadHeaderTimeout. The
	// HTTPServer of a bank of dcr/server has it, and all other timeouts.
	HeaderTimeout = 10 * time.Second
)

// HandlerConfig configures the HTTP side of a Registrar.
type HandlerConfig struct {
	Registrar   *Registrar  // required
	Path        string      // required: of the registration endpoint, such as /register
	Certificate cert.Source // required; cert.FromTLS unless a proxy ends TLS
	Limiter     Limiter     // nil: no limit
	// Methods are the verbs that the Handler offers. It answers any other with 405 and
	// Allow. Nil: POST, GET, PUT and DELETE, or POST alone where the Registrar has no
	// Tokens.
	Methods []string
	// BodyTimeout replaces the server's ReadTimeout while the Handler reads a body; 0 is
	// DefaultBodyTimeout. A middleware's ResponseWriter must have Unwrap
	// (http.ResponseController); without it only the server's own timeout applies.
	BodyTimeout time.Duration
	// Logger gets each refusal with all the rules that were broken. The answer to the
	// sender has less. Nil logs nothing.
	Logger *slog.Logger
	// Refused gets each refusal, in the context of its request, before the answer is written.
	// Its Report has every violation; the answer names the first ones. It must not change the
	// Error. Nil tells nobody.
	Refused func(context.Context, *Error)
}

// Handler serves the registration endpoint. Only NewHandler makes one that works.
type Handler struct {
	path        string
	site        http.Handler // the mux of the path and of what is below it
	registrar   *Registrar
	certificate cert.Source
	limiter     Limiter
	methods     []string
	bodyTimeout time.Duration
	log         *slog.Logger
	refused     func(context.Context, *Error)
}

// verbRequest is an HTTP request with what every verb needs from it.
type verbRequest struct {
	*http.Request
	clientID string // from the path; "" at POST, and where no client can have it
	caller   Caller
}

// verb does the work of a request, and returns the status and body of its answer.
type verb func(context.Context, http.ResponseWriter, verbRequest) (int, string, error)

// NewHandler serves the registration endpoint (OBIE DCR, endpoints):
//
//	POST   Path              registers a client: 201 (or 200 by policy) and the client
//	GET    Path/{ClientId}   200 and the client
//	PUT    Path/{ClientId}   200 and the client as it is now
//	DELETE Path/{ClientId}   204
//
// A request must be application/jwt or application/jose of at most MaxRequestBody.
// A request that breaks a rule is answered with 400 and an RFC 7591 error object. The
// other refusals are a line of text with 401 (and WWW-Authenticate), 403, 405 (Allow),
// 408, 413, 415, 429 or 503 (Retry-After), or 500. The document [OpenAPI] describes
// all of them. The headers of every answer forbid caches to store it and browsers to
// guess its type.
//
// All other paths are answered with 404, also those with an empty segment, a dot
// segment or a slash at the end. The Handler redirects nothing. A mux would redirect
// such paths: [Handler.Before] puts the Handler in front of it.
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
		methods: methods, bodyTimeout: c.BodyTimeout, log: c.Logger, refused: c.Refused}
	switch {
	case c.BodyTimeout < 0:
		return nil, errors.New("dcr: the BodyTimeout is negative")
	case c.BodyTimeout == 0:
		h.bodyTimeout = DefaultBodyTimeout
	}
	if h.log == nil {
		h.log = slog.New(slog.DiscardHandler)
	}
	if h.refused == nil {
		h.refused = func(context.Context, *Error) {}
	}
	mux := http.NewServeMux()
	mux.Handle(c.Path, h.resource(map[string]verb{http.MethodPost: h.register}))
	mux.Handle(c.Path+"/{ClientId}", h.resource(map[string]verb{
		http.MethodGet: h.get, http.MethodPut: h.update, http.MethodDelete: h.delete}))
	h.site = contain.Handler(h.log, h.outer(mux))
	return h, nil
}

// CheckPath returns an error for a path that cannot be a registration endpoint's. The
// Handler appends a slash and a client identifier to it.
func CheckPath(endpoint string) error {
	if !strings.HasPrefix(endpoint, "/") || endpoint == "/" || path.Clean(endpoint) != endpoint || strings.ContainsAny(endpoint, "{}%?# ") {
		return errors.New("dcr: the path must begin with a slash, end without one, and hold no wildcard")
	}
	return nil
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.site.ServeHTTP(w, r) }

// Before returns a handler of a bank's whole API. It passes requests for the
// registration endpoint to h, however their path is spelt, and all others to rest.
// A [http.ServeMux] in front of h would redirect //register, and a client would repeat
// its request at the other address.
func (h *Handler) Before(rest http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h.Serves(r) {
			h.ServeHTTP(w, r)
			return
		}
		rest.ServeHTTP(w, r)
	})
}

// Serves reports whether the path of a request is the registration endpoint or below
// it, however that is spelt.
func (h *Handler) Serves(r *http.Request) bool {
	return strings.HasPrefix(path.Clean(r.URL.Path)+"/", h.path+"/")
}

// verbs are the specification's, in the order in which Allow lists them.
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

// outer sets the headers of every answer and the deadline of the body. It answers 404
// to a path that the mux would redirect: a client would repeat its request, with its
// access token, at the other address.
func (h *Handler) outer(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text.NoStore(w.Header())
		if r.Body != nil && r.Body != http.NoBody {
			// The server reads the body to its end even if no verb does, so the deadline is
			// set for all of them. The error is ignored: a writer without deadlines is a
			// test's, and its body is in memory.
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(h.bodyTimeout))
		}
		if asked := r.URL.EscapedPath(); path.Clean(asked) != asked {
			http.NotFound(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// resource serves one path: those of its verbs that the Handler offers.
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
	q := verbRequest{Request: r, caller: Caller{Token: token.FromHeader(r.Header)}}
	if id := r.PathValue("ClientId"); isClientID(id) {
		q.clientID = id
	}
	leaf, err := h.admit(q)
	var status int
	var body string
	if err == nil {
		q.caller.Certificate = leaf
		status, body, err = do(r.Context(), w, q)
	}
	if err != nil {
		refusal := asError(err)
		if q.Method == http.MethodPost {
			refusal.scheme = mutualTLS // registration takes no token
		}
		h.logRefusal(q, refusal)
		h.tell(r.Context(), refusal)
		refusal.Answer(w, realm)
		return
	}
	if body != "" {
		w.Header().Set("Content-Type", "application/json")
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body) // an error means that the client has hung up; its record stays, and GET finds it
}

// admit returns the client certificate of a request. It refuses a request without one,
// and one that is over the certificate's limit.
func (h *Handler) admit(q verbRequest) (*x509.Certificate, error) {
	leaf, err := h.certificate(q.Request)
	if err != nil || leaf == nil {
		refusal := unauthorized("a client certificate is required", "", err)
		if q.Method != http.MethodPost && !q.caller.Token.IsZero() {
			refusal.BearerError = invalidToken // registration asks for no token
		}
		return nil, refusal
	}
	if h.limiter != nil {
		if wait, ok := h.limiter.Allow(LimitKey(leaf)); !ok {
			return nil, &Error{Status: http.StatusTooManyRequests, Description: "too many requests by this client certificate", RetryAfter: wait}
		}
	}
	return leaf, nil
}
