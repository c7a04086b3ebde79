package ssa_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/ssa"
)

// emptySet is a good answer without a key.
var emptySet = answer{status: 200, body: `{"keys":[]}`}

// own looks up a key of a software.
func own(keys *ssa.RemoteKeys, kid, asker string) error {
	found, err := keys.ResolveKeys(context.Background(), ssa.KeyRef{URL: jwks, KeyID: kid, Software: true, Asker: asker})
	if err == nil && (len(found) == 0 || kid != "" && found[0].ID != kid) {
		return fmt.Errorf("there is neither the key %q nor an error", kid)
	}
	return err
}

// requireNone is for a software that publishes no key.
func requireNone(t testing.TB, err error, readAt, retryAt time.Time) {
	t.Helper()
	var e *ssa.UnknownKeyError
	require.ErrorAs(t, err, &e)
	require.ErrorIs(t, err, ssa.ErrNoKeyPublished)
	require.ErrorIs(t, err, ssa.ErrKeyNotFound)
	require.NotErrorIs(t, err, ssa.ErrKeySourceUnavailable)
	assert.Equal(t, ssa.UnknownKeyError{ReadAt: readAt, RetryAt: retryAt, NonePublished: true}, *e)
	requireText(t, err)
	require.Contains(t, err.Error(), "no key published")
}

// keyServer is what an address answers, and what that is worth.
type keyServer struct {
	says            answer
	software        bool // the address is a software's
	none, noneLater bool // no key is published, at once or once the second read has come
	cold, warm      int  // otherwise Retry-After in seconds, of a look-up with nothing kept and of one for an unknown kid
}

func (k *keyServer) look(keys *ssa.RemoteKeys, kid string) error {
	_, err := keys.ResolveKeys(context.Background(), ssa.KeyRef{URL: jwks, KeyID: kid, Software: k.software})
	return err
}

// require holds an error against what the answer is worth.
func (k *keyServer) require(t *testing.T, err error, readAt, retryAt time.Time, retry int) {
	t.Helper()
	if k.none {
		requireNone(t, err, readAt, retryAt)
	} else {
		requireUnavailable(t, err, time.Duration(retry)*time.Second)
	}
}

// requireLater waits until the second read, if one is due, has come.
func (k *keyServer) requireLater(t *testing.T, s *source, keys *ssa.RemoteKeys, reads int) {
	t.Helper()
	time.Sleep(5 * time.Second)
	synctest.Wait()
	if k.noneLater {
		require.Equal(t, reads+1, s.fetches(), "read again by itself")
		require.ErrorIs(t, k.look(keys, "a"), ssa.ErrNoKeyPublished)
	} else {
		require.Equal(t, reads, s.fetches())
	}
}

func (k *keyServer) onAColdCache(t *testing.T) {
	s := &source{says: k.says}
	keys := remote(t, s)
	began := time.Now()
	k.require(t, k.look(keys, "a"), began, began, k.cold)
	require.Equal(t, 1, s.fetches())
	k.requireLater(t, s, keys, 1)
}

func (k *keyServer) onAWarmCache(t *testing.T) {
	s := &source{says: good("a").cached("max-age=3600")}
	keys := remote(t, s)
	require.NoError(t, k.look(keys, "a"))
	s.say(k.says)
	require.NoError(t, k.look(keys, "a"), "nobody has asked")
	began := time.Now()
	k.require(t, k.look(keys, "x"), began, began.Add(30*time.Second), k.warm)
	if k.none {
		k.require(t, k.look(keys, "a"), began, began.Add(30*time.Second), 0)
		k.require(t, k.look(keys, ""), began, began.Add(30*time.Second), 0)
	} else {
		require.NoError(t, k.look(keys, "a"))
	}
	require.Equal(t, 2, s.fetches())
	k.requireLater(t, s, keys, 2)
}

