package portal_test

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/portal"
	chromium "github.com/obdcr/obdcr/internal/browser"
	"github.com/obdcr/obdcr/internal/realtest"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// down makes the directory's sign-in answer nothing that helps.
func down(w http.ResponseWriter, r *http.Request) bool {
	if strings.HasPrefix(r.UserAgent(), "Mozilla/") {
		return false // the pages are there, and what the bank asks for is not
	}
	http.Error(w, "out of order", http.StatusServiceUnavailable)
	return true
}

// TestBrowserASignInThatFails has a page of its cause, and nobody is signed in.
func TestBrowserASignInThatFails(t *testing.T) {
	if !realtest.Asked(t, "Chromium") {
		return
	}
	w := newWorld(t, options{directory: true})
	w.account(t, ssatest.Account{Email: "out@tpp.example", Code: "123456"})
	w.account(t, ssatest.Account{Email: "weak@tpp.example", Associated: true, Organisations: []string{orgOne}})
	for name, c := range map[string]struct {
		email, button, title string
		faults               ssatest.ProviderFaults
		status               int
	}{
		"not associated":   {email: "out@tpp.example", title: "You are not associated with a TPP", status: http.StatusForbidden},
		"no second factor": {email: "weak@tpp.example", title: "The second factor is missing", status: http.StatusForbidden},
		"given up":         {button: "cancel", title: "You were not signed in", status: http.StatusForbidden},
		"another state": {faults: ssatest.ProviderFaults{Redirect: func(p map[string]string) { p["state"] = strings.Repeat("A", 43) }},
			title: "This sign-in cannot be completed", status: http.StatusBadRequest},
		"the directory goes down": {faults: ssatest.ProviderFaults{Serve: down}, title: "The directory does not answer", status: http.StatusServiceUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			defer w.directory.SignIn().Misbehave(ssatest.ProviderFaults{})
			s := w.surf(t, chromium.Options{NoScript: true})
			s.goTo("/")
			if c.email == "weak@tpp.example" { // the password completes it
				s.Follow("main a.button")
				s.Fill("#email", c.email)
				s.Fill("#password", "correct horse")
				require.Equal(t, c.status, s.Follow("button[value=continue]"))
			} else {
				email, button := annaEmail, "continue"
				if c.email != "" {
					email = c.email
				}
				if c.button != "" {
					button = c.button
				}
				s.entersDirectory(email)
				w.directory.SignIn().Misbehave(c.faults)
				s.Fill("#code", "123456")
				require.Equal(t, c.status, s.Follow("button[value="+button+"]"))
			}
			s.sees(c.title, "Sign in")
			notes := w.notes(t)
			require.NotEmpty(t, notes)
			assert.Contains(t, notes[len(notes)-1], "sign_in denied", "the audit trail tells")
			s.wellBehaved()
			w.directory.SignIn().Misbehave(ssatest.ProviderFaults{})
			require.Equal(t, http.StatusOK, s.Follow("main a.button"), "the way to begin again")
			assert.True(t, strings.HasPrefix(s.URL(), w.directory.URL()), "nobody is signed in: %s", s.URL())
		})
	}
	assert.NotContains(t, strings.Join(w.notes(t), "\n"), "done")
	assert.Contains(t, strings.Join(w.notes(t), "\n"), "sign_in denied contact the person is not associated with a TPP")
}

// TestBrowserADirectoryThatIsDownBeforeTheSignIn has a page, and the way on once it is there again.
func TestBrowserADirectoryThatIsDownBeforeTheSignIn(t *testing.T) {
	if !realtest.Asked(t, "Chromium") {
		return
	}
	clock := &hands{}
	w := newWorld(t, options{directory: true, portal: func(c *portal.Config) { c.Clock = clock.now }})
	w.directory.SignIn().Misbehave(ssatest.ProviderFaults{Serve: down})
	s := w.surf(t, chromium.Options{})
	require.Equal(t, http.StatusServiceUnavailable, s.goTo("/applications"))
	s.sees("The directory does not answer")
	s.usable("")
	w.directory.SignIn().Misbehave(ssatest.ProviderFaults{})
	clock.advance(time.Minute) // as the page says
	require.Equal(t, http.StatusOK, s.signsIn(annaEmail))
	s.sees("Applications")
}

// TestBrowserAnAnswerOfTheDirectoryCountsOnce: the address with the code is in the history.
func TestBrowserAnAnswerOfTheDirectoryCountsOnce(t *testing.T) {
	if !realtest.Asked(t, "Chromium") {
		return
	}
	w := newWorld(t, options{directory: true})
	s := w.surf(t, chromium.Options{})
	s.goTo("/applications/add")
	// The sign-in began by itself, and leads back to where the person wanted to go.
	s.Fill("#email", annaEmail)
	s.Fill("#password", "correct horse")
	s.Follow("button[value=continue]")
	s.Fill("#code", "123456")
	require.Equal(t, http.StatusOK, s.Follow("button[value=continue]"))
	s.sees("Add application")
	answer := ""
	for _, a := range s.Responses() {
		if strings.Contains(a.URL, "/sign-in/answer?") {
			answer = a.URL
		}
	}
	require.NotEmpty(t, answer)
	require.Equal(t, http.StatusBadRequest, s.Open(answer))
	s.sees("This sign-in cannot be completed", "Anna Ångström")
	other := w.surf(t, chromium.Options{})
	require.Equal(t, http.StatusBadRequest, other.Open(answer))
	other.sees("This sign-in cannot be completed")
	notes := w.notes(t)
	require.Len(t, notes, 3)
	assert.Equal(t, "sign_in done contact first sign-in", notes[0])
	for _, note := range notes[1:] {
		assert.Contains(t, note, "sign_in denied contact signin: the answer belongs to no sign-in that was begun in this browser")
	}
	cookies := s.Cookies()
	require.Len(t, cookies, 1, "that of the sign-in is gone")
	assert.Equal(t, chromium.Cookie{Name: "__Host-obdcr", Value: cookies[0].Value, Domain: "127.0.0.1", Path: "/", Secure: true, HTTPOnly: true, SameSite: "Lax",
		Session: cookies[0].Session}, cookies[0])
}

// TestBrowserFormsAndFramesOfAnotherSite cannot act for a person.
func TestBrowserFormsAndFramesOfAnotherSite(t *testing.T) {
	if !realtest.Asked(t, "Chromium") {
		return
	}
	w := newWorld(t, options{})
	w.contact("ada", orgOne)
	other := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(rw, `<!doctype html><html lang="en"><title>Win</title><link rel="icon" href="data:,"><form method="post" action="`+w.address+`/sign-out"><button>Win</button></form>
			<iframe title="x" src="`+w.address+`/"></iframe>`)
	}))
	other.Config.ErrorLog = log.New(io.Discard, "", 0)
	other.StartTLS()
	t.Cleanup(other.Close)
	s := w.surf(t, chromium.Options{})
	s.goTo("/sign-in?as=ada")
	s.sees("Applications")
	s.Open(strings.Replace(other.URL, "127.0.0.1", "localhost", 1))
	assert.Contains(t, strings.Join(s.Complaints(), "\n"), "frame-ancestors", "the portal is in no frame")
	require.Equal(t, http.StatusForbidden, s.Follow("button"))
	s.sees("This form came from another site", "Nothing was changed")
	s.Complaints() // of the frame, once more
	require.Equal(t, http.StatusOK, s.goTo("/applications"))
	s.sees("Applications", "Ada")
}
