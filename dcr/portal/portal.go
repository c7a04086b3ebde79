package portal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/obdcr/obdcr/dcr/internal/contain"
	"github.com/obdcr/obdcr/dcr/portal/signin"
	"github.com/obdcr/obdcr/internal/text"
)

// Portal serves the pages. Only New makes one that works. It is safe for concurrent use.
type Portal struct {
	config   Config
	records  *records
	base     string         // what the path of each page begins with
	signIn   *signin.SignIn // nil with a sign-in of the bank's own
	sessions *scs.SessionManager
	pages    *pages
	handler  http.Handler
	routes   []route

	failedSignIns allowance
	searchTime    time.Duration // of a search by name
	byID          bool          // the policy names applications after their software_id
}

// New makes a portal. The error names every field that is missing or wrong, with what to do
// about it.
func New(c Config) (*Portal, error) {
	found, errStore := recordsOf(c.Store)
	if err := errors.Join(c.check(), errStore, c.Look.check()); err != nil {
		return nil, err
	}
	c.setDefaults()
	found.log = c.Logger
	origin, base, _ := splitAddress(c.Address) // which check has read
	p := &Portal{searchTime: maxSearchTime, config: c, records: found, base: base, byID: c.Registrar.Policy().UseSoftwareIDAsApplicationName}
	if c.Directory != nil {
		d := *c.Directory
		d.RedirectURI, d.AfterSignOut = origin+base+pathAnswer, origin+base+pathSignedOut
		d.Algorithms, d.Clock, d.Random = c.Registrar.Policy().SigningAlgorithms, c.Clock, c.Random
		if d.Claims.Operator == "" {
			d.Claims.Operator = c.Operators.Claim
		}
		var err error
		if p.signIn, err = signin.New(d); err != nil {
			return nil, fmt.Errorf("portal: Directory: %w", err)
		}
	}
	var err error
	if p.pages, err = newPages(p); err != nil {
		return nil, err
	}
	p.sessions = newSessions(sessionStore{records: found, clock: c.Clock, lifetime: c.Lifetime}, p.storeFailed)
	if p.handler, err = p.handle(origin); err != nil {
		return nil, err
	}
	return p, nil
}

// Handler serves every page, under the path of Config.Address. It answers 404 for other paths.
func (p *Portal) Handler() http.Handler { return p.handler }

// Check asks whether the directory can be read, as signin.SignIn.Check does. It is nil with a
// sign-in of the bank's own.
func (p *Portal) Check(ctx context.Context) error {
	if p.signIn == nil {
		return nil
	}
	return p.signIn.Check(ctx)
}

// purgeBatch is how many sessions Run forgets at a time.
const purgeBatch = 200

