package portal_test

import (
	"context"
	"errors"
	"html"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/portal"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/store"
)

func TestAContactSignsInThroughTheDirectory(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{directory: true})
	b := w.visitor(t)
	assert.Contains(t, b.get("/").body, "Sign in with the Open Banking Directory")
	a := b.step("/applications?search=x+y")
	require.Equal(t, http.StatusSeeOther, a.status)
	signIn, ok := strings.CutPrefix(a.header.Get("Location"), "/portal")
	require.True(t, ok)
	a = b.step(signIn)
	at, err := url.Parse(a.header.Get("Location"))
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(at.String(), w.directory.URL()+"/"))
	assert.Equal(t, "login", at.Query().Get("prompt"))
	assert.Equal(t, []string{"openid", "email", "profile"}, strings.Fields(at.Query().Get("scope")))
	a = b.step(b.authorized(at.String(), annaEmail))
	require.Equal(t, http.StatusSeeOther, a.status, a.body)
	assert.Equal(t, "/portal/applications?search=x+y", a.header.Get("Location"), "where the person was")
	cookies := (&http.Response{Header: a.header}).Cookies()
	var session *http.Cookie
	for _, c := range cookies {
		if c.Name == "__Host-obdcr" {
			session = c
		}
	}
	require.NotNil(t, session)
	assert.True(t, session.Secure && session.HttpOnly)
	assert.Equal(t, http.SameSiteLaxMode, session.SameSite)
	assert.Equal(t, "/", session.Path)
	assert.Empty(t, session.Domain)
	assert.GreaterOrEqual(t, len(session.Value), 43)
	page := b.get("/applications")
	assert.Contains(t, page.body, "Anna Ångström")
	assert.NotContains(t, page.body, "Operator")
	assert.Equal(t, "/portal/applications", b.get("/").url.Path, "who is signed in needs no first page")
}

func TestAPersonIsKnownFromTheFirstSignInByTheFoldedAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{directory: true})
	b := w.visitor(t)
	b.signedInAt(annaEmail, "")
	users := w.store.(store.Users)
	first, err := users.GetUser(context.Background(), "anna@tpp.example")
	require.NoError(t, err)
	assert.Equal(t, []string{orgOne}, first.Organisations)
	assert.Equal(t, "Anna Ångström", first.Name)
	assert.Equal(t, w.directory.URL(), first.Issuer)
	assert.NotEmpty(t, first.Subject)
	assert.False(t, first.Operator)
	w.account(t, ssatest.Account{Email: "ANNA@tpp.EXAMPLE", Code: "123456", Name: "Anna B.", Associated: true, Organisations: []string{orgTwo}})
	w.visitor(t).signedInAt(annaEmail, "")
	all, err := users.ListUsers(context.Background(), "", 10)
	require.NoError(t, err)
	require.Len(t, all, 1)
	assert.Equal(t, "Anna B.", all[0].Name)
	assert.Equal(t, []string{orgTwo}, all[0].Organisations)
	assert.Equal(t, first.CreatedAt, all[0].CreatedAt)
	assert.ElementsMatch(t, []string{"sign_in done contact first sign-in", "sign_in done contact"}, w.notes(t))
}

func TestSomebodyWhoActsForNoTPPIsToldSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{directory: true})
	for name, account := range map[string]ssatest.Account{
		"not associated":                {Organisations: []string{orgOne}},
		"no organisation":               {Associated: true},
		"no operator, by another group": {Claims: map[string]any{"groups": []string{"obdcr-operator", "ROOT"}}},
	} {
		t.Run(name, func(t *testing.T) {
			if account.Email == "" {
				account.Email = "eve@tpp.example"
			}
			account.Code = "123456"
			w.account(t, account)
			b := w.visitor(t)
			before := len(w.notes(t))
			a := b.signedInAt(account.Email, "")
			assert.Equal(t, http.StatusForbidden, a.status)
			says, why := "You are not associated with a TPP", "the person is not associated with a TPP"
			if account.Associated {
				says, why = "The directory does not say for which organisation you act", "the directory tells no organisation of the person"
			}
			assert.Contains(t, a.body, says)
			assert.Empty(t, b.cookie())
			assert.False(t, b.isIn())
			_, err := w.store.(store.Users).GetUser(context.Background(), account.Email)
			require.ErrorIs(t, err, store.ErrNotFound)
			assert.Equal(t, []string{"sign_in denied contact " + why}, w.notes(t)[before:])
		})
	}
}

