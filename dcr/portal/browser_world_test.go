package portal_test

import (
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/portal"
	chromium "github.com/obdcr/obdcr/internal/browser"
)

// surfer is somebody who looks at the portal in a Chromium of their own.
type surfer struct {
	*chromium.Page
	t        testing.TB
	w        *world
	noScript bool
}

// surf opens a tab in which nobody is signed in.
func (w *world) surf(t testing.TB, o chromium.Options) *surfer {
	t.Helper()
	directory, err := w.directory.ServerCertificate("127.0.0.1")
	require.NoError(t, err)
	o.Trust = []*x509.Certificate{w.server.Certificate(), directory.Leaf}
	return &surfer{chromium.New(t, o), t, w, o.NoScript}
}

// signsIn goes through the directory's pages, from that of the portal which is open. It returns
// the status of the portal's answer.
func (s *surfer) signsIn(email string) int {
	s.t.Helper()
	s.entersDirectory(email)
	s.Fill("#code", "123456")
	return s.Follow("button[value=continue]")
}

// entersDirectory signs in up to the second factor.
func (s *surfer) entersDirectory(email string) {
	s.t.Helper()
	require.Equal(s.t, http.StatusOK, s.Follow(`main a.button`))
	require.True(s.t, strings.HasPrefix(s.URL(), s.w.directory.URL()), s.URL())
	s.Fill("#email", email)
	s.Fill("#password", "correct horse")
	require.Equal(s.t, http.StatusOK, s.Follow("button[value=continue]"))
}

// beginsAtFaults waits until the focus is at what is wrong, where a browser puts it once the page is
// drawn.
func (s *surfer) beginsAtFaults() {
	s.t.Helper()
	s.Until(`document.activeElement.id == "faults"`)
}

// goTo opens a page of the portal and returns its status.
func (s *surfer) goTo(path string) int {
	s.t.Helper()
	return s.Open(s.w.address + path)
}

// sees holds that the page is one with the title and the texts.
func (s *surfer) sees(title string, texts ...string) {
	s.t.Helper()
	require.Equal(s.t, title, s.Text("h1"), s.URL())
	shown := s.Text("body")
	for _, text := range texts {
		require.Contains(s.t, shown, text)
	}
}

// widths are those at which each page is looked at, in pixels: a telephone, a desk, a wide screen.
var widths = []int{360, 1280, 2560}

// pictures is the folder with pictures of the pages.
const pictures = "../../docs/portal"

// usable holds that the page can be used by everybody: it keeps WCAG 2.2 AA as far as axe-core
// can tell, in light and in dark, is no wider than the window, has no script, and each control is
// reached by the keyboard and shows that it is. With OBDCR_SCREENSHOTS=1 it writes the page's
// pictures under the name; "" is for a page that has none.
func (s *surfer) usable(name string) {
	s.t.Helper()
	if s.noScript {
		s.withoutScript()
		return
	}
	for _, width := range widths {
		for _, dark := range []bool{false, true} {
			s.Look(width, dark)
			s.Axe()
			if name != "" && os.Getenv("OBDCR_SCREENSHOTS") == "1" {
				s.Screenshot(filepath.Join(pictures, pictureName(name, width, dark)))
			}
		}
		s.fits(width)
	}
	s.Look(1280, false)
	s.withoutScript()
	s.keyboard()
}

// fits holds that a window of the width shows the page without a bar to scroll sideways.
func (s *surfer) fits(width int) {
	s.t.Helper()
	assert.LessOrEqual(s.t, chromium.Eval[int](s.Page, "document.documentElement.scrollWidth"), width, "%s is wider than the window", s.URL())
}

// pictureName is the name of a file.
func pictureName(name string, width int, dark bool) string {
	theme := "light"
	if dark {
		theme = "dark"
	}
	return fmt.Sprintf("%s-%d-%s.png", name, width, theme)
}

// withoutScript holds that the page has neither a script nor a style of its own.
func (s *surfer) withoutScript() {
	s.t.Helper()
	found := chromium.Eval[[]string](s.Page, `[...document.querySelectorAll("*")].filter(e => e.localName == "script" || e.localName == "style" ||
		e.getAttributeNames().some(n => n.startsWith("on") || n == "style") || /^javascript:/i.test(e.getAttribute("href") || "")).map(e => e.outerHTML)`)
	assert.Empty(s.t, found, s.URL())
}

// controls are those that a person with a keyboard has to reach: one of each group of radio buttons.
const controls = `[...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary")]
	.filter(e => e.checkVisibility({visibilityProperty: true}) && !e.disabled)
	.filter((e, i, all) => e.type != "radio" || (all.find(o => o.name == e.name && o.checked) || all.find(o => o.name == e.name)) == e)`

// keyboard goes through the page by the key Tab.
func (s *surfer) keyboard() {
	s.t.Helper()
	expected := chromium.Eval[[]string](s.Page, `(() => { const all = `+controls+`; all.forEach((e, i) => e.setAttribute("data-place", i));
		const start = document.createElement("span"); start.tabIndex = -1; document.body.prepend(start); start.focus();
		return all.map(e => e.outerHTML.slice(0, 120)) })()`)
	for place, html := range expected {
		s.TabKey(false)
		got := chromium.Eval[string](s.Page, `(e => e.getAttribute("data-place") + " " + (() => { const c = getComputedStyle(e);
			return c.outlineStyle != "none" && parseFloat(c.outlineWidth) >= 2 })())(document.activeElement)`)
		if !assert.Equal(s.t, fmt.Sprint(place, " true"), got, "%s: the keyboard reaches %s next, and it shows", s.URL(), html) {
			return
		}
	}
}

// wellBehaved holds that each answer of the portal that the browser got has the headers that
// protect it, and that the browser keeps no cookie that others can read or send.
func (s *surfer) wellBehaved() {
	s.t.Helper()
	answers := slices.DeleteFunc(s.Responses(), func(r chromium.Response) bool { return !strings.HasPrefix(r.URL, s.w.address) })
	require.NotEmpty(s.t, answers)
	for _, a := range answers {
		policy := a.Header.Get("Content-Security-Policy")
		for _, part := range []string{"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"} {
			assert.Contains(s.t, policy, part, a.URL)
		}
		assert.NotContains(s.t, policy, "unsafe", a.URL)
		assert.NotContains(s.t, policy, "script-src", a.URL)
		assert.Equal(s.t, "nosniff", a.Header.Get("X-Content-Type-Options"), a.URL)
		assert.Equal(s.t, "same-origin", a.Header.Get("Referrer-Policy"), a.URL)
		if a.Document {
			assert.Contains(s.t, a.Header.Get("Cache-Control"), "no-store", a.URL)
		}
		for _, line := range a.Header.Values("Set-Cookie") {
			cookie, err := http.ParseSetCookie(line)
			require.NoError(s.t, err)
			assert.True(s.t, strings.HasPrefix(cookie.Name, "__Host-"), cookie.Name)
			assert.True(s.t, cookie.Secure && cookie.HttpOnly && cookie.Path == "/" && cookie.Domain == "", line)
			assert.Equal(s.t, http.SameSiteLaxMode, cookie.SameSite, line)
		}
	}
}

// portalPerson is a contact with a name of the test's.
func portalPerson(name string) portal.Person {
	return portal.Person{Email: "ada@tpp.example", Name: name, Issuer: "https://directory.example", Organisations: []string{orgOne}}
}
