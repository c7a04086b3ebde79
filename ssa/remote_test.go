package ssa_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/jose"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

const (
	keystore = "keystore.directory.example"
	jwks     = "https://" + keystore + "/org/software.jwks"
)

// answer is what a source says; the zero answer is a connection that is refused.
type answer struct {
	status int
	body   string
	cache  string        // Cache-Control
	media  string        // Content-Type; JSON where empty
	after  time.Duration // how long it takes to come
	panics any
}

func good(kids ...string) answer { return answer{status: 200, body: set(kids...)} }

func (a answer) cached(control string) answer { a.cache = control; return a }

func (a answer) slow(after time.Duration) answer { a.after = after; return a }

var onePublicKey = sync.OnceValue(func() *ecdsa.PublicKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return &key.PublicKey
})

func set(kids ...string) string {
	keys := make([]jose.Key, len(kids))
	for i, kid := range kids {
		keys[i] = jose.Key{ID: kid, Public: onePublicKey()}
	}
	data, err := jose.MarshalJWKS(keys)
	if err != nil {
		panic(err)
	}
	return string(data)
}

// source is the other side, in memory. What it says is settled when it is asked,
// however long the answer takes.
type source struct {
	mu     sync.Mutex
	says   answer
	at     map[string]answer // by path, in place of says
	asked  []time.Time
	cache  []string // Cache-Control of each request
	events []ssa.KeyEvent
}

func (s *source) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	s.asked = append(s.asked, time.Now())
	s.cache = append(s.cache, r.Header.Get("Cache-Control"))
	a, ok := s.at[r.URL.Path]
	if !ok {
		a = s.says
	}
	s.mu.Unlock()
	if a.after > 0 {
		wait := time.NewTimer(a.after)
		defer wait.Stop()
		select {
		case <-wait.C:
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	switch {
	case a.panics != nil:
		panic(a.panics)
	case a.status == 0:
		return nil, errors.New("connection refused")
	}
	header := http.Header{"Content-Type": {"application/jwk-set+json"}}
	if a.media != "" {
		header.Set("Content-Type", a.media)
	}
	if a.cache != "" {
		header.Set("Cache-Control", a.cache)
	}
	return &http.Response{
		StatusCode: a.status, Header: header, Body: io.NopCloser(strings.NewReader(a.body)), ContentLength: int64(len(a.body)),
	}, nil
}

func (s *source) say(a answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.says = a
}

func (s *source) fetches() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.asked)
}

func (s *source) observe(e ssa.KeyEvent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, e)
}

// told are the events since the last call.
func (s *source) told() (events []ssa.KeyEvent) {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	events, s.events = s.events, nil
	return events
}

