package bench

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/sqlite"
)

// stalled is what creates take alone, and beside a purge that does one step after the other: in
// microseconds, as the steps.
type stalled struct {
	alone, beside, steps []float64
	gone                 store.Purged
}

func (m *stalled) ratio() float64 { return quantile(m.beside, 0.5) / quantile(m.alone, 0.5) }

// stall makes creates alone, so many, and then beside a purge of the reservations and of the
// entries of the audit trail that came with the first records: up to that number.
func stall(tb testing.TB, clock *scaleClock, s scaled, creates, limit, purged int) (m stalled) {
	tb.Helper()
	template := scaleTemplate(tb)
	create := func(took *[]float64) {
		c, with := s.another(template)
		began := time.Now()
		if err := s.Create(tb.Context(), c, with); err != nil {
			tb.Error(err)
		}
		*took = append(*took, float64(time.Since(began).Microseconds()))
	}
	for range creates {
		create(&m.alone)
	}
	clock.turned.Store(int64(purged))
	defer clock.turned.Store(0)
	what := store.Purge{AuditBefore: scaleBegan.Add(scaleYears / time.Duration(s.size) * time.Duration(purged)), Limit: limit}
	done := make(chan error, 1)
	go func() { done <- m.purge(tb, s, what) }()
	for {
		create(&m.beside)
		select {
		case err := <-done:
			if err != nil {
				tb.Error(err)
			}
			return m
		default:
		}
	}
}

// purge does steps until nothing is left to forget.
func (m *stalled) purge(tb testing.TB, s scaled, what store.Purge) error {
	for {
		began := time.Now()
		done, err := s.Purge(tb.Context(), what)
		if err != nil {
			return err
		}
		m.steps = append(m.steps, float64(time.Since(began).Microseconds()))
		m.gone.Reservations += done.Reservations
		m.gone.Audit += done.Audit
		if done.Reservations < what.Limit && done.Audit < what.Limit {
			return nil
		}
	}
}

// scaleStalls prints what purges of a fifth of the register each do to creates beside them.
func scaleStalls(t *testing.T, what string, turns int, clock *scaleClock, s scaled) {
	t.Helper()
	table := []string{
		fmt.Sprintf("| %s, purging at %d | forgotten | a step p50 | create alone p50, p99 | create beside it p50, p99, slowest | ratio of p50 |", what, s.size),
		"|---|---|---|---|---|---|",
	}
	for i, limit := range []int{200, 500} {
		m := stall(t, clock, s, turns*scaleTurn, limit, s.size/5*(i+1))
		table = append(table, fmt.Sprintf("| steps of %d | %d and %d | %.1f ms | %.0f us, %.0f us | %.0f us, %.0f us, %.1f ms | %.2f |", limit,
			m.gone.Reservations, m.gone.Audit, quantile(m.steps, 0.5)/1000, quantile(m.alone, 0.5), quantile(m.alone, 0.99),
			quantile(m.beside, 0.5), quantile(m.beside, 0.99), slices.Max(m.beside)/1000, m.ratio()))
	}
	t.Logf("\n%s", strings.Join(table, "\n"))
}

// BenchmarkPurgeStep measures creates beside a purge against creates alone, on a file of 20,000
// clients with as many reservations and entries of the audit trail, of which it forgets half in
// steps. ratio is the median of the first as a multiple of the median of the second.
func BenchmarkPurgeStep(b *testing.B) {
	for _, limit := range []int{200, 500} {
		b.Run(fmt.Sprint("limit=", limit), func(b *testing.B) {
			clock := &scaleClock{}
			opened, err := sqlite.Open(b.Context(), sqlite.Config{Path: filepath.Join(b.TempDir(), "clients.db"), Clock: clock.now})
			if err != nil {
				b.Fatal(err)
			}
			s := scaled{opened, 20_000}
			s.fill(b, scaleTemplate(b))
			m := stall(b, clock, s, b.N, limit, s.size/2)
			if err := opened.Close(); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(quantile(m.alone, 0.5), "alone-us")
			b.ReportMetric(quantile(m.beside, 0.5), "beside-us")
			b.ReportMetric(m.ratio(), "ratio")
			b.ReportMetric(quantile(m.steps, 0.5)/1000, "step-ms")
			b.ReportMetric(slices.Max(m.beside)/1000, "slowest-ms")
		})
	}
}
