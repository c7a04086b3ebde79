package portal_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	chromium "github.com/obdcr/obdcr/internal/browser"
	"github.com/obdcr/obdcr/internal/realtest"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/validate"
)

// newSurfer is a world with a contact, who is signed in.
func newSurfer(t *testing.T, o options) (*world, *surfer) {
	t.Helper()
	w := newWorld(t, o)
	w.contact("ada", orgOne)
	s := w.surf(t, chromium.Options{})
	s.goTo("/sign-in?as=ada")
	s.sees("Applications")
	return w, s
}

// TestBrowserAStatementThatIsOfNoUse has a page that says why, and registers nothing.
func TestBrowserAStatementThatIsOfNoUse(t *testing.T) {
	if !realtest.Asked(t, "Chromium") {
		return
	}
	w, s := newSurfer(t, options{})
	foreign, err := ssatest.New(ssatest.Options{Issuer: "Another Directory"})
	require.NoError(t, err)
	t.Cleanup(foreign.Close)
	production, err := ssatest.New(ssatest.Options{Environment: claims.Production})
	require.NoError(t, err)
	t.Cleanup(production.Close)
	of := func(d *ssatest.Directory) string {
		software, err := d.NewSoftware(ssatest.SoftwareOptions{OrgID: orgOne})
		require.NoError(t, err)
		return ssaOf(t, software, nil)
	}
	own := w.software(t, ssatest.SoftwareOptions{})
	for name, c := range map[string]struct {
		statement string
		status    int
		says      []string
	}{
		"of another directory":     {of(foreign), http.StatusOK, []string{"unknown issuer", "The bank would refuse it"}},
		"of production":            {of(production), http.StatusOK, []string{"The bank would refuse it"}},
		"too old":                  {ssaOf(t, own, map[string]any{"iat": time.Now().Add(-91 * 24 * time.Hour).Unix()}), http.StatusOK, []string{"91 days ago"}},
		"of another TPP":           {ssaOf(t, w.software(t, ssatest.SoftwareOptions{OrgID: orgTwo}), nil), http.StatusOK, []string{"you may not act for it"}},
		"no statement":             {"my statement", http.StatusBadRequest, []string{"There is a problem", "This is no software statement"}},
		"nothing":                  {"", http.StatusBadRequest, []string{"There is a problem", "Provide a software statement"}},
		"longer than 64 KiB":       {"eyJ" + strings.Repeat("a", 64<<10), http.StatusBadRequest, []string{"There is a problem", "longer than 64 KiB"}},
		"longer than any form has": {strings.Repeat("a", 600<<10), http.StatusRequestEntityTooLarge, []string{"That is too large", "Nothing was changed"}},
	} {
		s.goTo("/applications/add")
		s.Fill("#statement", c.statement)
		require.Equal(t, c.status, s.Follow("main form button"), name)
		for _, says := range c.says {
			assert.Contains(t, s.Text("main"), says, name)
		}
		assert.Zero(t, s.Count("button[value=add]"), name)
		if c.status != http.StatusRequestEntityTooLarge {
			s.beginsAtFaults()
		}
	}
	s.goTo("/applications/add")
	path := filepath.Join(t.TempDir(), "large.jwt")
	require.NoError(t, os.WriteFile(path, []byte("eyJ"+strings.Repeat("a", 100<<10)), 0o600))
	s.Upload("#statement-file", path)
	require.Equal(t, http.StatusBadRequest, s.Follow("main form button"))
	s.sees("Add application", "longer than 64 KiB")
	assert.Empty(t, w.clients(t))
}

