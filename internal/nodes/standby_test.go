package nodes

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/obdcr/obdcr/internal/fulltest"
	"github.com/obdcr/obdcr/internal/realtest"
)

// TestNoRegistrationIsLostWithAPrimary: the primary is killed, its synchronous standby is
// promoted, and the processes find it by themselves. The dead one becomes the next standby.
func TestNoRegistrationIsLostWithAPrimary(t *testing.T) {
	if !realtest.Long(t) {
		return
	}
	primary, ok := realtest.StartPostgres(t)
	if !ok {
		return
	}
	w := newWorld(t)
	database := primary.Database(t)
	standby := primary.Standby(t)
	dsn := strings.Replace(primary.DSN(database), primary.Address(), primary.Address()+","+standby.Address(), 1) + "&target_session_attrs=read-write"
	l := startLoad(t, w.nodes(t, dsn))
	l.begun(t)
	var fromFault, promotion, last []time.Duration
	for range fulltest.Rounds(1) {
		anyMoment()
		struck := time.Now()
		primary.Kill()
		dead := time.Now().Add(afterglow)
		standby.Promote(t)
		promoted := time.Since(struck)
		first, all := l.registered(t, struck, dead)
		fromFault, promotion, last = append(fromFault, first), append(promotion, promoted), append(last, all)
		primary.Follow(t, standby)
		primary, standby = standby, primary
	}
	requirePromise(t, "the primary is killed: to the first 201", fromFault)
	slices.Sort(promotion)
	t.Log(figures("of which the promotion took", promotion))
	slices.Sort(last)
	t.Log(figures("the primary is killed: to a 201 of each node", last))
	l.check(t, dsn)
}
