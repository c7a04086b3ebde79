package ssa_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/ssa"
)

func TestAStampedeIsOneFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{says: good("a").slow(time.Second)}
		keys := remote(t, s)
		for _, moment := range []string{"cold", "old"} {
			before := s.fetches()
			var all sync.WaitGroup
			for range 500 {
				all.Go(func() { assert.NoError(t, find(keys, "a"), moment) })
			}
			all.Wait()
			require.Equal(t, before+1, s.fetches(), moment)
			time.Sleep(5 * time.Minute)
		}
	})
}

func TestAFloodOfUnknownKidsIsOneFetchPerInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{says: good("a").cached("max-age=3600").slow(100 * time.Millisecond)}
		keys := remote(t, s)
		require.NoError(t, find(keys, "a"))
		var all sync.WaitGroup
		for i := range 6_000 { // 1,000 in 10 s, for a minute
			all.Go(func() { assert.ErrorIs(t, find(keys, "stranger "+strconv.Itoa(i)), ssa.ErrKeyNotFound) })
			time.Sleep(10 * time.Millisecond)
			if i == 999 {
				require.Equal(t, 2, s.fetches(), "the first, and one for all kids of 10 s")
			}
		}
		all.Wait()
		asked := s.asked[1:]
		require.Len(t, asked, 2)
		require.GreaterOrEqual(t, asked[1].Sub(asked[0]), 30*time.Second)
	})
}

// TestARotatedKeyIsNeverRefused: a key that was published at least 30 s before its
// first use is found, though strangers use up the fetches for unknown kids at the
// worst of times, and freshness alone would come too late.
func TestARotatedKeyIsNeverRefused(t *testing.T) {
	const period, lead = 47 * time.Second, 30 * time.Second
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		publish := func(n int) {
			s.say(good("key "+strconv.Itoa(n-1), "key "+strconv.Itoa(n)).cached("max-age=86400").slow(700 * time.Millisecond))
		}
		publish(0)
		keys := remote(t, s)
		ctx, stop := context.WithTimeout(context.Background(), 20*time.Minute)
		defer stop()
		start := time.Now()
		every := func(pause time.Duration, do func()) func() {
			return func() {
				for ctx.Err() == nil {
					do()
					time.Sleep(pause)
				}
			}
		}
		var all sync.WaitGroup
		n := 0
		all.Go(every(period, func() { publish(n); n++ }))
		for i := range 3 {
			all.Go(every(time.Duration(110+31*i)*time.Millisecond, func() {
				assert.ErrorIs(t, find(keys, "stranger"), ssa.ErrKeyNotFound)
			}))
		}
		used := map[string]bool{}
		all.Go(every(230*time.Millisecond, func() {
			if age := time.Since(start) - lead; age >= 0 {
				kid := "key " + strconv.Itoa(int(age/period))
				used[kid] = true
				assert.NoError(t, find(keys, kid), "at %s", time.Since(start))
			}
		}))
		all.Wait()
		require.Greater(t, len(used), 20)
		for i := 2; i < len(s.asked); i++ {
			require.GreaterOrEqual(t, s.asked[i].Sub(s.asked[i-1]), 30*time.Second)
		}
	})
}

func TestAnOutageIsBridgedForAsLongAsTheLimitSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{says: good("a")}
		keys := remote(t, s)
		require.NoError(t, find(keys, "a"))
		fresh := time.Now().Add(5 * time.Minute)
		s.say(answer{})
		s.kinds()
		time.Sleep(time.Until(fresh))
		require.NoError(t, find(keys, "a"))
		require.ElementsMatch(t, []ssa.KeyEventKind{ssa.KeysFailed, ssa.KeysServedStale}, s.kinds())
		requireUnavailable(t, find(keys, "x"), 10*time.Second)
		require.NoError(t, find(keys, "a"))
		require.Equal(t, 2, s.fetches(), "the failure is remembered")
		time.Sleep(10 * time.Second)
		require.NoError(t, find(keys, "a"))
		require.Equal(t, 3, s.fetches(), "but not for longer than 10 s")

		time.Sleep(time.Until(fresh.Add(time.Hour - 1)))
		require.NoError(t, find(keys, "a"))
		time.Sleep(time.Nanosecond)
		s.kinds()
		requireUnavailable(t, find(keys, "a"), 10*time.Second)
		require.ElementsMatch(t, []ssa.KeyEventKind{ssa.KeysExpiredStale, ssa.KeysRefused}, s.kinds())
		time.Sleep(10 * time.Second)
		requireUnavailable(t, find(keys, "a"), 10*time.Second)
		require.ElementsMatch(t, []ssa.KeyEventKind{ssa.KeysFailed, ssa.KeysRefused}, s.kinds())

		time.Sleep(10 * time.Second)
		s.say(good("b"))
		require.NoError(t, find(keys, "b"))
	})
}