// TestBrowserASessionThatEndsKeepsWhatWasEntered: it is sent again after a sign-in in another tab.
func TestBrowserASessionThatEndsKeepsWhatWasEntered(t *testing.T) {
	if !realtest.Asked(t, "Chromium") {
		return
	}
	w, s := newSurfer(t, options{policy: withSecrets})
	software := w.software(t, ssatest.SoftwareOptions{ClientName: "Budget & Co"})
	path := filepath.Join(t.TempDir(), "statement.jwt")
	require.NoError(t, os.WriteFile(path, []byte(ssaOf(t, software, nil)), 0o600))
	s.goTo("/applications/add")
	s.Upload("#statement-file", path)
	s.losesSession()
	s.sees("Check and add", "Budget & Co", "The directory signed this")
	s.Click(`input[name=redirect][value="` + software.RedirectURIs[0] + `"]`)
	s.Click("input[name=method][value=client_secret_basic]")
	s.losesSessionAt("button[value=add]")
	s.sees("The application was added", "Copy the secret now")
	made := w.clients(t)
	require.Len(t, made, 1)
	request, err := made[0].Request()
	require.NoError(t, err)
	assert.Equal(t, software.RedirectURIs[1:], request.RedirectURIs.Or(nil))
}

// losesSession sends the form of the page after the session has ended, signs in again, and sends
// what the page has kept.
func (s *surfer) losesSession() { s.t.Helper(); s.losesSessionAt("main form button") }

func (s *surfer) losesSessionAt(button string) {
	s.t.Helper()
	before := len(s.w.clients(s.t))
	s.ForgetCookies()
	require.Equal(s.t, http.StatusUnauthorized, s.Follow(button))
	s.sees("Your session has ended", "What you entered is kept on this page")
	require.Len(s.t, s.w.clients(s.t), before)
	s.Tab().Open(s.w.address + "/sign-in?as=ada")
	require.Equal(s.t, http.StatusOK, s.Follow("main form button"))
}

// TestBrowserADoubleClickAddsOnce, and so do a reload and a second tab.
func TestBrowserADoubleClickAddsOnce(t *testing.T) {
	if !realtest.Asked(t, "Chromium") {
		return
	}
	w, s := newSurfer(t, options{policy: func(p *validate.Policy) {
		withSecrets(p)
		p.Registrations = validate.RegistrationsOnePerSoftware
	}})
	software := w.software(t, ssatest.SoftwareOptions{})
	statement := ssaOf(t, software, nil)
	tab := &surfer{s.Tab(), t, w, false}
	for _, one := range []*surfer{s, tab} {
		one.goTo("/applications/add")
		one.reviews(statement)
	}
	s.Click("input[name=method][value=client_secret_basic]")
	require.Equal(t, http.StatusOK, s.FollowTwice("button[value=add]"))
	require.Len(t, w.clients(t), 1)
	s.sees("The application was added", "Copy the secret now")
	secret := secretOf(t, answer{body: s.HTML()})
	require.Equal(t, http.StatusOK, s.Reload())
	s.sees("The application was added", "Copy the secret now", secret)
	require.Len(t, w.clients(t), 1)

	status := tab.Follow("button[value=add]")
	require.GreaterOrEqual(t, status, 400)
	require.Less(t, status, 500)
	tab.sees("Check and add", "Nothing was changed", "already")
	require.Len(t, w.clients(t), 1)
}

// TestBrowserBackAfterADeletion: the pages of what is gone say so.
func TestBrowserBackAfterADeletion(t *testing.T) {
	if !realtest.Asked(t, "Chromium") {
		return
	}
	w, s := newSurfer(t, options{})
	made, _ := w.as(t, "ada").add(ssaOf(t, w.software(t, ssatest.SoftwareOptions{ClientName: "Budget & Co"}), nil), nil)
	tab := &surfer{s.Tab(), t, w, false}
	tab.goTo("/applications/" + made.ID + "/renew")
	s.goTo("/applications/" + made.ID)
	s.Follow(`main a[href$="/delete"]`)
	s.Fill("#confirm", "Budget & Co")
	require.Equal(t, http.StatusOK, s.Follow("main form button"))
	s.sees("The application was deleted")
	s.Back()
	s.sees("There is no such application")
	s.Back()
	s.sees("There is no such application")
	tab.Fill("#statement", ssaOf(t, w.software(t, ssatest.SoftwareOptions{}), nil))
	require.Equal(t, http.StatusNotFound, tab.Follow("main form button"))
	tab.sees("There is no such application")
	assert.Empty(t, w.clients(t))
	deletions := 0
	for _, line := range w.told(t) {
		if line == "delete done" {
			deletions++
		}
	}
	assert.Equal(t, 1, deletions)
}

