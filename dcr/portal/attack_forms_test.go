package portal_test

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/portal"
	"github.com/obdcr/obdcr/store"
)

// TestNoFormOfAnotherSiteIsTaken: of nobody, at any page, and nothing is changed.
func TestNoFormOfAnotherSiteIsTaken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{policy: waitingPolicy})
	w.contact("ada", orgOne)
	w.operator("olga")
	c, software := w.victim(t, orgOne)
	statement := ssaOf(t, software, nil)
	before := w.everything(t)
	people := []*browser{w.visitor(t), w.as(t, "ada"), w.as(t, "olga")}
	foreign := map[string]http.Header{
		"cross-site":                        {"Sec-Fetch-Site": {"cross-site"}},
		"same-site":                         {"Sec-Fetch-Site": {"same-site"}},
		"cross-site from the portal's name": {"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://bank.example"}},
		"an unknown word":                   {"Sec-Fetch-Site": {"trust-me"}},
		"another origin":                    {"Origin": {"https://evil.example"}},
		"the portal's host without TLS":     {"Origin": {"http" + strings.TrimPrefix(w.server.URL, "https")}},
		"another port":                      {"Origin": {"https://127.0.0.1:1"}},
		"no origin":                         {"Origin": {"null"}},
		"a broken origin":                   {"Origin": {"https://%"}},
	}
	for _, p := range w.pages() {
		if p.method == http.MethodGet {
			continue
		}
		for what, header := range foreign {
			for i, b := range people {
				body, of := formOf(fieldsFor(c, statement))
				of.Del("Sec-Fetch-Site")
				for name, values := range header {
					of[name] = values
				}
				where := fmt.Sprintf("%s, %s, person %d", p.pattern, what, i)
				a := b.sends(p.method, p.at(c.ID), body, of)
				assert.Equal(t, http.StatusForbidden, a.status, where)
				assert.Contains(t, a.body, "This form came from another site", where)
				safe(t, a, where)
			}
		}
	}
	assert.Equal(t, before, w.everything(t))
	for _, b := range people[1:] {
		assert.True(t, b.isIn(), "nobody was signed out by another site")
	}
}

// TestAFormOfThePortalIsTaken: from browsers of today, and from those that tell their origin
// alone.
func TestAFormOfThePortalIsTaken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.contact("ada", orgOne)
	for _, header := range []http.Header{
		{"Sec-Fetch-Site": {"same-origin"}}, {"Sec-Fetch-Site": {"none"}}, {"Origin": {w.server.URL}},
		{"Sec-Fetch-Site": {"cross-site"}, "Origin": {w.server.URL}}, {},
	} {
		b := w.as(t, "ada")
		a := b.sends(http.MethodPost, "/sign-out", nil, header)
		assert.Equal(t, http.StatusSeeOther, a.status, header)
		assert.Equal(t, "/portal/signed-out", a.header.Get("Location"))
		assert.False(t, b.isIn())
	}
}

// TestAPageTakesItsMethodsAlone: nothing is changed by another one.
func TestAPageTakesItsMethodsAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{policy: waitingPolicy})
	w.operator("olga")
	c, software := w.victim(t, orgOne)
	statement := ssaOf(t, software, nil)
	before := w.everything(t)
	b := w.as(t, "olga")
	takes := map[string]bool{}
	for _, p := range w.pages() {
		takes[p.method+" "+p.pattern] = true
	}
	for _, p := range w.pages() {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "post"} {
			if takes[method+" "+p.pattern] || method == http.MethodHead && takes["GET "+p.pattern] {
				continue
			}
			values := fieldsFor(c, statement)
			body, header := formOf(values)
			header.Set("X-HTTP-Method-Override", p.method)
			a := b.sends(method, p.at(c.ID)+"?_method="+p.method+"&"+values.Encode(), body, header)
			where := method + " " + p.pattern
			assert.Equal(t, http.StatusNotFound, a.status, where)
			safe(t, a, where)
		}
		if p.method == http.MethodGet {
			a := b.sends(http.MethodHead, p.at(c.ID), nil, nil)
			assert.Empty(t, a.body)
			safe(t, a, "HEAD "+p.pattern)
		}
	}
	assert.Equal(t, before, w.everything(t))
	assert.True(t, b.isIn())
}

