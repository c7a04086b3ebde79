package portal_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/store"
)

// page is one page of the portal: what a mux knows it by, and who may see it.
type page struct {
	method, pattern string // the pattern without the method
	who             string
}

// pages are all pages of a portal, in the order of their patterns.
func (w *world) pages() []page {
	routes := w.portal.Routes()
	var all []page
	for _, pattern := range slices.Sorted(maps.Keys(routes)) {
		if method, path, ok := strings.Cut(pattern, " "); ok {
			all = append(all, page{method, path, routes[pattern]})
		}
	}
	return all
}

// at is the path of the page, for a record.
func (p page) at(id string) string {
	return strings.TrimSuffix(strings.ReplaceAll(p.pattern, "{id}", url.PathEscape(id)), "{$}")
}

// everything is what the store holds of records, subscriptions and their trails, to compare.
func (w *world) everything(t testing.TB) string {
	t.Helper()
	ctx := context.Background()
	clients, err := w.store.(store.Lister).List(ctx, "", 10000)
	require.NoError(t, err)
	all := []any{clients}
	for _, c := range clients {
		subscribed, err := w.store.(store.Subscriptions).ListSubscriptions(ctx, c.ID)
		require.NoError(t, err)
		history, err := w.store.(store.Auditor).History(ctx, c.ID, 0, 1000)
		require.NoError(t, err)
		all = append(all, subscribed, history)
	}
	text, err := json.Marshal(all)
	require.NoError(t, err)
	return string(text)
}

// fieldsFor are those of every form of the portal, filled so that what they ask for would be done
// to the record.
func fieldsFor(c store.Client, statement string) url.Values {
	return url.Values{
		"statement": {statement}, "do": {"renew"}, "confirm": {c.Application.Name}, "api": {"accounts"},
		"decision": {"approve"}, "confirmed": {"1"}, "reason": {"because"}, "typed": {c.SoftwareID}, "forget": {"yes"},
	}
}

// victim is an application of an organisation, registered as the API does it, with a
// subscription.
func (w *world) victim(t testing.TB, org string) (store.Client, *ssatest.EnrolledSoftware) {
	t.Helper()
	software := w.software(t, ssatest.SoftwareOptions{OrgID: org, ClientName: "Victim of " + org})
	return w.registeredAsVictim(t, software), software
}

// registeredAsVictim registers a software as the API does it, with a subscription.
func (w *world) registeredAsVictim(t testing.TB, software *ssatest.EnrolledSoftware) store.Client {
	t.Helper()
	registration, err := w.bank.Registrar().RegisterFromSSA(context.Background(), ssaOf(t, software, nil))
	require.NoError(t, err)
	if registration.Pending {
		registration, err = w.bank.Registrar().ApprovePending(context.Background(), registration.Client.ID)
		require.NoError(t, err)
	}
	c := registration.Client
	subscription := store.Subscription{Client: c.ID, API: "payments", Role: claims.PISP, Since: c.IssuedAt, By: "x"}
	require.NoError(t, w.store.(store.Subscriptions).Subscribe(context.Background(), subscription, c.Version, store.Change{}))
	return w.record(t, c.ID)
}

// sends sends a request as it is, and follows no redirect.
func (b *browser) sends(method, path string, body io.Reader, header http.Header) answer {
	b.t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, b.w.server.URL, body)
	require.NoError(b.t, err)
	target, query, found := strings.Cut(path, "?")
	r.URL.Opaque = "//" + r.URL.Host + "/portal" + target // as it is, and not in its plain form
	if found {
		r.URL.RawQuery = query
	}
	for name, values := range header {
		r.Header[name] = values
	}
	if host := header.Get("Host"); host != "" {
		r.Host = host
		r.Header.Del("Host")
	}
	// The jar knows no cookies of an opaque address.
	at, err := url.Parse(b.w.address)
	require.NoError(b.t, err)
	for _, c := range b.http.Jar.Cookies(at) {
		r.AddCookie(c)
	}
	client := *b.http
	client.Jar = nil
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := client.Do(r)
	require.NoError(b.t, err, path)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(b.t, err)
	return answer{resp.StatusCode, resp.Header, r.URL, string(text)}
}

// formOf is a request with a form, from a page of the portal.
func formOf(values url.Values) (io.Reader, http.Header) {
	return strings.NewReader(values.Encode()), http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Sec-Fetch-Site": {"same-origin"}}
}

// raw sends bytes, and returns the first line and the rest of what came back.
func (w *world) raw(t testing.TB, request string) string {
	t.Helper()
	host := strings.TrimPrefix(w.server.URL, "https://")
	connection, err := (&tls.Dialer{Config: &tls.Config{RootCAs: w.server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs,
		ServerName: "example.com", MinVersion: tls.VersionTLS12}}).DialContext(context.Background(), "tcp", host)
	require.NoError(t, err)
	defer func() { _ = connection.Close() }()
	_, err = io.WriteString(connection, request)
	require.NoError(t, err)
	if half, ok := connection.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	var all bytes.Buffer
	_, _ = io.Copy(&all, connection) // which the server may reset
	return all.String()
}

// safe demands of an answer what every answer has.
func safe(t testing.TB, a answer, where string) {
	t.Helper()
	for name, value := range map[string]string{
		"Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
		"X-Content-Type-Options":  "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin",
		"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
	} {
		assert.Equal(t, []string{value}, a.header.Values(name), "%s: %s", where, name)
	}
	assert.NotEmpty(t, a.header.Get("Permissions-Policy"), where)
	assert.Contains(t, strings.Join(a.header.Values("Cache-Control"), ","), "no-store", where)
	assert.Less(t, a.status, http.StatusInternalServerError, "%s: %s", where, a.body)
	assert.NotContains(t, strings.ToLower(a.body), "<script", where)
	assert.NotContains(t, a.body, " style=", where)
	assert.NotRegexp(t, `(href|src|action)="(javascript|data):`, a.body, where)
	assert.Empty(t, a.header.Values("Evil"), where)
	for _, c := range (&http.Response{Header: a.header}).Cookies() {
		assert.True(t, strings.HasPrefix(c.Name, "__Host-obdcr"), "%s: cookie %s", where, c.Name)
	}
	if to := a.header.Get("Location"); to != "" {
		assert.True(t, strings.HasPrefix(to, "/portal/"), "%s: leads to %s", where, to)
		assert.NotContains(t, to, "//", where)
	}
}

// crowd does many things at once: an answer that tells nothing by its time has to wait.
type crowd struct {
	wait   sync.WaitGroup
	places chan struct{}
}

func newCrowd() *crowd { return &crowd{places: make(chan struct{}, 64)} }

func (c *crowd) do(what func()) {
	c.places <- struct{}{}
	c.wait.Go(func() {
		defer func() { <-c.places }()
		what()
	})
}
