package signin_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/portal/signin"
	"github.com/obdcr/obdcr/internal/jose"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

const mountedURL = "https://directory.example/idp"

// mounted is a directory without a server: a transport of the bank's own calls it.
type mounted struct {
	provider *ssatest.Provider
	client   http.Client

	mu        sync.Mutex
	key       *ecdsa.PrivateKey
	kid       string
	published []jose.Key
	down      bool
	hangs     string // the path of an answer that never comes
	fetched   map[string]int
}

// RoundTrip implements http.RoundTripper.
func (m *mounted) RoundTrip(r *http.Request) (*http.Response, error) {
	path := strings.TrimPrefix(r.URL.Path, "/idp")
	m.mu.Lock()
	m.fetched[path]++
	down, hangs := m.down, m.hangs == path
	jwks, err := jose.MarshalJWKS(m.published)
	m.mu.Unlock()
	if err != nil {
		return nil, err
	}
	answer := httptest.NewRecorder()
	switch {
	case hangs:
		<-r.Context().Done()
		return nil, r.Context().Err()
	case down:
		http.Error(answer, "out", http.StatusServiceUnavailable)
	case path == "/keys":
		answer.Header().Set("Content-Type", "application/jwk-set+json")
		_, _ = answer.Write(jwks)
	default:
		http.StripPrefix("/idp", m.provider).ServeHTTP(answer, r)
	}
	if r.Context().Err() != nil {
		return nil, r.Context().Err()
	}
	return answer.Result(), nil
}

// rotate signs by another key from then on.
func (m *mounted) rotate(t *testing.T, kid string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.key, m.kid, m.published = key, kid, []jose.Key{{ID: kid, Use: "sig", Public: key.Public()}}
}

func (m *mounted) count(path string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.fetched[path]
}

func (m *mounted) set(down bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down = down
}

// newMounted makes a world of that directory. It runs in a bubble of synctest, by its clock.
func newMounted(t *testing.T) (*world, *mounted) {
	m := &mounted{fetched: map[string]int{}}
	m.client = http.Client{Transport: m}
	m.rotate(t, "k1")
	var err error
	m.provider, err = ssatest.NewProvider(ssatest.ProviderConfig{URL: mountedURL, JWKS: mountedURL + "/keys", Clock: time.Now,
		Key: func() (crypto.Signer, string) {
			m.mu.Lock()
			defer m.mu.Unlock()
			return m.key, m.kid
		}})
	require.NoError(t, err)
	require.NoError(t, m.provider.AddClient(ssatest.ProviderClient{ID: "bank", Secret: secret, RedirectURIs: []string{redirectURI}}))
	w := &world{T: t, provider: m.provider}
	w.account(ssatest.Account{Email: anna, Password: "p", Code: "1", Associated: true})
	w.signIn, err = signin.New(signin.Config{Issuer: mountedURL, ClientID: "bank", ClientSecret: secret, RedirectURI: redirectURI,
		Algorithms: []claims.Algorithm{claims.ES256}, Transport: m})
	require.NoError(t, err)
	return w, m
}

func (m *mounted) walk(b *browser) (signin.EndUser, error) {
	callback, err := b.provider.Authorize(&m.client, b.begin("/"), anna)
	require.NoError(b, err)
	return b.finish(callback)
}

// inBubble runs a test by a clock of its own.
func inBubble(t *testing.T, name string, test func(t *testing.T)) {
	t.Run(name, func(t *testing.T) { synctest.Test(t, test) })
}

func TestKeysAndAddressesOfTheDirectoryChange(t *testing.T) {
	inBubble(t, "keys, with a sign-in on its way", func(t *testing.T) {
		w, m := newMounted(t)
		_, err := m.walk(w.browser())
		require.NoError(t, err)
		b := w.browser()
		address := b.begin("/")
		m.rotate(t, "k2")
		callback, err := w.provider.Authorize(&m.client, address, anna)
		require.NoError(t, err)
		_, err = b.finish(callback)
		require.NoError(t, err)
		assert.Equal(t, 2, m.count("/keys"))
		assert.Equal(t, 1, m.count(ssatest.DiscoveryPath), "it is kept")
	})
	inBubble(t, "a key that was withdrawn", func(t *testing.T) {
		w, m := newMounted(t)
		_, err := m.walk(w.browser())
		require.NoError(t, err)
		old, oldID := m.key, m.kid
		m.rotate(t, "k2")
		m.mu.Lock()
		m.key, m.kid = old, oldID
		m.mu.Unlock()
		time.Sleep(time.Hour)
		_, err = m.walk(w.browser())
		require.ErrorIs(t, err, signin.ErrToken)
	})
	inBubble(t, "addresses", func(t *testing.T) {
		w, m := newMounted(t)
		w.browser().begin("/")
		m.provider.Misbehave(ssatest.ProviderFaults{Discovery: func(d map[string]any) { d["authorization_endpoint"] = "https://moved.example/a?b=c" }})
		time.Sleep(59 * time.Minute)
		assert.True(t, strings.HasPrefix(w.browser().begin("/"), mountedURL))
		time.Sleep(time.Minute)
		assert.True(t, strings.HasPrefix(w.browser().begin("/"), "https://moved.example/a?b=c&"))
	})
}

