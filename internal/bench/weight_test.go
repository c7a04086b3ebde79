package bench

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/obdcr/obdcr/store"
)

// BenchmarkMemoryWeight measures the heap that the store in memory keeps: of a client that was
// registered through the handler, the reservation of its jti included, and of one further
// reservation.
func BenchmarkMemoryWeight(b *testing.B) {
	b.Run("client", func(b *testing.B) {
		clients := store.NewMemory(time.Now)
		e := newEndpoint(b, clients)
		for _, p := range e.sign(b, turn) { // what is kept but once
			e.post(b, p)
		}
		before := heap()
		for done := 0; done < b.N; done += turn {
			for _, p := range e.sign(b, min(turn, b.N-done)) {
				e.post(b, p)
			}
		}
		b.ReportMetric(float64(heap()-before)/float64(b.N), "heap-B/client")
		b.ReportMetric(0, "ns/op")
		runtime.KeepAlive(e)
	})
	b.Run("reservation", func(b *testing.B) {
		clients := store.NewMemory(time.Now)
		if err := clients.Create(b.Context(), store.Client{ID: "one"}, store.Change{}); err != nil {
			b.Fatal(err)
		}
		before := heap()
		for i := range b.N {
			r := store.Reservation{Namespace: "request", JTI: fmt.Sprint(i), Until: time.Now().Add(time.Hour)}
			if err := clients.Update(b.Context(), store.Client{ID: "one", Version: int64(i) + 1}, store.Change{Reservation: r}); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(heap()-before)/float64(b.N), "heap-B/reservation")
		b.ReportMetric(0, "ns/op")
		runtime.KeepAlive(clients)
	})
}