// Run forgets sessions that have ended, every so often, until the context ends. The Run of a
// server.Bank over the same Store does so too: it is for a program that has no such Bank.
func (p *Portal) Run(ctx context.Context, every time.Duration) {
	ticks := time.NewTicker(every)
	defer ticks.Stop()
	for {
		for {
			forgotten, err := p.records.purgeSessions(ctx, purgeBatch)
			if err != nil && ctx.Err() == nil {
				p.config.Logger.Error("sessions of the portal cannot be forgotten", "error", text.Bounded{Err: err})
			}
			if err != nil || forgotten < purgeBatch {
				break
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
	}
}

// The paths of pages, after the base.
const (
	pathStart        = "/"
	pathStyle        = "/style.css"
	pathLogo         = "/logo"
	pathIcon         = "/icon.svg"
	pathSignIn       = "/sign-in"
	pathAnswer       = "/sign-in/answer"
	pathSignOut      = "/sign-out"
	pathSignedOut    = "/signed-out"
	pathApplications = "/applications"
	pathAdd          = "/applications/add"
	pathApprovals    = "/approvals"
)

// access says who may see a page.
type access int

const (
	forAll access = iota
	forMembers
	forOperators
)

// route is a page: its pattern, and who may see it.
type route struct {
	pattern string
	access  access
}

// handle makes the handler of all pages. Style and pictures need no session, and so no store.
func (p *Portal) handle(origin string) (http.Handler, error) {
	mux := http.NewServeMux()
	add := func(who access, guard func(func(*visit) error) http.HandlerFunc) func(string, func(*visit) error) {
		return func(pattern string, do func(*visit) error) {
			p.routes = append(p.routes, route{pattern, who})
			mux.HandleFunc(pattern, guard(do))
		}
	}
	public, member := add(forAll, p.public), add(forMembers, p.member)
	public("GET /{$}", (*visit).start)
	p.routeSignIn(mux, public)
	public("POST "+pathSignOut, (*visit).signOut)
	public("GET "+pathSignedOut, (*visit).signedOut)
	member("GET "+pathApplications, (*visit).list)
	p.routeApplications(member)
	p.routeOperators(add(forOperators, p.operator))
	public("/", (*visit).nothing)
	safe := http.NewCrossOriginProtection()
	if err := safe.AddTrustedOrigin(origin); err != nil {
		return nil, fmt.Errorf("portal: Address: %w", err)
	}
	refused := p.public((*visit).crossOrigin)
	safe.SetDenyHandler(refused)

	all := http.NewServeMux()
	all.HandleFunc("GET "+pathStyle, p.pages.serveStyle)
	all.HandleFunc("GET "+pathLogo, p.pages.serveLogo)
	all.HandleFunc("GET "+pathIcon, p.pages.serveIcon)
	all.Handle("/", p.sessions.LoadAndSave(overTLS(safe.Handler(mux), refused)))
	return contain.Handler(p.config.Logger, p.framed(all)), nil
}

// overTLS refuses a form of a page that came over plain HTTP, which somebody on the network can
// write. Browsers that send no Sec-Fetch-Site are judged by Origin, of which CrossOriginProtection
// compares the host and not the scheme.
func overTLS(next, refused http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Sec-Fetch-Site") == "" && strings.HasPrefix(strings.ToLower(r.Header.Get("Origin")), "http:") {
			refused.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// routeSignIn adds the paths of the sign-in.
func (p *Portal) routeSignIn(mux *http.ServeMux, handle func(string, func(*visit) error)) {
	if p.signIn == nil {
		mux.Handle(pathSignIn, p.config.SignIn)
		mux.Handle(pathSignIn+"/", p.config.SignIn)
		return
	}
	handle("GET "+pathSignIn, (*visit).beginSignIn)
	handle("GET "+pathAnswer, (*visit).finishSignIn)
}

// framed sets what each answer has, takes the base off the path, and bounds the body. A path
// that is not in its plain form has no page: a mux would redirect to the plain form, and lose
// the base.
func (p *Portal) framed(next http.Handler) http.Handler {
	next = http.StripPrefix(p.base, next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		setHeaders(w.Header())
		switch escaped := r.URL.EscapedPath(); {
		case escaped == p.base: // StripPrefix would leave no path
			http.Redirect(w, r, p.base+"/", http.StatusSeeOther)
			return
		case !strings.HasPrefix(escaped, p.base+"/"), !isPlain(r.URL.Path):
			http.NotFound(w, r)
			return
		}
		r = r.WithContext(context.WithValue(r.Context(), portalKey{}, p))
		body := r.Body
		r.Body = http.MaxBytesReader(w, body, maxBody)
		next.ServeHTTP(w, r)
		_, _ = io.CopyN(io.Discard, body, maxDiscarded) // an error means that the browser has gone
	})
}

// isPlain reports whether a path is in its plain form: no part of it is empty, but the last,
// and none is a dot or two.
func isPlain(p string) bool {
	return strings.TrimSuffix(path.Clean(p), "/") == strings.TrimSuffix(p, "/")
}

// maxDiscarded is how much of a form that is too large is read and thrown away. A browser whose
// connection is closed before it has sent everything shows no answer.
const maxDiscarded = 16 << 20

// maxBody is the greatest length of a form: a statement of 64 KiB, escaped, and the rest.
const maxBody = 512 << 10

// setHeaders sets the headers of every answer. No page has a script, and a style or a picture
// only from the portal itself.
func setHeaders(h http.Header) {
	text.NoStore(h)
	for name, value := range map[string]string{
		"Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; " +
			"frame-ancestors 'none'; base-uri 'none'",
		"X-Content-Type-Options":       "nosniff",
		"X-Frame-Options":              "DENY",
		"Referrer-Policy":              "same-origin", // with no-referrer a form would be sent without its origin
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Permissions-Policy":           "camera=(), geolocation=(), microphone=(), payment=()",
	} {
		h.Set(name, value)
	}
}

// back returns a path of the portal to go on at: the given one if it is one, else that of the
// first page. Nobody comes back to a sign-in.
func (p *Portal) back(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" || !strings.HasPrefix(address, p.base+"/") ||
		strings.ContainsAny(address, "\\\r\n\t") || len(address) > 500 || !isPlain(u.Path) || strings.HasPrefix(u.Path, p.base+pathSignIn) {
		return p.base + pathApplications
	}
	return u.RequestURI()
}