func (k *keyServer) onAStaleCache(t *testing.T) {
	s := &source{says: good("a")}
	keys := remote(t, s)
	require.NoError(t, k.look(keys, "a"))
	time.Sleep(5 * time.Minute)
	s.say(k.says)
	began := time.Now()
	err := k.look(keys, "a")
	if k.none {
		k.require(t, err, began, began, 0)
	} else {
		require.NoError(t, err, "stale")
	}
	require.Equal(t, 2, s.fetches())
	k.requireLater(t, s, keys, 2)
}

// What each answer of a key server does to a cache that is cold, warm or stale.
func TestWhatTheAnswerOfAKeyServerIsWorth(t *testing.T) {
	for name, k := range map[string]keyServer{
		"an empty set":    {says: emptySet, none: true},
		"a page":          {says: answer{status: 200, body: "<html>", media: "text/html"}, cold: 10, warm: 30},
		"301":             {says: answer{status: 301}, cold: 10, warm: 30},
		"404":             {says: answer{status: 404}, noneLater: true, cold: 5, warm: 5},
		"410":             {says: answer{status: 410}, none: true},
		"500":             {says: answer{status: 500}, cold: 10, warm: 30},
		"503":             {says: answer{status: 503}, cold: 10, warm: 30},
		"nothing":         {says: good("a").slow(time.Hour), cold: 10, warm: 25}, // the fetch took 5 s
		"a reset":         {cold: 10, warm: 30},
		"no usable entry": {says: answer{status: 200, body: `{"keys":[{"kty":"oct","k":"AA"}]}`}, cold: 10, warm: 30},
	} {
		k.software = true
		directory := keyServer{says: k.says, cold: k.cold, warm: k.warm}
		if k.none || k.noneLater { // a directory without keys is out of order
			directory.cold, directory.warm = 10, 30
		}
		for whose, k := range map[string]*keyServer{"a software's": &k, "a directory's": &directory} {
			for cache, holds := range map[string]func(*testing.T){"cold": k.onAColdCache, "warm": k.onAWarmCache, "stale": k.onAStaleCache} {
				t.Run(name+", "+whose+", "+cache, func(t *testing.T) { synctest.Test(t, holds) })
			}
		}
	}
}

func TestASoftwareThatWithdrewItsKeysMayPublishNewOnes(t *testing.T) {
	for name, gone := range map[string]answer{"an empty set": emptySet, "410": {status: 410}, "404": {status: 404}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &source{says: gone}
				keys := remote(t, s)
				require.Error(t, own(keys, "a", "tpp"))
				time.Sleep(5 * time.Second)
				synctest.Wait()
				began := time.Now()
				require.ErrorIs(t, own(keys, "", "tpp"), ssa.ErrNoKeyPublished)
				asked := s.fetches()
				requireNone(t, own(keys, "a", "tpp"), began, began.Add(30*time.Second))
				require.Equal(t, asked, s.fetches())
				s.say(good("a"))
				time.Sleep(30 * time.Second)
				require.NoError(t, own(keys, "", "tpp"), "also for whoever asks for all keys")
				require.NoError(t, own(keys, "a", "tpp"))
				require.Equal(t, asked+1, s.fetches())
				require.Equal(t, "no-cache", s.cache[asked], "not from a proxy on the way")
			})
		})
	}
}

func TestThatNoKeyIsPublishedIsKeptAsAnyOtherSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{says: emptySet.cached("max-age=600")}
		keys := remote(t, s)
		require.ErrorIs(t, own(keys, "a", ""), ssa.ErrNoKeyPublished)
		require.ErrorIs(t, own(keys, "a", ""), ssa.ErrNoKeyPublished) // by the budget
		s.say(answer{status: 503})
		requireUnavailable(t, own(keys, "a", "another"), 30*time.Second) // there might be one now
		s.say(answer{status: 404})
		time.Sleep(30 * time.Second)
		require.ErrorIs(t, own(keys, "a", "another"), ssa.ErrNoKeyPublished, "404 says nothing new")
		require.NotContains(t, s.kinds(), ssa.KeysMissing)
		s.say(good("a"))
		time.Sleep(5 * time.Minute) // the 404 said nothing of its freshness
		require.NoError(t, own(keys, "a", "another"))
	})
}

