package cert

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/ssa"
)

// MiddlewareConfig configures Middleware.
type MiddlewareConfig struct {
	Source  Source   // required: where the certificate is found
	Checker *Checker // required, with Keys
	// Client finds the application of the client that a request names, such as by
	// client_id; required. With package store, it is Application, Environment and
	// SoftwareStatement of the store.Client. It must leave the body readable, as
	// http.Request.FormValue does. No such client is an error that wraps
	// ErrUnknownClient; any other error is an outage (503).
	Client func(*http.Request) (Registered, error)
	// Refused hears of each refusal and why, for the bank's log: the answer says
	// less. Nil: nobody does.
	Refused func(*http.Request, error)
}

// storeRetry is when a client may try again while clients cannot be looked up.
const storeRetry = 10 * time.Second

type acceptanceKey struct{}

// AcceptanceFrom returns the report of the certificate that Middleware has accepted. It
// must not be changed.
func AcceptanceFrom(ctx context.Context) (*Acceptance, bool) {
	report, ok := ctx.Value(acceptanceKey{}).(*Acceptance)
	return report, ok
}

// Middleware lets a request pass only if its certificate belongs to its client, as
// Checker.CheckApplication says; the next handler finds the report by AcceptanceFrom.
// Any other request is answered with a JSON error that is not to be stored (RFC 6749
// section 5.2): 401 invalid_client, or 503 temporarily_unavailable with Retry-After
// where a key set, the revocation status or the client cannot be read at the moment.
//
// The answers do not tell which clients there are. A certificate that is good in no
// environment is refused for what is wrong with it before the client is looked up;
// whatever is refused afterwards is refused in the same words, whether the client is
// unknown, another's, of the other environment or without a key set. An outage of key
// sets would show known clients alone: so an unknown client is judged by the key set
// of the client that was known last, and shares its outage and its time. What remains
// is that key sets are cached one by one, and may be down one by one.
func Middleware(c MiddlewareConfig) (func(http.Handler) http.Handler, error) {
	switch {
	case c.Source == nil || c.Checker == nil || c.Client == nil:
		return nil, errors.New("cert: the middleware needs a Source, a Checker and a Client")
	case c.Checker.config.Keys == nil:
		return nil, errors.New("cert: the checker of a middleware needs Keys")
	}
	g := &gate{MiddlewareConfig: c}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			report, answers, err := g.judge(r)
			if err != nil {
				if c.Refused != nil {
					c.Refused(r, err)
				}
				refuse(w, r, answers, err)
				return
			}
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), acceptanceKey{}, report)))
		})
	}, nil
}

type gate struct {
	MiddlewareConfig
	last atomic.Pointer[Registered] // the client that was known last
}

// judge accepts a request, or refuses it and says from which answers to take.
func (g *gate) judge(r *http.Request) (*Acceptance, []answer, error) {
	leaf, err := g.Source(r)
	if err != nil {
		return nil, ofCertificate, &Error{Kind: ErrNoCertificate, Cause: err, Detail: "the source of certificates refuses what was sent"}
	}
	if leaf == nil {
		return nil, ofCertificate, &Error{Kind: ErrNoCertificate, Detail: "the connection has none"}
	}
	standing, err := g.Checker.standing(r.Context(), leaf)
	if err != nil {
		return nil, ofCertificate, err
	}
	client, err := g.Client(r)
	switch {
	case err == nil:
		g.last.Store(&client)
	case errors.Is(err, ErrUnknownClient):
		return nil, ofClient, g.unknown(r.Context(), standing, leaf, err)
	default:
		return nil, ofClient, err
	}
	report, err := g.belongs(r.Context(), standing, leaf, &client)
	return report, ofClient, err
}

func (g *gate) belongs(ctx context.Context, standing map[claims.Environment]verdict, leaf *x509.Certificate, client *Registered) (*Acceptance, error) {
	found, ok := standing[client.Environment]
	switch {
	case !ok:
		return nil, errors.New("cert: the environment of the client is neither sandbox nor production")
	case found.refusal != nil:
		return nil, found.refusal
	}
	return g.Checker.ownedBy(ctx, found.good, leaf, client)
}

