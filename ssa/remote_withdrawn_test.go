package ssa_test

import (
	"context"
	"errors"
	"fmt"
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

// What each answer of a key server does to a cache that is cold, warm or stale.
func TestWhatTheAnswerOfAKeyServerIsWorth(t *testing.T) {
	type row struct {
		says answer
		// software and directory: none says that no key is published; otherwise cold and warm are
		// Retry-After in seconds, of a look-up at once and of one for an unknown kid.
		none, noneLater bool
		cold, warm      int
		directoryCold   int
		directoryWarm   int
	}
	for name, c := range map[string]row{
		"an empty set":    {says: emptySet, none: true, noneLater: true, directoryCold: 10, directoryWarm: 30},
		"a page":          {answer{status: 200, body: "<html>", media: "text/html"}, false, false, 10, 30, 10, 30},
		"301":             {answer{status: 301}, false, false, 10, 30, 10, 30},
		"404":             {answer{status: 404}, false, true, 5, 5, 10, 30},
		"410":             {says: answer{status: 410}, none: true, noneLater: true, directoryCold: 10, directoryWarm: 30},
		"500":             {answer{status: 500}, false, false, 10, 30, 10, 30},
		"503":             {answer{status: 503}, false, false, 10, 30, 10, 30},
		"nothing":         {good("a").slow(time.Hour), false, false, 10, 25, 10, 25},
		"a reset":         {answer{}, false, false, 10, 30, 10, 30},
		"no usable entry": {answer{status: 200, body: `{"keys":[{"kty":"oct","k":"AA"}]}`}, false, false, 10, 30, 10, 30},
	} {
		for _, software := range []bool{true, false} {
			look := func(keys *ssa.RemoteKeys, kid string) error {
				_, err := keys.ResolveKeys(context.Background(), ssa.KeyRef{URL: jwks, KeyID: kid, Software: software})
				return err
			}
			none, cold, warm := c.none && software, c.cold, c.warm
			if !software {
				cold, warm = c.directoryCold, c.directoryWarm
			}
			check := func(t *testing.T, err error, readAt, retryAt time.Time, retry int) {
				t.Helper()
				if none {
					requireNone(t, err, readAt, retryAt)
				} else {
					requireUnavailable(t, err, time.Duration(retry)*time.Second)
				}
			}
			// later: the second read, if one is due, has come.
			later := func(t *testing.T, s *source, keys *ssa.RemoteKeys, reads int) {
				t.Helper()
				time.Sleep(5 * time.Second)
				synctest.Wait()
				if software && c.noneLater && !c.none {
					require.Equal(t, reads+1, s.fetches(), "read again by itself")
					require.ErrorIs(t, look(keys, "a"), ssa.ErrNoKeyPublished)
				} else {
					require.Equal(t, reads, s.fetches())
				}
			}
			t.Run(fmt.Sprintf("%s, software %t, cold", name, software), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := &source{says: c.says}
					keys := remote(t, s)
					began := time.Now()
					check(t, look(keys, "a"), began, began, cold)
					require.Equal(t, 1, s.fetches())
					later(t, s, keys, 1)
				})
			})
			t.Run(fmt.Sprintf("%s, software %t, warm", name, software), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := &source{says: good("a").cached("max-age=3600")}
					keys := remote(t, s)
					require.NoError(t, look(keys, "a"))
					s.say(c.says)
					require.NoError(t, look(keys, "a"), "nobody has asked")
					began := time.Now()
					check(t, look(keys, "x"), began, began.Add(30*time.Second), warm)
					if none {
						check(t, look(keys, "a"), began, began.Add(30*time.Second), 0)
						check(t, look(keys, ""), began, began.Add(30*time.Second), 0)
					} else {
						require.NoError(t, look(keys, "a"))
					}
					require.Equal(t, 2, s.fetches())
					later(t, s, keys, 2)
				})
			})
			t.Run(fmt.Sprintf("%s, software %t, stale", name, software), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := &source{says: good("a")}
					keys := remote(t, s)
					require.NoError(t, look(keys, "a"))
					time.Sleep(5 * time.Minute)
					s.say(c.says)
					began := time.Now()
					err := look(keys, "a")
					if none {
						check(t, err, began, began, 0)
					} else {
						require.NoError(t, err, "stale")
					}
					require.Equal(t, 2, s.fetches())
					later(t, s, keys, 2)
				})
			})
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
		time.Sleep(1)
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
				time.Sleep(1)
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
		time.Sleep(1)
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
		require.NoError(t, own(keys, "a", ""))
		time.Sleep(1)
		requireUnavailable(t, own(keys, "a", ""), 10*time.Second) // a minute after the 404, closed or not
		require.Equal(t, 2, s.fetches())
	})
}

func TestAClockThatJumpsKeepsNoWithdrawnKeysAlive(t *testing.T) {
	for name, jump := range map[string]time.Duration{"back": -24 * time.Hour, "ahead": 24 * time.Hour} {
		for _, second := range []int{404, 500} {
			t.Run(fmt.Sprintf("%s, then %d", name, second), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					off := time.Duration(0)
					s := &source{says: good("a").cached("max-age=86400")}
					keys := remote(t, s, func(c *ssa.RemoteConfig) {
						c.Clock = func() time.Time { return time.Now().Add(off) }
						c.Limits.MaxFresh = 7 * 24 * time.Hour
					})
					require.NoError(t, own(keys, "a", ""))
					s.say(answer{status: 404})
					requireUnavailable(t, own(keys, "x", ""), 5*time.Second)
					off = jump
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
