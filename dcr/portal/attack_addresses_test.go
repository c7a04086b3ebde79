package portal_test

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/portal"
	"github.com/obdcr/obdcr/internal/fulltest"
	"github.com/obdcr/obdcr/store"
)

// outside are addresses that lead out of the portal, in one reading or another.
var outside = []string{
	"", "/", "//evil.example", "//evil.example/portal/", `/\evil.example`, `\\evil.example`, "https:evil.example", "https://evil.example/portal/",
	"https:/portal/../x", "javascript:alert(1)", "data:text/html,x", "portal/applications", "/portal", "/portalx/applications", "/portal/../admin",
	"/portal/%2e%2e/admin", "/portal/./x", "/portal//evil.example", "/portal/%2e./admin", "/portal/\t/x", "/portal/x\r\nSet-Cookie: evil=1", "/portal/x\nEvil: 1",
	`/portal/\..\admin`, "/portal/x\x00", " /portal/x", "/PORTAL/applications", "/portal/%5c..%5c..%5cadmin/../..", "http://user@bank.example/portal/",
	"/portal/sign-in", "/portal/sign-in?back=/portal/applications", "/portal/sign-in/answer?code=x", "/portal/%73ign-in",
	"/portal/" + strings.Repeat("x", 500), "https://[::1]/portal/", "/portal/%zz", "?x", "#x",
}

func TestNobodyIsLedOutOfThePortal(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{directory: true})
	for _, address := range outside {
		assert.Equal(t, "/portal/applications", w.portal.Back(address), "%q", address)
	}
	for _, address := range []string{"/portal/", "/portal/applications?search=//evil.example", "/portal/applications/a%2Fb", "/portal/applications/x?back=%0d%0aEvil:+1",
		"/portal/approvals", "/portal/applications/%0d%0aEvil:1"} {
		assert.Equal(t, address, w.portal.Back(address))
	}
	root, err := portal.New(func() portal.Config { c := w.config; c.Address = "https://bank.example"; return c }())
	require.NoError(t, err)
	for _, address := range []string{"//evil.example", `/\evil.example`, "///evil.example", "/.//evil.example", "/%2e/x", "https://evil.example/"} {
		assert.Equal(t, "/applications", root.Back(address), "%q", address)
	}
	assert.Equal(t, "/approvals?x=1", root.Back("/approvals?x=1"))
}

// TestASignInLeadsNobodyOut: over HTTP, with what the browser brings to the sign-in and back.
func TestASignInLeadsNobodyOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{directory: true})
	for i, address := range outside {
		if i%4 != 0 && i > 12 { // each is tried without HTTP
			continue
		}
		b := w.visitor(t)
		a := b.signedInAt(annaEmail, address)
		assert.Equal(t, http.StatusSeeOther, a.status, "%q", address)
		assert.Equal(t, "/portal/applications", a.header.Get("Location"), "%q", address)
	}
	b := w.visitor(t)
	callback := b.authorized(b.begin("/portal/approvals"), annaEmail)
	a := b.step(callback + "&back=//evil.example&redirect_uri=//evil.example")
	assert.Equal(t, "/portal/approvals", a.header.Get("Location"))
}

// TestAPathThatIsNotPlainHasNoPage, and is not led to another one.
func TestAPathThatIsNotPlainHasNoPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.operator("olga")
	c, _ := w.victim(t, orgOne)
	b := w.as(t, "olga")
	for _, path := range []string{
		"//applications", "/applications//add", "//evil.example/x", "/./applications", "/../portal/applications", "/applications/../approvals",
		"/applications/" + c.ID + "/", "/applications/" + c.ID + "/../" + c.ID, "/applications/%2e%2e/approvals", "/%2e%2e/portal/applications",
		"/applications%2fadd", "/applications%2F" + c.ID, "/applications/" + c.ID + "%2fdelete", "/applications/" + c.ID + "%00", "/applications/" + c.ID + "%0a",
		"/applications/" + c.ID + ";x=1", "/applications/" + c.ID + "%20", "/applications/" + strings.ToUpper(c.ID) + "x", "/Applications", "/applications/",
		"/style.css/", "/static/portal.css", "/templates/layout.html", "/.git/config", "/applications/%c0%ae%c0%ae/approvals", "/applications/" + strings.Repeat("x", 4000),
		"/" + strings.Repeat("x/", 2000), "/%ff%fe", "/applications/%25" + c.ID,
	} {
		a := b.sends(http.MethodGet, path, nil, nil)
		assert.Equal(t, http.StatusNotFound, a.status, path)
		safe(t, a, path)
	}
	for _, target := range []string{"", "x", "/../applications", "%2fapplications"} { // behind the base without a slash
		a := b.sends(http.MethodGet, target, nil, nil)
		safe(t, a, target)
		assert.Contains(t, []int{http.StatusNotFound, http.StatusSeeOther}, a.status, target)
	}
}

