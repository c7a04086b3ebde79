package cert

import (
	"context"
	"crypto/x509"
	"errors"
	"net/http"
	"sync/atomic"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/ssa"
)

// MiddlewareConfig configures Middleware.
type MiddlewareConfig struct {
	Source  Source   // required: where the certificate is found
	Checker *Checker // required
	// Client finds the software of the client that a request names, such as by
	// client_id; required. SoftwareOf and Checker.Software make a Software. Client
	// must leave the body readable, as http.Request.FormValue does. An error that
	// wraps ErrUnknownClient says that there is no such client, and one that wraps
	// ErrNoKeySet that nobody can tell any more where its keys are: both are refused
	// (401). Any other error is an outage (503), but for an *Error, which is what it
	// says.
	Client func(*http.Request) (Software, error)
	// Refused hears of each request that does not pass, for the bank's log and
	// metrics. Nil: nobody does.
	Refused func(*http.Request, Denial)
}

type acceptanceKey struct{}

// AcceptanceFrom returns what Middleware has accepted: the certificate, the client's
// software with its keys, and the grounds. It must not be changed.
func AcceptanceFrom(ctx context.Context) (*Acceptance, bool) {
	accepted, ok := ctx.Value(acceptanceKey{}).(*Acceptance)
	return accepted, ok
}

// Middleware lets a request pass only if its certificate belongs to the software of
// its client, as Checker.Check says. The next handler finds the Acceptance by
// AcceptanceFrom. Middleware answers any other request itself, as Denial describes.
//
// Middleware judges the certificate, then calls Client, then judges whether the
// certificate belongs to the software. An endpoint that must read the request first
// (the body, the sub of a client assertion) is a handler in front of Middleware: it
// puts what it has read into the request's context, where Client finds it.
//
// The answers do not tell which clients there are:
//   - A certificate that is good in no environment is refused before Client is called.
//   - Every refusal after that has the same words: for an unknown client, for the
//     client of somebody else, for one of the other environment, and for one without
//     a key set.
//   - An outage of a key set would show that the client is known. So Middleware checks
//     an unknown client against the last known client's keys, and answers an outage of
//     those with the same words and the same Retry-After.
//
// One thing can still show that a client is known: each key set is cached and fails
// alone, so the last known client's may be up while another one is down.
func Middleware(c MiddlewareConfig) (func(http.Handler) http.Handler, error) {
	if c.Source == nil || c.Checker == nil || c.Client == nil {
		return nil, configError("the middleware needs a Source, a Checker and a Client")
	}
	g := &gate{MiddlewareConfig: c}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			accepted, answers, err := g.judge(r)
			if err != nil {
				denial := denialOf(answers, err)
				if c.Refused != nil {
					c.Refused(r, denial)
				}
				denial.write(w, r)
				return
			}
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), acceptanceKey{}, accepted)))
		})
	}, nil
}

type gate struct {
	MiddlewareConfig
	last atomic.Pointer[Software] // of the client that was known last
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
	software, err := g.Client(r)
	if err != nil {
		if denialOf(ofClient, err).Status == http.StatusUnauthorized {
			err = g.unknown(r.Context(), standing, leaf, err)
		}
		return nil, ofClient, err
	}
	g.last.Store(&software)
	accepted, err := g.belongs(r.Context(), standing, leaf, &software)
	return accepted, ofClient, err
}

func (g *gate) belongs(ctx context.Context, standing map[claims.Environment]verdict, leaf *x509.Certificate, s *Software) (*Acceptance, error) {
	found, ok := standing[s.Environment]
	switch {
	case !ok:
		return nil, checkEnvironment(s.Environment)
	case found.refusal != nil:
		return nil, found.refusal
	}
	return g.Checker.owned(ctx, found.good, leaf, s)
}

// unknown refuses a client without a Software: as unknown, or for an outage where the
// keys of the last known client cannot be read now.
func (g *gate) unknown(ctx context.Context, standing map[claims.Environment]verdict, leaf *x509.Certificate, unknown error) error {
	last := g.last.Load()
	if last == nil {
		return unknown
	}
	_, err := g.belongs(ctx, standing, leaf, last)
	var outage *Error
	if errors.As(err, &outage) && outage.Kind == ssa.ErrKeySourceUnavailable {
		return &Error{Kind: outage.Kind, Cause: unknown, RetryAfter: outage.RetryAfter,
			Detail: "the client is unknown or without a key set, and is answered as one whose key set cannot be read"}
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