// TestBrowserTheDirectoryIsOutDuringAdd: what was chosen is kept until it is there again.
func TestBrowserTheDirectoryIsOutDuringAdd(t *testing.T) {
	if !realtest.Asked(t, "Chromium") {
		return
	}
	keys := &switched{}
	w, s := newSurfer(t, options{policy: withSecrets, bank: withSwitch(keys)})
	s.goTo("/applications/add")
	s.Fill("#statement", ssaOf(t, w.software(t, ssatest.SoftwareOptions{ClientName: "Budget & Co"}), nil))
	keys.down.Store(true)
	require.Equal(t, http.StatusOK, s.Follow("main form button"))
	s.sees("Check and add", "tls_client_auth cannot be chosen at the moment")
	s.usable("")
	keys.down.Store(false)
	require.Equal(t, http.StatusOK, s.Follow("button[value=check]"))
	s.Click("input[name=method][value=tls_client_auth]")
	s.usable("") // with its certificates
	keys.down.Store(true)
	require.Equal(t, http.StatusServiceUnavailable, s.Follow("button[value=add]"))
	s.sees("Check and add", "This does not work at the moment", "What you entered is kept on this page")
	s.usable("")
	assert.Empty(t, w.clients(t))
	keys.down.Store(false)
	require.Equal(t, http.StatusOK, s.Follow("button[value=check]"))
	assert.True(t, chromium.Eval[bool](s.Page, "document.querySelector('[value=tls_client_auth]').checked"))
	require.Equal(t, http.StatusOK, s.Follow("button[value=add]"))
	s.sees("The application was added")
	require.Len(t, w.clients(t), 1)
}

// TestBrowserMarkupInNamesMakesNoElement, on any page that shows a name.
func TestBrowserMarkupInNamesMakesNoElement(t *testing.T) {
	if !realtest.Asked(t, "Chromium") {
		return
	}
	const name = "<b id=made onclick=alert(1)>Pay</b>\u202eknab\u2066\u200f עברית"
	w := newWorld(t, options{policy: func(p *validate.Policy) {
		waitingPolicy(p)
		p.PendingChanges = []validate.PendingChange{validate.PendingDelete}
	}})
	w.people["ada"] = portalPerson(name)
	w.operator("olga")
	made, _ := w.as(t, "ada").add(ssaOf(t, w.software(t, ssatest.SoftwareOptions{ClientName: name}), nil), nil)
	page := "/applications/" + made.ID
	for who, paths := range map[string][]string{
		"ada":  {"/applications", "/applications?search=%3Cb+id%3Dmade%3E", page, page + "/delete", page + "/renew"},
		"olga": {"/applications", page, page + "/remove", "/approvals"},
	} {
		s := w.surf(t, chromium.Options{})
		s.goTo("/sign-in?as=" + who)
		for _, path := range paths {
			require.Equal(t, http.StatusOK, s.goTo(path), path)
			s.withoutScript()
			assert.Zero(t, s.Count("#made"), path)
			assert.NotContains(t, s.Text("body"), "\u202e", "%s: a character that turns the text is shown as its number", path)
			assert.Zero(t, chromium.Eval[int](s.Page, `[...document.querySelectorAll("bdi, code, title, input, textarea")].length == 0 ? 1 : 0`))
			outside := chromium.Eval[[]string](s.Page, `(() => { const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = [];
				while (walk.nextNode()) if (walk.currentNode.data.includes("עברית") && !walk.currentNode.parentElement.closest("bdi, code, textarea, label")) found.push(walk.currentNode.data);
				return found })()`)
			assert.Empty(t, outside, "%s: a name stands alone, so that it turns nothing around it", path)
		}
	}
}