// kinds are those of the events since the last call.
func (s *source) kinds() (kinds []ssa.KeyEventKind) {
	for _, e := range s.told() {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

// remote is a resolver over the source, with its defaults.
func remote(t testing.TB, s *source, change ...func(*ssa.RemoteConfig)) *ssa.RemoteKeys {
	t.Helper()
	config := ssa.RemoteConfig{
		Sources: []ssa.RemoteSource{{Hosts: []string{keystore}}}, Clock: time.Now, Transport: s, Observer: s.observe,
	}
	for _, c := range change {
		c(&config)
	}
	keys, err := ssa.NewRemoteKeys(config)
	require.NoError(t, err)
	t.Cleanup(keys.Close)
	return keys
}

func find(keys *ssa.RemoteKeys, kid string) error {
	return findAt(context.Background(), keys, jwks, kid)
}

func findAt(ctx context.Context, keys *ssa.RemoteKeys, url, kid string) error {
	found, err := keys.ResolveKeys(ctx, ssa.KeyRef{URL: url, KeyID: kid})
	if err == nil && (len(found) == 0 || kid != "" && found[0].ID != kid) {
		return errors.New("there is neither the key nor an error")
	}
	return err
}

// requireUnavailable is for what must be told from an unknown key.
func requireUnavailable(t testing.TB, err error, retryAfter time.Duration) {
	t.Helper()
	var e *ssa.KeySourceError
	require.ErrorAs(t, err, &e)
	require.ErrorIs(t, err, ssa.ErrKeySourceUnavailable)
	require.NotErrorIs(t, err, ssa.ErrKeyNotFound)
	assert.Equal(t, keystore, e.Host)
	assert.Equal(t, retryAfter, e.RetryAfter)
	require.ErrorIs(t, err, e.Cause)
	assert.Equal(t, "ssa: key source unavailable: "+keystore+": "+e.Cause.Error(), err.Error())
}

func requireUnknown(t testing.TB, err error, readAt, retryAt time.Time) {
	t.Helper()
	var e *ssa.UnknownKeyError
	require.ErrorAs(t, err, &e)
	require.ErrorIs(t, err, ssa.ErrKeyNotFound)
	require.NotErrorIs(t, err, ssa.ErrKeySourceUnavailable)
	assert.Equal(t, readAt, e.ReadAt)
	assert.Equal(t, retryAt, e.RetryAt)
}

func TestASetIsFreshForAsLongAsItSaysWithinTheLimits(t *testing.T) {
	for said, fresh := range map[string]time.Duration{
		"":                        5 * time.Minute,
		"max-age=10":              time.Minute,
		"no-store":                time.Minute,
		"max-age=3600":            time.Hour,
		"public, max-age=9999999": 24 * time.Hour,
	} {
		t.Run("Cache-Control: "+said, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &source{says: good("a").cached(said)}
				keys := remote(t, s)
				require.NoError(t, find(keys, "a"))
				s.say(good("b"))
				time.Sleep(fresh - 1)
				require.NoError(t, find(keys, "a"))
				require.Equal(t, 1, s.fetches())
				time.Sleep(time.Nanosecond)
				requireUnknown(t, find(keys, "a"), time.Now(), time.Now())
				require.NoError(t, find(keys, "b"), "the answer replaces the set wholly")
				require.Equal(t, 2, s.fetches())
				require.ElementsMatch(t, []ssa.KeyEventKind{ssa.KeysFetched, ssa.KeysFetched, ssa.KeysRefused}, s.kinds())
			})
		})
	}
}

func TestAFreshKeyCostsHardlyAnAllocation(t *testing.T) {
	keys := remote(t, &source{says: good("a", "b", "a", "c")})
	ctx := context.Background()
	for _, kid := range []string{"", "a", "c"} {
		require.NoError(t, find(keys, kid))
		assert.LessOrEqual(t, testing.AllocsPerRun(100, func() { _, _ = keys.ResolveKeys(ctx, ssa.KeyRef{URL: jwks, KeyID: kid}) }), 3.0, kid)
	}
	_, err := keys.ResolveRevokedKeys(ctx, jwks)
	require.NoError(t, err)
	assert.LessOrEqual(t, testing.AllocsPerRun(100, func() { _, _ = keys.ResolveRevokedKeys(ctx, jwks) }), 3.0)
}

func TestKeysComeInTheOrderOfTheSet(t *testing.T) {
	long := strings.Repeat("k", jose.MaxKeyIDSize)
	keys := remote(t, &source{says: good("b", "a", "", long, "b", "c", "a")})
	for asked, want := range map[string][]string{
		"": {"b", "a", "", long, "b", "c", "a"}, "a": {"a", "a"}, "b": {"b", "b"}, "c": {"c"}, long: {long},
	} {
		found, err := keys.ResolveKeys(context.Background(), ssa.KeyRef{URL: jwks, KeyID: asked})
		require.NoError(t, err)
		var ids []string
		for _, k := range found {
			ids = append(ids, k.ID)
		}
		assert.Equal(t, want, ids)
		assert.Len(t, found, cap(found), "an append must not reach into the cache")
	}
	for _, kid := range []string{"A", "b ", "\x01b", long[1:], long + "k"} {
		require.ErrorIs(t, find(keys, kid), ssa.ErrKeyNotFound, "%q", kid)
	}
}

