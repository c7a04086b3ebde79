package portal

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/portal/signin"
	"github.com/obdcr/obdcr/internal/text"
)

// start is the first page: what the portal is, and the way in.
func (v *visit) start() error {
	if v.person != nil {
		return v.redirect(v.path("applications"))
	}
	v.show(http.StatusOK, "start", "Register your application", v.config.LintPage)
	return nil
}

// askToSignIn answers somebody who is not signed in, or not any more. A form that was sent
// meanwhile is kept on the page, to be sent again after the sign-in.
func (v *visit) askToSignIn() error {
	if v.r.Method != http.MethodPost {
		return v.redirect(v.signInPath(v.base + v.r.URL.RequestURI()))
	}
	if err := v.parseForm(); err != nil {
		return err
	}
	kept := expiredForm{Action: v.base + v.r.URL.EscapedPath()}
	for name, values := range v.r.PostForm {
		for _, value := range values {
			kept.Fields = append(kept.Fields, formField{name, value})
		}
	}
	if v.r.MultipartForm != nil { // its values are in PostForm
		for name := range v.r.MultipartForm.File {
			content, err := v.upload(name)
			if err != nil {
				return err
			}
			if content != "" {
				kept.Fields = append(kept.Fields, formField{name + fileSuffix, content})
			}
		}
	}
	slices.SortStableFunc(kept.Fields, formField.compare)
	v.show(http.StatusUnauthorized, "expired", "Your session has ended", kept)
	return nil
}

// signInPath is where the sign-in begins that leads back to a path.
func (p *Portal) signInPath(back string) string {
	return p.base + pathSignIn + "?" + url.Values{"back": {back}}.Encode()
}

// beginSignIn sends the browser to the directory.
func (v *visit) beginSignIn() error {
	if err := v.signIn.Begin(v.w, v.r, v.back(v.r.FormValue("back"))); err != nil {
		return v.signInFailure(err)
	}
	return nil
}

// finishSignIn takes the directory's answer.
func (v *visit) finishSignIn() error {
	identity, err := v.signIn.Finish(v.w, v.r)
	if err != nil {
		return v.signInFailure(err)
	}
	s := v.personOf(identity)
	if identity.EmailUnverified { // it may be the address of a colleague, by which the audit trail would know the person
		v.deny(signedIn{}, "the directory says that the address is not verified")
		return errUnverified
	}
	if !s.Operator && !identity.Associated {
		v.deny(s, "the person is not associated with a TPP")
		return errNotAssociated
	}
	if !s.Operator && len(s.Organisations) == 0 { // or the bank reads another claim than the directory has
		v.deny(s, "the directory tells no organisation of the person")
		v.config.Logger.WarnContext(v.ctx(), "the directory says that a person acts for a TPP, and not for which organisations: "+
			"compare the claim of the organisations with what the directory sends")
		return errNoOrganisation
	}
	if err := v.admit(v.ctx(), s); err != nil {
		return err
	}
	return v.redirect(v.back(identity.Back))
}

// personOf makes the person of what the directory tells.
func (p *Portal) personOf(i signin.EndUser) signedIn {
	s := signedIn{Person: Person{Email: foldEmail(i.Email), Name: i.Name, Issuer: i.Issuer, Subject: i.Subject},
		Verified: i.EmailVerified, Claimed: text.Keep(i.Operator, p.config.Operators.Values), IDToken: i.IDToken.Reveal()}
	if i.Associated {
		s.Organisations = i.Organisations
	}
	s.Operator = p.isOperator(&s)
	return s
}

// isOperator reports whether the configuration makes an operator of somebody whom the directory
// signed in.
func (p *Portal) isOperator(s *signedIn) bool {
	listed := s.Verified && slices.ContainsFunc(p.config.Operators.Emails, func(e string) bool { return foldEmail(e) == s.Email })
	return listed || slices.ContainsFunc(s.Claimed, func(value string) bool { return slices.Contains(p.config.Operators.Values, value) })
}

// deny leaves a note of a sign-in that the bank refused.
func (v *visit) deny(s signedIn, why string) {
	v.config.Registrar.Note(dcr.WithActor(v.ctx(), s.actor()), dcr.Note{Operation: opSignIn, Decision: dcr.DecisionDenied, Reason: why})
}

