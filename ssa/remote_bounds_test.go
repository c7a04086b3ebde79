package ssa_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// asks looks up the keys of a software and what two addresses withdraw of them.
func asks(t testing.TB, keys *ssa.RemoteKeys, software int) {
	t.Helper()
	at := fmt.Sprintf("https://%s/%d/", keystore, software)
	require.NoError(t, findAt(context.Background(), keys, at+"keys", "a"))
	for _, revoked := range []string{"software", "organisation"} {
		_, err := keys.ResolveRevokedKeys(context.Background(), at+revoked)
		require.NoError(t, err)
	}
}

func TestTenThousandSoftwareAndTheirRevokedAddressesStay(t *testing.T) {
	const software = 10_000
	s := &source{says: good("a").cached("max-age=86400")}
	keys := remote(t, s)
	for range 2 {
		for i := range software {
			asks(t, keys, i)
		}
		require.Equal(t, 3*software, s.fetches(), "each is read once")
	}
	for _, e := range s.events {
		require.Equal(t, ssa.KeysFetched, e.Kind)
	}
}

func TestEachListIsBoundedByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{says: good("a")}
		keys := remote(t, s, func(c *ssa.RemoteConfig) { c.Limits.MaxSets = 5 })
		evicted := func() (published, withdrawn int) {
			for _, e := range s.told() {
				switch {
				case e.Kind != ssa.KeysEvicted:
				case e.Withdrawn:
					withdrawn++
				default:
					published++
				}
			}
			return published, withdrawn
		}
		for i := range 5 {
			asks(t, keys, i)
		}
		published, withdrawn := evicted()
		require.Zero(t, published+withdrawn)
		for i := range 100 {
			_, err := keys.ResolveRevokedKeys(context.Background(), fmt.Sprintf("https://%s/%d", keystore, i))
			require.NoError(t, err)
		}
		published, withdrawn = evicted()
		require.Zero(t, published)
		require.Equal(t, 100, withdrawn)
		for i := range 7 {
			require.NoError(t, findAt(context.Background(), keys, fmt.Sprintf("https://%s/%d", keystore, i), "a"))
		}
		published, withdrawn = evicted()
		require.Equal(t, 7, published)
		require.Zero(t, withdrawn)
	})
}

func TestAFullListGivesUpItsHundredthPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{says: good("a")}
		keys := remote(t, s, func(c *ssa.RemoteConfig) { c.Limits.MaxSets = 300 })
		at := func(i int) error {
			return findAt(context.Background(), keys, fmt.Sprintf("https://%s/%d", keystore, i), "a")
		}
		for i := range 300 {
			require.NoError(t, at(i))
		}
		require.NoError(t, at(0)) // used last, so 1, 2 and 3 are the oldest
		require.NotContains(t, s.kinds(), ssa.KeysEvicted)
		room := func(next int) (evicted int) {
			require.NoError(t, at(next))
			for _, kind := range s.kinds() {
				if kind == ssa.KeysEvicted {
					evicted++
				}
			}
			return evicted
		}
		require.Equal(t, []int{3, 0, 0, 3}, []int{room(300), room(301), room(302), room(303)})
		asked := s.fetches()
		for i := range 304 {
			if i == 0 || i > 6 {
				require.NoError(t, at(i))
			}
		}
		require.Equal(t, asked, s.fetches())
		require.NoError(t, at(1))
		require.Equal(t, asked+1, s.fetches())
	})
}

func TestSetsOnTheirWayDisplaceNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{says: good("a")}
		keys := remote(t, s, func(c *ssa.RemoteConfig) { c.Limits.MaxSets = 2 })
		require.NoError(t, find(keys, "a"))
		s.say(good("a").slow(time.Second))
		for _, wait := range []time.Duration{0, 500 * time.Millisecond} {
			go func() {
				time.Sleep(wait)
				assert.NoError(t, findAt(context.Background(), keys, jwks+"?"+wait.String(), "a"))
			}()
		}
		time.Sleep(1200 * time.Millisecond)
		require.NotContains(t, s.kinds(), ssa.KeysEvicted, "two have come, and there is room for two")
		time.Sleep(time.Second)
		require.Contains(t, s.kinds(), ssa.KeysEvicted)
	})
}

