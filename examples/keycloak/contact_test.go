package main

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // of TOTP (RFC 6238)
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"math/big"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/portal/signin"
)

const (
	callback    = "https://portal.example/callback"
	farewell    = "https://portal.example/signed-out"
	contact     = "anna@tpp.example"
	password    = "correct horse battery staple"
	otpSecret   = "a secret of twenty b"
	oneFactor   = "pwd"
	twoFactors  = "sca"
	contactBank = "bank-secret-of-the-directory"
)

// contacts has Keycloak be the directory at which a TPP's contacts sign in: a realm of its own,
// whose flow asks for the second factor where the bank asks for it by acr_values.
func (w *world) contacts(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	w.directoryRealm(t, key)
	byKey := func(c *signin.Config) {
		c.ClientID, c.ClientSecret, c.Key, c.KeyID = "portal-key", claims.Secret{}, key, "k1"
	}
	for name, change := range map[string]func(*signin.Config){"client_secret_basic": func(*signin.Config) {}, "private_key_jwt": byKey} {
		t.Run(name, func(t *testing.T) {
			c := w.newContact(t, change)
			who, err := c.walk(contact)
			require.NoError(t, err)
			assert.NotEmpty(t, who.Subject)
			assert.Equal(t, "anna@tpp.example Anna Ångström true true [0015800001HQQrZAAX 0015800001HQQrZAAY] /portal/applications",
				fmt.Sprint(who.Email, " ", who.Name, " ", who.EmailVerified, " ", who.Associated, " ", who.Organisations, " ", who.Back))
			c.signOut(who)
		})
	}
	t.Run("one who acts for no TPP", func(t *testing.T) {
		who, err := w.newContact(t, func(c *signin.Config) { c.ACR = nil }).walk("bob@tpp.example")
		require.NoError(t, err)
		assert.False(t, who.Associated)
		assert.Empty(t, who.Organisations)
	})
	t.Run("without the second factor", func(t *testing.T) {
		_, err := w.newContact(t, func(c *signin.Config) { c.ACR = []string{"gold"} }).walk(contact)
		require.ErrorIs(t, err, signin.ErrSecondFactor)
	})
	t.Run("by another algorithm", func(t *testing.T) {
		_, err := w.newContact(t, func(c *signin.Config) { c.Algorithms = []claims.Algorithm{claims.ES256} }).walk(contact)
		require.ErrorIs(t, err, signin.ErrToken)
	})
}

