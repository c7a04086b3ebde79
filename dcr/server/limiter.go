package server

import (
	"errors"
	"sync"
	"time"

	"github.com/obdcr/obdcr/dcr"
)

// maxBuckets bounds the memory of a limiter: how many certificates it remembers.
const maxBuckets = 10_000

// Rate is how many requests a client certificate may send.
type Rate struct {
	PerSecond float64 // requests a second in the long run; above 0
	Burst     float64 // requests at once; 1 or more
}

// limiter is a token bucket per key.
type limiter struct {
	clock func() time.Time
	rate  Rate

	mu      sync.Mutex
	buckets map[string]*bucket
}

type bucket struct {
	left float64   // requests that may still be sent at the time at
	at   time.Time // when left was computed
}

// NewLimiter makes a limiter in memory: a token bucket per client certificate. It
// remembers at most 10,000 certificates at a time. Each process limits for itself. A nil
// clock is time.Now.
func NewLimiter(rate Rate, clock func() time.Time) (dcr.Limiter, error) {
	if !(rate.PerSecond > 0) || !(rate.Burst >= 1) {
		return nil, errors.New("server: a rate needs PerSecond above 0 and a Burst of 1 or more")
	}
	if clock == nil {
		clock = time.Now
	}
	return &limiter{clock: clock, rate: rate, buckets: map[string]*bucket{}}, nil
}

// Allow takes one request from the bucket of a key. If the bucket is empty, it returns how
// long the bucket takes to hold one again.
func (l *limiter) Allow(key string) (retryAfter time.Duration, ok bool) {
	now := l.clock()
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.buckets[key]
	if b == nil {
		l.makeRoom(now)
		b = &bucket{left: l.rate.Burst, at: now}
		l.buckets[key] = b
	}
	l.fill(b, now)
	if b.left < 1 {
		return time.Duration((1 - b.left) / l.rate.PerSecond * float64(time.Second)), false
	}
	b.left--
	return 0, true
}

func (l *limiter) fill(b *bucket, now time.Time) {
	if passed := now.Sub(b.at).Seconds(); passed > 0 {
		b.left, b.at = min(l.rate.Burst, b.left+passed*l.rate.PerSecond), now
	}
}

// makeRoom forgets the buckets that are full again: a new bucket is the same. If none is,
// it forgets all, so that the memory stays bounded. The price is a fresh burst for each
// certificate, which takes 10,000 active certificates.
func (l *limiter) makeRoom(now time.Time) {
	if len(l.buckets) < maxBuckets {
		return
	}
	for key, b := range l.buckets {
		if l.fill(b, now); b.left >= l.rate.Burst {
			delete(l.buckets, key)
		}
	}
	if len(l.buckets) >= maxBuckets {
		clear(l.buckets)
	}
}