func TestAnAddressIsKeptApartForADirectoryAndForASoftware(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{says: good("a")}
		keys := remote(t, s)
		require.NoError(t, find(keys, "a"))
		s.say(emptySet)
		require.ErrorIs(t, own(keys, "a", ""), ssa.ErrNoKeyPublished)
		require.NoError(t, find(keys, "a"), "the directory's is another entry")
		withdrawn, err := keys.ResolveRevokedKeys(context.Background(), jwks)
		require.NoError(t, err)
		require.Empty(t, withdrawn.Keys)
		require.Equal(t, 3, s.fetches())
	})
}

func TestA404IsReadAgainWithoutAnybodyWhoAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{says: good("a").cached("max-age=86400")}
		keys := remote(t, s)
		require.NoError(t, own(keys, "a", ""))
		s.say(answer{status: 404})
		began := time.Now()
		requireUnavailable(t, own(keys, "x", ""), 5*time.Second)
		time.Sleep(5*time.Second - 1)
		require.NoError(t, own(keys, "a", ""))
		requireUnavailable(t, own(keys, "y", "another"), time.Second)
		require.Equal(t, 2, s.fetches())
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		require.Equal(t, 3, s.fetches())
		require.Equal(t, "no-cache", s.cache[2])
		require.ElementsMatch(t, []ssa.KeyEventKind{ssa.KeysFetched, ssa.UnknownKeyRefetch, ssa.KeysMissing, ssa.UnknownKeyBarred,
			ssa.UnknownKeyBarred, ssa.KeysWithdrawn}, s.kinds())
		requireNone(t, own(keys, "a", ""), began.Add(5*time.Second), began.Add(30*time.Second))
	})
}

func TestAGoodAnswerTakesA404Back(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{says: good("a").cached("max-age=86400")}
		keys := remote(t, s)
		require.NoError(t, own(keys, "a", ""))
		s.say(answer{status: 404})
		requireUnavailable(t, own(keys, "x", ""), 5*time.Second)
		s.say(good("a", "x").cached("max-age=86400"))
		time.Sleep(5 * time.Second)
		require.NoError(t, own(keys, "x", ""))
		time.Sleep(time.Hour)
		require.NoError(t, own(keys, "a", ""))
		require.Equal(t, 3, s.fetches())
		s.say(answer{status: 404})
		requireUnavailable(t, own(keys, "y", ""), 5*time.Second) // the first one again
		require.NoError(t, own(keys, "a", ""))
	})
}

func TestTheOldKeysEndAMinuteAfterThe404Whatever(t *testing.T) {
	for name, second := range map[string]answer{"500": {status: 500}, "nothing": good("a").slow(time.Hour), "a reset": {}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &source{says: good("a").cached("max-age=86400")}
				keys := remote(t, s)
				require.NoError(t, own(keys, "a", ""))
				s.say(answer{status: 404})
				missing := time.Now()
				requireUnavailable(t, own(keys, "x", ""), 5*time.Second)
				s.say(second)
				time.Sleep(time.Until(missing.Add(time.Minute - 1)))
				require.NoError(t, own(keys, "a", ""))
				require.Equal(t, 3, s.fetches(), "nobody looked for what is not there")
				time.Sleep(time.Nanosecond)
				requireUnavailable(t, own(keys, "a", ""), 10*time.Second)
				require.Equal(t, 4, s.fetches())
				requireUnavailable(t, own(keys, "a", ""), 10*time.Second)
				require.Equal(t, 4, s.fetches(), "a failure is remembered as any other")
				s.say(answer{status: 404})
				time.Sleep(10 * time.Second)
				require.ErrorIs(t, own(keys, "a", ""), ssa.ErrNoKeyPublished, "the second 404, however late")
			})
		})
	}
}

