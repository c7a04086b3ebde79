package server

import (
	"errors"
	"sync"
	"time"

	"github.com/obdcr/obdcr/dcr"
)

// maxBuckets is how many certificates a limiter tells apart at a time.
const maxBuckets = 10_000

// Rate is how much a client certificate may ask for.
type Rate struct {
	PerSecond float64 // requests a second on the long run; above 0
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
	left float64
	at   time.Time
}

// NewLimiter makes a limiter in memory: a token bucket per client certificate, of which
// it tells 10,000 apart at a time. Several processes limit each for itself. A nil clock
// is time.Now.
func NewLimiter(rate Rate, clock func() time.Time) (dcr.Limiter, error) {
	if !(rate.PerSecond > 0) || !(rate.Burst >= 1) {
		return nil, errors.New("server: a rate needs PerSecond above 0 and a Burst of 1 or more")
	}
	if clock == nil {
		clock = time.Now
	}
	return &limiter{clock: clock, rate: rate, buckets: map[string]*bucket{}}, nil
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

// makeRoom forgets the buckets that are full again, as a new bucket would be. Where
// there is none, it forgets all.
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