func TestEveryLookUpThatFindsNothingFreshIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		keys := remote(t, s)
		for range 3 {
			err := find(keys, "a")
			requireUnavailable(t, err, 10*time.Second)
			events := slices.DeleteFunc(s.told(), func(e ssa.KeyEvent) bool { return e.Kind == ssa.KeysFailed })
			require.Len(t, events, 1)
			require.Equal(t, ssa.KeyEvent{Kind: ssa.KeysRefused, Host: keystore, Address: jwks, Err: err}, events[0])
		}
		for range 3 {
			_, err := keys.ResolveRevokedKeys(context.Background(), jwks)
			require.Error(t, err)
			for _, e := range s.told() {
				require.True(t, e.Withdrawn, e.Kind)
			}
		}
		time.Sleep(10 * time.Second)
		s.say(good("a").slow(2 * time.Second))
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		require.ErrorIs(t, findAt(ctx, keys, jwks, "a"), context.DeadlineExceeded)
		require.Equal(t, []ssa.KeyEventKind{ssa.KeysRefused}, s.kinds())
		time.Sleep(2 * time.Second)
		require.Equal(t, []ssa.KeyEventKind{ssa.KeysFetched}, s.kinds())
		require.NoError(t, find(keys, "a"))
		require.Empty(t, s.kinds(), "a warm answer is not told")
	})
}

// backwards is a resolver whose clock goes back by an hour whenever it is told to.
func backwards(t *testing.T, s *source) (keys *ssa.RemoteKeys, now func() time.Time, goBack func()) {
	var slow atomic.Int64
	now = func() time.Time { return time.Now().Add(-time.Duration(slow.Load())) }
	return remote(t, s, func(c *ssa.RemoteConfig) { c.Clock = now }), now, func() { slow.Add(int64(time.Hour)) }
}

func TestAClockThatGoesBackProlongsNothingBeyondItsSpan(t *testing.T) {
	t.Run("a failure remembered", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := &source{}
			keys, _, goBack := backwards(t, s)
			requireUnavailable(t, find(keys, "a"), 10*time.Second)
			goBack()
			requireUnavailable(t, find(keys, "a"), 10*time.Second)
			s.say(good("a"))
			time.Sleep(10 * time.Second)
			require.NoError(t, find(keys, "a"))
		})
	})
	t.Run("the bar to unknown kids", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := &source{says: good("a").cached("max-age=3600")}
			keys, now, goBack := backwards(t, s)
			require.NoError(t, find(keys, "a"))
			require.ErrorIs(t, find(keys, "x"), ssa.ErrKeyNotFound)
			goBack()
			requireUnknown(t, find(keys, "x"), now(), now().Add(30*time.Second))
			s.say(good("a", "x"))
			time.Sleep(30 * time.Second)
			require.NoError(t, find(keys, "x"))
		})
	})
	t.Run("freshness", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := &source{says: good("a")}
			keys, _, goBack := backwards(t, s)
			require.NoError(t, find(keys, "a"))
			time.Sleep(4 * time.Minute)
			goBack()
			s.say(good("b"))
			require.NoError(t, find(keys, "a"), "fresh, for as long as in the beginning")
			time.Sleep(5*time.Minute - 1)
			require.NoError(t, find(keys, "a"))
			require.Equal(t, 1, s.fetches())
			time.Sleep(time.Nanosecond)
			require.ErrorIs(t, find(keys, "a"), ssa.ErrKeyNotFound)
			require.Equal(t, 2, s.fetches())
		})
	})
	t.Run("the time that a fetch took", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := &source{says: good("a").slow(time.Second)}
			keys, _, goBack := backwards(t, s)
			go func() { assert.NoError(t, find(keys, "a")) }()
			synctest.Wait()
			goBack()
			time.Sleep(2 * time.Second)
			events := s.told()
			require.Len(t, events, 1)
			require.Zero(t, events[0].Took)
		})
	})
}

func TestAFetchForAnUnknownKidGoesPastTheCachesBetween(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{says: good("a")}
		keys := remote(t, s)
		sent := func() []string {
			s.mu.Lock()
			defer s.mu.Unlock()
			all := s.cache
			s.cache = nil
			return all
		}
		require.NoError(t, find(keys, ""))
		require.Equal(t, []string{""}, sent(), "all keys, whichever they are")
		require.ErrorIs(t, find(keys, "x"), ssa.ErrKeyNotFound)
		require.Equal(t, []string{"no-cache"}, sent())
		time.Sleep(5 * time.Minute)
		require.NoError(t, find(keys, "a"))
		require.Equal(t, []string{""}, sent(), "a kid that the old keys have")
		time.Sleep(5 * time.Minute)
		require.ErrorIs(t, find(keys, "x"), ssa.ErrKeyNotFound)
		require.Equal(t, []string{"no-cache"}, sent(), "one that they do not have, and there is no second fetch for it")
		require.NoError(t, findAt(context.Background(), keys, jwks+"?cold", "a"))
		require.Equal(t, []string{"no-cache"}, sent())
		_, err := keys.ResolveRevokedKeys(context.Background(), jwks)
		require.NoError(t, err)
		require.Equal(t, []string{""}, sent())

		s.say(good("a").slow(time.Second))
		go func() { assert.NoError(t, findAt(context.Background(), keys, jwks+"?joined", "")) }()
		synctest.Wait()
		require.ErrorIs(t, findAt(context.Background(), keys, jwks+"?joined", "x"), ssa.ErrKeyNotFound)
		require.Equal(t, []string{"", "no-cache"}, sent(), "what was joined may be an answer of a proxy")
	})
}

