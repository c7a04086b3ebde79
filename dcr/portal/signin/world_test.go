package signin_test

import (
	"crypto/x509"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/portal/signin"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

const (
	redirectURI = "https://bank.example/portal/callback"
	signedOut   = "https://bank.example/portal/signed-out"
	anna        = "anna@tpp.example"
)

var secret = claims.NewSecret("s3cret: +&=%ü")

// clock is a clock that tests set.
type clock struct {
	mu    sync.Mutex
	ahead time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}

// world is a directory with people, and a bank that signs them in.
type world struct {
	*testing.T
	directory *ssatest.Directory
	provider  *ssatest.Provider
	client    ssatest.ProviderClient
	clock     *clock // of the bank
	config    signin.Config
	signIn    *signin.SignIn
}

func newWorld(t *testing.T, changes ...func(*signin.Config)) *world {
	t.Helper()
	d, err := ssatest.New(ssatest.Options{})
	require.NoError(t, err)
	t.Cleanup(d.Close)
	w := &world{T: t, directory: d, provider: d.SignIn(), clock: &clock{}, client: ssatest.ProviderClient{ID: "bank", Secret: secret,
		RedirectURIs: []string{redirectURI}, AfterSignOut: []string{signedOut}}}
	require.NoError(t, w.provider.AddClient(w.client))
	w.account(ssatest.Account{Email: anna, Password: "correct horse", Code: "123456", Name: "Anna Ångström", Associated: true,
		Organisations: []string{"0015800001041REAAY"}})
	roots := x509.NewCertPool()
	roots.AddCert(d.CA)
	w.config = signin.Config{Issuer: d.URL(), ClientID: "bank", ClientSecret: secret, RedirectURI: redirectURI, AfterSignOut: signedOut,
		Algorithms: []claims.Algorithm{claims.PS256}, CAs: roots, NotPublic: true, Clock: w.clock.now}
	for _, change := range changes {
		change(&w.config)
	}
	w.signIn, err = signin.New(w.config)
	require.NoError(t, err)
	return w
}

func (w *world) account(a ssatest.Account) { require.NoError(w, w.provider.AddAccount(a)) }

// browser is a browser at the bank, whose answers are made in process.
type browser struct {
	*world
	jar http.CookieJar
}

func (w *world) browser() *browser {
	jar, err := cookiejar.New(nil)
	require.NoError(w, err)
	return &browser{w, jar}
}

func (b *browser) request(address string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, address, nil)
	for _, c := range b.jar.Cookies(r.URL) {
		r.AddCookie(c)
	}
	return r
}

// begin begins a sign-in and returns the address at the directory.
func (b *browser) begin(back string) string {
	b.Helper()
	r, answer := b.request("https://bank.example/portal/sign-in"), httptest.NewRecorder()
	require.NoError(b, b.signIn.Begin(answer, r, back))
	require.Equal(b, http.StatusSeeOther, answer.Code)
	b.jar.SetCookies(r.URL, answer.Result().Cookies())
	return answer.Header().Get("Location")
}

// authorize has a person sign in at the directory, and returns the address of the callback.
func (b *browser) authorize(address, email string) string {
	b.Helper()
	callback, err := b.provider.Authorize(b.directory.Client(), address, email)
	require.NoError(b, err)
	require.True(b, strings.HasPrefix(callback, redirectURI+"?"), callback)
	return callback
}

// finish opens the callback.
func (b *browser) finish(callback string) (signin.EndUser, error) {
	b.Helper()
	r, answer := b.request(callback), httptest.NewRecorder()
	who, err := b.signIn.Finish(answer, r)
	b.jar.SetCookies(r.URL, answer.Result().Cookies())
	require.Empty(b, answer.Body.String(), "Finish writes cookies alone")
	if err != nil {
		require.Zero(b, who)
	}
	return who, err
}

// walk signs a person in.
func (b *browser) walk(email string) (signin.EndUser, error) {
	b.Helper()
	return b.finish(b.authorize(b.begin("/portal/"), email))
}

// cookies are those that the browser has for the bank.
func (b *browser) cookies() []*http.Cookie {
	u, err := url.Parse("https://bank.example/")
	require.NoError(b, err)
	return b.jar.Cookies(u)
}