// TestAnAddressThatIsNotVerifiedIsNobodys: it may be that of a colleague, or of an operator.
func TestAnAddressThatIsNotVerifiedIsNobodys(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{directory: true})
	for _, account := range []ssatest.Account{
		{Email: annaEmail, Associated: true, Organisations: []string{orgOne}},
		{Email: olgaEmail},
		{Email: "one@bank.example", Claims: map[string]any{"groups": "obdcr-operators"}},
	} {
		account.Code, account.Unverified = "123456", true
		w.account(t, account)
		b := w.visitor(t)
		a := b.signedInAt(account.Email, "")
		assert.Equal(t, http.StatusForbidden, a.status)
		assert.Contains(t, a.body, "Your e-mail address is not verified")
		assert.False(t, b.isIn())
		notes := w.notes(t)
		assert.Equal(t, "sign_in denied contact the directory says that the address is not verified", notes[len(notes)-1])
	}
	all, err := w.store.(store.Users).ListUsers(context.Background(), "", 10)
	require.NoError(t, err)
	assert.Empty(t, all)

	w.account(t, ssatest.Account{Email: annaEmail, Code: "123456", Associated: true, Organisations: []string{orgOne}, Claims: map[string]any{"email_verified": nil}})
	b := w.visitor(t)
	b.signedInAt(annaEmail, "")
	assert.True(t, b.isIn(), "a directory need not say")
}

func TestAnOperatorIsOneByAVerifiedAddressOrAClaim(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{directory: true})
	w.account(t, ssatest.Account{Email: "otto@bank.example", Code: "123456", Organisations: []string{orgOne}, Claims: map[string]any{"groups": []string{"staff", "root"}}})
	w.account(t, ssatest.Account{Email: "one@bank.example", Code: "123456", Claims: map[string]any{"groups": "obdcr-operators"}})
	for _, email := range []string{olgaEmail, "otto@bank.example", "one@bank.example"} {
		b := w.visitor(t)
		a := b.signedInAt(email, "/portal/approvals")
		require.Equal(t, "/portal/approvals", a.header.Get("Location"), email)
		assert.Contains(t, b.get("/approvals").body, "Nothing waits for a decision", email)
	}
	assert.Equal(t, []string{"sign_in done operator first sign-in", "sign_in done operator first sign-in", "sign_in done operator first sign-in"}, w.notes(t))
	otto, err := w.store.(store.Users).GetUser(context.Background(), "otto@bank.example")
	require.NoError(t, err)
	assert.True(t, otto.Operator)
	assert.Empty(t, otto.Organisations, "the directory does not say that he acts for one")
	b := w.visitor(t)
	b.signedInAt(annaEmail, "")
	assert.Equal(t, http.StatusNotFound, b.get("/approvals").status)
}

func TestAPersonOfSeveralOrganisationsActsForAll(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{directory: true})
	w.fill(t, 6, orgOne, orgTwo, orgThree)
	b := w.visitor(t)
	b.signedInAt(bobEmail, "")
	assert.Equal(t, []string{"App 4", "App 3", "App 1", "App 0"}, b.get("/applications").listedNames())
	assert.Equal(t, http.StatusOK, b.get("/applications/filled-0").status)
	assert.Equal(t, http.StatusNotFound, b.get("/applications/filled-2").status)
}