// directoryRealm makes the realm, with its clients and people.
func (w *world) directoryRealm(t *testing.T, key *rsa.PrivateKey) {
	t.Helper()
	set := func(n *big.Int) string { return base64.RawURLEncoding.EncodeToString(n.Bytes()) }
	jwks := fmt.Sprintf(`{"keys":[{"kty":"RSA","use":"sig","kid":"k1","alg":"PS256","n":%q,"e":%q}]}`, set(key.N), set(big.NewInt(int64(key.E))))
	w.keycloak.MustAdmin(http.MethodPost, "", map[string]any{"realm": "directory", "enabled": true, "defaultSignatureAlgorithm": "PS256",
		"otpPolicyType": "totp", "otpPolicyAlgorithm": "HmacSHA1", "otpPolicyInitialCounter": 0, "otpPolicyDigits": 6, "otpPolicyLookAheadWindow": 1,
		"otpPolicyPeriod": 30, "otpPolicyCodeReusable": true, // by the next sign-in in the same half minute
		"attributes": map[string]string{"acr.loa.map": fmt.Sprintf(`{%q:1,%q:2}`, oneFactor, twoFactors)}}, nil)
	var profile map[string]any
	w.keycloak.MustAdmin(http.MethodGet, "/directory/users/profile", nil, &profile)
	profile["unmanagedAttributePolicy"] = "ENABLED"
	w.keycloak.MustAdmin(http.MethodPut, "/directory/users/profile", profile, nil)
	mapper := func(claim, kind string, more map[string]string) map[string]any {
		config := map[string]string{"user.attribute": claim, "claim.name": claim, "jsonType.label": kind, "id.token.claim": "true", "userinfo.token.claim": "true"}
		for name, value := range more {
			config[name] = value
		}
		return map[string]any{"name": claim, "protocol": "openid-connect", "protocolMapper": "oidc-usermodel-attribute-mapper", "config": config}
	}
	client := func(id string, more map[string]any, attributes map[string]string) {
		for name, value := range map[string]string{"id.token.signed.response.alg": "PS256", "user.info.response.signature.alg": "PS256",
			"pkce.code.challenge.method": "S256", "post.logout.redirect.uris": farewell} {
			attributes[name] = value
		}
		representation := map[string]any{"clientId": id, "enabled": true, "standardFlowEnabled": true, "redirectUris": []string{callback},
			"attributes": attributes, "protocolMappers": []any{mapper("tpp_associated", "boolean", nil),
				mapper("org_id", "String", map[string]string{"multivalued": "true"})}}
		for name, value := range more {
			representation[name] = value
		}
		w.keycloak.MustAdmin(http.MethodPost, "/directory/clients", representation, nil)
	}
	client("portal", map[string]any{"clientAuthenticatorType": "client-secret", "secret": contactBank}, map[string]string{})
	client("portal-key", map[string]any{"clientAuthenticatorType": "client-jwt"},
		map[string]string{"use.jwks.string": "true", "jwks.string": jwks, "token.endpoint.auth.signing.alg": "PS256"})
	w.stepUp()
	credentials := []any{map[string]any{"type": "password", "value": password, "temporary": false},
		map[string]any{"type": "otp", "secretData": fmt.Sprintf(`{"value":%q}`, otpSecret),
			"credentialData": `{"subType":"totp","digits":6,"counter":0,"period":30,"algorithm":"HmacSHA1"}`}}
	w.keycloak.MustAdmin(http.MethodPost, "/directory/users", map[string]any{"username": contact, "email": contact, "emailVerified": true, "enabled": true,
		"firstName": "Anna", "lastName": "Ångström", "credentials": credentials,
		"attributes": map[string][]string{"tpp_associated": {"true"}, "org_id": {"0015800001HQQrZAAX", "0015800001HQQrZAAY"}}}, nil)
	w.keycloak.MustAdmin(http.MethodPost, "/directory/users", map[string]any{"username": "bob@tpp.example", "email": "bob@tpp.example", "enabled": true,
		"firstName": "Bob", "lastName": "B", "credentials": credentials[:1], "attributes": map[string][]string{"tpp_associated": {"false"}}}, nil)
}

// stepUp has the realm sign people in by a password, and by a code if acr_values ask for that.
func (w *world) stepUp() {
	const flows = "/directory/authentication/flows"
	w.keycloak.MustAdmin(http.MethodPost, flows, map[string]any{"alias": "steps", "providerId": "basic-flow", "topLevel": true, "builtIn": false}, nil)
	for i, form := range []string{"auth-username-password-form", "auth-otp-form"} {
		level := strconv.Itoa(i + 1)
		w.keycloak.MustAdmin(http.MethodPost, flows+"/steps/executions/flow", map[string]any{"alias": "level" + level, "type": "basic-flow"}, nil)
		condition := w.keycloak.MustAdmin(http.MethodPost, flows+"/level"+level+"/executions/execution",
			map[string]any{"provider": "conditional-level-of-authentication"}, nil)
		w.keycloak.MustAdmin(http.MethodPost, "/directory/authentication/executions/"+condition+"/config", map[string]any{"alias": "condition" + level,
			"config": map[string]string{"loa-condition-level": level, "loa-max-age": "0"}}, nil)
		w.keycloak.MustAdmin(http.MethodPost, flows+"/level"+level+"/executions/execution", map[string]any{"provider": form}, nil)
	}
	var executions []map[string]any
	w.keycloak.MustAdmin(http.MethodGet, flows+"/steps/executions", nil, &executions)
	for _, e := range executions {
		e["requirement"] = "REQUIRED"
		if e["authenticationFlow"] == true {
			e["requirement"] = "CONDITIONAL"
		}
		w.keycloak.MustAdmin(http.MethodPut, flows+"/steps/executions", e, nil)
	}
	w.keycloak.MustAdmin(http.MethodPut, "/directory", map[string]any{"realm": "directory", "browserFlow": "steps"}, nil)
}