// TestFormsAreNotReadFromAddresses: what is asked for by a POST is in its body.
func TestFormsAreNotReadFromAddresses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{policy: waitingPolicy})
	w.operator("olga")
	c, software := w.victim(t, orgOne)
	statement := ssaOf(t, software, nil)
	before := w.everything(t)
	b := w.as(t, "olga")
	for _, p := range w.pages() {
		if p.method == http.MethodPost && p.pattern != "/sign-out" {
			body, header := formOf(nil)
			safe(t, b.sends(http.MethodPost, p.at(c.ID)+"?"+fieldsFor(c, statement).Encode(), body, header), p.pattern)
		}
	}
	assert.Equal(t, before, w.everything(t))
}

// manyFiles is a multipart form with files.
func manyFiles(t *testing.T, n, size int) (io.Reader, string) {
	t.Helper()
	var body bytes.Buffer
	parts := multipart.NewWriter(&body)
	for i := range n {
		part, err := parts.CreateFormFile(fmt.Sprintf("file-%d", i), "x")
		require.NoError(t, err)
		_, err = part.Write(bytes.Repeat([]byte("x"), size))
		require.NoError(t, err)
	}
	require.NoError(t, parts.Close())
	return &body, parts.FormDataContentType()
}

// TestAFormThatIsNoneIsRefused: at each page, whoever sends it, soon, and nothing is changed.
func TestAFormThatIsNoneIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{policy: waitingPolicy})
	w.contact("ada", orgOne)
	w.operator("olga")
	c, _ := w.victim(t, orgOne)
	before := w.everything(t)
	people := []*browser{w.visitor(t), w.as(t, "ada"), w.as(t, "olga")}
	const plain = "application/x-www-form-urlencoded"
	deep := strings.Repeat("--x\r\nContent-Type: multipart/mixed; boundary=x\r\nContent-Disposition: form-data; name=a\r\n\r\n", 3000)
	for what, f := range map[string]struct {
		kind string
		body func() (io.Reader, string)
	}{
		"a megabyte":         {plain, func() (io.Reader, string) { return strings.NewReader("reason=" + strings.Repeat("x", 1<<20)), "" }},
		"a hundred thousand": {plain, func() (io.Reader, string) { return strings.NewReader(strings.Repeat("a=&", 100_000)), "" }},
		"many names":         {plain, func() (io.Reader, string) { return strings.NewReader(fields(40_000)), "" }},
		"bad escapes":        {plain, func() (io.Reader, string) { return strings.NewReader("reason=%zz&typed=%"), "" }},
		"semicolons":         {plain, func() (io.Reader, string) { return strings.NewReader("a=1;b=2"), "" }},
		"no boundary":        {"multipart/form-data", func() (io.Reader, string) { return strings.NewReader("--x\r\n"), "" }},
		"cut off": {"multipart/form-data; boundary=x", func() (io.Reader, string) {
			return strings.NewReader("--x\r\nContent-Disposition: form-data; name=a\r\n\r\nb"), ""
		}},
		"deep parts":  {"multipart/form-data; boundary=x", func() (io.Reader, string) { return strings.NewReader(deep), "" }},
		"many files":  {"", func() (io.Reader, string) { return manyFiles(t, 2000, 1) }},
		"large files": {"", func() (io.Reader, string) { return manyFiles(t, 4, 300<<10) }},
		"a large header inside": {"multipart/form-data; boundary=x", func() (io.Reader, string) {
			return strings.NewReader("--x\r\nA: " + strings.Repeat("x", 400<<10) + "\r\n\r\n\r\n--x--"), ""
		}},
		"JSON":      {"application/json", func() (io.Reader, string) { return strings.NewReader(`{"decision":"approve"}`), "" }},
		"two types": {"text/plain; text/plain;;", func() (io.Reader, string) { return strings.NewReader("decision=approve"), "" }},
		"nothing":   {"", func() (io.Reader, string) { return strings.NewReader(""), "" }},
	} {
		for _, p := range w.pages() {
			if p.method != http.MethodPost || p.pattern == "/sign-out" {
				continue
			}
			for i, b := range people {
				body, kind := f.body()
				if kind == "" {
					kind = f.kind
				}
				where := fmt.Sprintf("%s at %s by person %d", what, p.pattern, i)
				began := time.Now()
				a := b.sends(http.MethodPost, p.at(c.ID), body, http.Header{"Content-Type": {kind}, "Sec-Fetch-Site": {"same-origin"}})
				assert.Less(t, time.Since(began), 20*time.Second, where)
				safe(t, a, where)
				if what == "a megabyte" || what == "large files" {
					assert.Equal(t, http.StatusRequestEntityTooLarge, a.status, where)
				}
			}
		}
	}
	assert.Equal(t, before, w.everything(t))
}