func TestASignInThatFailsHasAPageOfItsCause(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{directory: true})
	w.account(t, ssatest.Account{Email: "weak@tpp.example", Associated: true, Organisations: []string{orgOne}})
	down := func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) }
	for name, f := range map[string]struct {
		email  string
		faults ssatest.ProviderFaults
		change func(callback string) string
		status int
		title  string
	}{
		"no second factor":      {email: "weak@tpp.example", status: http.StatusForbidden, title: "The second factor is missing"},
		"given up":              {email: "nobody", status: http.StatusForbidden, title: "You were not signed in"},
		"another state":         {change: func(c string) string { return replaced(c, "state", strings.Repeat("A", 43)) }, status: http.StatusBadRequest, title: "This sign-in cannot be completed"},
		"no state":              {change: func(c string) string { return replaced(c, "state", "") }, status: http.StatusBadRequest, title: "This sign-in cannot be completed"},
		"another code":          {change: func(c string) string { return replaced(c, "code", "x") }, status: http.StatusForbidden, title: "You were not signed in"},
		"another issuer":        {change: func(c string) string { return replaced(c, "iss", "https://evil.example") }, status: http.StatusBadRequest, title: "This sign-in cannot be completed"},
		"another nonce":         {faults: ssatest.ProviderFaults{IDToken: func(c map[string]any) { c["nonce"] = "x" }}, status: http.StatusBadGateway, title: "The directory's answer cannot be trusted"},
		"a forged token":        {faults: ssatest.ProviderFaults{Forgery: &ssatest.Forgery{Key: w.directory.ForgedKey()}}, status: http.StatusBadGateway, title: "The directory's answer cannot be trusted"},
		"the directory is down": {faults: ssatest.ProviderFaults{Serve: down}, status: http.StatusServiceUnavailable, title: "The directory does not answer"},
	} {
		t.Run(name, func(t *testing.T) {
			defer w.directory.SignIn().Misbehave(ssatest.ProviderFaults{})
			b := w.visitor(t)
			email := f.email
			if email == "" {
				email = annaEmail
			}
			callback := b.authorized(b.begin(""), email)
			before := len(w.notes(t))
			w.directory.SignIn().Misbehave(f.faults)
			if f.change != nil {
				callback = f.change(callback)
			}
			a := b.step(callback)
			assert.Equal(t, f.status, a.status, a.body)
			assert.Contains(t, html.UnescapeString(a.body), f.title)
			assert.Contains(t, a.body, "Sign in</a>", "the way to begin again")
			require.Len(t, w.notes(t), before+1)
			assert.Contains(t, strings.Join(w.notes(t), "\n"), "sign_in denied contact signin: ")
			assert.Empty(t, b.cookie())
			assert.False(t, b.isIn())
		})
	}
	assert.NotContains(t, strings.Join(w.notes(t), "\n"), "done")
}

// replaced is an address with another value of a parameter; "" takes it away.
func replaced(address, name, value string) string {
	u, err := url.Parse(address)
	if err != nil {
		panic(err)
	}
	query := u.Query()
	query.Set(name, value)
	if value == "" {
		query.Del(name)
	}
	u.RawQuery = query.Encode()
	return u.RequestURI()
}

func TestADirectoryThatIsDownAtTheBeginningOfASignIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{directory: true})
	w.directory.SignIn().Misbehave(ssatest.ProviderFaults{Serve: func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) }})
	b := w.visitor(t)
	a := b.step("/sign-in")
	assert.Equal(t, http.StatusServiceUnavailable, a.status)
	assert.Contains(t, a.body, "The directory does not answer")
	assert.Equal(t, http.StatusOK, b.get("/").status)
}

// TestStrangersDoNotFillTheTrail: anybody can make sign-ins fail.
func TestStrangersDoNotFillTheTrail(t *testing.T) {
	t.Parallel()
	h := &hands{}
	w := newWorld(t, options{directory: true, portal: func(c *portal.Config) { c.Clock = h.now }})
	b := w.visitor(t)
	fail := func() {
		for range 100 {
			require.Equal(t, http.StatusBadRequest, b.step("/sign-in/answer?code=x&state="+strings.Repeat("A", 43)).status)
		}
	}
	fail()
	assert.Len(t, w.notes(t), 60)
	h.advance(time.Minute)
	fail()
	assert.Len(t, w.notes(t), 120)
	assert.Equal(t, http.StatusSeeOther, b.signedInAt(annaEmail, "").status)
	assert.Len(t, w.notes(t), 121)
}