// contactBrowser is the browser of a contact, at the bank and at Keycloak.
type contactBrowser struct {
	*testing.T
	world   *world
	signIn  *signin.SignIn
	browser http.Client
	bank    []*http.Cookie
}

func (w *world) newContact(t *testing.T, change func(*signin.Config)) *contactBrowser {
	t.Helper()
	config := signin.Config{Issuer: w.keycloak.Address + "/realms/directory", ClientID: "portal", ClientSecret: claims.NewSecret(contactBank),
		RedirectURI: callback, AfterSignOut: farewell, Algorithms: []claims.Algorithm{claims.PS256}, ACR: []string{twoFactors}, MaxAge: time.Hour,
		CAs: w.roots, NotPublic: true}
	change(&config)
	s, err := signin.New(config)
	require.NoError(t, err)
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	return &contactBrowser{T: t, world: w, signIn: s, browser: http.Client{Transport: w.keycloak.HTTP.Transport, Jar: jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// walk signs in: the bank, Keycloak's pages, and the bank again.
func (c *contactBrowser) walk(name string) (signin.EndUser, error) {
	c.Helper()
	answer := httptest.NewRecorder()
	require.NoError(c, c.signIn.Begin(answer, httptest.NewRequest(http.MethodGet, "https://portal.example/", nil), "/portal/applications"))
	c.bank = answer.Result().Cookies()
	page, to := c.open(http.MethodGet, answer.Header().Get("Location"), nil)
	for _, form := range []url.Values{{"username": {name}, "password": {password}}, {"otp": {totp(time.Now())}}} {
		if to != "" {
			break
		}
		action := regexp.MustCompile(`<form[^>]* action="([^"]+)"`).FindStringSubmatch(page)
		require.NotNil(c, action, page)
		page, to = c.open(http.MethodPost, html.UnescapeString(action[1]), form)
	}
	require.True(c, strings.HasPrefix(to, callback+"?"), "%s\n%s", to, page)
	r := httptest.NewRequest(http.MethodGet, to, nil)
	for _, cookie := range c.bank {
		r.AddCookie(cookie)
	}
	return c.signIn.Finish(httptest.NewRecorder(), r)
}

// open opens a page of Keycloak, and returns it, or where it redirects to.
func (c *contactBrowser) open(method, address string, form url.Values) (page, to string) {
	c.Helper()
	request, err := http.NewRequestWithContext(c.Context(), method, address, strings.NewReader(form.Encode()))
	require.NoError(c, err)
	if form != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	answer, err := c.browser.Do(request)
	require.NoError(c, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(c, err)
	return string(body), answer.Header.Get("Location")
}

// signOut ends the session at Keycloak, which sends the browser back to the bank.
func (c *contactBrowser) signOut(who signin.EndUser) {
	c.Helper()
	sessions := func() int {
		var all []json.RawMessage
		c.world.keycloak.MustAdmin(http.MethodGet, "/directory/users/"+who.Subject+"/sessions", nil, &all)
		return len(all)
	}
	require.Equal(c, 1, sessions())
	address, ok := c.signIn.EndAddress(httptest.NewRequest(http.MethodGet, "https://portal.example/", nil), who.IDToken)
	require.True(c, ok)
	_, to := c.open(http.MethodGet, address, nil)
	assert.Equal(c, farewell, to)
	assert.Zero(c, sessions())
}

// totp is the code of a moment (RFC 6238).
func totp(now time.Time) string {
	mac := hmac.New(sha1.New, []byte(otpSecret))
	_ = binary.Write(mac, binary.BigEndian, now.Unix()/30)
	sum := mac.Sum(nil)
	at := sum[len(sum)-1] & 0xf
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[at:])&0x7fffffff%1_000_000)
}
