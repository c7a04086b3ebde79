package ssatest_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

const (
	callback  = "https://bank.example/callback"
	signedOut = "https://bank.example/signed-out"
	// verifier and challenge are those of RFC 7636 appendix B.
	verifier  = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
)

// signInWorld is a directory with one bank and one person.
type signInWorld struct {
	*testing.T
	directory *ssatest.Directory
	provider  *ssatest.Provider
	client    *http.Client
}

func newSignInWorld(t *testing.T) *signInWorld {
	d, err := ssatest.New(ssatest.Options{})
	require.NoError(t, err)
	t.Cleanup(d.Close)
	w := &signInWorld{T: t, directory: d, provider: d.SignIn(), client: d.Client()}
	w.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	require.NoError(t, w.provider.AddClient(ssatest.ProviderClient{ID: "bank", Secret: claims.NewSecret("s"), RedirectURIs: []string{callback},
		AfterSignOut: []string{signedOut}}))
	require.NoError(t, w.provider.AddAccount(ssatest.Account{Email: "anna@tpp.example", Password: "p", Code: "123456", Associated: true}))
	return w
}

// reply is an answer whose body was read.
type reply struct {
	StatusCode int
	Header     http.Header
}

// request is an authorization request with changes; an empty value removes a parameter.
func (w *signInWorld) request(changes map[string]string) string {
	query := url.Values{"response_type": {"code"}, "client_id": {"bank"}, "redirect_uri": {callback}, "scope": {"openid"}, "state": {"st"},
		"nonce": {"n"}, "code_challenge": {challenge}, "code_challenge_method": {"S256"}}
	for name, value := range changes {
		query.Set(name, value)
		if value == "" {
			query.Del(name)
		}
	}
	return w.directory.URL() + "/sign-in/authorize?" + query.Encode()
}

