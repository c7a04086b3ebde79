package portal_test

import (
	"context"
	"crypto/x509"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/portal"
	"github.com/obdcr/obdcr/dcr/portal/signin"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/store"
)

// The people at the directory.
const (
	annaEmail = "Anna@TPP.example"
	bobEmail  = "bob@tpp.example"
	olgaEmail = "olga@bank.example"
)

// signInAtDirectory makes the directory the portal's sign-in, with a contact of one
// organisation, one of two, and an operator of the bank.
func (w *world) signInAtDirectory(t testing.TB, c *portal.Config) {
	t.Helper()
	provider := w.directory.SignIn()
	require.NoError(t, provider.AddClient(ssatest.ProviderClient{ID: "bank", Secret: claims.NewSecret("s3cret"),
		RedirectURIs: []string{c.Address + "/sign-in/answer"}, AfterSignOut: []string{c.Address + "/signed-out"}}))
	for _, a := range []ssatest.Account{
		{Email: annaEmail, Code: "123456", Name: "Anna Ångström", Associated: true, Organisations: []string{orgOne}},
		{Email: bobEmail, Code: "123456", Name: "Bob", Associated: true, Organisations: []string{orgOne, orgTwo}},
		{Email: olgaEmail, Code: "123456", Name: "Olga"},
	} {
		w.account(t, a)
	}
	roots := x509.NewCertPool()
	roots.AddCert(w.directory.CA)
	c.SignIn = nil
	c.Directory = &signin.Config{Issuer: w.directory.URL(), ClientID: "bank", ClientSecret: claims.NewSecret("s3cret"), CAs: roots, NotPublic: true,
		ACR: []string{ssatest.ACRTwoFactors}}
	c.Operators = portal.Operators{Emails: []string{" OLGA@bank.example "}, Claim: "groups", Values: []string{"obdcr-operators", "root"}}
}

// account adds a person at the directory, or changes one.
func (w *world) account(t testing.TB, a ssatest.Account) {
	t.Helper()
	if a.Password == "" {
		a.Password = "correct horse"
	}
	require.NoError(t, w.directory.SignIn().AddAccount(a))
}

// begin asks for a sign-in that leads back to a path, and returns where the directory is asked.
func (b *browser) begin(back string) string {
	b.t.Helper()
	a := b.step("/sign-in?" + url.Values{"back": {back}}.Encode())
	require.Equal(b.t, http.StatusSeeOther, a.status, a.body)
	return a.header.Get("Location")
}

// step opens a page and follows no redirect.
func (b *browser) step(path string) answer {
	b.t.Helper()
	follow := b.http.CheckRedirect
	b.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	defer func() { b.http.CheckRedirect = follow }()
	return b.get(path)
}

// authorized has a person sign in at the directory, and returns the path of the callback.
func (b *browser) authorized(address, email string) string {
	b.t.Helper()
	callback, err := b.w.directory.SignIn().Authorize(b.w.directory.Client(), address, email)
	require.NoError(b.t, err)
	path, ok := strings.CutPrefix(callback, b.w.address)
	require.True(b.t, ok, callback)
	return path
}

// signedInAt signs a person in, and returns the answer to the callback.
func (b *browser) signedInAt(email, back string) answer {
	b.t.Helper()
	return b.step(b.authorized(b.begin(back), email))
}

// cookie is the value of the session's cookie; "" for none.
func (b *browser) cookie() string {
	u, err := url.Parse(b.w.address)
	require.NoError(b.t, err)
	for _, c := range b.http.Jar.Cookies(u) {
		if c.Name == "__Host-obdcr" {
			return c.Value
		}
	}
	return ""
}

// plant gives the browser a session's cookie.
func (b *browser) plant(value string) *browser {
	b.t.Helper()
	u, err := url.Parse(b.w.address)
	require.NoError(b.t, err)
	b.http.Jar, err = cookiejar.New(nil)
	require.NoError(b.t, err)
	b.http.Jar.SetCookies(u, []*http.Cookie{{Name: "__Host-obdcr", Value: value, Path: "/", Secure: true}})
	return b
}

// isIn reports whether somebody is signed in in the browser.
func (b *browser) isIn() bool {
	b.t.Helper()
	return b.step("/applications").status == http.StatusOK
}

// hands are a clock that a test sets.
type hands struct {
	mu    sync.Mutex
	ahead time.Duration
}

func (h *hands) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return time.Now().Add(h.ahead)
}

func (h *hands) advance(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ahead += d
}

// watched is a store that tells of sessions, fails and waits as a test asks.
type watched struct {
	*store.Memory

	mu             sync.Mutex
	put            []store.Session
	failGet        error
	failPut        error
	failAll        error
	beforeSearches func()
}

func (s *watched) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (s *watched) GetSession(ctx context.Context, key string) (store.Session, error) {
	s.mu.Lock()
	err := s.failGet
	s.mu.Unlock()
	if err != nil {
		return store.Session{}, err
	}
	return s.Memory.GetSession(ctx, key)
}

func (s *watched) PutSession(ctx context.Context, session store.Session) error {
	s.mu.Lock()
	err := s.failPut
	s.put = append(s.put, session)
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return s.Memory.PutSession(ctx, session)
}

func (s *watched) Search(ctx context.Context, q store.Query, after store.Position, limit int) ([]store.Client, error) {
	s.mu.Lock()
	wait, err := s.beforeSearches, s.failAll
	s.mu.Unlock()
	if wait != nil {
		wait()
	}
	if err != nil {
		return nil, err
	}
	return s.Memory.Search(ctx, q, after, limit)
}

func (s *watched) Get(ctx context.Context, id string) (store.Client, error) {
	s.mu.Lock()
	err := s.failAll
	s.mu.Unlock()
	if err != nil {
		return store.Client{}, err
	}
	return s.Memory.Get(ctx, id)
}

func newWatched() *watched { return &watched{Memory: store.NewMemory(nil)} }

// notes are the entries of the trail that belong to no record, as "operation decision actor
// reason".
func (w *world) notes(t testing.TB) []string {
	t.Helper()
	entries, err := w.store.(store.Auditor).ListAudit(context.Background(), "", 1000)
	require.NoError(t, err)
	var lines []string
	for _, e := range entries {
		if e.Client == "" {
			lines = append(lines, strings.TrimSpace(strings.Join([]string{e.Operation, e.Decision, e.Actor, e.Reason}, " ")))
		}
	}
	return lines
}
