package signin_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/portal/signin"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

func TestTheCookieOfASignInIsForThisHostAlone(t *testing.T) {
	w := newWorld(t)
	answer := httptest.NewRecorder()
	require.NoError(t, w.signIn.Begin(answer, httptest.NewRequest(http.MethodGet, "https://bank.example/", nil), "/"))
	cookies := answer.Result().Cookies()
	require.Len(t, cookies, 1)
	c := cookies[0]
	assert.True(t, strings.HasPrefix(c.Name, "__Host-obdcr-signin-"))
	assert.True(t, c.Secure && c.HttpOnly)
	assert.Equal(t, "/", c.Path)
	assert.Empty(t, c.Domain)
	assert.Equal(t, http.SameSiteLaxMode, c.SameSite)
	assert.Equal(t, 600, c.MaxAge)
	assert.Less(t, len(c.Raw), 4096)
	assert.Equal(t, "no-store", answer.Header().Get("Cache-Control"))
}

func TestTwoTabsSignInBesideEachOther(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	first, second := b.begin("/first"), b.begin("/second")
	callbacks := []string{b.authorize(first, anna), b.authorize(second, anna)}
	for i, back := range []string{"/second", "/first"} {
		who, err := b.finish(callbacks[1-i])
		require.NoError(t, err)
		assert.Equal(t, back, who.Back)
	}
	assert.Empty(t, b.cookies())
}

func TestABrowserKeepsTheNewestSignIns(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	var begun []string
	for i := range 7 {
		begun = append(begun, b.begin("/"+strconv.Itoa(i)))
		w.clock.advance(time.Second)
	}
	require.Len(t, b.cookies(), 5)
	for i, address := range begun {
		who, err := b.finish(b.authorize(address, anna))
		if i < 2 {
			require.ErrorIs(t, err, signin.ErrState, "the oldest ones are gone")
			continue
		}
		require.NoError(t, err)
		assert.Equal(t, "/"+strconv.Itoa(i), who.Back)
	}
}

func TestACallbackIsTakenOnce(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	before := b.begin("/")
	kept := b.cookies()
	callback := b.authorize(before, anna)
	_, err := b.finish(callback)
	require.NoError(t, err)
	_, err = b.finish(callback)
	require.ErrorIs(t, err, signin.ErrState, "the cookie is gone")

	// Whoever kept the cookie gets no further: the directory takes a code once.
	b.jar.SetCookies(b.request(callback).URL, kept)
	_, err = b.finish(callback)
	require.ErrorIs(t, err, signin.ErrDeclined)
	assert.Contains(t, err.Error(), "invalid_grant")
}

// another returns a text of base64 with another character at a place.
func another(s string, at int) string {
	c := "A"
	if s[at] == 'A' {
		c = "B"
	}
	return s[:at] + c + s[at+1:]
}

// TestAnAnswerOfAnotherSignInSignsNobodyIn changes what the browser brings.
func TestAnAnswerOfAnotherSignInSignsNobodyIn(t *testing.T) {
	w := newWorld(t)
	edit := func(change func(url.Values)) func(*browser, string) string {
		return func(_ *browser, callback string) string {
			u, err := url.Parse(callback)
			require.NoError(t, err)
			query := u.Query()
			change(query)
			u.RawQuery = query.Encode()
			return u.String()
		}
	}
	add := func(more string) func(*browser, string) string {
		return func(_ *browser, callback string) string { return callback + more }
	}
	for name, change := range map[string]func(*browser, string) string{
		"another browser":            func(b *browser, callback string) string { b.jar = w.browser().jar; return callback },
		"no state":                   edit(func(q url.Values) { q.Del("state") }),
		"a state of nobody":          edit(func(q url.Values) { q.Set("state", strings.Repeat("A", 43)) }),
		"a state of the same name":   edit(func(q url.Values) { q.Set("state", another(q.Get("state"), 41)) }),
		"a state that is no text":    edit(func(q url.Values) { q.Set("state", "a\r\nb") }),
		"a state that is short":      edit(func(q url.Values) { q.Set("state", q.Get("state")[:16]) }),
		"state twice":                add("&state=b"),
		"code twice":                 add("&code=b"),
		"iss twice":                  add("&iss=b"),
		"error beside code":          add("&error=access_denied"),
		"no code":                    edit(func(q url.Values) { q.Del("code") }),
		"an empty code":              edit(func(q url.Values) { q.Set("code", "") }),
		"a code with a line end":     edit(func(q url.Values) { q.Set("code", "a\r\nHost: x") }),
		"a code of 5 KiB":            edit(func(q url.Values) { q.Set("code", strings.Repeat("a", 5<<10)) }),
		"a query of 9 KiB":           add("&x=" + strings.Repeat("a", 9<<10)),
		"a query that is none":       add("&%zz"),
		"iss of another":             edit(func(q url.Values) { q.Set("iss", "https://evil.example") }),
		"iss that is empty":          edit(func(q url.Values) { q.Set("iss", "") }),
		"no iss, which is announced": edit(func(q url.Values) { q.Del("iss") }),
		"begun too long ago": func(_ *browser, callback string) string {
			w.clock.advance(10*time.Minute + 2*time.Second)
			return callback
		},
		"begun in the future": func(_ *browser, callback string) string { w.clock.advance(-2 * time.Minute); return callback },
	} {
		t.Run(name, func(t *testing.T) {
			w.clock.ahead = 0
			b := w.browser()
			callback := b.authorize(b.begin("/"), anna)
			_, err := b.finish(change(b, callback))
			require.ErrorIs(t, err, signin.ErrState)
		})
	}
	t.Run("another method", func(t *testing.T) {
		w.clock.ahead = 0
		b := w.browser()
		r := b.request(b.authorize(b.begin("/"), anna))
		r.Method = http.MethodPost
		_, err := w.signIn.Finish(httptest.NewRecorder(), r)
		require.ErrorIs(t, err, signin.ErrState)
	})
}