func TestAnAnswerOfTheDirectoryCountsOnceInTheBrowserThatAsked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{directory: true})
	b, other := w.visitor(t), w.visitor(t)
	callback := b.authorized(b.begin(""), annaEmail)
	stolen := other.step(callback)
	assert.Equal(t, http.StatusBadRequest, stolen.status)
	assert.Contains(t, stolen.body, "It was begun in another browser")
	assert.False(t, other.isIn())
	require.Equal(t, http.StatusSeeOther, b.step(callback).status)
	session := b.cookie()
	again := b.step(callback)
	assert.Equal(t, http.StatusBadRequest, again.status)
	assert.Equal(t, session, b.cookie(), "who is signed in stays so")
	assert.True(t, b.isIn())
}

func TestASignOutEndsTheSessionHereAndAtTheDirectory(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{directory: true})
	b := w.visitor(t)
	b.signedInAt(annaEmail, "")
	session := b.cookie()
	a := b.post("/sign-out", nil)
	assert.Equal(t, http.StatusOK, a.status)
	assert.Contains(t, a.body, "You are signed out here")
	next, ok := strings.CutPrefix(a.header.Get("Refresh"), "0; url=")
	require.True(t, ok)
	end, err := url.Parse(next)
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(next, w.directory.URL()+"/"))
	assert.Equal(t, w.address+"/signed-out", end.Query().Get("post_logout_redirect_uri"))
	assert.NotEmpty(t, end.Query().Get("id_token_hint"))
	assert.Empty(t, b.cookie())
	assert.False(t, w.visitor(t).plant(session).isIn(), "the cookie is of no more use")
	assert.Contains(t, w.notes(t), "sign_out done contact")
	assert.Equal(t, "/portal/signed-out", b.post("/sign-out", nil).url.Path, "a second time")
	assert.Contains(t, b.get("/signed-out").body, "You are signed out")
}

// TestASignInHasASessionOfItsOwn: whoever planted a cookie before, or knows that of a session
// before, is not signed in.
func TestASignInHasASessionOfItsOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{directory: true})
	planted := strings.Repeat("p", 43)
	b := w.visitor(t).plant(planted)
	b.signedInAt(annaEmail, "")
	first := b.cookie()
	assert.NotEqual(t, planted, first)
	assert.False(t, w.visitor(t).plant(planted).isIn())
	b.signedInAt(bobEmail, "")
	assert.NotEqual(t, first, b.cookie())
	assert.False(t, w.visitor(t).plant(first).isIn())
	assert.Contains(t, b.get("/applications").body, "Bob")
}

func TestASessionEndsWhenItIsIdleAndAfterItsLifetime(t *testing.T) {
	t.Parallel()
	for _, own := range []bool{false, true} {
		h := &hands{}
		idle, lifetime := 15*time.Minute, 8*time.Hour
		w := newWorld(t, options{directory: true, portal: func(c *portal.Config) {
			c.Clock = h.now
			if own {
				idle, lifetime = 5*time.Minute, 20*time.Minute
				c.IdleTimeout, c.Lifetime = idle, lifetime
			}
		}})
		b := w.visitor(t)
		b.signedInAt(annaEmail, "")
		began := h.now()
		for h.now().Sub(began)+idle*9/10 < lifetime {
			h.advance(idle * 9 / 10)
			require.True(t, b.isIn(), h.now().Sub(began))
		}
		session := b.cookie()
		h.advance(lifetime - h.now().Sub(began) + time.Second)
		assert.False(t, b.isIn(), "it was used until its end")
		assert.False(t, w.visitor(t).plant(session).isIn())

		h = &hands{}
		w = newWorld(t, options{directory: true, portal: func(c *portal.Config) { c.Clock, c.IdleTimeout, c.Lifetime = h.now, idle, lifetime }})
		b = w.visitor(t)
		b.signedInAt(annaEmail, "")
		h.advance(idle + time.Second)
		assert.False(t, b.isIn(), "nothing was asked for")
		a := b.step("/sign-in")
		assert.Equal(t, http.StatusSeeOther, a.status)
	}
}