func TestADirectoryThatIsOutComesBack(t *testing.T) {
	begin := func(w *world) error {
		answer := httptest.NewRecorder()
		err := w.signIn.Begin(answer, httptest.NewRequest(http.MethodGet, "https://bank.example/", nil), "/")
		if err != nil {
			require.ErrorIs(w, err, signin.ErrUnavailable)
			require.Empty(w, answer.Result().Header, "nothing was written")
		}
		return err
	}
	inBubble(t, "at the first sign-in", func(t *testing.T) {
		w, m := newMounted(t)
		m.set(true)
		require.Error(t, begin(w))
		m.set(false)
		require.Error(t, begin(w), "there is a pause")
		assert.Equal(t, 1, m.count(ssatest.DiscoveryPath))
		time.Sleep(10 * time.Second)
		require.NoError(t, begin(w))
	})
	inBubble(t, "later on", func(t *testing.T) {
		w, m := newMounted(t)
		require.NoError(t, begin(w))
		m.set(true)
		time.Sleep(23 * time.Hour)
		require.NoError(t, begin(w), "what was read serves for a day")
		time.Sleep(time.Hour)
		require.Error(t, begin(w))
	})
	inBubble(t, "between the steps of a sign-in", func(t *testing.T) {
		w, m := newMounted(t)
		b := w.browser()
		callback, err := w.provider.Authorize(&m.client, b.begin("/"), anna)
		require.NoError(t, err)
		m.set(true)
		_, err = b.finish(callback)
		require.ErrorIs(t, err, signin.ErrUnavailable)
		assert.Empty(t, b.cookies())
	})
}

// TestADirectoryThatHangsEndsByTheBanksOwnClock: no request to the directory outlasts 15 seconds.
func TestADirectoryThatHangsEndsByTheBanksOwnClock(t *testing.T) {
	for _, path := range []string{ssatest.DiscoveryPath, "/sign-in/token", "/keys", "/sign-in/userinfo"} {
		inBubble(t, path, func(t *testing.T) {
			w, m := newMounted(t)
			m.hangs = path
			start := time.Now()
			b := w.browser()
			r, answer := b.request("https://bank.example/"), httptest.NewRecorder()
			err := w.signIn.Begin(answer, r, "/")
			if path != ssatest.DiscoveryPath {
				require.NoError(t, err)
				b.jar.SetCookies(r.URL, answer.Result().Cookies())
				var callback string
				callback, err = w.provider.Authorize(&m.client, answer.Header().Get("Location"), anna)
				require.NoError(t, err)
				_, err = b.finish(callback)
			}
			require.ErrorIs(t, err, signin.ErrUnavailable)
			assert.Contains(t, err.Error(), "too long")
			assert.LessOrEqual(t, time.Since(start), 15*time.Second)
		})
	}
}

// TestATokenWithoutAKidIsOfTheOnlyKey: OIDC Core section 10.1.
func TestATokenWithoutAKidIsOfTheOnlyKey(t *testing.T) {
	inBubble(t, "one key", func(t *testing.T) {
		w, m := newMounted(t)
		w.provider.Misbehave(ssatest.ProviderFaults{Forgery: &ssatest.Forgery{Members: map[string]any{"kid": nil}}})
		_, err := m.walk(w.browser())
		require.NoError(t, err)
	})
	inBubble(t, "two keys", func(t *testing.T) {
		w, m := newMounted(t)
		one := m.published
		m.rotate(t, "k2")
		m.published = append(m.published, one...)
		w.provider.Misbehave(ssatest.ProviderFaults{Forgery: &ssatest.Forgery{Members: map[string]any{"kid": nil}}})
		_, err := m.walk(w.browser())
		require.ErrorIs(t, err, signin.ErrToken)
	})
	inBubble(t, "a key for another use", func(t *testing.T) {
		w, m := newMounted(t)
		m.published[0].Use = "enc"
		_, err := m.walk(w.browser())
		require.Error(t, err)
	})
	inBubble(t, "a key for other operations", func(t *testing.T) {
		w, m := newMounted(t)
		m.published[0].Ops = []string{"encrypt"}
		_, err := m.walk(w.browser())
		require.ErrorIs(t, err, signin.ErrToken)
	})
}

// TestABrowserThatHangsUpDoesNotEndTheReading: the next one has what was read for the first.
func TestABrowserThatHangsUpDoesNotEndTheReading(t *testing.T) {
	inBubble(t, "before the answer", func(t *testing.T) {
		w, m := newMounted(t)
		ctx, cancel := context.WithCancel(t.Context())
		m.provider.Misbehave(ssatest.ProviderFaults{Serve: func(http.ResponseWriter, *http.Request) bool { cancel(); return false }})
		r := httptest.NewRequest(http.MethodGet, "https://bank.example/", nil).WithContext(ctx)
		require.NoError(t, w.signIn.Begin(httptest.NewRecorder(), r, "/"))
		w.browser().begin("/")
		assert.Equal(t, 1, m.count(ssatest.DiscoveryPath))
	})
}