// TestAStrangersCodeDoesNotFit: the code of a sign-in is bound to the browser that began it
// (RFC 7636), also where the stranger brings it with the victim's own state.
func TestAStrangersCodeDoesNotFit(t *testing.T) {
	w := newWorld(t)
	w.account(ssatest.Account{Email: "mallory@tpp.example", Password: "p", Code: "1", Associated: true})
	mallory, victim := w.browser(), w.browser()
	code := func(callback string) string {
		u, err := url.Parse(callback)
		require.NoError(t, err)
		return u.Query().Get("code")
	}
	stolen := code(mallory.authorize(mallory.begin("/"), "mallory@tpp.example"))
	callback := victim.authorize(victim.begin("/"), anna)
	_, err := victim.finish(strings.Replace(callback, code(callback), stolen, 1))
	require.ErrorIs(t, err, signin.ErrDeclined)
	assert.Contains(t, err.Error(), "invalid_grant")
}

// TestAnEditedCookieSignsNobodyIn edits each part of the cookie's value.
func TestAnEditedCookieSignsNobodyIn(t *testing.T) {
	w := newWorld(t)
	other := strings.Repeat("B", 42) + "A"
	for name, c := range map[string]struct {
		part  int
		to    string
		cause error
	}{
		"the form":               {0, "2", signin.ErrState},
		"the state":              {1, other, signin.ErrState},
		"a nonce of one's own":   {2, other, signin.ErrToken},
		"a nonce that is none":   {2, "", signin.ErrState},
		"another verifier":       {3, other, signin.ErrDeclined},
		"a time long ago":        {4, "0", signin.ErrState},
		"a time in the future":   {4, "99999999999", signin.ErrState},
		"a time that is none":    {4, "1e9", signin.ErrState},
		"a time with zeros":      {4, "0000000001", signin.ErrState},
		"back that is no base64": {5, "!", signin.ErrState},
		"a part more":            {5, "Lw.x", signin.ErrState},
	} {
		t.Run(name, func(t *testing.T) {
			b := w.browser()
			callback := b.authorize(b.begin("/"), anna)
			own := b.cookies()[0]
			parts := strings.Split(own.Value, ".")
			parts[c.part] = c.to
			own.Value, own.Path, own.Secure = strings.Join(parts, "."), "/", true
			b.jar.SetCookies(b.request(callback).URL, []*http.Cookie{own})
			_, err := b.finish(callback)
			require.ErrorIs(t, err, c.cause)
			assert.Empty(t, b.cookies())
		})
	}
	t.Run("the value of another sign-in under its name", func(t *testing.T) {
		b := w.browser()
		b.begin("/other")
		other := b.cookies()[0]
		callback := b.authorize(b.begin("/"), anna)
		for _, c := range b.cookies() {
			c.Value, c.Path, c.Secure = other.Value, "/", true
			b.jar.SetCookies(b.request(callback).URL, []*http.Cookie{c})
		}
		_, err := b.finish(callback)
		require.ErrorIs(t, err, signin.ErrState)
	})
	t.Run("twice", func(t *testing.T) {
		b := w.browser()
		r := b.request(b.authorize(b.begin("/"), anna))
		r.AddCookie(b.cookies()[0])
		_, err := w.signIn.Finish(httptest.NewRecorder(), r)
		require.ErrorIs(t, err, signin.ErrState)
	})
}

func TestWhatTheDirectoryAnswersIsSorted(t *testing.T) {
	w := newWorld(t)
	for code, cause := range map[string]error{
		"access_denied": signin.ErrDeclined, "login_required": signin.ErrDeclined, "interaction_required": signin.ErrDeclined,
		"consent_required": signin.ErrDeclined, "invalid_scope": signin.ErrDeclined, "made up": signin.ErrDeclined, "": signin.ErrDeclined,
		"server_error": signin.ErrUnavailable, "temporarily_unavailable": signin.ErrUnavailable,
		"unmet_authentication_requirements": signin.ErrSecondFactor,
	} {
		t.Run(code, func(t *testing.T) {
			w.provider.Misbehave(ssatest.ProviderFaults{Redirect: func(p map[string]string) { delete(p, "code"); p["error"] = code }})
			b := w.browser()
			_, err := b.walk(anna)
			require.ErrorIs(t, err, cause)
			assert.NotContains(t, err.Error(), "made up")
			assert.Empty(t, b.cookies())
		})
	}
}