// TestASignOutIsNotUndoneByARequestUnderWay: the request wants to keep when it was seen.
func TestASignOutIsNotUndoneByARequestUnderWay(t *testing.T) {
	t.Parallel()
	h, records := &hands{}, newWatched()
	w := newWorld(t, options{directory: true, store: records, portal: func(c *portal.Config) { c.Clock = h.now }})
	b := w.visitor(t)
	b.signedInAt(annaEmail, "")
	session := b.cookie()
	h.advance(5 * time.Minute)
	reached, goOn := make(chan struct{}), make(chan struct{})
	records.set(func() { records.beforeSearches = func() { close(reached); <-goOn } })
	slow := w.visitor(t).plant(session)
	answered := make(chan answer)
	go func() { answered <- slow.step("/applications") }()
	<-reached
	records.set(func() { records.beforeSearches = nil })
	require.Equal(t, http.StatusOK, b.post("/sign-out", nil).status)
	close(goOn)
	assert.Equal(t, http.StatusOK, (<-answered).status)
	assert.False(t, slow.isIn())
	assert.False(t, w.visitor(t).plant(session).isIn())
}

// TestTheStoreOfSessionsHoldsNoCookie: who reads the store cannot enter.
func TestTheStoreOfSessionsHoldsNoCookie(t *testing.T) {
	t.Parallel()
	records := newWatched()
	w := newWorld(t, options{directory: true, store: records})
	b := w.visitor(t)
	b.signedInAt(annaEmail, "")
	require.NotEmpty(t, records.put)
	for _, s := range records.put {
		assert.NotContains(t, s.Key, b.cookie())
		assert.NotContains(t, string(s.Data), b.cookie())
		assert.False(t, w.visitor(t).plant(s.Key).isIn(), "the key is no cookie")
	}
	assert.False(t, w.visitor(t).plant(strings.ToUpper(b.cookie())).isIn())
}

func TestAStoreThatCannotAnswerHasAPage(t *testing.T) {
	t.Parallel()
	h, records := &hands{}, newWatched()
	w := newWorld(t, options{directory: true, store: records, portal: func(c *portal.Config) { c.Clock = h.now }})
	b := w.visitor(t)
	away := errors.New("the disk of db-7.internal is gone")
	callback := b.authorized(b.begin(""), annaEmail)
	records.set(func() { records.failPut = away })
	a := b.step(callback)
	assert.Equal(t, http.StatusServiceUnavailable, a.status, "nobody is signed in without a session")
	assert.Equal(t, 1, strings.Count(a.body, "<html"))
	records.set(func() { records.failPut = nil })
	assert.False(t, b.isIn())
	b.signedInAt(annaEmail, "")

	h.advance(5 * time.Minute)
	records.set(func() { records.failPut = away })
	a = b.step("/applications")
	assert.Equal(t, http.StatusOK, a.status, "only when it was seen is not kept")
	assert.Equal(t, 1, strings.Count(a.body, "<html"))
	records.set(func() { records.failPut, records.failGet = nil, away })
	for _, path := range []string{"/", "/applications", "/sign-in", "/applications/x", "/approvals", "/no-such-page"} {
		a = b.step(path)
		assert.Equal(t, http.StatusServiceUnavailable, a.status, path)
		assert.Contains(t, a.body, "This does not work at the moment", path)
		assert.NotContains(t, a.body, "db-7", path)
		assert.Equal(t, "nosniff", a.header.Get("X-Content-Type-Options"))
	}
	assert.Equal(t, http.StatusOK, b.step("/style.css").status, "which needs no session")
	records.set(func() { records.failGet, records.failAll = nil, away })
	for _, path := range []string{"/applications", "/applications/x"} {
		a = b.step(path)
		assert.Equal(t, http.StatusServiceUnavailable, a.status, path)
		assert.NotContains(t, a.body, "db-7", path)
	}
	records.set(func() { records.failAll = nil })
	assert.True(t, b.isIn(), "the session has outlived it")
}