func TestAnUnknownKidHasTheSetReadOncePerInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{says: good("a").cached("max-age=3600").slow(time.Second)}
		keys := remote(t, s)
		began := time.Now()
		requireUnknown(t, find(keys, "x"), began, time.Now())
		require.Equal(t, 1, s.fetches(), "a set that was read for this very look-up is not read again")

		began = time.Now() // counted from here, not from the ordinary fetch
		requireUnknown(t, find(keys, "x"), began, began.Add(30*time.Second))
		require.Equal(t, 2, s.fetches())
		s.say(good("a", "x").cached("max-age=3600"))
		time.Sleep(29*time.Second - 1)
		requireUnknown(t, find(keys, "x"), began, began.Add(30*time.Second))
		require.NoError(t, find(keys, "a"))
		require.Equal(t, 2, s.fetches())
		time.Sleep(time.Nanosecond)
		require.NoError(t, find(keys, "x"))
		require.Equal(t, 3, s.fetches())
		require.ElementsMatch(t, []ssa.KeyEventKind{
			ssa.KeysFetched, ssa.KeysRefused, ssa.UnknownKeyRefetch, ssa.KeysFetched, ssa.KeysRefused,
			ssa.UnknownKeyBarred, ssa.UnknownKeyRefetch, ssa.KeysFetched,
		}, s.kinds())
	})
}

func TestWhoeverJoinedAnOrdinaryFetchMayHaveItRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{says: good("a").slow(2 * time.Second)}
		keys := remote(t, s)
		go func() { assert.NoError(t, find(keys, "a")) }()
		time.Sleep(time.Second)
		s.say(good("a", "b").slow(time.Second)) // the answer under way does not have b
		require.NoError(t, find(keys, "b"))
		require.Equal(t, 2, s.fetches())
	})
}

func TestNobodyCallsAKidUnknownWhileTheSourceIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{says: good("a").cached("max-age=3600")}
		keys := remote(t, s)
		require.NoError(t, find(keys, "a"))
		s.say(answer{})
		requireUnavailable(t, find(keys, "x"), 30*time.Second)
		time.Sleep(20*time.Second + time.Millisecond)
		requireUnavailable(t, find(keys, "x"), 10*time.Second) // whole seconds, rounded up
		require.NoError(t, find(keys, "a"), "what is fresh needs no source")
		require.Equal(t, 2, s.fetches())
		time.Sleep(10 * time.Second)
		s.say(good("a", "x"))
		require.NoError(t, find(keys, "x"))
	})
}

func TestAFailureIsForgottenWithTheNextGoodAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{says: good("a").cached("max-age=3600")}
		keys := remote(t, s, func(c *ssa.RemoteConfig) { c.Limits.FailureMemory = time.Minute })
		require.NoError(t, find(keys, "a"))
		s.say(answer{})
		requireUnavailable(t, find(keys, "x"), time.Minute) // the longer of the two
		time.Sleep(time.Minute)
		s.say(good("a"))
		began := time.Now()
		requireUnknown(t, find(keys, "x"), began, began.Add(30*time.Second))
		time.Sleep(time.Second)
		requireUnknown(t, find(keys, "x"), began, began.Add(30*time.Second))
	})
}

func TestTheCauseSaysWhatTheSourceAnswered(t *testing.T) {
	seen := map[string]answer{}
	for _, says := range []answer{{status: 404}, {status: 410}, {status: 503}, {status: 200, body: `{"keys":[]}`}} {
		err := find(remote(t, &source{says: says}), "a")
		require.Error(t, err)
		require.NotContains(t, seen, err.Error(), "%v is told from the others", says)
		seen[err.Error()] = says
	}
}

func TestTheFirstCallerTakesNothingWithIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{says: good("a").slow(3 * time.Second)}
		keys := remote(t, s)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		second := make(chan error)
		go func() {
			time.Sleep(500 * time.Millisecond)
			second <- find(keys, "a")
		}()
		start := time.Now()
		err := findAt(ctx, keys, jwks, "a")
		requireUnavailable(t, err, time.Second)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, time.Second, time.Since(start), "whoever gives up need not wait")
		require.NoError(t, <-second)
		require.NoError(t, findAt(ctx, keys, jwks, "a"), "a fresh key needs no time")
		require.Equal(t, 1, s.fetches())
	})
}

func TestAFetchIsBoundedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		keys := remote(t, &source{says: good("a").slow(time.Hour)})
		start := time.Now()
		requireUnavailable(t, find(keys, "a"), 10*time.Second)
		require.Equal(t, 5*time.Second, time.Since(start))
	})
}

func TestWithdrawnKeysMayBeNone(t *testing.T) {
	unusable := `{"keys":[{"kty":"oct","kid":"gone","k":"AA"}]}`
	for name, c := range map[string]struct {
		says    answer
		keys    int
		skipped []string
		ok      bool
	}{
		"a set":             {good("a", "b"), 2, nil, true},
		"404":               {answer{status: 404, body: "<html>", media: "text/html"}, 0, nil, true},
		"410":               {answer{status: 410}, 0, nil, true},
		"an empty set":      {answer{status: 200, body: `{"keys":[]}`}, 0, nil, true},
		"unusable keys":     {answer{status: 200, body: unusable}, 0, []string{"gone"}, true},
		"a page":            {answer{status: 200, body: "<html>", media: "text/html"}, 0, nil, false},
		"no set":            {answer{status: 200, body: `{}`}, 0, nil, false},
		"500":               {answer{status: 500}, 0, nil, false},
		"a refused address": {answer{}, 0, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &source{says: c.says}
				keys := remote(t, s)
				for range 3 {
					found, err := keys.ResolveRevokedKeys(context.Background(), jwks)
					require.Len(t, found.Keys, c.keys)
					if !c.ok {
						requireUnavailable(t, err, 10*time.Second)
						continue
					}
					require.NoError(t, err)
					require.Len(t, found.Skipped, len(c.skipped))
					for i, id := range c.skipped {
						require.Equal(t, id, found.Skipped[i].ID)
					}
				}
				require.Equal(t, 1, s.fetches(), "cached, good or not")
				if err := find(keys, "a"); name != "a set" {
					requireUnavailable(t, err, 10*time.Second)
				}
				require.Equal(t, 2, s.fetches(), "the same address for keys in use is another entry")
			})
		})
	}
}

func TestTheSetsUsedLastStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{says: good("a")}
		keys := remote(t, s, func(c *ssa.RemoteConfig) { c.Limits.MaxSets = 3 })
		at := func(i int) error {
			return findAt(context.Background(), keys, fmt.Sprintf("https://%s/%d", keystore, i), "a")
		}
		for _, i := range []int{1, 2, 3, 1, 4} { // 4 takes the place of 2
			require.NoError(t, at(i))
		}
		require.Equal(t, 4, s.fetches())
		for _, i := range []int{1, 3, 4} {
			require.NoError(t, at(i))
		}
		require.Equal(t, 4, s.fetches())
		require.Contains(t, s.kinds(), ssa.KeysEvicted)
		s.say(answer{})
		requireUnavailable(t, at(2), 10*time.Second) // a failure counts as well, and displaces 1
		require.ElementsMatch(t, []ssa.KeyEventKind{ssa.KeysFailed, ssa.KeysEvicted, ssa.KeysRefused}, s.kinds())
		requireUnavailable(t, at(1), 10*time.Second)
		require.NoError(t, at(4))
	})
}

func TestASetThatIsBeingReadIsNotEvicted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{says: good("a"), at: map[string]answer{}}
		keys := remote(t, s, func(c *ssa.RemoteConfig) { c.Limits.MaxSets = 1 })
		require.NoError(t, find(keys, "a"))
		time.Sleep(5 * time.Minute) // old now
		s.mu.Lock()
		s.at["/org/software.jwks"] = answer{after: 2 * time.Second}
		s.mu.Unlock()
		done := make(chan error)
		go func() { done <- find(keys, "a") }()
		time.Sleep(time.Second)
		require.NoError(t, findAt(context.Background(), keys, "https://"+keystore+"/other", "a"))
		require.NoError(t, <-done, "its old keys are still there, to be served stale")
	})
}

