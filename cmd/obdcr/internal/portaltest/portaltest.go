// Package portaltest walks a portal and the sign-in of a directory over HTTP, as somebody does
// whose browser has no scripts. For tests only.
//
// [New] makes a Browser; Browser.SignIn and Browser.Add walk several pages.
package portaltest

import (
	"context"
	"crypto/x509"
	"html"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/fetch"
)

// Browser keeps cookies, follows redirects and shows one page.
type Browser struct {
	Status int // of the page
	Header http.Header
	At     *url.URL
	Body   string

	t    testing.TB
	http *http.Client
}

// New makes a Browser that trusts roots, and that finds each host and port at the address that
// find gives.
func New(t testing.TB, roots *x509.CertPool, find func(address string) string) *Browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	transport := fetch.Transport(roots)
	transport.Proxy = nil
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, find(address))
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &Browser{t: t, http: &http.Client{Jar: jar, Transport: transport, Timeout: 30 * time.Second}}
}

// Get opens a page.
func (b *Browser) Get(address string) {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, address, http.NoBody)
	require.NoError(b.t, err)
	if b.At != nil {
		site := "cross-site"
		if b.At.Hostname() == r.URL.Hostname() {
			site = "same-site"
		}
		r.Header.Set("Sec-Fetch-Site", site)
		r.Header.Set("Sec-Fetch-Mode", "navigate")
	}
	b.do(r)
}

func (b *Browser) do(r *http.Request) {
	b.t.Helper()
	answer, err := b.http.Do(r)
	require.NoError(b.t, err)
	body, err := io.ReadAll(answer.Body)
	require.NoError(b.t, err)
	require.NoError(b.t, answer.Body.Close())
	b.Status, b.Header, b.At, b.Body = answer.StatusCode, answer.Header, answer.Request.URL, string(body)
}

var (
	form      = regexp.MustCompile(`(?s)<form [^>]*action="([^"]*)"[^>]*>(.*?)</form>`)
	field     = regexp.MustCompile(`<input [^>]*>`)
	link      = regexp.MustCompile(` href="([^"]*)"`)
	areaField = regexp.MustCompile(`(?s)<textarea [^>]*name="([^"]*)"[^>]*>(.*?)</textarea>`)
	attribute = regexp.MustCompile(` (name|value|type|checked|disabled)(?:="([^"]*)")?`)
)

// Submit sends the form of the page whose action ends so, with what the page has filled in and
// with the given names and values in the place of that.
func (b *Browser) Submit(action string, values ...string) {
	b.t.Helper()
	var found []string
	for _, f := range form.FindAllStringSubmatch(b.Body, -1) {
		if strings.HasSuffix(html.UnescapeString(f[1]), action) {
			found = f
		}
	}
	require.NotNil(b.t, found, "no form for %s at %s: %s", action, b.At, b.Body)
	filled := filledIn(found[2])
	for i := 0; i < len(values); i += 2 {
		filled.Set(values[i], values[i+1])
	}
	to, err := b.At.Parse(html.UnescapeString(found[1]))
	require.NoError(b.t, err)
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, to.String(), strings.NewReader(filled.Encode()))
	require.NoError(b.t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("Origin", to.Scheme+"://"+to.Host)
	b.do(r)
}

// filledIn reads the fields of a form.
func filledIn(of string) url.Values {
	filled := url.Values{}
	for _, tag := range field.FindAllString(of, -1) {
		has := map[string]string{}
		for _, a := range attribute.FindAllStringSubmatch(tag, -1) {
			has[a[1]] = html.UnescapeString(a[2])
		}
		_, checked := has["checked"]
		_, disabled := has["disabled"]
		choice := has["type"] == "checkbox" || has["type"] == "radio"
		if has["name"] != "" && !disabled && has["type"] != "file" && (checked || !choice) {
			filled.Add(has["name"], has["value"])
		}
	}
	for _, area := range areaField.FindAllStringSubmatch(of, -1) {
		filled.Set(area[1], html.UnescapeString(area[2]))
	}
	return filled
}

// SignIn walks from the portal's first page through the pages of ssatest's directory. Without a
// code the second step is left out.
func (b *Browser) SignIn(portal, email, password, code string) {
	b.t.Helper()
	b.Get(portal + "/sign-in")
	require.Equal(b.t, http.StatusOK, b.Status, b.Body)
	b.Submit("password", "email", email, "password", password, "do", "continue")
	if code != "" {
		require.Equal(b.t, http.StatusOK, b.Status, b.Body)
		b.Submit("code", "code", code, "do", "continue")
	}
}

// Add adds an application by its statement, with what the portal chooses.
func (b *Browser) Add(portal, statement string) {
	b.t.Helper()
	b.Get(portal + "/applications/add")
	require.Equal(b.t, http.StatusOK, b.Status, b.Body)
	b.Submit("/applications/add", "statement", statement)
	require.Equal(b.t, http.StatusOK, b.Status, b.Body)
	require.Contains(b.t, b.Body, `value="add"`, "it can be added")
	b.Submit("/applications/add", "do", "add")
}

// After returns the text of the element that begins after a piece of the page.
func (b *Browser) After(piece string) string {
	b.t.Helper()
	_, rest, found := strings.Cut(b.Body, piece)
	require.True(b.t, found, "%s is not at %s: %s", piece, b.At, b.Body)
	if strings.HasPrefix(rest, "<") {
		_, rest, _ = strings.Cut(rest, ">")
	}
	text, _, _ := strings.Cut(rest, "<")
	return html.UnescapeString(text)
}

// Link returns the first address on the page that begins so and goes on.
func (b *Browser) Link(beginning string) string {
	b.t.Helper()
	for _, found := range link.FindAllStringSubmatch(b.Body, -1) {
		if to := html.UnescapeString(found[1]); strings.HasPrefix(to, beginning) && to != beginning && !strings.HasSuffix(to, "/add") {
			return to
		}
	}
	require.Fail(b.t, "no link", "to %s at %s: %s", beginning, b.At, b.Body)
	return ""
}
