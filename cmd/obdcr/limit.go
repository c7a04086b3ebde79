package main

import (
	"sync"
	"time"
)

// What each client certificate may ask the sandbox for.
const (
	limitRate  = 100 // requests a second
	limitBurst = 200
	// maxBuckets is how many certificates are told apart at a time.
	maxBuckets = 10_000
)

// limiter is a token bucket for each key. It implements dcr.Limiter.
type limiter struct {
	clock func() time.Time
	rate  float64 // a second
	burst float64

	mu      sync.Mutex
	buckets map[string]*bucket
}

type bucket struct {
	left float64
	at   time.Time
}

func newLimiter(clock func() time.Time) *limiter {
	return &limiter{clock: clock, rate: limitRate, burst: limitBurst, buckets: map[string]*bucket{}}
}

// Allow takes one from the bucket of a key. Where it is empty it says when there will
// be one again.
func (l *limiter) Allow(key string) (retryAfter time.Duration, ok bool) {
	now := l.clock()
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.buckets[key]
	if b == nil {
		l.makeRoom(now)
		b = &bucket{left: l.burst, at: now}
		l.buckets[key] = b
	}
	l.fill(b, now)
	if b.left < 1 {
		return time.Duration((1 - b.left) / l.rate * float64(time.Second)), false
	}
	b.left--
	return 0, true
}

func (l *limiter) fill(b *bucket, now time.Time) {
	if passed := now.Sub(b.at).Seconds(); passed > 0 {
		b.left, b.at = min(l.burst, b.left+passed*l.rate), now
	}
}

// makeRoom forgets those that are full again, which a new bucket would be too, and,
// where there is none, all.
func (l *limiter) makeRoom(now time.Time) {
	if len(l.buckets) < maxBuckets {
		return
	}
	for key, b := range l.buckets {
		if l.fill(b, now); b.left >= l.burst {
			delete(l.buckets, key)
		}
	}
	if len(l.buckets) >= maxBuckets {
		clear(l.buckets)
	}
}
