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
	// Client finds the software of the client that a request names, for example by
	// client_id. It is required. SoftwareOf and Checker.Software make a Software.
	// Client must leave the body readable, as http.Request.FormValue does.
	//
	// An error that wraps ErrUnknownClient means that there is no such client. One
	// that wraps ErrNoKeySet means that the addresses of the client's keys are unknown
	// or not admitted any more. Middleware refuses both (401), and an *Error by its
	// kind. Any other error is an outage (503).
	Client func(*http.Request) (Software, error)
	// Refused is called for each request that does not pass, before the answer. The
	// bank logs and counts there. It may be nil.
	Refused func(*http.Request, Denial)
}

type acceptanceKey struct{}

// AcceptanceFrom returns what Middleware has accepted: the certificate, and the client's
// software with its keys. The caller must not change it.
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
//     a key set or with an empty one.
//   - An outage of a key set would show that the client is known. So Middleware checks
//     an unknown client against the last known client's keys, and answers an outage of
//     those with the same words and the same Retry-After.
//
// One thing can still show that a client is known. Each key set is cached on its own
// and fails on its own: the last known client's may be up while another's is down.
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
				denial.Write(w, r)
				return
			}
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), acceptanceKey{}, accepted)))
		})
	}, nil
}

type gate struct {
	MiddlewareConfig
	last atomic.Pointer[Software] // of the last known client, without Keys.Asker; nobody changes it
}

// judge accepts a request, or returns why not and the table of answers for it.
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
	last := software
	last.Keys.Asker = "" // a read for somebody else counts against that one's certificate
	g.last.Store(&last)
	accepted, err := g.belongs(r.Context(), standing, leaf, software)
	return accepted, ofClient, err
}

func (g *gate) belongs(ctx context.Context, standing map[claims.Environment]verdict, leaf *x509.Certificate, s Software) (*Acceptance, error) {
	found, ok := standing[s.Environment]
	switch {
	case !ok:
		return nil, checkEnvironment(s.Environment)
	case found.refusal != nil:
		return nil, found.refusal
	}
	return g.Checker.owned(ctx, found.good, leaf, s)
}

// unknown refuses a client for which Client found no Software. If the keys of the last
// known client cannot be read now, unknown returns that outage instead.
func (g *gate) unknown(ctx context.Context, standing map[claims.Environment]verdict, leaf *x509.Certificate, unknown error) error {
	last := g.last.Load()
	if last == nil {
		return unknown
	}
	_, err := g.belongs(ctx, standing, leaf, *last)
	var outage *Error
	if errors.As(err, &outage) && outage.Kind == ssa.ErrKeySourceUnavailable {
		return &Error{Kind: outage.Kind, Cause: unknown, RetryAfter: outage.RetryAfter,
			Detail: "the client is unknown or without a key set, and is answered as one whose key set cannot be read"}
	}
	return unknown
}

// verdict is the judgement of a certificate in one environment.
type verdict struct {
	good    *Acceptance
	refusal error // nil where the certificate is good
}

// standing judges a certificate by itself in each environment, because the client and
// its environment are not known yet. The error says why it is good in none.
func (c *Checker) standing(ctx context.Context, leaf *x509.Certificate) (map[claims.Environment]verdict, error) {
	all := map[claims.Environment]verdict{}
	var refusal error
	good := false
	for _, env := range []claims.Environment{claims.Sandbox, claims.Production} {
		report, err := c.certificate(ctx, leaf, env)
		all[env] = verdict{report, err}
		good = good || err == nil
		// Keep the refusal that says most. ErrUntrusted says least, and it says nothing
		// about an environment without CAs.
		authorities := c.believed.Load().authorities
		listed := authorities == nil || authorities.stores[env] != nil
		if listed && (refusal == nil || errors.Is(refusal, ErrUntrusted)) {
			refusal = err
		}
	}
	if good {
		return all, nil
	}
	return nil, refusal
}