// hostile are texts that break out of where a page or a header has them.
var hostile = []string{
	`"><script>alert(1)</script>`, `'><img src=x onerror=alert(1)>`, "x\r\nSet-Cookie: evil=1\r\n\r\n<script>", "x%0d%0aEvil: 1", "\u2028\u2029\u202e\x00\x1b[31m",
	`javascript:alert(1)`, `{{.Person}}{{template "x"}}`, "</title><script>", "\xff\xfe<script>", `" autofocus onfocus=alert(1) x="`, "+ADw-script+AD4-",
}

// TestNoParameterBreaksOut: each parameter of each page, as text of the address, of the form and
// of the names in it, shows up neither as markup nor as a header.
func TestNoParameterBreaksOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{policy: waitingPolicy})
	w.contact("ada", orgOne, orgTwo)
	w.operator("olga")
	c, _ := w.victim(t, orgOne)
	c.State = store.PendingDelete
	require.NoError(t, w.store.Update(t.Context(), c, store.Change{}))
	people := map[string]*browser{"nobody": w.visitor(t), "ada": w.as(t, "ada"), "olga": w.as(t, "olga")}
	query := []string{"search", "organisation", "state", "environment", "after", "before", "back", "as", "error", "error_description", "v"}
	form := []string{"statement", "do", "confirm", "api", "reason", "typed", "forget", "once", "method", "redirect_uri", "certificate"}
	all := newCrowd()
	for name, b := range people {
		for _, p := range w.pages() {
			if p.pattern == "/sign-out" {
				continue
			}
			for _, text := range hostile[:min(len(hostile), fulltest.Rounds(3))] {
				where := name + " " + p.method + " " + p.pattern + " " + text
				all.do(func() {
					for _, id := range []string{c.ID, text} {
						unharmed(t, b.sends(p.method, p.at(id)+"?"+repeated(query, text).Encode(), nil, http.Header{"Sec-Fetch-Site": {"same-origin"}}), where)
					}
					if p.method == http.MethodPost {
						values := repeated(append(slices.Clone(form), text), text)
						values.Set("decision", "approve")
						body, header := formOf(values)
						unharmed(t, b.sends(p.method, p.at(c.ID), body, header), where)
					}
				})
			}
		}
	}
	all.wait.Wait()
}

// typed is what a person has typed, in the fields of a form.
var typed = regexp.MustCompile(`(?s)(name|value)="[^"]*"|<textarea.*?</textarea>`)

// unharmed demands that an answer is a safe one, and holds no hostile text as it is.
func unharmed(t *testing.T, a answer, where string) {
	t.Helper()
	for _, markup := range []string{"<script", "<img src=x", `" onfocus=`, `" autofocus onfocus`} {
		assert.NotContains(t, a.body, markup, where)
	}
	assert.NotContains(t, typed.ReplaceAllString(a.body, ""), "\u202e", where)
	for name, values := range a.header {
		assert.NotContains(t, strings.ToLower(name), "evil", where)
		for _, value := range values {
			assert.NotContains(t, value, "\n", where)
			assert.False(t, name == "Set-Cookie" && strings.Contains(value, "evil"), where)
		}
	}
	safe(t, a, where)
}

// repeated are values of which each has the same text.
func repeated(names []string, text string) url.Values {
	values := url.Values{}
	for _, name := range names {
		values.Set(name, text)
	}
	return values
}
