package storetest

import (
	"errors"
	"fmt"
	"time"

	"github.com/obdcr/obdcr/store"
)

// use reserves and confirms a jti.
func (p *replayProbe) use(r store.Reservation) {
	p.reserve(r, nil)
	p.confirm(r, nil)
}

// meanwhile uses sixty other jti, which end after the others of the case, and leaves as many
// leases to end by themselves.
func (p *replayProbe) meanwhile() {
	for range 60 {
		p.others++
		p.use(until(fmt.Sprint("other ", p.others), 24*time.Hour))
		p.reserve(until(fmt.Sprint("lease ", p.others), 24*time.Hour), nil)
	}
}

// replayClockCases are those that turn the clock: pass gets times that are negative, too.
func replayClockCases() []replayCase {
	return []replayCase{
		{"a confirmed jti is used once though the clock was ahead", "what ended by a clock that was ahead has not ended once it is mended",
			func(p *replayProbe) {
				p.use(until("1", 10*time.Minute))
				p.use(until("2", 5*time.Minute))
				p.pass(2 * time.Hour)
				p.meanwhile()
				p.pass(-2 * time.Hour)
				p.reserve(until("1", 10*time.Minute), store.ErrReplayed)
				p.reserve(until("2", 5*time.Minute), store.ErrReplayed)
				p.use(until("3", 11*time.Minute))
				p.use(store.Reservation{})
			}},
		{"a confirmed jti that has ended gives way to what ends later alone", "a look at what has ended must not free it: the clock may be wrong",
			func(p *replayProbe) {
				p.use(until("1", 5*time.Minute))
				p.pass(2 * time.Hour)
				p.reserve(until("1", 5*time.Minute), store.ErrReplayed)
				p.reserve(until("1", 3*time.Hour), nil)
				p.release(until("1", 3*time.Hour))
				p.pass(-2 * time.Hour)
				p.reserve(until("1", 5*time.Minute), store.ErrReplayed)
				p.reserve(until("1", 6*time.Minute), nil)
			}},
		{"a lease that was forgotten refuses nobody, and one holder confirms", "nobody registered by it, so its sender may send the same request again",
			func(p *replayProbe) {
				r := until("1", 5*time.Minute)
				p.reserve(r, nil)
				p.pass(2 * time.Hour)
				for i := range 120 {
					if i == 60 {
						p.pass(2 * lease) // the first sixty end
					}
					p.reserve(until(fmt.Sprint("lease ", i), 24*time.Hour), nil)
				}
				p.pass(-2*time.Hour - 2*lease)
				first := p.Confirm(p.ctx, r)
				second := p.Reserve(p.ctx, r, lease)
				if second == nil {
					second = p.Confirm(p.ctx, r)
				}
				if (first == nil) == (second == nil) {
					failf("the first holder's Confirm got %v and the second's %v, want one without an error", first, second)
				}
				want("the loser's", errors.Join(first, second), store.ErrReplayed)
			}},
		{"a jti that was confirmed and forgotten is not confirmed by an earlier holder", "the lease of a later token is not that of the first holder, who comes late",
			func(p *replayProbe) {
				r := until("1", 10*time.Minute)
				p.reserve(r, nil) // by the first holder
				p.pass(2 * lease)
				p.use(r) // by the second
				p.pass(2 * time.Hour)
				p.meanwhile()
				p.reserve(until("1", 3*time.Hour), nil)
				p.pass(-2 * time.Hour)
				p.confirm(r, store.ErrReplayed)
			}},
		{"a lease of a clock that was ahead is no longer than a lease", "the sender of a refused request is told to send it again in a moment, and not in hours",
			func(p *replayProbe) {
				p.pass(2 * time.Hour)
				p.reserve(until("1", 3*time.Hour), nil)
				p.pass(-2 * time.Hour)
				if err := p.Reserve(p.ctx, until("1", 3*time.Hour), lease); err != nil {
					want("Reserve", err, store.ErrUnderWay)
				}
				p.pass(2 * lease)
				p.use(until("1", 3*time.Hour))
			}},
	}
}
