package server

import (
	"math"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// burst is how many requests the tests' limiter allows at once; it fills by 100 a second.
const burst = 200

func testLimiter(t *testing.T, clock func() time.Time) *limiter {
	t.Helper()
	l, err := NewLimiter(Rate{PerSecond: 100, Burst: burst}, clock)
	require.NoError(t, err)
	made, ok := l.(*limiter)
	require.True(t, ok)
	return made
}

func TestARateThatLetsNobodyInIsRefused(t *testing.T) {
	for _, rate := range []Rate{{}, {PerSecond: 1}, {Burst: 1}, {PerSecond: -1, Burst: 1}, {PerSecond: 1, Burst: 0.5}, {PerSecond: math.NaN(), Burst: 1}} {
		_, err := NewLimiter(rate, nil)
		require.Error(t, err, "%v", rate)
	}
	l, err := NewLimiter(Rate{PerSecond: 1, Burst: 1}, nil)
	require.NoError(t, err)
	_, ok := l.Allow("a")
	require.True(t, ok)
}

func TestABucketFillsAgain(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	l := testLimiter(t, func() time.Time { return now })
	for range burst {
		_, ok := l.Allow("a")
		require.True(t, ok)
	}
	after, ok := l.Allow("a")
	require.False(t, ok)
	require.Equal(t, 10*time.Millisecond, after)
	_, ok = l.Allow("b")
	require.True(t, ok, "each has its own")
	now = now.Add(after)
	_, ok = l.Allow("a")
	require.True(t, ok)
	_, ok = l.Allow("a")
	require.False(t, ok)
	now = now.Add(time.Hour)
	for range burst {
		_, ok := l.Allow("a")
		require.True(t, ok, "the burst, and no more")
	}
	_, ok = l.Allow("a")
	require.False(t, ok)
	now = now.Add(-time.Hour)
	_, ok = l.Allow("a")
	require.False(t, ok, "a clock that goes back gives nothing")
}

func TestBucketsAreBounded(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	l := testLimiter(t, func() time.Time { return now })
	for i := range maxBuckets {
		l.Allow(strconv.Itoa(i))
	}
	l.Allow("one more")
	require.Len(t, l.buckets, 1, "none was full again: all are forgotten")
	for i := range maxBuckets - 1 {
		l.Allow(strconv.Itoa(i))
	}
	now = now.Add(time.Minute)
	l.buckets["0"].left, l.buckets["0"].at = 0, now
	l.Allow("another")
	require.Len(t, l.buckets, 2, "those that are full again are forgotten first")
}
