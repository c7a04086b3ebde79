package sqlite_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/bench/bare"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/sqlite"
	"github.com/stretchr/testify/require"
)

// sample is a record of the usual size under a random name, and its request.
func sample() (store.Client, store.Change) {
	id := rand.Text()
	return store.Client{
			ID: id, IssuedAt: time.Unix(1_700_000_000, 0), Environment: "sandbox", SoftwareID: "4fHuZ6Fy1pLcTLdsTDYvGF", OrgID: "0015800001041RHAAY",
			Metadata: []byte(`"` + strings.Repeat("m", 1200) + `"`), SoftwareStatement: strings.Repeat("s", 3500),
			Application: claims.Application{Name: "Sample", ID: "4fHuZ6Fy1pLcTLdsTDYvGF", Attributes: []claims.Attribute{
				{Name: "software_id_sandbox", Values: []string{"4fHuZ6Fy1pLcTLdsTDYvGF"}},
				{Name: "software_roles_sandbox", Values: []string{"AISP", "PISP"}, List: true},
			}},
			SecretHash: make([]byte, 32), Since: time.Unix(1_700_000_000, 0),
		}, store.Change{Reservation: store.Reservation{
			Namespace: "request", Issuer: "4fHuZ6Fy1pLcTLdsTDYvGF", JTI: id, Until: time.Now().Add(time.Hour),
		}}
}

// timed writes n records by some writers and returns how long that took.
func timed(b *testing.B, writers, n int, write func(context.Context, store.Client, store.Change) error) time.Duration {
	b.Helper()
	clients, requests := make([]store.Client, n), make([]store.Change, n)
	for i := range n {
		clients[i], requests[i] = sample()
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	errs := make([]error, writers)
	began := time.Now()
	for w := range writers {
		wg.Go(func() {
			for errs[w] == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				errs[w] = write(b.Context(), clients[i], requests[i])
			}
		})
	}
	wg.Wait()
	took := time.Since(began)
	for _, err := range errs {
		require.NoError(b, err)
	}
	return took
}

// BenchmarkCreate measures Create against its floor, in turns on one file system.
// of-floor is the throughput as a part of the floor's.
func BenchmarkCreate(b *testing.B) {
	const turn = 64
	for _, writers := range []int{1, 8} {
		b.Run(fmt.Sprint("writers=", writers), func(b *testing.B) {
			s, err := sqlite.Open(b.Context(), sqlite.Config{Path: filepath.Join(b.TempDir(), "clients.db"), Clock: time.Now})
			require.NoError(b, err)
			b.Cleanup(func() { require.NoError(b, s.Close()) })
			floor := bare.Open(b)
			var create, least time.Duration
			for done := 0; done < b.N; done += turn {
				n := min(turn, b.N-done)
				create += timed(b, writers, n, s.Create)
				least += timed(b, writers, n, floor.Write)
			}
			b.ReportMetric(float64(create.Nanoseconds())/float64(b.N), "ns/op")
			b.ReportMetric(float64(least.Nanoseconds())/float64(b.N), "floor-ns/op")
			b.ReportMetric(float64(least)/float64(create), "of-floor")
		})
	}
}

// BenchmarkGet reads one of a thousand records.
func BenchmarkGet(b *testing.B) {
	s, err := sqlite.Open(b.Context(), sqlite.Config{Path: filepath.Join(b.TempDir(), "clients.db"), Clock: time.Now})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, s.Close()) })
	ids := make([]string, 1000)
	for i := range ids {
		c, with := sample()
		require.NoError(b, s.Create(b.Context(), c, with))
		ids[i] = c.ID
	}
	for i := 0; b.Loop(); i++ {
		if _, err := s.Get(b.Context(), ids[i%len(ids)]); err != nil {
			b.Fatal(err)
		}
	}
}
