package ssa

import (
	"cmp"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/obdcr/obdcr/internal/jose"
)

// RemoteSource is a group of hosts of key sets under one trust, as a rule those of
// one trust anchor.
type RemoteSource struct {
	// Hosts are host or host:port, 443 where there is none, in any case of ASCII
	// letters, as Anchor.JWKSHosts are: keys.example and Keys.example:443 are one.
	// IPv6 addresses stand in brackets. An IP address among them is connected to, public
	// or not, for a URL that names it, and not for a name that leads to it.
	Hosts []string
	// Roots verify the hosts' certificates; nil for those of the system.
	Roots *x509.CertPool
	// Networks are addresses that are not public and that the names among Hosts may
	// lead to all the same.
	Networks []netip.Prefix
	// MediaTypes are admitted beside application/json and those that end in +json;
	// no parameters.
	MediaTypes []string
}

// RemoteLimits bound what RemoteKeys fetches and keeps. The zero value of a field
// stands for its default; there is no value for "without limit".
type RemoteLimits struct {
	// MaxSets is how many sets of keys in use of software are kept; 1..1_000_000, 10_000 by
	// default. As many sets of the directories themselves are kept beside them, and twice as
	// many sets of withdrawn keys, since a software may have two. A full list
	// gives up the hundredth part that was not used for the longest time, and at least
	// one set. What was counted of its reads (UnknownKeyInterval, MaxUnknownReads,
	// FailureMemory, a first 404) goes with a set.
	MaxSets  int
	MaxKeys  int   // entries of one set, usable or not, 1..100; 100 by default
	MaxBytes int64 // bytes of one set, 1..1 MiB; 1 MiB by default

	// Timeout is that of one fetch, up to 1 minute and less than UnknownKeyInterval; 5 s by
	// default. Time in which this process gets no processor does not count. The fetch ends
	// all the same after three times Timeout, but 15 s at most (or Timeout, where that is
	// more), and before UnknownKeyInterval is over.
	Timeout time.Duration

	// A set is fresh for as long as its Cache-Control says, but at least MinFresh
	// (1 s..1 h; 1 minute by default) and at most MaxFresh (up to 7 days; 24 h by
	// default). A set without Cache-Control is fresh for DefaultFresh, which lies between
	// the two; by default it is 5 minutes, or the nearer of the two.
	MinFresh, MaxFresh, DefaultFresh time.Duration

	// UnknownKeyInterval is how long an unknown kid does not have a set fetched again,
	// after a fetch for another unknown kid by the same KeyRef.Asker; 1 s..1 h, 30 s by
	// default.
	UnknownKeyInterval time.Duration
	// MaxUnknownReads is how many fetches of one address all askers together may have for
	// unknown kids within UnknownKeyInterval; 1..100, 8 by default.
	MaxUnknownReads int
	// FailureMemory is how long there is no other fetch after a failed one;
	// 1 s..1 minute, 10 s by default.
	FailureMemory time.Duration
	// MaxStale is how long a set is used beyond its freshness while fetches fail;
	// 1 s..24 h, 1 h by default.
	MaxStale time.Duration
}

// RemoteConfig configures RemoteKeys.
type RemoteConfig struct {
	Sources []RemoteSource // at least one; no host in two of them
	// Clock is for tests; nil for the system's clock. When a clock goes back, what was
	// set before (freshness, the memory of a failure, the bar to unknown kids) lasts, from
	// then on, as long as it would when set anew, and no longer.
	Clock func() time.Time
	// NotPublic are public addresses that lead into the bank's own network, such as its own
	// prefix of NAT64 (RFC 6052 section 2.2), or its own servers. No name may lead to them,
	// unless a source's Networks permit it.
	NotPublic []netip.Prefix
	// Transport replaces the guarded transport, for a bank whose way out is a proxy. The
	// transport then decides where to connect and whom to trust, so NotPublic, Roots,
	// Networks and Resolver must be unset. It must heed the request's context.
	Transport http.RoundTripper
	Resolver  *net.Resolver // nil for net.DefaultResolver
	Limits    RemoteLimits
	// Observer is told of every fetch, and of every look-up that ends with stale keys or
	// with an error. RemoteKeys calls it from many goroutines, so it must not block. A
	// panic in it is dropped, so that no look-up fails because of a metric.
	Observer func(KeyEvent)
}

// withDefaults fills in what is zero and refuses what is out of range.
func (l RemoteLimits) withDefaults() (RemoteLimits, error) {
	fill(&l.MaxSets, 10_000)
	fill(&l.MaxKeys, jose.MaxJWKSKeys)
	fill(&l.MaxBytes, jose.MaxJWKSSize)
	fill(&l.Timeout, 5*time.Second)
	fill(&l.MinFresh, time.Minute)
	fill(&l.MaxFresh, 24*time.Hour)
	fill(&l.DefaultFresh, min(max(5*time.Minute, l.MinFresh), l.MaxFresh))
	fill(&l.UnknownKeyInterval, 30*time.Second)
	fill(&l.MaxUnknownReads, 8)
	fill(&l.FailureMemory, 10*time.Second)
	fill(&l.MaxStale, time.Hour)
	return l, cmp.Or( // the first of them
		within("MaxSets", l.MaxSets, 1, 1_000_000),
		within("MaxKeys", l.MaxKeys, 1, jose.MaxJWKSKeys),
		within("MaxBytes", l.MaxBytes, 1, jose.MaxJWKSSize),
		within("UnknownKeyInterval", l.UnknownKeyInterval, time.Second, time.Hour),
		within("MaxUnknownReads", l.MaxUnknownReads, 1, 100),
		// A fetch that took longer than the interval could end with a set so old that it
		// cannot tell that a key is unknown.
		within("Timeout", l.Timeout, 1, min(time.Minute, l.UnknownKeyInterval-1)),
		within("MinFresh", l.MinFresh, time.Second, time.Hour),
		within("MaxFresh", l.MaxFresh, l.MinFresh, 7*24*time.Hour),
		within("DefaultFresh", l.DefaultFresh, l.MinFresh, l.MaxFresh),
		within("FailureMemory", l.FailureMemory, time.Second, time.Minute),
		within("MaxStale", l.MaxStale, time.Second, 24*time.Hour),
	)
}

func fill[T int | int64 | time.Duration](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}

func within[T int | int64 | time.Duration](name string, value, least, most T) error {
	if value < least || value > most {
		detail := fmt.Sprintf("the limit %s is %v, not within %v and %v", name, value, least, most)
		return configError("%s", strings.ReplaceAll(detail, "\u00b5", "u")) // of microseconds
	}
	return nil
}
