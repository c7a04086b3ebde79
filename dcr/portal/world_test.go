package portal_test

import (
	"cmp"
	"crypto/tls"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/dcrtest"
	"github.com/obdcr/obdcr/dcr/portal"
	"github.com/obdcr/obdcr/dcr/roles"
	"github.com/obdcr/obdcr/dcr/server"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

// world is a bank with a portal, and the directory that it trusts.
type world struct {
	directory *ssatest.Directory
	store     store.Store
	bank      *server.Bank
	settings  []dcrtest.Option // of the bank, without its store and its directory
	portal    *portal.Portal
	config    portal.Config
	address   string // of the portal
	server    *httptest.Server
	transport *http.Transport          // of all visitors, who shake hands once
	people    map[string]portal.Person // who can sign in, by the name in /sign-in?as=
}

// options of a world; each may be nil.
type options struct {
	bank   func(*server.Config)
	policy func(*validate.Policy)
	portal func(*portal.Config)
	store  store.Store
	// directory has people sign in at the directory, in the place of the test's own sign-in.
	directory bool
	made      ssatest.Options // how the directory is made
}

// apis are those of the bank.
var apis = roles.Table{Roles: map[string][]claims.Role{"accounts": {claims.AISP}, "payments": {claims.PISP}}, Open: []string{"directory"}}

// newWorld starts a bank whose portal has a sign-in of the test's own: /sign-in?as=NAME signs
// the person of that name in.
func newWorld(t testing.TB, o options) *world {
	t.Helper()
	w := &world{settings: []dcrtest.Option{dcrtest.WithKeysAtOnce(), dcrtest.WithServerConfig(func(c *server.Config) {
		c.Issuer, c.MaySubscribe = "https://bank.example", apis.Decide
	})}, people: map[string]portal.Person{}}
	if o.policy != nil {
		w.settings = append(w.settings, dcrtest.WithPolicy(o.policy))
	}
	if o.bank != nil {
		w.settings = append(w.settings, dcrtest.WithServerConfig(o.bank))
	}
	begun := []dcrtest.Option{dcrtest.WithDirectoryOptions(func(d *ssatest.Options) {
		*d = o.made
		d.Algorithm = cmp.Or(d.Algorithm, claims.ES256) // quick to sign
	})}
	if o.store != nil {
		begun = append(begun, dcrtest.WithStore(o.store))
	}
	bank := dcrtest.NewBank(t, append(begun, w.settings...)...)
	w.directory, w.store, w.bank = bank.Directory(), bank.Store(), bank.Server()

	w.server = httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { w.portal.Handler().ServeHTTP(rw, r) }))
	w.server.Config.ErrorLog = log.New(io.Discard, "", 0) // of browsers that go away
	w.server.StartTLS()
	t.Cleanup(w.server.Close)
	roots := w.server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	w.transport = &http.Transport{MaxIdleConnsPerHost: 64, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	t.Cleanup(w.transport.CloseIdleConnections)
	w.address = w.server.URL + "/portal"
	c := portal.Config{Address: w.address, Registrar: w.bank.Registrar(), Store: w.store, Issuers: []string{"OpenBanking Ltd"}, APIs: apis,
		SignIn: http.HandlerFunc(w.signIn), Logger: slog.New(slog.NewTextHandler(testLog{t}, nil))}
	if o.directory {
		w.signInAtDirectory(t, &c)
	}
	if o.portal != nil {
		o.portal(&c)
	}
	w.config = c
	var err error
	w.portal, err = portal.New(c)
	require.NoError(t, err)
	return w
}

// testLog writes the log of a portal to that of its test.
type testLog struct{ t testing.TB }

func (l testLog) Write(line []byte) (int, error) {
	l.t.Log(strings.TrimSpace(string(line)))
	return len(line), nil
}

// signIn is the sign-in of the test.
func (w *world) signIn(rw http.ResponseWriter, r *http.Request) {
	person, known := w.people[r.FormValue("as")]
	if !known {
		http.Error(rw, "who?", http.StatusForbidden)
		return
	}
	if err := portal.Admit(r, person); err != nil {
		http.Error(rw, err.Error(), http.StatusInternalServerError)
		return
	}
	http.Redirect(rw, r, portal.Back(r), http.StatusSeeOther)
}

// contact adds a person of some organisations.
func (w *world) contact(name string, organisations ...string) {
	w.people[name] = portal.Person{Email: name + "@tpp.example", Name: strings.ToUpper(name[:1]) + name[1:], Issuer: "https://directory.example", Organisations: organisations}
}

// operator adds an operator of the bank.
func (w *world) operator(name string) {
	w.people[name] = portal.Person{Email: name + "@bank.example", Name: strings.ToUpper(name[:1]) + name[1:], Operator: true}
}

// browser is a client that keeps cookies and follows redirects.
type browser struct {
	t    testing.TB
	w    *world
	http *http.Client
}

// answer is what a page answered.
type answer struct {
	status int
	header http.Header
	url    *url.URL
	body   string
}

// visitor returns a browser in which nobody is signed in.
func (w *world) visitor(t testing.TB) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	return &browser{t: t, w: w, http: &http.Client{Jar: jar, Transport: w.transport, Timeout: 30 * time.Second}}
}

// as returns a browser in which a person is signed in.
func (w *world) as(t testing.TB, name string) *browser {
	t.Helper()
	b := w.visitor(t)
	a := b.get("/sign-in?as=" + name)
	require.Equal(t, http.StatusOK, a.status, a.body)
	return b
}

// get opens a page; the path is one of the portal.
func (b *browser) get(path string) answer {
	b.t.Helper()
	r, err := http.NewRequest(http.MethodGet, b.w.address+path, nil)
	require.NoError(b.t, err)
	return b.do(r)
}

// post sends a form, as a browser does from a page of the portal.
func (b *browser) post(path string, form url.Values) answer {
	b.t.Helper()
	r, err := http.NewRequest(http.MethodPost, b.w.address+path, strings.NewReader(form.Encode()))
	require.NoError(b.t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return b.do(r)
}

// do sends a request.
func (b *browser) do(r *http.Request) answer {
	b.t.Helper()
	resp, err := b.http.Do(r)
	require.NoError(b.t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(b.t, err)
	return answer{resp.StatusCode, resp.Header, resp.Request.URL, string(body)}
}
