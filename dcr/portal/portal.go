package portal

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/obdcr/obdcr/dcr/portal/signin"
	"github.com/obdcr/obdcr/internal/text"
)

// Portal serves the pages. Only New makes one that works. It is safe for concurrent use.
type Portal struct {
	config   Config
	records  records
	base     string         // what the path of each page begins with
	signIn   *signin.SignIn // nil with a sign-in of the bank's own
	sessions *scs.SessionManager
	pages    *pages
	handler  http.Handler
	byID     bool // the policy names applications after their software_id
}

// New makes a portal. The error names every field that is missing or wrong, with what to do
// about it.
func New(c Config) (*Portal, error) {
	found, errStore := recordsOf(c.Store)
	if err := errors.Join(c.check(), errStore, c.Look.check()); err != nil {
		return nil, err
	}
	c.setDefaults()
	origin, base, _ := splitAddress(c.Address) // which check has read
	p := &Portal{config: c, records: found, base: base, byID: c.Registrar.Policy().UseSoftwareIDAsApplicationName}
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
	p.sessions = newSessions(sessionStore{sessions: found.sessions, clock: c.Clock, lifetime: c.Lifetime}, p.storeFailed)
	if p.handler, err = p.route(origin); err != nil {
		return nil, err
	}
	return p, nil
}

// Handler serves every page, under the path of Config.Address. It answers 404 for other paths.
func (p *Portal) Handler() http.Handler { return p.handler }

// purgeBatch is how many sessions Run forgets at a time.
const purgeBatch = 200

// Run forgets sessions that have ended, every so often, until the context ends.
func (p *Portal) Run(ctx context.Context, every time.Duration) {
	ticks := time.NewTicker(every)
	defer ticks.Stop()
	for {
		for {
			forgotten, err := p.records.sessions.PurgeSessions(ctx, purgeBatch)
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

// route makes the handler of all pages.
func (p *Portal) route(origin string) (http.Handler, error) {
	mux := http.NewServeMux()
	handle := func(pattern string, do func(*visit) error) { mux.HandleFunc(pattern, p.public(do)) }
	member := func(pattern string, do func(*visit) error) { mux.HandleFunc(pattern, p.member(do)) }
	operator := func(pattern string, do func(*visit) error) { mux.HandleFunc(pattern, p.operator(do)) }
	mux.HandleFunc("GET "+pathStyle, p.pages.serveStyle)
	mux.HandleFunc("GET "+pathLogo, p.pages.serveLogo)
	mux.HandleFunc("GET "+pathIcon, p.pages.serveIcon)
	handle("GET /{$}", (*visit).start)
	p.routeSignIn(mux, handle)
	handle("POST "+pathSignOut, (*visit).signOut)
	handle("GET "+pathSignedOut, (*visit).signedOut)
	member("GET "+pathApplications, (*visit).list)
	p.routeApplications(member)
	p.routeOperators(operator)
	handle("/", (*visit).nothing)
	safe := http.NewCrossOriginProtection()
	if err := safe.AddTrustedOrigin(origin); err != nil {
		return nil, fmt.Errorf("portal: Address: %w", err)
	}
	safe.SetDenyHandler(http.HandlerFunc(p.public((*visit).crossOrigin)))
	return p.framed(p.sessions.LoadAndSave(safe.Handler(mux))), nil
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

// framed sets what each answer has, takes the base off the path, and bounds the body.
func (p *Portal) framed(next http.Handler) http.Handler {
	next = http.StripPrefix(p.base, next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		setHeaders(w.Header())
		switch path := r.URL.EscapedPath(); {
		case path == p.base: // StripPrefix would leave no path
			http.Redirect(w, r, p.base+"/", http.StatusSeeOther)
			return
		case !strings.HasPrefix(path, p.base+"/"):
			http.NotFound(w, r)
			return
		}
		r = r.WithContext(context.WithValue(r.Context(), portalKey{}, p))
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		next.ServeHTTP(w, r)
	})
}

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
// first page.
func (p *Portal) back(path string) string {
	u, err := url.Parse(path)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" || !strings.HasPrefix(path, p.base+"/") ||
		strings.HasPrefix(path, "//") || strings.ContainsAny(path, "\\\r\n\t") || len(path) > 500 {
		return p.base + pathApplications
	}
	return u.RequestURI()
}