// errNotAssociated is for somebody who acts for no TPP.
var errNotAssociated = &failure{http.StatusForbidden, "You are not associated with a TPP",
	"You have signed in at the directory, but it does not say that you act for a third-party provider. " +
		"Ask your organisation's administrator at the directory to make you a technical contact, and sign in again.", false}

// errNoOrganisation is for somebody who acts for a TPP that the directory does not name.
var errNoOrganisation = &failure{http.StatusForbidden, "The directory does not say for which organisation you act",
	"You have signed in, and the directory says that you act for a third-party provider, but not for which one. " +
		"Tell the bank: it has to see which organisations are yours.", false}

// errUnverified is for somebody whose address may be another one's.
var errUnverified = &failure{http.StatusForbidden, "Your e-mail address is not verified",
	"The directory says that nobody has shown that the address is yours. Verify it at the directory, and sign in again.", false}

// signInFailure says how a sign-in failed. The audit trail has the cause, of nobody's name: what
// the directory said of the person is not known, or not trusted.
func (v *visit) signInFailure(err error) error {
	cause := text.Bounded{Err: err}
	v.config.Logger.WarnContext(v.ctx(), "a sign-in failed", "error", cause)
	if v.failedSignIns.admits(v.config.Clock()) {
		v.deny(signedIn{}, cause.Error())
	}
	switch {
	case errors.Is(err, signin.ErrUnavailable):
		return &failure{http.StatusServiceUnavailable, "The directory does not answer", "You cannot sign in at the moment. Try again in a minute.", false}
	case errors.Is(err, signin.ErrDeclined):
		return &failure{http.StatusForbidden, "You were not signed in", "The directory ended the sign-in. Begin it again if you did not mean to stop.", false}
	case errors.Is(err, signin.ErrState):
		return &failure{http.StatusBadRequest, "This sign-in cannot be completed",
			"It was begun in another browser, was completed before, or took too long. Begin it again.", false}
	case errors.Is(err, signin.ErrSecondFactor):
		return &failure{http.StatusForbidden, "The second factor is missing", "This bank asks for a second factor at the directory. Sign in again with it.", false}
	case errors.Is(err, signin.ErrToken):
		return &failure{http.StatusBadGateway, "The directory's answer cannot be trusted",
			"You were not signed in. Begin again; if it fails once more, tell the bank.", false}
	}
	return err
}

// maxNoted is how many failed sign-ins a process notes in the audit trail in a minute. Anybody can
// make sign-ins fail, and must not fill the store by it; the log has all of them.
const maxNoted = 60

// allowance admits so many things a minute.
type allowance struct {
	mu       sync.Mutex
	since    time.Time
	admitted int
}

func (a *allowance) admits(now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if age := now.Sub(a.since); age < 0 || age >= time.Minute {
		a.since, a.admitted = now, 0
	}
	a.admitted++
	return a.admitted <= maxNoted
}

// signOut ends the session here, and leads on to the sign-out of the directory or of the bank's
// own sign-in.
func (v *visit) signOut() error {
	if v.person == nil {
		return v.redirect(v.base + pathSignedOut)
	}
	if err := v.sessions.Destroy(v.ctx()); err != nil {
		return err
	}
	v.config.Registrar.Note(v.ctx(), dcr.Note{Operation: opSignOut, Decision: dcr.DecisionDone})
	idToken := v.person.idToken()
	v.person = nil
	next := v.config.SignOut
	if v.signIn != nil {
		next, _ = v.signIn.EndAddress(v.r, idToken)
	}
	if next == "" {
		return v.redirect(v.base + pathSignedOut)
	}
	// A redirect would be an answer to a form, which the policy of the page keeps at this site.
	v.w.Header().Set("Refresh", "0; url="+next)
	v.show(http.StatusOK, "signing-out", "You are signed out here", next)
	return nil
}

func (v *visit) signedOut() error {
	v.show(http.StatusOK, "signed-out", "You are signed out", nil)
	return nil
}

// expiredForm is a form that came after its session had ended.
type expiredForm struct {
	Action string
	Fields []formField
}

// formField is a field of a form.
type formField struct{ Name, Value string }

func (f formField) compare(other formField) int {
	if f.Name < other.Name {
		return -1
	}
	if f.Name > other.Name {
		return 1
	}
	return 0
}

// fileSuffix ends the name of the field that stands for a file of a form that is sent again.
const fileSuffix = "-content"
