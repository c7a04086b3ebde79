package cert

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/ssa"
)

// MiddlewareConfig configures Middleware.
type MiddlewareConfig struct {
	Source  Source   // required: where the certificate is found
	Checker *Checker // required, with Keys
	// Application finds the application of the client that a request names, such as
	// by client_id, and the environment it is registered in; required. It must leave
	// the body readable, as http.Request.FormValue does. No such client is an error
	// that wraps ErrUnknownClient; any other error is an outage (503).
	Application func(*http.Request) (claims.Application, claims.Environment, error)
	// Refused hears of each refusal and why, for the bank's log: the answer says
	// less. Nil: nobody does.
	Refused func(*http.Request, error)
}

// storeRetry is when a client may try again while clients cannot be looked up.
const storeRetry = 10 * time.Second

type reportKey struct{}

// ReportFrom returns the report of the certificate that Middleware has accepted. It
// must not be changed.
func ReportFrom(ctx context.Context) (*Report, bool) {
	report, ok := ctx.Value(reportKey{}).(*Report)
	return report, ok
}

// Middleware lets a request pass only if its certificate belongs to its client, as
// Checker.CheckApplication says; the next handler finds the report by ReportFrom.
// Any other request is answered with a JSON error that is not to be stored (RFC 6749
// section 5.2): 401 invalid_client, or 503 temporarily_unavailable with Retry-After
// where a key set, the revocation status or the client cannot be read at the moment.
func Middleware(c MiddlewareConfig) (func(http.Handler) http.Handler, error) {
	switch {
	case c.Source == nil || c.Checker == nil || c.Application == nil:
		return nil, errors.New("cert: the middleware needs a Source, a Checker and an Application")
	case c.Checker.config.Keys == nil:
		return nil, errors.New("cert: the checker of a middleware needs Keys")
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			report, err := c.judge(r)
			if err != nil {
				if c.Refused != nil {
					c.Refused(r, err)
				}
				refuse(w, r, err)
				return
			}
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), reportKey{}, report)))
		})
	}, nil
}

func (c *MiddlewareConfig) judge(r *http.Request) (*Report, error) {
	leaf, err := c.Source(r)
	if err != nil {
		return nil, &Error{Kind: ErrNoCertificate, Cause: err, Detail: "the source of certificates refuses what was sent"}
	}
	if leaf == nil {
		return nil, &Error{Kind: ErrNoCertificate, Detail: "the connection has none"}
	}
	app, env, err := c.Application(r)
	if err != nil {
		return nil, err
	}
	return c.Checker.CheckApplication(r.Context(), leaf, app, env)
}

// answers are what a client learns of a refusal. The bank's log has the rest: one
// answer for a client that is unknown and one that is another's tells nobody which
// clients there are.
var answers = []struct {
	kind   error
	status int
	text   string
}{
	{ErrNoCertificate, http.StatusUnauthorized, "a client certificate is required"},
	{ErrUntrusted, http.StatusUnauthorized, "the client certificate is of no CA of this environment"},
	{ErrExpired, http.StatusUnauthorized, "the client certificate or its CA is out of its validity"},
	{ErrUsage, http.StatusUnauthorized, "the client certificate is not for TLS clients"},
	{ErrRevoked, http.StatusUnauthorized, "the client certificate or its key is revoked"},
	{ErrNotOwned, http.StatusUnauthorized, "the client certificate does not belong to the client"},
	{ErrNoKeySet, http.StatusUnauthorized, "the client certificate does not belong to the client"},
	{ErrUnknownClient, http.StatusUnauthorized, "the client certificate does not belong to the client"},
	{ErrRevocationUnknown, http.StatusServiceUnavailable, "the revocation status cannot be read at the moment"},
	{ssa.ErrKeySourceUnavailable, http.StatusServiceUnavailable, "the key set of the software cannot be read at the moment"},
}

// refuse answers by the kind of the error. One of no known kind is a fault of the
// bank's own store, and passes.
func refuse(w http.ResponseWriter, r *http.Request, err error) {
	status, text, retry := http.StatusServiceUnavailable, "the client cannot be looked up at the moment", storeRetry
	kind := err
	var e *Error
	if errors.As(err, &e) {
		kind, retry = e.Kind, e.RetryAfter
	}
	for _, a := range answers {
		if errors.Is(kind, a.kind) {
			status, text = a.status, a.text
			break
		}
	}
	header, code := w.Header(), "invalid_client"
	header.Set("Cache-Control", "no-store")
	header.Set("Pragma", "no-cache")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Content-Type", "application/json")
	if status == http.StatusServiceUnavailable {
		code = "temporarily_unavailable"
		header.Set("Retry-After", strconv.Itoa(max(1, int((retry+time.Second-1)/time.Second))))
	} else if scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " "); strings.EqualFold(scheme, "Basic") {
		// RFC 6749 section 5.2 wants the scheme that the client has tried.
		header.Set("WWW-Authenticate", `Basic realm="token"`)
	}
	w.WriteHeader(status)
	// Two strings always encode; a client that is gone reads nothing.
	_ = json.NewEncoder(w).Encode(struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}{code, text})
}
