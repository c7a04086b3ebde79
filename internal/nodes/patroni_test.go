package nodes

import (
	"os"
	"slices"
	"testing"
	"time"

	"github.com/obdcr/obdcr/internal/fulltest"
	"github.com/obdcr/obdcr/internal/realtest"
)

// failover is the environment variable with which make failover asks for all rounds.
const failover = "OBDCR_FAILOVER"

// TestNoRegistrationIsLostWhenPatroniFailsOver: Patroni and etcd see by themselves that the
// primary is dead, and promote its synchronous standby. docs/failover.md has the figures.
func TestNoRegistrationIsLostWhenPatroniFailsOver(t *testing.T) {
	rounds := 1
	switch asked := os.Getenv(failover); {
	case asked != "" && asked != "0":
		rounds = 10
	case !fulltest.Asked():
		realtest.Missing(t, "make failover, or OBDCR_FULL=1, starts Patroni and etcd")
		return
	}
	cluster, ok := realtest.StartPatroni(t)
	if !ok {
		return
	}
	database := cluster.Database(t)
	dsn := cluster.DSN(database)
	w := newWorld(t)
	l := startLoad(t, w.nodes(t, dsn))
	l.begun(t)
	for _, fault := range []struct {
		name   string
		strike func(*realtest.PatroniMember)
		mend   func(*realtest.PatroniMember)
	}{
		{"the primary's PostgreSQL is killed", func(m *realtest.PatroniMember) { m.KillServer(t) }, func(*realtest.PatroniMember) {}},
		{"PostgreSQL and Patroni of the primary are killed", func(m *realtest.PatroniMember) { m.KillAll(t) }, func(m *realtest.PatroniMember) { m.Begin(t) }},
	} {
		var firsts, lasts []time.Duration
		for range rounds {
			cluster.Whole(t)
			anyMoment()
			primary := cluster.Primary(t)
			struck := time.Now()
			fault.strike(primary)
			first, last := l.registered(t, struck, time.Now().Add(afterglow))
			firsts, lasts = append(firsts, first), append(lasts, last)
			fault.mend(primary)
		}
		slices.Sort(firsts)
		slices.Sort(lasts)
		t.Log(figures(fault.name+": to the first 201", firsts))
		t.Log(figures(fault.name+": to a 201 of each node", lasts))
	}
	l.check(t, dsn)
}