func TestASetThatHasJustBeenReadIsTheOneUsedLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{says: good("a")}
		keys := remote(t, s, func(c *ssa.RemoteConfig) { c.Limits.MaxSets = 2 })
		at := func(i int) error {
			return findAt(context.Background(), keys, fmt.Sprintf("https://%s/%d", keystore, i), "a")
		}
		require.NoError(t, at(1))
		require.NoError(t, at(2))
		s.say(good("a").slow(time.Second))
		go func() { assert.NoError(t, at(3)) }()
		synctest.Wait()
		require.NoError(t, at(1))
		require.NoError(t, at(2)) // while 3 is on its way
		time.Sleep(2 * time.Second)
		require.NoError(t, at(3))
		require.NoError(t, at(2))
		require.Equal(t, 3, s.fetches())
	})
}

func TestAnAddressThatNoSourceListsIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{says: good("a")}
		keys := remote(t, s, func(c *ssa.RemoteConfig) { c.Limits.MaxSets = 1 })
		require.NoError(t, find(keys, "a"))
		first := s.told() // waits for it: an answer does not wait until the observer has heard
		require.Len(t, first, 1)
		require.Equal(t, ssa.KeysFetched, first[0].Kind)
		for _, url := range []string{
			"", "x", "http://" + keystore + "/a", "https://evil.example/a", "https://" + keystore + ":8443/a",
			"https://u:p@" + keystore + "/a", jwks + "#a", "https://" + strings.Repeat("e", 5000) + ".example/", "https://\xc3\xa9.example",
		} {
			for range 2 {
				err := findAt(context.Background(), keys, url, "a")
				require.ErrorIs(t, err, ssa.ErrJWKSHost, "%.64q", url)
				require.NotErrorIs(t, err, ssa.ErrKeySourceUnavailable)
				requireText(t, err)
				require.Less(t, len(err.Error()), 260)
			}
			_, err := keys.ResolveRevokedKeys(context.Background(), url)
			require.ErrorIs(t, err, ssa.ErrJWKSHost)
		}
		events := s.told()
		require.Len(t, events, 9*3)
		for _, e := range events {
			require.Equal(t, ssa.KeysRefused, e.Kind, "it takes no room")
			require.Empty(t, e.Host, "a host that anybody may make up is no label")
			require.ErrorIs(t, e.Err, ssa.ErrJWKSHost)
		}
		require.NoError(t, find(keys, "a"))
		require.Equal(t, 1, s.fetches())
	})
}

func TestPanicsOfTheCallersPartsStayWithThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{says: answer{panics: strings.Repeat("\u00e9", 300)}}
		keys := remote(t, s, func(c *ssa.RemoteConfig) {
			c.Observer = func(ssa.KeyEvent) { panic("the observer is broken") }
		})
		err := find(keys, "a")
		requireUnavailable(t, err, 10*time.Second)
		requireText(t, err)
		require.Equal(t, 10, strings.Count(err.Error(), `\u00e9`), "no more of it than 64 characters")
		time.Sleep(10 * time.Second)
		s.say(good("a"))
		require.NoError(t, find(keys, "a"))
	})
}

func TestAfterCloseNothingIsFetched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{says: good("a")}
		keys := remote(t, s)
		require.NoError(t, find(keys, "a"))
		s.say(good("a").slow(time.Hour))
		done := make(chan error)
		go func() { done <- findAt(context.Background(), keys, jwks+"?b", "a") }()
		synctest.Wait()
		start := time.Now()
		keys.Close()
		requireUnavailable(t, <-done, 10*time.Second)
		require.Zero(t, time.Since(start))
		require.NoError(t, find(keys, "a"))
		requireUnavailable(t, findAt(context.Background(), keys, jwks+"?c", "a"), 10*time.Second)
		require.Equal(t, 2, s.fetches())
		keys.Close()
	})
}