// unknown refuses an unknown client as the last known one would be refused now.
func (g *gate) unknown(ctx context.Context, standing map[claims.Environment]verdict, leaf *x509.Certificate, unknown error) error {
	last := g.last.Load()
	if last == nil {
		return unknown
	}
	_, err := g.belongs(ctx, standing, leaf, last)
	var outage *Error
	if errors.As(err, &outage) && outage.Kind == ssa.ErrKeySourceUnavailable {
		return &Error{Kind: outage.Kind, Cause: unknown, RetryAfter: outage.RetryAfter,
			Detail: "the client is unknown, and is answered as one whose key set cannot be read"}
	}
	return unknown
}

// verdict is what a certificate is in an environment.
type verdict struct {
	good    *Acceptance
	refusal error // nil where it is good
}

// standing judges a certificate for itself, before it is known whose it should be:
// in each environment, or with an error where it is good in none.
func (c *Checker) standing(ctx context.Context, leaf *x509.Certificate) (map[claims.Environment]verdict, error) {
	all := map[claims.Environment]verdict{}
	var refusal error
	good := false
	for _, env := range []claims.Environment{claims.Sandbox, claims.Production} {
		report, err := c.certificate(ctx, leaf, env)
		all[env] = verdict{report, err}
		good = good || err == nil
		// To be of no CA of an environment says least, and nothing where none is listed.
		listed := c.config.Authorities == nil || c.config.Authorities.stores[env] != nil
		if listed && (refusal == nil || errors.Is(refusal, ErrUntrusted)) {
			refusal = err
		}
	}
	if good {
		return all, nil
	}
	return nil, refusal
}

// answer is what a client learns of a refusal. The bank's log has the rest.
type answer struct {
	kind   error // nil: any other
	status int
	text   string
}

// ofCertificate are the answers before the client is looked up, and tell nothing of it.
var ofCertificate = []answer{
	{ErrNoCertificate, http.StatusUnauthorized, "a client certificate is required"},
	{ErrUntrusted, http.StatusUnauthorized, "the client certificate is of no CA that is accepted here"},
	{ErrExpired, http.StatusUnauthorized, "the client certificate or its CA is out of its validity"},
	{ErrUsage, http.StatusUnauthorized, "the client certificate is not for TLS clients, or its key is too weak"},
	{ErrRevoked, http.StatusUnauthorized, "the client certificate is revoked"},
	{nil, http.StatusServiceUnavailable, "the revocation status cannot be read at the moment"},
}

// ofClient are the answers afterwards: one for all that waiting does not mend, one for
// all that it does, a fault of the bank's own store among it.
var ofClient = []answer{
	{ErrUnknownClient, http.StatusUnauthorized, notTheClients},
	{ErrUntrusted, http.StatusUnauthorized, notTheClients},
	{ErrExpired, http.StatusUnauthorized, notTheClients},
	{ErrUsage, http.StatusUnauthorized, notTheClients},
	{ErrRevoked, http.StatusUnauthorized, notTheClients},
	{ErrNotOwned, http.StatusUnauthorized, notTheClients},
	{ErrNoKeySet, http.StatusUnauthorized, notTheClients},
	{nil, http.StatusServiceUnavailable, "the client cannot be checked at the moment"},
}

const notTheClients = "the client certificate does not belong to the client"

// refuse answers by the kind of the error.
func refuse(w http.ResponseWriter, r *http.Request, answers []answer, err error) {
	kind, retry := err, storeRetry
	var e *Error
	if errors.As(err, &e) {
		kind, retry = e.Kind, e.RetryAfter
	}
	found := answers[slices.IndexFunc(answers, func(a answer) bool { return a.kind == nil || errors.Is(kind, a.kind) })]
	status, text := found.status, found.text
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
