package signin_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/portal/signin"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

func TestAPersonSignsInWithTheSecondFactor(t *testing.T) {
	w := newWorld(t, func(c *signin.Config) {
		c.ACR, c.AMR, c.MaxAge = []string{ssatest.ACRTwoFactors}, []string{"otp"}, time.Hour
	})
	who, err := w.browser().walk(anna)
	require.NoError(t, err)
	assert.NotEmpty(t, who.Subject)
	assert.NotEmpty(t, who.IDToken.Reveal())
	who.Subject, who.IDToken = "", claims.Secret{}
	assert.Equal(t, signin.EndUser{Issuer: w.directory.URL(), Email: anna, EmailVerified: true, Name: "Anna Ångström", Associated: true,
		Organisations: []string{"0015800001041REAAY"}, Back: "/portal/"}, who)
}

// TestTheRequestSaysWhatTheDirectoryMustDo: OIDC Core section 3.1.2.1, RFC 7636 section 4.3, and
// the vendor's own parameters scope and prompt.
func TestTheRequestSaysWhatTheDirectoryMustDo(t *testing.T) {
	w := newWorld(t, func(c *signin.Config) {
		c.ACR, c.MaxAge, c.Scopes = []string{"a", "b"}, time.Minute, []string{"tpp", "openid"}
	})
	u, err := url.Parse(w.browser().begin("/"))
	require.NoError(t, err)
	query := u.Query()
	for _, random := range []string{"state", "nonce", "code_challenge"} {
		assert.Len(t, query.Get(random), 43, random)
		query.Del(random)
	}
	assert.Equal(t, w.directory.URL(), u.Scheme+"://"+u.Host)
	assert.Equal(t, url.Values{"response_type": {"code"}, "client_id": {"bank"}, "redirect_uri": {redirectURI}, "prompt": {"login"},
		"scope": {"openid email profile tpp"}, "code_challenge_method": {"S256"}, "acr_values": {"a b"}, "max_age": {"60"}}, query)
}

func TestTheBankAuthenticatesByEitherCredential(t *testing.T) {
	t.Run("a secret with characters that forms encode", func(t *testing.T) {
		w := newWorld(t, func(c *signin.Config) { c.ClientID = "the+bank:%" })
		w.client.ID = "the+bank:%"
		require.NoError(t, w.provider.AddClient(w.client))
		_, err := w.browser().walk(anna)
		require.NoError(t, err)
	})
	for _, alg := range []claims.Algorithm{claims.PS256, claims.ES256} {
		t.Run("a key for "+string(alg), func(t *testing.T) {
			bank, err := ssatest.New(ssatest.Options{Algorithm: alg, Environment: claims.Production})
			require.NoError(t, err)
			defer bank.Close()
			key := bank.ForgedKey() // any key
			w := newWorld(t, func(c *signin.Config) {
				c.ClientSecret, c.Key, c.KeyID, c.Algorithm = claims.Secret{}, key, "k1", alg
			})
			w.client.Secret, w.client.Keys = claims.Secret{}, ssa.KeySet{Keys: []ssa.Key{{ID: "k1", Use: "sig", Public: key.Public()}}}
			require.NoError(t, w.provider.AddClient(w.client))
			_, err = w.browser().walk(anna)
			require.NoError(t, err)
		})
	}
	t.Run("a wrong secret is the bank's own fault", func(t *testing.T) {
		w := newWorld(t, func(c *signin.Config) { c.ClientSecret = claims.NewSecret("wrong") })
		_, err := w.browser().walk(anna)
		require.ErrorIs(t, err, signin.ErrUnavailable)
		assert.Contains(t, err.Error(), "credentials")
	})
}

func TestUserInfoIsReadAsJSONAndAsAToken(t *testing.T) {
	only := func(c map[string]any) {
		delete(c, "email")
		delete(c, "org_id")
		delete(c, "tpp_associated")
		delete(c, "name")
	}
	for name, signed := range map[string]bool{"JSON": false, "a token": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.client.SignedUserInfo = signed
			require.NoError(t, w.provider.AddClient(w.client))
			w.provider.Misbehave(ssatest.ProviderFaults{IDToken: only})
			who, err := w.browser().walk(anna)
			require.NoError(t, err)
			assert.Equal(t, anna, who.Email)
			assert.True(t, who.Associated)
			assert.Equal(t, []string{"0015800001041REAAY"}, who.Organisations)
		})
	}
	t.Run("a directory without the endpoint", func(t *testing.T) {
		w := newWorld(t)
		w.provider.Misbehave(ssatest.ProviderFaults{Discovery: func(d map[string]any) { delete(d, "userinfo_endpoint") }})
		who, err := w.browser().walk(anna)
		require.NoError(t, err)
		assert.Equal(t, anna, who.Email)
	})
}

func TestAPersonWhoIsNotAssociatedIsNamedSo(t *testing.T) {
	w := newWorld(t)
	w.account(ssatest.Account{Email: "b@tpp.example", Password: "p", Code: "1", Unverified: true})
	who, err := w.browser().walk("b@tpp.example")
	require.NoError(t, err)
	assert.False(t, who.Associated)
	assert.False(t, who.EmailVerified)
	assert.Empty(t, who.Organisations)
}

func TestThePersonSignsOutAtTheDirectory(t *testing.T) {
	w := newWorld(t)
	who, err := w.browser().walk(anna)
	require.NoError(t, err)
	address, ok := w.signIn.EndAddress(httptest.NewRequest(http.MethodGet, "/", nil), who.IDToken)
	require.True(t, ok)
	u, err := url.Parse(address)
	require.NoError(t, err)
	assert.Equal(t, url.Values{"id_token_hint": {who.IDToken.Reveal()}, "post_logout_redirect_uri": {signedOut}, "client_id": {"bank"}}, u.Query())
	client := w.directory.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	answer, err := client.Get(address)
	require.NoError(t, err)
	defer answer.Body.Close()
	assert.Equal(t, signedOut, answer.Header.Get("Location"))

	t.Run("at one that has no such endpoint", func(t *testing.T) {
		w := newWorld(t)
		w.provider.Misbehave(ssatest.ProviderFaults{Discovery: func(d map[string]any) { delete(d, "end_session_endpoint") }})
		_, ok := w.signIn.EndAddress(httptest.NewRequest(http.MethodGet, "/", nil), who.IDToken)
		assert.False(t, ok)
	})
	t.Run("the token is too long for an address", func(t *testing.T) {
		address, ok := w.signIn.EndAddress(httptest.NewRequest(http.MethodGet, "/", nil), claims.NewSecret(strings.Repeat("a", 10_000)))
		require.True(t, ok)
		assert.NotContains(t, address, "id_token_hint")
	})
}

func TestOneWhoStopsAtTheDirectoryIsSignedInNowhere(t *testing.T) {
	w := newWorld(t)
	_, err := w.browser().walk("nobody@tpp.example")
	require.ErrorIs(t, err, signin.ErrDeclined)
	assert.Contains(t, err.Error(), "access_denied")
}
