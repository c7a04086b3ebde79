package ssatest

import (
	"crypto/rand"
	"crypto/subtle"
	_ "embed" // for the pages
	"html/template"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

//go:embed provider.html
var pagesText string

//go:embed provider.css
var styleText []byte

var pages = sync.OnceValue(func() *template.Template { return template.Must(template.New("").Parse(pagesText)) })

// maxFailures is how often a password or a code may be wrong in one sign-in.
const maxFailures = 5

// page is what the template of a page shows.
type page struct {
	Title    string
	ID       string // of the sign-in
	Client   string
	Email    string
	Error    string // what is wrong with what was sent
	Hints    []Account
	Hint     string // the code
	Complain string // why there is no sign-in
}

// style serves the style sheet.
func style(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	_, _ = w.Write(styleText)
}

// show answers with a page. Browsers apply form-action to the redirect that answers a form too,
// so it names the bank beside the directory.
func show(w http.ResponseWriter, status int, name, redirectURI string, p *page) {
	action := "'self'"
	if u, err := url.Parse(redirectURI); err == nil && u.Host != "" {
		action += " " + u.Scheme + "://" + u.Host
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; form-action "+action+"; frame-ancestors 'none'; base-uri 'none'")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "same-origin")
	w.WriteHeader(status)
	_ = pages().ExecuteTemplate(w, name, p) // an error means that the client has hung up
}

// complainAbout answers with a page that leads nowhere.
func complainAbout(w http.ResponseWriter, what string) {
	show(w, http.StatusBadRequest, "complaint", "", &page{Title: "This sign-in cannot go on", Complain: what})
}

// authorize begins a sign-in (OIDC Core section 3.1.2.1). A fault of the client or its
// redirect URI is shown to the person; any other goes to the bank.
func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	for name, values := range query {
		if len(values) > 1 {
			complainAbout(w, "the parameter "+name+" is there twice")
			return
		}
	}
	p.mu.Lock()
	client, ok := p.clients[query.Get("client_id")]
	p.mu.Unlock()
	s := &openSignIn{client: client, redirectURI: query.Get("redirect_uri"), state: query.Get("state"), nonce: query.Get("nonce"),
		challenge: query.Get("code_challenge")}
	if !ok || !slices.Contains(client.RedirectURIs, s.redirectURI) {
		complainAbout(w, "the bank is not known, or has not registered its redirect_uri")
		return
	}
	if refusal := refuseRequest(query); refusal != "" {
		p.redirect(w, r, s, map[string]string{"error": refusal})
		return
	}
	id := rand.Text()
	p.mu.Lock()
	p.keep(p.open, id, s, p.config.Clock().Add(openLife))
	p.mu.Unlock()
	p.showPassword(w, http.StatusOK, id, s, "", "")
}

// refuseRequest returns the error code for an authorization request, or "".
func refuseRequest(query url.Values) string {
	switch {
	case query.Get("response_type") != "code":
		return "unsupported_response_type"
	case !slices.Contains(strings.Fields(query.Get("scope")), "openid"):
		return "invalid_scope"
	case query.Get("code_challenge_method") != "S256" || len(query.Get("code_challenge")) != 43:
		return "invalid_request"
	case slices.Contains(strings.Fields(query.Get("prompt")), "none"):
		return "login_required"
	}
	return ""
}

// showPassword shows the page with email and password.
func (p *Provider) showPassword(w http.ResponseWriter, status int, id string, s *openSignIn, email, wrong string) {
	one := &page{Title: "Sign in to the directory", ID: id, Client: s.client.ID, Email: email, Error: wrong}
	if p.config.Hints {
		p.mu.Lock()
		one.Hints = slices.SortedFunc(maps.Values(p.accounts), func(a, b Account) int { return strings.Compare(a.Email, b.Email) })
		p.mu.Unlock()
	}
	show(w, status, "password", s.redirectURI, one)
}

// showCode shows the page with the second factor.
func (p *Provider) showCode(w http.ResponseWriter, status int, id string, s *openSignIn, a *Account, wrong string) {
	one := &page{Title: "Enter your code", ID: id, Client: s.client.ID, Email: a.Email, Error: wrong}
	if p.config.Hints {
		one.Hint = a.Code
	}
	show(w, status, "code", s.redirectURI, one)
}

// formOf reads a form and finds the sign-in that it belongs to. It returns nil after it has
// answered: for a sign-in that is unknown, and for a person who gives up.
func (p *Provider) formOf(w http.ResponseWriter, r *http.Request) (string, *openSignIn) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		complainAbout(w, "the form cannot be read")
		return "", nil
	}
	id := r.PostForm.Get("sign_in")
	p.mu.Lock()
	s := p.open[id]
	if s != nil && p.config.Clock().After(s.until) {
		s = nil
	}
	p.mu.Unlock()
	if s == nil {
		complainAbout(w, "the sign-in was completed or took too long; go back to the bank and begin again")
		return "", nil
	}
	if r.PostForm.Get("do") == "cancel" {
		p.giveUp(w, r, id, s)
		return "", nil
	}
	return id, s
}

