package portal_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	chromium "github.com/obdcr/obdcr/internal/browser"
	"github.com/obdcr/obdcr/internal/realtest"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// TestBrowserWalk is a TPP's contact who adds an application, uses its page, and deletes it, with
// JavaScript and without.
func TestBrowserWalk(t *testing.T) {
	if !realtest.Asked(t, "Chromium") {
		return
	}
	for name, noScript := range map[string]bool{"with JavaScript": false, "without JavaScript": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, options{directory: true, policy: withSecrets})
			s := w.surf(t, chromium.Options{NoScript: noScript})
			require.Equal(t, http.StatusOK, s.goTo("/"))
			require.Equal(t, http.StatusOK, s.signsIn(annaEmail))
			s.sees("Applications", "You have no application yet", "Anna Ångström")
			software := w.software(t, ssatest.SoftwareOptions{ClientName: "Budget & Co"})
			s.addsBySecret(software)
			made := w.clients(t)[0]
			s.subscribesTo("accounts")
			s.renews(ssaOf(t, software, map[string]any{"software_roles": []claims.Role{claims.PISP}, "software_client_name": "Budget & Sons"}))
			assert.Equal(t, made.ID, w.clients(t)[0].ID)
			s.deletes("Budget & Sons")
			assert.Empty(t, w.clients(t))
			s.signsOut()
			s.withoutScript()
			s.wellBehaved()
			assert.ElementsMatch(t, []string{"sign_in done", "create done", "subscribe done", "update done", "delete begun", "delete done", "sign_out done"}, w.told(t))
		})
	}
}

// told are the operations and decisions of the audit trail.
func (w *world) told(t testing.TB) []string {
	t.Helper()
	var lines []string
	for _, e := range w.history(t) {
		lines = append(lines, e.Operation+" "+e.Decision)
	}
	return lines
}

// addsBySecret adds an application by pasting, with the second redirect URI alone and a secret.
func (s *surfer) addsBySecret(software *ssatest.EnrolledSoftware) {
	s.t.Helper()
	require.Equal(s.t, http.StatusOK, s.Follow(".head a.button"))
	s.sees("Add application")
	s.Fill("#statement", ssaOf(s.t, software, nil))
	require.Equal(s.t, http.StatusOK, s.Follow("main form button"))
	s.sees("Check and add", "Verified", software.ClientName, software.SoftwareID, "Nothing is wrong")
	s.withoutScript()
	require.Empty(s.t, s.w.clients(s.t), "nothing is registered by looking")
	s.Click(`input[name=redirect][value="` + software.RedirectURIs[0] + `"]`)
	s.Click("input[name=method][value=client_secret_basic]")
	require.Equal(s.t, http.StatusOK, s.Follow("button[value=add]"))
	s.sees("The application was added", "Copy the secret now")
	made := s.w.clients(s.t)
	require.Len(s.t, made, 1)
	request, err := made[0].Request()
	require.NoError(s.t, err)
	require.Equal(s.t, software.RedirectURIs[1:], request.RedirectURIs.Or(nil))
	require.Equal(s.t, claims.ClientSecretBasic, request.TokenEndpointAuthMethod.Or(""))
	shown := s.Text("dl.facts")
	require.Contains(s.t, shown, made[0].ClientID)
	secret := chromium.Eval[string](s.Page, `document.querySelectorAll(".secret")[1].textContent`)
	require.Equal(s.t, http.StatusOK, s.Follow("main a.button"))
	s.sees(software.ClientName, made[0].ClientID)
	require.NotContains(s.t, s.HTML(), secret, "the secret is shown once")
	s.withoutScript()
}

// subscribesTo subscribes the application of the page to an API.
func (s *surfer) subscribesTo(api string) {
	s.t.Helper()
	require.Equal(s.t, http.StatusOK, s.Follow(`form[action$="/subscriptions"]:has(input[value="`+api+`"]) button`))
	require.Contains(s.t, s.Text(`tr:has(input[value="`+api+`"])`), "Subscribed")
	require.True(s.t, strings.HasSuffix(s.URL(), "#apis"), s.URL())
}

// renews renews the application of the page by a statement in a file, which is dropped on its field.
func (s *surfer) renews(statement string) {
	s.t.Helper()
	require.Equal(s.t, http.StatusOK, s.Follow(`main a[href$="/renew"]`))
	s.sees("Renew application")
	path := filepath.Join(s.t.TempDir(), "statement.jwt")
	require.NoError(s.t, os.WriteFile(path, []byte(statement+"\n"), 0o600))
	s.Drop("#statement-file", path)
	require.Equal(s.t, http.StatusOK, s.Follow("main form button"))
	s.sees("Check and renew", "What the renewal changes", "Roles lost", "Subscriptions that end")
	s.withoutScript()
	require.Equal(s.t, http.StatusOK, s.Follow("button[value=renew]"))
	s.sees("The application was renewed")
	require.Equal(s.t, http.StatusOK, s.Follow("main a.button"))
	require.Equal(s.t, 0, s.Count(`form[action$="/subscriptions/end"]`), "the role is lost")
}

// deletes deletes the application of the page. A wrong name deletes nothing.
func (s *surfer) deletes(name string) {
	s.t.Helper()
	require.Equal(s.t, http.StatusOK, s.Follow(`main a[href$="/delete"]`))
	s.sees("Delete the application")
	s.Fill("#confirm", "another name")
	require.Equal(s.t, http.StatusBadRequest, s.Follow("main form button"))
	s.sees("Delete the application", "There is a problem")
	s.beginsAtFaults()
	require.Len(s.t, s.w.clients(s.t), 1)
	s.Fill("#confirm", name)
	require.Equal(s.t, http.StatusOK, s.Follow("main form button"))
	s.sees("The application was deleted")
	require.Equal(s.t, http.StatusOK, s.Follow("main a.button"))
	s.sees("Applications", "You have no application yet")
}

// signsOut signs out here, and at the directory, which leads back.
func (s *surfer) signsOut() {
	s.t.Helper()
	s.Follow("form.who button")
	s.Until(`location.pathname.endsWith("/signed-out")`)
	s.sees("You are signed out")
	left := false
	for _, a := range s.Responses() {
		left = left || strings.HasPrefix(a.URL, s.w.directory.URL()+"/sign-in/end")
	}
	require.True(s.t, left, "the directory signs out too")
	s.Back()
	require.True(s.t, strings.HasPrefix(s.URL(), s.w.directory.URL()), "nobody is signed in, and no page of before is shown: %s", s.URL())
}