func TestStaleKeysEndWithMaxStaleThoughA404HasAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{says: good("a")}
		keys := remote(t, s, func(c *ssa.RemoteConfig) { c.Limits.MaxStale = 10 * time.Second })
		require.NoError(t, own(keys, "a", ""))
		time.Sleep(5*time.Minute + 2*time.Second)
		s.say(answer{status: 404})
		require.NoError(t, own(keys, "a", ""))
		s.say(answer{status: 500})
		time.Sleep(8*time.Second - 1)
		require.NoError(t, own(keys, "a", ""))
		time.Sleep(time.Nanosecond)
		requireUnavailable(t, own(keys, "a", ""), 7*time.Second)
	})
}

func TestAnEvictedSetIsNotReadAgainByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{says: answer{status: 404}}
		keys := remote(t, s, func(c *ssa.RemoteConfig) { c.Limits.MaxSets = 1 })
		requireUnavailable(t, own(keys, "a", ""), 5*time.Second)
		_, err := keys.ResolveKeys(context.Background(), ssa.KeyRef{URL: jwks + "?other", Software: true})
		requireUnavailable(t, err, 5*time.Second)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		require.Equal(t, 3, s.fetches(), "the other one alone")
		requireUnavailable(t, own(keys, "a", ""), 5*time.Second) // known no more, so it is the first again
	})
}

func TestCloseEndsTheSecondRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{says: good("a").cached("max-age=86400")}
		keys := remote(t, s)
		require.NoError(t, own(keys, "a", ""))
		s.say(answer{status: 404})
		requireUnavailable(t, own(keys, "x", ""), 5*time.Second)
		keys.Close()
		time.Sleep(time.Minute - 1)
		synctest.Wait()
		require.Equal(t, 2, s.fetches())
		require.NotContains(t, s.kinds(), ssa.KeysFailed, "nor is one attempted")
		require.NoError(t, own(keys, "a", ""))
		time.Sleep(time.Nanosecond)
		requireUnavailable(t, own(keys, "a", ""), 10*time.Second) // a minute after the 404, closed or not
		require.Equal(t, 2, s.fetches())
	})
}

func TestAClockThatJumpsKeepsNoWithdrawnKeysAlive(t *testing.T) {
	for name, jump := range map[string]time.Duration{"back": -24 * time.Hour, "ahead": 24 * time.Hour} {
		for _, second := range []int{404, 500} {
			t.Run(fmt.Sprintf("%s, then %d", name, second), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var off atomic.Int64 // a second read asks the clock, too
					s := &source{says: good("a").cached("max-age=86400")}
					keys := remote(t, s, func(c *ssa.RemoteConfig) {
						c.Clock = func() time.Time { return time.Now().Add(time.Duration(off.Load())) }
						c.Limits.MaxFresh = 7 * 24 * time.Hour
					})
					require.NoError(t, own(keys, "a", ""))
					s.say(answer{status: 404})
					requireUnavailable(t, own(keys, "x", ""), 5*time.Second)
					off.Store(int64(jump))
					s.say(answer{status: second})
					if jump < 0 {
						require.NoError(t, own(keys, "a", ""))
					}
					time.Sleep(5 * time.Second)
					synctest.Wait()
					time.Sleep(time.Minute)
					err := own(keys, "a", "")
					require.Error(t, err)
					require.Equal(t, second == 404, errors.Is(err, ssa.ErrNoKeyPublished), err)
				})
			})
		}
	}
}

func TestSecondReadsAreBoundedInNumber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{says: answer{status: 404}}
		keys := remote(t, s)
		at := func(i int) error {
			_, err := keys.ResolveKeys(context.Background(), ssa.KeyRef{URL: fmt.Sprintf("https://%s/%d", keystore, i), Software: true})
			return err
		}
		for i := range 1010 {
			requireUnavailable(t, at(i), 5*time.Second)
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		require.Equal(t, 2010, s.fetches())
		require.ErrorIs(t, at(1009), ssa.ErrNoKeyPublished, "the look-up makes the second read")
		require.Equal(t, 2011, s.fetches())
	})
}