func TestRemoteKeysRefuseAContradiction(t *testing.T) {
	for name, change := range map[string]func(*ssa.RemoteConfig){
		"no source":             func(c *ssa.RemoteConfig) { c.Sources = nil },
		"a source of no host":   func(c *ssa.RemoteConfig) { c.Sources[0].Hosts = nil },
		"a host that is none":   func(c *ssa.RemoteConfig) { c.Sources[0].Hosts[0] = "https://a.example" },
		"a host not of ASCII":   func(c *ssa.RemoteConfig) { c.Sources[0].Hosts[0] = strings.Repeat("\u00e9", 100) },
		"a host of two sources": func(c *ssa.RemoteConfig) { c.Sources = append(c.Sources, c.Sources[0]) },
		"what is not public":    func(c *ssa.RemoteConfig) { c.NotPublic = []netip.Prefix{{}} },
		"too many sets":         func(c *ssa.RemoteConfig) { c.Limits.MaxSets = 1_000_001 },
		"more keys":             func(c *ssa.RemoteConfig) { c.Limits.MaxKeys = 101 },
		"more bytes":            func(c *ssa.RemoteConfig) { c.Limits.MaxBytes = 1<<20 + 1 },
		"fewer than no bytes":   func(c *ssa.RemoteConfig) { c.Limits.MaxBytes = -1 },
		"a timeout too long":    func(c *ssa.RemoteConfig) { c.Limits.Timeout = 30 * time.Second },
		"no freshness":          func(c *ssa.RemoteConfig) { c.Limits.MinFresh = time.Millisecond },
		"freshness reversed":    func(c *ssa.RemoteConfig) { c.Limits.MaxFresh = 30 * time.Second },
		"a default too long":    func(c *ssa.RemoteConfig) { c.Limits.DefaultFresh = 25 * time.Hour },
		"no interval":           func(c *ssa.RemoteConfig) { c.Limits.UnknownKeyInterval = time.Millisecond },
		"a long memory":         func(c *ssa.RemoteConfig) { c.Limits.FailureMemory = time.Hour },
		"stale for long":        func(c *ssa.RemoteConfig) { c.Limits.MaxStale = 25 * time.Hour },
	} {
		t.Run(name, func(t *testing.T) {
			config := ssa.RemoteConfig{Sources: []ssa.RemoteSource{{Hosts: []string{"a.example"}}}, Clock: time.Now}
			change(&config)
			keys, err := ssa.NewRemoteKeys(config)
			require.Error(t, err)
			require.Nil(t, keys)
			require.True(t, strings.HasPrefix(err.Error(), "ssa: "), err)
			require.NotContains(t, err.Error(), "fetch:")
			require.NotContains(t, err.Error(), "source 0")
			requireText(t, err)
		})
	}
}

func TestLimitsMayBeLowered(t *testing.T) {
	for name, change := range map[string]func(*ssa.RemoteLimits){
		"keys":  func(l *ssa.RemoteLimits) { l.MaxKeys = 2 },
		"bytes": func(l *ssa.RemoteLimits) { l.MaxBytes = int64(len(set("a", "b"))) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &source{says: good("a", "b")}
				keys := remote(t, s, func(c *ssa.RemoteConfig) { change(&c.Limits) })
				require.NoError(t, find(keys, "b"))
				s.say(good("a", "b", "c"))
				requireUnavailable(t, findAt(context.Background(), keys, jwks+"?more", "a"), 10*time.Second)
			})
		})
	}
}

func TestAStatementIsVerifiedWithKeysFromTheNetwork(t *testing.T) {
	d := newDirectory(t, ssatest.Options{Clock: time.Now})
	keys, err := ssa.NewRemoteKeys(ssa.RemoteConfig{Sources: []ssa.RemoteSource{d.RemoteSource()}})
	require.NoError(t, err)
	t.Cleanup(keys.Close)
	anchor := d.Anchor()
	anchor.Keys, anchor.JWKSURL = keys, d.URL()+"/keys.jwks"
	v, err := ssa.NewVerifier(ssa.VerifierConfig{Anchors: []ssa.Anchor{anchor}, Clock: time.Now, Skew: time.Minute})
	require.NoError(t, err)
	s := newSoftware(t, d)
	verified, err := verify(v, mint(t, s, nil))
	require.NoError(t, err)
	require.NotNil(t, verified)
	require.NoError(t, findAt(context.Background(), keys, s.JWKSURL(), s.SigningKeyID))
	_, err = keys.ResolveRevokedKeys(context.Background(), s.JWKSURL())
	require.NoError(t, err)
}