// giveUp ends a sign-in without a code.
func (p *Provider) giveUp(w http.ResponseWriter, r *http.Request, id string, s *openSignIn) {
	p.mu.Lock()
	delete(p.open, id)
	p.mu.Unlock()
	p.redirect(w, r, s, map[string]string{"error": "access_denied"})
}

// password takes email and password.
func (p *Provider) password(w http.ResponseWriter, r *http.Request) {
	id, s := p.formOf(w, r)
	if s == nil {
		return
	}
	email := strings.TrimSpace(r.PostForm.Get("email"))
	p.mu.Lock()
	account, ok := p.accounts[strings.ToLower(email)]
	right := ok && equal(account.Password, r.PostForm.Get("password"))
	switch {
	case right && p.open[id] == s: // else another request has completed it meanwhile
		s.account, s.passed = account, true
	case !right:
		s.failures++
	}
	failures := s.failures
	p.mu.Unlock()
	switch {
	case failures >= maxFailures:
		p.giveUp(w, r, id, s)
	case !right:
		p.showPassword(w, http.StatusUnprocessableEntity, id, s, email, "The email address or the password is wrong")
	case account.Code == "":
		p.complete(w, r, id, s, account)
	default:
		p.showCode(w, http.StatusOK, id, s, &account, "")
	}
}

// code takes the second factor.
func (p *Provider) code(w http.ResponseWriter, r *http.Request) {
	id, s := p.formOf(w, r)
	if s == nil {
		return
	}
	p.mu.Lock()
	passed, account := s.passed, s.account
	right := passed && equal(account.Code, strings.TrimSpace(r.PostForm.Get("code")))
	if !right {
		s.failures++
	}
	failures := s.failures
	p.mu.Unlock()
	switch {
	case failures >= maxFailures:
		p.giveUp(w, r, id, s)
	case !passed:
		p.showPassword(w, http.StatusUnprocessableEntity, id, s, "", "Enter your email address and your password first")
	case !right:
		p.showCode(w, http.StatusUnprocessableEntity, id, s, &account, "The code is wrong")
	default:
		p.complete(w, r, id, s, account)
	}
}

func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// complete gives the code for a person who has signed in: the one whose factors were looked at,
// whatever another request has entered since.
func (p *Provider) complete(w http.ResponseWriter, r *http.Request, id string, s *openSignIn, account Account) {
	code := rand.Text()
	p.mu.Lock()
	if p.open[id] != s { // another request has completed it
		p.mu.Unlock()
		complainAbout(w, "the sign-in was completed; go back to the bank and begin again")
		return
	}
	delete(p.open, id)
	s.account, s.at = account, p.config.Clock().Truncate(time.Second)
	p.keep(p.codes, code, s, s.at.Add(codeLife))
	p.mu.Unlock()
	p.redirect(w, r, s, map[string]string{"code": code})
}

// redirect sends the browser back to the bank, with state and iss (RFC 9207).
func (p *Provider) redirect(w http.ResponseWriter, r *http.Request, s *openSignIn, parameters map[string]string) {
	parameters["iss"] = p.config.URL
	if s.state != "" {
		parameters["state"] = s.state
	}
	p.mu.Lock()
	if change := p.faults.Redirect; change != nil {
		change(parameters)
	}
	p.mu.Unlock()
	u, err := url.Parse(s.redirectURI)
	if err != nil {
		complainAbout(w, "the redirect_uri of the bank is no address")
		return
	}
	query := u.Query()
	for name, value := range parameters {
		query.Set(name, value)
	}
	u.RawQuery = query.Encode()
	http.Redirect(w, r, u.String(), http.StatusSeeOther)
}

// end signs out (OIDC RP-Initiated Logout section 2). There is no session to end: it leads
// back to an address that the bank has registered, or says that the person is signed out.
func (p *Provider) end(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	p.mu.Lock()
	client, ok := p.clients[query.Get("client_id")]
	p.mu.Unlock()
	after := query.Get("post_logout_redirect_uri")
	switch {
	case after == "":
		show(w, http.StatusOK, "end", "", &page{Title: "You have signed out"})
	case !ok || !slices.Contains(client.AfterSignOut, after):
		complainAbout(w, "the bank is not known, or has not registered its post_logout_redirect_uri")
	default:
		http.Redirect(w, r, after, http.StatusSeeOther)
	}
}