func (w *signInWorld) do(r *http.Request, err error) (reply, string) {
	w.Helper()
	require.NoError(w, err)
	answer, err := w.client.Do(r)
	require.NoError(w, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(w, err)
	return reply{answer.StatusCode, answer.Header}, string(body)
}

func (w *signInWorld) get(address string) (reply, string) {
	w.Helper()
	return w.do(http.NewRequest(http.MethodGet, address, nil))
}

func (w *signInWorld) post(path string, form url.Values, change ...func(*http.Request)) (reply, string) {
	w.Helper()
	r, err := http.NewRequest(http.MethodPost, w.directory.URL()+path, strings.NewReader(form.Encode()))
	require.NoError(w, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, c := range change {
		c(r)
	}
	return w.do(r, err)
}

func (w *signInWorld) begin() string {
	w.Helper()
	_, body := w.get(w.request(nil))
	found := regexp.MustCompile(`name="sign_in" value="([^"]+)"`).FindStringSubmatch(body)
	require.NotNil(w, found, body)
	return found[1]
}

func location(t *testing.T, answer reply) url.Values {
	t.Helper()
	require.Equal(t, http.StatusSeeOther, answer.StatusCode)
	to, found := strings.CutPrefix(answer.Header.Get("Location"), callback+"?")
	require.True(t, found)
	query, err := url.ParseQuery(to)
	require.NoError(t, err)
	return query
}

func TestThePagesOfASignInAreForABrowserWithoutScripts(t *testing.T) {
	w := newSignInWorld(t)
	require.NoError(t, w.provider.AddClient(ssatest.ProviderClient{ID: `<b>"bank`, Secret: claims.NewSecret("s"), RedirectURIs: []string{callback}}))
	answer, body := w.get(w.request(map[string]string{"client_id": `<b>"bank`}))
	assert.Equal(t, http.StatusOK, answer.StatusCode)
	assert.Equal(t, "default-src 'none'; style-src 'self'; form-action 'self' https://bank.example; frame-ancestors 'none'; base-uri 'none'",
		answer.Header.Get("Content-Security-Policy"))
	assert.Equal(t, "no-store", answer.Header.Get("Cache-Control"))
	assert.Equal(t, "nosniff", answer.Header.Get("X-Content-Type-Options"))
	for _, missing := range []string{"<script", "style=", "<b>\"bank", "anna@"} {
		assert.NotContains(t, body, missing)
	}
	for _, part := range []string{`<html lang="en">`, `<label for="email">`, `<label for="password">`, "<h1>", "&lt;b&gt;"} {
		assert.Contains(t, body, part)
	}
	style, _ := w.get(w.directory.URL() + "/sign-in/style.css")
	assert.Equal(t, http.StatusOK, style.StatusCode)

	wrong, body := w.post("/sign-in/password", url.Values{"sign_in": {w.begin()}, "email": {`"><script>`}, "password": {"x"}})
	assert.Equal(t, http.StatusUnprocessableEntity, wrong.StatusCode)
	assert.Contains(t, body, `role="alert"`)
	assert.Contains(t, body, "<title>Error: ")
	assert.Contains(t, body, `href="#email"`)
	assert.NotContains(t, body, "<script>")
	assert.NotContains(t, body, `value="x"`, "the password is not kept")
}

func TestWhoFailsTooOftenIsSentBack(t *testing.T) {
	w := newSignInWorld(t)
	good := url.Values{"sign_in": {w.begin()}, "email": {" Anna@TPP.example "}, "password": {"p"}}
	answer, body := w.post("/sign-in/password", good)
	require.Equal(t, http.StatusOK, answer.StatusCode)
	assert.Contains(t, body, `autocomplete="one-time-code"`)
	assert.NotContains(t, body, "123456", "without Hints no page tells the code")
	for range 4 {
		answer, _ = w.post("/sign-in/code", url.Values{"sign_in": good["sign_in"], "code": {"654321"}})
		require.Equal(t, http.StatusUnprocessableEntity, answer.StatusCode)
	}
	answer, _ = w.post("/sign-in/code", url.Values{"sign_in": good["sign_in"], "code": {"654321"}})
	assert.Equal(t, url.Values{"error": {"access_denied"}, "state": {"st"}, "iss": {w.directory.URL()}}, location(t, answer))
	answer, _ = w.post("/sign-in/code", url.Values{"sign_in": good["sign_in"], "code": {"123456"}})
	assert.Equal(t, http.StatusBadRequest, answer.StatusCode, "the sign-in has ended")
}

func TestTheSecondFactorIsNotStepped(t *testing.T) {
	w := newSignInWorld(t)
	for _, code := range []string{"", "123456"} {
		answer, _ := w.post("/sign-in/code", url.Values{"sign_in": {w.begin()}, "code": {code}})
		assert.Equal(t, http.StatusUnprocessableEntity, answer.StatusCode, "the password comes first")
	}
}

func TestAFormOfAnotherSiteIsRefused(t *testing.T) {
	w := newSignInWorld(t)
	form := url.Values{"sign_in": {w.begin()}, "email": {"anna@tpp.example"}, "password": {"p"}}
	answer, _ := w.post("/sign-in/password", form, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") })
	assert.Equal(t, http.StatusForbidden, answer.StatusCode)
	answer, _ = w.post("/sign-in/password", form, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-origin") })
	assert.Equal(t, http.StatusOK, answer.StatusCode)
}

func TestAuthorizationRequestsAreJudged(t *testing.T) {
	w := newSignInWorld(t)
	for name, changes := range map[string]map[string]string{
		"an unknown bank":      {"client_id": "other"},
		"no redirect_uri":      {"redirect_uri": ""},
		"another redirect_uri": {"redirect_uri": callback + "/"},
	} {
		answer, body := w.get(w.request(changes))
		assert.Equal(t, http.StatusBadRequest, answer.StatusCode, name)
		assert.Contains(t, body, "Nobody was signed in", name)
	}
	answer, _ := w.get(w.request(nil) + "&state=other")
	assert.Equal(t, http.StatusBadRequest, answer.StatusCode)
	for code, changes := range map[string]map[string]string{
		"unsupported_response_type": {"response_type": "code id_token"},
		"invalid_scope":             {"scope": "email"},
		"invalid_request":           {"code_challenge_method": "plain"},
		"login_required":            {"prompt": "none"},
	} {
		answer, _ := w.get(w.request(changes))
		assert.Equal(t, code, location(t, answer).Get("error"))
	}
	answer, _ = w.get(w.request(map[string]string{"code_challenge": ""}))
	assert.Equal(t, "invalid_request", location(t, answer).Get("error"), "PKCE is required")
}

func TestACodeIsGoodOnceAndForItsVerifier(t *testing.T) {
	w := newSignInWorld(t)
	code := func() string {
		back, err := w.provider.Authorize(w.directory.Client(), w.request(nil), "anna@tpp.example")
		require.NoError(t, err)
		u, err := url.Parse(back)
		require.NoError(t, err)
		return u.Query().Get("code")
	}
	basic := func(r *http.Request) { r.SetBasicAuth("bank", "s") }
	form := func(code string) url.Values {
		return url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}, "code_verifier": {verifier}}
	}
	with := func(name, value string) url.Values {
		f := form(code())
		f.Set(name, value)
		return f
	}
	for name, c := range map[string]struct {
		form url.Values
		auth func(*http.Request)
		says string
	}{
		"another verifier":     {with("code_verifier", strings.Repeat("a", 43)), basic, "invalid_grant"},
		"no verifier":          {with("code_verifier", ""), basic, "invalid_grant"},
		"another redirect_uri": {with("redirect_uri", "https://evil.example"), basic, "invalid_grant"},
		"another code":         {with("code", "x"), basic, "invalid_grant"},
		"another grant":        {with("grant_type", "password"), basic, "unsupported_grant_type"},
		"another secret":       {form(code()), func(r *http.Request) { r.SetBasicAuth("bank", "x") }, "invalid_client"},
		"no credentials":       {form(code()), func(*http.Request) {}, "invalid_client"},
		"a secret in the form": {with("client_secret", "s"), basic, "invalid_client"},
		"an assertion of none": {with("client_assertion", "a.b.c"), func(*http.Request) {}, "invalid_client"},
	} {
		answer, body := w.post("/sign-in/token", c.form, c.auth)
		assert.Contains(t, body, `"error":"`+c.says+`"`, name)
		assert.GreaterOrEqual(t, answer.StatusCode, 400, name)
	}

	good := form(code())
	answer, body := w.post("/sign-in/token", good, basic)
	require.Equal(t, http.StatusOK, answer.StatusCode, body)
	access := regexp.MustCompile(`"access_token":"([^"]+)"`).FindStringSubmatch(body)[1]
	userInfo := func() int {
		r, err := http.NewRequest(http.MethodGet, w.directory.URL()+"/sign-in/userinfo", nil)
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer "+access)
		answer, _ := w.do(r, nil)
		return answer.StatusCode
	}
	assert.Equal(t, http.StatusOK, userInfo())
	_, body = w.post("/sign-in/token", good, basic)
	assert.Contains(t, body, "invalid_grant")
	assert.Equal(t, http.StatusUnauthorized, userInfo(), "a replay revokes what the code gave")
}

func TestSigningOutLeadsToRegisteredAddressesAlone(t *testing.T) {
	w := newSignInWorld(t)
	end := w.directory.URL() + "/sign-in/end?client_id=bank&post_logout_redirect_uri="
	answer, _ := w.get(end + url.QueryEscape(signedOut))
	assert.Equal(t, signedOut, answer.Header.Get("Location"))
	answer, _ = w.get(end + url.QueryEscape("https://evil.example"))
	assert.Equal(t, http.StatusBadRequest, answer.StatusCode)
	answer, _ = w.get(end)
	assert.Equal(t, http.StatusOK, answer.StatusCode)
}

func TestWhatAProviderNeedsIsChecked(t *testing.T) {
	_, err := ssatest.NewProvider(ssatest.ProviderConfig{})
	require.Error(t, err)
	w := newSignInWorld(t)
	require.Error(t, w.provider.AddClient(ssatest.ProviderClient{ID: "a", RedirectURIs: []string{callback}}))
	require.Error(t, w.provider.AddAccount(ssatest.Account{Email: "a@b"}))
}

// TestAProviderIsMountedAnywhere: a sandbox has a directory of its own, whose pages help who tries it.
func TestAProviderIsMountedAnywhere(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	p, err := ssatest.NewProvider(ssatest.ProviderConfig{URL: "https://sandbox.example", JWKS: "https://sandbox.example/keys.jwks", Clock: time.Now,
		Key: func() (crypto.Signer, string) { return key, "k" }, Hints: true})
	require.NoError(t, err)
	require.NoError(t, p.AddClient(ssatest.ProviderClient{ID: "bank", Secret: claims.NewSecret("s"), RedirectURIs: []string{callback}}))
	require.NoError(t, p.AddAccount(ssatest.Account{Email: "<i>anna@tpp.example", Password: "open sesame", Code: "654321", Associated: true,
		Organisations: []string{"org1"}}))
	answer := httptest.NewRecorder()
	p.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, ssatest.DiscoveryPath, nil))
	for _, part := range []string{`"issuer":"https://sandbox.example"`, `"jwks_uri":"https://sandbox.example/keys.jwks"`, `["ES256"]`} {
		assert.Contains(t, answer.Body.String(), part)
	}
	answer = httptest.NewRecorder()
	p.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/sign-in/authorize?"+url.Values{"response_type": {"code"}, "client_id": {"bank"},
		"redirect_uri": {callback}, "scope": {"openid"}, "code_challenge": {challenge}, "code_challenge_method": {"S256"}}.Encode(), nil))
	for _, part := range []string{"&lt;i&gt;anna@tpp.example", "open sesame", "654321", "org1"} {
		assert.Contains(t, answer.Body.String(), part)
	}
	assert.True(t, p.Serves("/sign-in/authorize") && p.Serves(ssatest.DiscoveryPath) && !p.Serves("/token") && !p.Serves("/keys.jwks"))
}
