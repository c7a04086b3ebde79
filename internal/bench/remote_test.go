package bench

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/obdcr/obdcr/internal/jose"
	"github.com/obdcr/obdcr/ssa"
)

// software is how many key sets the cache holds, its bound by default.
const software = 10_000

// keySets is a full cache: for each software a set of two RSA keys of 2048 bits, and
// two sets that withdraw one such key each, as for the software and as for its
// organisation; and the look-ups of all software in an order that no processor can
// guess.
type keySets struct {
	keys    *ssa.RemoteKeys
	lookups []ssa.KeyRef
	mu      sync.Mutex
	byURL   map[string][]ssa.Key
	byRef   map[ssa.KeyRef][]ssa.Key
	bytes   float64 // of heap for each software, without what is withdrawn
	all     float64 // of heap for each software, with it
}

// directory answers with the two keys under kids of the address' own, and at the
// addresses of withdrawn keys with one of them. It counts how often it is asked.
type directory struct {
	keys  [2]crypto.PublicKey
	asked *atomic.Int64
}

func (d directory) RoundTrip(r *http.Request) (*http.Response, error) {
	d.asked.Add(1)
	keys := []jose.Key{
		{ID: kid(r.URL.Path, "sig"), Use: "sig", Public: d.keys[0]},
		{ID: kid(r.URL.Path, "tls"), Use: "tls", Public: d.keys[1]},
	}
	if strings.Contains(r.URL.Path, "/revoked/") {
		keys = keys[:1]
	}
	set, err := jose.MarshalJWKS(keys)
	if err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/jwk-set+json"}},
		ContentLength: int64(len(set)), Body: io.NopCloser(bytes.NewReader(set)),
	}, nil
}

// kid is as long as those of the OBIE directory.
func kid(path, use string) string {
	sum := sha1.Sum([]byte(path + use))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func newKeySets(tb testing.TB) *keySets {
	tb.Helper()
	f := newFixture(tb)
	var asked atomic.Int64
	keys, err := ssa.NewRemoteKeys(ssa.RemoteConfig{
		Sources:   []ssa.RemoteSource{{Hosts: []string{"keystore.directory.example"}}},
		Transport: directory{[2]crypto.PublicKey{f.requestKey, f.statementKey}, &asked},
		Limits:    ssa.RemoteLimits{DefaultFresh: 24 * time.Hour},
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(keys.Close)
	s := &keySets{keys: keys, byURL: map[string][]ssa.Key{}, byRef: map[ssa.KeyRef][]ssa.Key{}}
	before := heap()
	for i := range software {
		s.lookups = append(s.lookups, lookup(i))
		s.find(tb, s.lookups[i])
	}
	s.bytes = float64(heap()-before) / software
	for i := range software {
		for _, of := range []string{"software", "organisation"} {
			if set, err := keys.ResolveRevokedKeys(context.Background(), revoked(of, i)); err != nil || len(set.Keys) != 1 {
				tb.Fatal(len(set.Keys), err)
			}
		}
	}
	s.all = float64(heap()-before) / software
	for i := range software {
		own := lookup(i) // the maps have strings of their own, as the cache has
		found := s.find(tb, own)
		s.byURL[own.URL], s.byRef[own] = found, found
	}
	if n := asked.Load(); n != 3*software {
		tb.Fatalf("%d sets are not all in the cache: there were %d fetches", 3*software, n)
	}
	rand.Shuffle(software, func(i, j int) { s.lookups[i], s.lookups[j] = s.lookups[j], s.lookups[i] })
	return s
}

// lookup is for the second key of a software. Address and kid lie side by side, as in
// a token.
func lookup(i int) ssa.KeyRef {
	path := fmt.Sprintf("/0015800001041RHAAY/%022d.jwks", i)
	url := "https://keystore.directory.example" + path
	text := url + kid(path, "tls")
	return ssa.KeyRef{URL: text[:len(url)], KeyID: text[len(url):]}
}

// revoked is an address of withdrawn keys.
func revoked(of string, i int) string {
	return fmt.Sprintf("https://keystore.directory.example/0015800001041RHAAY/revoked/%s/%022d.jwks", of, i)
}

func (s *keySets) find(tb testing.TB, ref ssa.KeyRef) []ssa.Key {
	found, err := s.keys.ResolveKeys(context.Background(), ref)
	if err != nil || len(found) != 1 {
		tb.Fatal(len(found), err)
	}
	return found
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// each does n look-ups. Which is next depends on what the last one found, so that the
// processor cannot begin with it before: a request waits for its key, too.
func (s *keySets) each(n int, look func(ssa.KeyRef) []ssa.Key) {
	for at := 0; n > 0; n-- {
		at = (at + len(look(s.lookups[at]))) % software
	}
}

func (s *keySets) warm(tb testing.TB, n int) {
	s.each(n, func(ref ssa.KeyRef) []ssa.Key { return s.find(tb, ref) })
}

func (s *keySets) floor(n int) {
	s.each(n, func(ref ssa.KeyRef) []ssa.Key {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.byURL[ref.URL]
	})
}

func (s *keySets) floorOfKeys(n int) {
	s.each(n, func(ref ssa.KeyRef) []ssa.Key {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.byRef[ref]
	})
}

// turn times 10,000 look-ups.
func (s *keySets) turn(look func(n int)) time.Duration {
	start := time.Now()
	look(software)
	return time.Since(start)
}

func (s *keySets) measure(b *testing.B, look func(n int)) {
	b.ReportAllocs()
	took := make([]time.Duration, 0, 10_000)
	for b.Loop() {
		took = append(took, s.turn(look))
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(perLookup(took), "ns/look-up")
}

// perLookup is the median, as what else the machine does spoils some turns.
func perLookup(took []time.Duration) float64 {
	slices.Sort(took)
	return float64(took[len(took)/2]) / software
}

// BenchmarkWarmKey looks up keys that are in the cache, of 10,000 software, by the
// clock of the system. One operation is all of them.
func BenchmarkWarmKey(b *testing.B) {
	s := newKeySets(b)
	s.measure(b, func(n int) { s.warm(b, n) })
	b.ReportMetric(s.bytes, "heap-bytes/key-set")
	b.ReportMetric(s.all, "heap-bytes/software")
}

// BenchmarkWarmKeyFloor is a mutex and a map look-up by the address alone.
func BenchmarkWarmKeyFloor(b *testing.B) {
	s := newKeySets(b)
	s.measure(b, s.floor)
}

// BenchmarkWarmKeyRatio takes turns: the cache, the floor by address, and a floor by
// address and kid, which is what a key is looked up by.
func BenchmarkWarmKeyRatio(b *testing.B) {
	s := newKeySets(b)
	var warm, floor, keyFloor []time.Duration
	for b.Loop() {
		warm = append(warm, s.turn(func(n int) { s.warm(b, n) }))
		floor = append(floor, s.turn(s.floor))
		keyFloor = append(keyFloor, s.turn(s.floorOfKeys))
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(perLookup(warm), "warm-ns")
	b.ReportMetric(perLookup(floor), "floor-ns")
	b.ReportMetric(perLookup(keyFloor), "key-floor-ns")
	b.ReportMetric(perLookup(warm)/perLookup(floor), "ratio")
	b.ReportMetric(perLookup(warm)/perLookup(keyFloor), "key-ratio")
}
