package bench

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/obdcr/obdcr/internal/bench/bare"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/sqlite"
)

// kept is what a store was given for one client.
type kept struct {
	client store.Client
	with   store.Change
}

// keeping remembers what it stores, so that the floor writes the same rows.
type keeping struct {
	store.Store
	mu   sync.Mutex
	rows []kept
}

func (k *keeping) Create(ctx context.Context, c store.Client, with store.Change) error {
	k.mu.Lock()
	k.rows = append(k.rows, kept{c, with})
	k.mu.Unlock()
	return k.Store.Create(ctx, c, with)
}

// timed does n things by some workers and returns how long that took.
func timed(workers, n int, do func(i int)) time.Duration {
	var next atomic.Int64
	var wg sync.WaitGroup
	start := time.Now()
	for range workers {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	wg.Wait()
	return time.Since(start)
}

// BenchmarkPOSTSQLite registers clients through the handler with the store in SQLite,
// in turns with the floor: for each request what cannot be avoided for its two tokens,
// and one bare transaction with the same two rows on the same file system. of-floor is
// the throughput as a part of the floor's, over all turns: only some of them have a
// checkpoint to pay for.
func BenchmarkPOSTSQLite(b *testing.B) {
	for _, writers := range []int{1, 8} {
		b.Run(fmt.Sprint("writers=", writers), func(b *testing.B) {
			clients, err := sqlite.Open(b.Context(), sqlite.Config{Path: filepath.Join(b.TempDir(), "clients.db"), Clock: time.Now})
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() {
				if err := clients.Close(); err != nil {
					b.Error(err)
				}
			})
			stored, least := &keeping{Store: clients}, bare.Open(b, bare.Tables)
			e := newEndpoint(b, stored)
			var post, floor time.Duration
			turns := 0
			for ; turns*turn < b.N; turns++ {
				postings := e.sign(b, turn)
				stored.rows = stored.rows[:0]
				post += timed(writers, turn, func(i int) { e.post(b, postings[i]) })
				floor += timed(writers, turn, func(i int) {
					e.least(b, postings[i])
					if err := least.Write(b.Context(), stored.rows[i].client, stored.rows[i].with); err != nil {
						b.Error(err)
					}
				})
			}
			b.ReportMetric(float64(post)/float64(turns*turn), "ns/op")
			b.ReportMetric(float64(floor)/float64(turns*turn), "floor-ns/op")
			b.ReportMetric(float64(floor)/float64(post), "of-floor")
		})
	}
}