func TestAnOutageThatBeginsAfterTheLimitFindsNoKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{says: good("a")}
		keys := remote(t, s)
		require.NoError(t, find(keys, "a"))
		time.Sleep(65 * time.Minute)
		require.NoError(t, find(keys, "a"))
		require.Equal(t, []ssa.KeyEventKind{ssa.KeysFetched, ssa.KeysFetched}, s.kinds(), "keys that nobody asked for are no outage")
		time.Sleep(65 * time.Minute)
		s.say(answer{})
		requireUnavailable(t, find(keys, "a"), 10*time.Second)
		s.say(good("a"))
		requireUnavailable(t, find(keys, "a"), 10*time.Second)
		time.Sleep(10 * time.Second)
		require.NoError(t, find(keys, "a"))
	})
}

func TestAColdOutageIsRememberedAndEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		keys := remote(t, s)
		for range 20 {
			requireUnavailable(t, find(keys, "a"), 10*time.Second)
		}
		require.Equal(t, 1, s.fetches())
		time.Sleep(7500 * time.Millisecond)
		requireUnavailable(t, find(keys, "a"), 3*time.Second)
		s.say(good("a"))
		time.Sleep(2500 * time.Millisecond)
		require.NoError(t, find(keys, "a"))
	})
}

func TestOneCallerAloneWaitsInAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{says: good("a")}
		keys := remote(t, s)
		require.NoError(t, find(keys, "a"))
		s.say(answer{after: time.Hour})
		time.Sleep(5 * time.Minute)
		took := func(kid string) time.Duration {
			start := time.Now()
			err := find(keys, kid)
			if kid == "a" {
				assert.NoError(t, err)
			} else {
				assert.ErrorIs(t, err, ssa.ErrKeySourceUnavailable)
			}
			return time.Since(start)
		}
		require.Equal(t, 5*time.Second, took("a"), "the first to meet the outage")
		time.Sleep(10 * time.Second)
		go func() { assert.Equal(t, 5*time.Second, took("a")) }()
		synctest.Wait()
		require.Zero(t, took("a"))
		require.Equal(t, 5*time.Second, took("x"), "whoever has no stale keys waits")

		time.Sleep(30 * time.Minute) // nobody knows any more whether the outage goes on
		go took("a")
		synctest.Wait()
		require.Equal(t, 5*time.Second, took("a"))
	})
}

func TestAPoisonedAnswerReplacesNothing(t *testing.T) {
	many := make([]string, 101)
	poisoned := map[string]answer{
		"a page":                 {status: 200, body: "<html></html>", media: "text/html"},
		"a page called JSON":     {status: 200, body: "<html></html>"},
		"an empty set":           {status: 200, body: `{"keys":[]}`},
		"no set":                 {status: 200, body: `{"error":"maintenance"}`},
		"an empty body":          {status: 200},
		"half a set":             {status: 200, body: set("a")[:80]},
		"keys of no use":         {status: 200, body: `{"keys":[{"kty":"oct","k":"AA","kid":"a"}]}`},
		"too many keys":          {status: 200, body: `{"keys":[` + strings.Join(many, "{},") + `{}]}`},
		"too large":              {status: 200, body: strings.Replace(set("a"), "{", "{"+strings.Repeat(" ", 1<<20), 1)},
		"not found":              {status: 404, body: set("a")},
		"gone":                   {status: 410, body: set("a")},
		"a redirect":             {status: 302, body: set("a")},
		"a server error":         {status: 503, body: set("a")},
		"created":                {status: 201, body: set("a")},
		"a connection refused":   {},
		"a broken transport":     {panics: "the transport is broken"},
		"an answer in an hour":   good("a").slow(time.Hour),
		"a set under wrong MIME": {status: 200, body: set("a"), media: "text/plain"},
	}
	for name, poison := range poisoned {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &source{says: good("a")}
				keys := remote(t, s)
				require.NoError(t, find(keys, "a"))
				s.say(poison)
				requireUnavailable(t, find(keys, "x"), max(30*time.Second-poison.after, 25*time.Second))
				require.NoError(t, find(keys, "a"))
				time.Sleep(5 * time.Minute)
				require.NoError(t, find(keys, "a"), "stale")
				requireUnavailable(t, findAt(context.Background(), keys, jwks+"?cold", "a"), 10*time.Second)
				time.Sleep(time.Hour)
				requireUnavailable(t, find(keys, "a"), 10*time.Second)
			})
		})
	}
}

