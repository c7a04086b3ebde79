package nodes

import (
	"slices"
	"testing"
	"time"

	"github.com/obdcr/obdcr/internal/fulltest"
	"github.com/obdcr/obdcr/internal/realtest"
)

// TestNoRegistrationIsLostWhateverFails: three processes under load; one is killed, the
// database cuts all connections, the database restarts as after a crash.
func TestNoRegistrationIsLostWhateverFails(t *testing.T) {
	if !realtest.Long(t) {
		return
	}
	pg, ok := realtest.StartPostgres(t)
	if !ok {
		return
	}
	w := newWorld(t)
	database := pg.Database(t)
	nodes := w.nodes(t, pg.DSN(database))
	l := startLoad(t, nodes)
	l.begun(t)
	faults := []struct {
		name        string
		strike      func(round int) (effective time.Time) // and then the operator's part
		first, last []time.Duration
	}{
		{name: "a node is killed", strike: func(round int) time.Time {
			victim := nodes[round%len(nodes)]
			victim.process.Kill()
			dead := time.Now()
			victim.start(t)
			return dead
		}},
		{name: "the database cuts all connections", strike: func(int) time.Time { pg.TerminateBackends(t); return time.Now() }},
		{name: "the database restarts at once", strike: func(int) time.Time {
			pg.Stop(t, realtest.Immediate)
			dead := time.Now()
			pg.Start(t)
			return dead
		}},
	}
	for round := range fulltest.Rounds(2) {
		for i := range faults {
			f := &faults[i]
			anyMoment()
			struck := time.Now()
			first, last := l.registered(t, struck, f.strike(round))
			f.first, f.last = append(f.first, first), append(f.last, last)
		}
	}
	for _, f := range faults {
		requirePromise(t, f.name+": to the first 201", f.first)
		slices.Sort(f.last)
		t.Log(figures(f.name+": to a 201 of each node", f.last))
	}
	l.check(t, pg.DSN(database))
}
