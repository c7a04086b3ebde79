package portal_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/obdcr/obdcr/dcr/portal"
)

// TestEveryAnswerHasTheHeadersOfSafety: pages, faults, pictures, and what is not there.
func TestEveryAnswerHasTheHeadersOfSafety(t *testing.T) {
	t.Parallel()
	logo := "\x89PNG\r\n\x1a\n" + strings.Repeat("x", 100)
	w := newWorld(t, options{policy: waitingPolicy, portal: func(c *portal.Config) { c.Look.Logo = []byte(logo) }})
	w.operator("olga")
	c, _ := w.victim(t, orgOne)
	for _, b := range []*browser{w.visitor(t), w.as(t, "olga")} {
		for _, p := range w.pages() {
			a := b.sends(http.MethodGet, p.at(c.ID), nil, nil)
			safe(t, a, p.pattern)
			assert.Contains(t, a.header.Values("Vary"), "Cookie", p.pattern)
			if a.status != http.StatusSeeOther {
				assert.Equal(t, "text/html; charset=utf-8", a.header.Get("Content-Type"), p.pattern)
			}
		}
		for _, path := range []string{"/no-such-page", "", "x", "/style.css", "/logo", "/icon.svg", "/logo?x"} {
			a := b.sends(http.MethodGet, path, nil, nil)
			cached := strings.HasPrefix(path, "/logo") || path == "/icon.svg"
			if cached {
				assert.Equal(t, "public, max-age=3600", a.header.Get("Cache-Control"))
				assert.Empty(t, a.header.Values("Set-Cookie"))
				a.header.Set("Cache-Control", "no-store")
			}
			safe(t, a, path)
			for _, method := range []string{http.MethodPost, http.MethodDelete, http.MethodOptions} {
				safe(t, b.sends(method, path, nil, http.Header{"Sec-Fetch-Site": {"same-origin"}}), method+" "+path)
			}
		}
	}
}

// TestAPanicOfTheBanksOwnCodeIsAnswered: with the headers of every answer, and nothing of it.
func TestAPanicOfTheBanksOwnCodeIsAnswered(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{portal: func(c *portal.Config) {
		c.SignIn = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("the key of db-7") })
	}})
	a := w.visitor(t).sends(http.MethodGet, "/sign-in", nil, nil)
	assert.Equal(t, http.StatusInternalServerError, a.status)
	assert.NotContains(t, a.body, "db-7")
	a.status = http.StatusOK
	safe(t, a, "a panic")
}

// TestNoHostOfTheRequestIsBelieved: a page names no host, and no redirect leads to one.
func TestNoHostOfTheRequestIsBelieved(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{policy: waitingPolicy, directory: true})
	c, _ := w.victim(t, orgOne)
	b := w.visitor(t)
	b.signedInAt(olgaEmail, "")
	for _, browser := range []*browser{w.visitor(t), b} {
		for _, p := range w.pages() {
			if p.method != http.MethodGet {
				continue
			}
			for _, header := range []http.Header{
				{"Host": {"evil.example"}},
				{"X-Forwarded-Host": {"evil.example"}, "Forwarded": {"host=evil.example"}, "X-Forwarded-Proto": {"http"}, "X-Original-Url": {"/evil.example"}, "X-Rewrite-Url": {"/evil.example"}},
			} {
				a := browser.sends(http.MethodGet, p.at(c.ID), nil, header)
				assert.NotContains(t, a.body, "evil.example", p.pattern)
				for _, values := range a.header {
					assert.NotContains(t, strings.Join(values, " "), "evil.example", p.pattern)
				}
			}
		}
	}
}

// TestACookieThatIsNoneSignsNobodyIn, and breaks no page.
func TestACookieThatIsNoneSignsNobodyIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.operator("olga")
	good := w.as(t, "olga").cookie()
	b := w.visitor(t)
	for what, cookie := range map[string]string{
		"none of a session": "__Host-obdcr=" + strings.Repeat("a", 43), "empty": "__Host-obdcr=", "long": "__Host-obdcr=" + strings.Repeat("a", 8<<10),
		"quoted": `__Host-obdcr="a b"`, "odd": "__Host-obdcr=\xff;;;=;a", "of another name": "obdcr=" + good, "of another case": "__host-obdcr=" + good,
		"two": "__Host-obdcr=x; __Host-obdcr=" + good, "longer": "__Host-obdcr=" + good + "x", "shorter": "__Host-obdcr=" + good[:len(good)-1],
		"a sign-in's": "__Host-obdcr-signin-x=" + good, "many": strings.Repeat("a=b; ", 2000) + "__Host-obdcr=y",
	} {
		for _, path := range []string{"/", "/applications", "/approvals"} {
			a := b.sends(http.MethodGet, path, nil, http.Header{"Cookie": {cookie}})
			safe(t, a, what)
			assert.NotContains(t, a.body, "Olga", what)
			if path != "/" {
				assert.Equal(t, http.StatusSeeOther, a.status, what)
			}
		}
	}
	assert.Equal(t, http.StatusOK, b.sends(http.MethodGet, "/applications", nil, http.Header{"Cookie": {"x=y; __Host-obdcr=" + good}}).status)
}

// TestRequestsThatAreSmuggledOrBrokenChangeNothing: what HTTP itself refuses is refused before
// the portal, and what it takes is a request of nobody.
func TestRequestsThatAreSmuggledOrBrokenChangeNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.operator("olga")
	c, _ := w.victim(t, orgOne)
	session := "Cookie: __Host-obdcr=" + w.as(t, "olga").cookie() + "\r\n"
	before := w.everything(t)
	path := "/portal/applications/" + c.ID + "/remove"
	for what, request := range map[string]string{
		"a header in the path":      "GET " + path + "\r\nEvil: 1 HTTP/1.1\r\nHost: x\r\n\r\n",
		"two lengths":               "POST " + path + " HTTP/1.1\r\nHost: x\r\n" + session + "Content-Length: 3\r\nContent-Length: 30\r\n\r\na=b",
		"a length and chunks":       "POST " + path + " HTTP/1.1\r\nHost: x\r\n" + session + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n",
		"no host":                   "GET " + path + " HTTP/1.1\r\n" + session + "\r\n",
		"an absolute address":       "GET https://evil.example" + path + " HTTP/1.1\r\nHost: x\r\n" + session + "Connection: close\r\n\r\n",
		"a star":                    "OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
		"a tunnel":                  "CONNECT " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
		"less than it says":         "POST " + path + " HTTP/1.1\r\nHost: x\r\n" + session + "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 300\r\n\r\nreason=x&typed=" + c.SoftwareID,
		"a header that is folded":   "GET " + path + " HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\nConnection: close\r\n\r\n",
		"an address of a directory": "GET /portal/../../etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
	} {
		got := w.raw(t, request)
		assert.NotContains(t, got, "\nEvil:", what)
		assert.NotContains(t, got, "HTTP/1.1 500", what)
		assert.NotContains(t, got, "root:", what)
	}
	assert.Equal(t, before, w.everything(t))
}