// TestTenMinutesOfOutageLeaveNothingBehind: fifty sets, twenty look-ups a second, and
// a source that never answers.
func TestTenMinutesOfOutageLeaveNothingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{says: answer{after: time.Hour}}
		keys := remote(t, s)
		before := runtime.NumGoroutine()
		minutes, everything := make([]int, 10), make([]int, 10)
		stacks := make([]byte, 4<<20)
		for i := range 10 * 60 * 20 {
			go func() {
				url := jwks + "?" + strconv.Itoa(i%50)
				assert.ErrorIs(t, findAt(context.Background(), keys, url, strconv.Itoa(i)), ssa.ErrKeySourceUnavailable)
			}()
			time.Sleep(50 * time.Millisecond)
			if i%20 == 0 {
				minute := &minutes[i/(60*20)]
				*minute = max(*minute, goroutines(stacks, "ssa.(*RemoteKeys)"))
				all := &everything[i/(60*20)]
				*all = max(*all, runtime.NumGoroutine())
			}
		}
		require.InDelta(t, minutes[0], minutes[9], 10, "flat from the first minute to the last")
		require.InDelta(t, everything[0], everything[9], 10, "those of others among them")
		require.LessOrEqual(t, slices.Max(minutes), 50+5*20, "a fetch per set, and who asked within 5 s")
		time.Sleep(5 * time.Second)
		synctest.Wait()
		require.Zero(t, goroutines(stacks, "ssa.(*RemoteKeys)"))
		require.LessOrEqual(t, runtime.NumGoroutine(), before, "of the whole process")
		require.LessOrEqual(t, s.fetches(), 50*10*60/15, "15 s from one fetch of a set to the next")
	})
}

// goroutines counts those that run a function of that name. It writes their stacks to the room that it gets.
func goroutines(stacks []byte, name string) int {
	count := 0
	for stack := range bytes.SplitSeq(stacks[:runtime.Stack(stacks, true)], []byte("\n\n")) {
		if bytes.Contains(stack, []byte(name)) {
			count++
		}
	}
	return count
}

// TestManyGoroutinesAtOnce is for the race detector; what must hold is that every
// answer is one of those that are promised.
func TestManyGoroutinesAtOnce(t *testing.T) {
	s := &chaos{}
	var mu sync.Mutex
	told := map[ssa.KeyEventKind]int{}
	keys, err := ssa.NewRemoteKeys(ssa.RemoteConfig{
		Sources: []ssa.RemoteSource{{Hosts: []string{keystore}}}, Transport: s,
		Limits: ssa.RemoteLimits{
			MaxSets: 12, Timeout: 500 * time.Millisecond, UnknownKeyInterval: time.Second, FailureMemory: time.Second,
			MinFresh: time.Second, DefaultFresh: time.Second, MaxFresh: time.Second,
		},
		Clock:    s.now,
		Observer: func(e ssa.KeyEvent) { mu.Lock(); told[e.Kind]++; mu.Unlock() },
	})
	require.NoError(t, err)
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for range 500 {
				ctx, cancel := context.WithCancel(context.Background())
				if rand.IntN(10) == 0 {
					cancel()
				}
				url := fmt.Sprintf("https://%s/%d", keystore, rand.IntN(16))
				switch rand.IntN(20) {
				case 0:
					url = "https://evil.example/"
				case 1:
					_, err := keys.ResolveRevokedKeys(ctx, url)
					assert.True(t, promised(err), err)
				}
				assert.True(t, promised(findAt(ctx, keys, url, strconv.Itoa(rand.IntN(3)))))
				cancel()
			}
		})
	}
	all.Wait()
	keys.Close()
	mu.Lock()
	defer mu.Unlock()
	for _, kind := range []ssa.KeyEventKind{
		ssa.KeysFetched, ssa.KeysFailed, ssa.KeysServedStale, ssa.KeysEvicted, ssa.KeysRefused,
		ssa.UnknownKeyRefetch, ssa.UnknownKeyBarred,
	} {
		assert.NotZero(t, told[kind], kind)
	}
}

func promised(err error) bool {
	return err == nil || slices.ContainsFunc([]error{ssa.ErrKeyNotFound, ssa.ErrKeySourceUnavailable, ssa.ErrJWKSHost}, func(kind error) bool {
		return errors.Is(err, kind)
	})
}

// chaos is a source with faults, and a clock that each look at moves on by 3 ms.
type chaos struct {
	source
	looks time.Duration
}

func (c *chaos) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.looks++
	return now.Add(c.looks * 3 * time.Millisecond)
}

func (c *chaos) RoundTrip(r *http.Request) (*http.Response, error) {
	says := []answer{good("0", "1"), good("0"), good("1", "0"), {status: 404}, {}, {panics: "the transport is broken"}}
	one := &source{says: says[rand.IntN(len(says))]}
	return one.RoundTrip(r)
}