// fields is a form of n fields.
func fields(n int) string {
	var form strings.Builder
	for i := range n {
		fmt.Fprintf(&form, "f%d=&", i)
	}
	return form.String()
}

// TestAFormThatComesSlowlyEndsWithItsServer: the time limits are those of the bank's server.
func TestAFormThatComesSlowlyEndsWithItsServer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.operator("olga")
	c, _ := w.victim(t, orgOne)
	impatient := httptest.NewUnstartedServer(w.portal.Handler())
	impatient.Config.ReadTimeout = 200 * time.Millisecond
	impatient.Start()
	t.Cleanup(impatient.Close)
	slow, hold := io.Pipe()
	t.Cleanup(func() { _ = hold.Close() })
	go func() { _, _ = hold.Write([]byte("reason=x&typed=" + url.QueryEscape(c.SoftwareID))) }()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, impatient.URL+"/portal/applications/"+c.ID+"/remove", slow)
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Cookie", "__Host-obdcr="+w.as(t, "olga").cookie())
	began := time.Now()
	if resp, err := impatient.Client().Do(r); err == nil {
		resp.Body.Close()
		assert.Equal(t, http.StatusBadRequest, resp.StatusCode)
	}
	assert.Less(t, time.Since(began), 20*time.Second)
	assert.Equal(t, store.Active, w.record(t, c.ID).State)
}

// stingy is a limiter that refuses after some calls.
type stingy struct {
	mu   sync.Mutex
	left int
	keys map[string]bool
}

func (s *stingy) Allow(key string) (time.Duration, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left--
	s.keys[key] = true
	return 90 * time.Second, s.left >= 0
}

// TestWhoSendsTooMuchIsAskedToWait: by a key that does not tell the address, and without a
// change.
func TestWhoSendsTooMuchIsAskedToWait(t *testing.T) {
	t.Parallel()
	limiter := &stingy{left: 1, keys: map[string]bool{}}
	w := newWorld(t, options{portal: func(c *portal.Config) { c.Limiter = limiter }})
	w.operator("olga")
	c, _ := w.victim(t, orgOne)
	b := w.as(t, "olga")
	path, form := "/applications/"+c.ID+"/remove", url.Values{"reason": {"x"}, "typed": {c.SoftwareID}}
	assert.Equal(t, http.StatusBadRequest, b.post(path, nil).status)
	a := b.post(path, form)
	assert.Equal(t, http.StatusTooManyRequests, a.status)
	assert.Equal(t, "90", a.header.Get("Retry-After"))
	safe(t, a, path)
	assert.Equal(t, store.Active, w.record(t, c.ID).State)
	assert.Equal(t, http.StatusOK, b.get(path).status, "pages that change nothing are not counted")
	require.Len(t, limiter.keys, 1)
	for key := range limiter.keys {
		assert.NotContains(t, key, "olga")
	}
}
