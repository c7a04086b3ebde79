package bench

import (
	"math"
	"slices"
	"testing"
	"time"
)

// work is something that costs time: part i of the n that a turn has. ready, if there is
// one, makes what the turn needs, and is not counted.
type work struct {
	name  string
	ready func(n int)
	do    func(i int)
}

// measured is what a work costs, and how often as much as the first one.
type measured struct {
	name          string
	microseconds  float64
	ratio, q1, q3 float64 // q1 and q3 are the quartiles
	// processor is the ratio of the processor time of the whole process, in which the
	// garbage collector works in threads of its own.
	processor float64
}

// inTurns does a turn of each work after the other, until each was done b.N times. All
// works of a round meet the same machine, however busy it is, so the ratio is taken
// round by round. Medians leave out what something else has spoiled: a cost is the
// median of a turn, and a ratio that of the rounds.
func inTurns(b *testing.B, turn int, works ...work) []measured {
	b.Helper()
	costs, ratios, processor := make([][]float64, len(works)), make([][]float64, len(works)), make([][]float64, len(works))
	for done := 0; done < b.N; done += turn {
		var first, firstProcessor float64
		for w := range works {
			cost, cpu := works[w].turn(min(turn, b.N-done))
			if w == 0 {
				first, firstProcessor = cost, cpu
			}
			costs[w] = append(costs[w], cost)
			ratios[w] = append(ratios[w], cost/first)
			processor[w] = append(processor[w], cpu/firstProcessor)
		}
	}
	results := make([]measured, len(works))
	for w := range works {
		results[w] = measured{name: works[w].name, microseconds: quantile(costs[w], 0.5) / 1000, ratio: quantile(ratios[w], 0.5),
			q1: quantile(ratios[w], 0.25), q3: quantile(ratios[w], 0.75), processor: quantile(processor[w], 0.5)}
	}
	return results
}

// compare measures two works and reports all of it, in the names of the second work.
func compare(b *testing.B, turn int, first, second work) {
	b.Helper()
	results := inTurns(b, turn, first, second)
	b.ReportMetric(0, "ns/op") // the two together mean nothing
	b.ReportMetric(results[0].microseconds, first.name+"-us")
	b.ReportMetric(results[1].microseconds, second.name+"-us")
	b.ReportMetric(results[1].ratio, "ratio")
	b.ReportMetric(results[1].q1, "ratio-q1")
	b.ReportMetric(results[1].q3, "ratio-q3")
	b.ReportMetric(results[1].processor, "ratio-cpu")
}

// turn is what one part costs in nanoseconds, by the clock and of the processor.
func (w work) turn(n int) (cost, processor float64) {
	if w.ready != nil {
		w.ready(n)
	}
	took := make([]float64, n)
	used := processorTime()
	for i := range took {
		start := time.Now()
		w.do(i)
		took[i] = float64(time.Since(start))
	}
	return quantile(took, 0.5), float64(processorTime()-used) / float64(n)
}

// least is what the cheapest of n parts costs in nanoseconds.
func (w work) least(n int) float64 {
	if w.ready != nil {
		w.ready(n)
	}
	least := math.Inf(1)
	for i := range n {
		start := time.Now()
		w.do(i)
		least = min(least, float64(time.Since(start)))
	}
	return least
}

func quantile(values []float64, q float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[int(q*float64(len(sorted)-1))]
}