// TestWhatAnAnchorAdmitsASourceOfTheSameHostsAdmits: two lists of the same hosts, in
// different words, never disagree on an address.
func TestWhatAnAnchorAdmitsASourceOfTheSameHostsAdmits(t *testing.T) {
	d := newDirectory(t, ssatest.Options{})
	s := newSoftware(t, d)
	lists := [][]string{
		{"keys.example", "KEYS.example:8443", "192.0.2.1:443", "[2001:DB8:0::1]"},
		{"Keys.Example:443", "keys.example:8443", "192.0.2.1", "[2001:db8::1]:443"},
	}
	addresses := map[string]bool{
		"https://keys.example/k":                            true,
		"https://keys.example:443/k":                        true,
		"https://KEYS.example:8443/k":                       true,
		"https://192.0.2.1/k":                               true,
		"https://[2001:db8::0:1]/k":                         true,
		"https://keys.example:8443/k.jwks":                  true,
		"https://[2001:db8::1]/a-b_c/":                      true,
		"https://keys.example":                              true,
		"https://keys.example/?k=%zz":                       true,
		"https://keys.example/" + strings.Repeat("k", 1500): true,
		"https://keys.example/%zz":                          false,
		"https://keys.example/a b":                          false,
		"https://keys.example/u@x":                          true,
		"https://keys.example:8443:443/k":                   false,
		"https://keys.example.evil.example/k":               false,
		"http://keys.example/k":                             false,
		"https://keys.example:444/k":                        false,
		"https://keys.example:0443/k":                       false,
		"https://keys.example:/k":                           false,
		"https://\u212aeys.example/k":                       false,
		"https://[::ffff:192.0.2.1]/k":                      false,
		"https://keys.example/k#":                           false,
		"https://keys.example/\u00e9":                       false,
		"https://u@keys.example/k":                          false,
		"https://[2001:db8::1]:8443/k":                      false,
		"https://keys.example./k":                           false,
		"https://keys.example:443:443/k":                    false,
		"https://keys.example/" + strings.Repeat("k", 2048): false,
	}
	for _, ofAnchor := range lists {
		a := d.Anchor()
		a.JWKSHosts = ofAnchor
		v := newVerifier(t, a)
		for _, ofSource := range lists {
			keys := remote(t, &source{says: answer{status: http.StatusNotFound}}, func(c *ssa.RemoteConfig) {
				c.Sources[0].Hosts = ofSource
			})
			for address, admitted := range addresses {
				verified, err := verify(v, mint(t, s, map[string]any{"software_jwks_endpoint": address}))
				require.NoError(t, err)
				_, err = verified.SoftwareJWKS()
				assert.Equal(t, admitted, err == nil, "%.64q: %v", address, err)
				_, err = keys.ResolveRevokedKeys(context.Background(), address)
				assert.Equal(t, admitted, err == nil, "%.64q: %v", address, err)
			}
		}
	}
}

func TestASourceThatIsMissingIsTheBanksToMend(t *testing.T) {
	d := newDirectory(t, ssatest.Options{})
	s := newSoftware(t, d)
	keys := remote(t, &source{says: good("a")}) // it lists another host than the anchor does
	signed, err := ssa.ParseSigned(mint(t, s, nil))
	require.NoError(t, err)
	err = signed.Verify(context.Background(), keys, s.JWKSURL(), d.Anchor().Algorithms)
	var e *ssa.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, ssa.ErrJWKSHost, e.Kind)
	require.NotErrorIs(t, err, ssa.ErrKeySourceUnavailable)
	require.Contains(t, e.Detail, "RemoteConfig.Sources")
	require.Contains(t, e.Detail, strings.TrimPrefix(d.URL(), "https://"), "it names the host")
	requireText(t, err)

	misconfigured := d.Anchor()
	misconfigured.Keys, misconfigured.JWKSURL = keys, d.URL()+"/keys.jwks"
	verified, err := verify(newVerifier(t, misconfigured), mint(t, s, nil))
	requireRefused(t, verified, err, ssa.ErrJWKSHost, "ssa.key.found")
	down := d.Anchor()
	down.Keys = remote(t, &source{}, func(c *ssa.RemoteConfig) { c.Sources[0].Hosts = []string{strings.TrimPrefix(d.URL(), "https://")} })
	down.JWKSURL = misconfigured.JWKSURL
	for _, anchors := range [][]ssa.Anchor{{down, misconfigured}, {misconfigured, down}} {
		verified, err = verify(newVerifier(t, anchors...), mint(t, s, nil))
		requireRefused(t, verified, err, ssa.ErrJWKSHost, "ssa.key.found")
	}
	_, err = verify(newVerifier(t, misconfigured, d.Anchor()), mint(t, s, nil))
	require.NoError(t, err, "another anchor has the key")
}
