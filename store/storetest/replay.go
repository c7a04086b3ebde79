package storetest

import (
	"context"
	"fmt"
	"time"

	"github.com/obdcr/obdcr/store"
)

// replayCase is one sentence of the contract of store.Replay.
type replayCase struct {
	name string
	why  string // printed with a failure
	do   func(*replayProbe)
}

func (c replayCase) run(ctx context.Context, r store.Replay, pass func(time.Duration), rounds int) error {
	return caught(func() { c.do(&replayProbe{Replay: r, ctx: ctx, pass: pass, rounds: rounds}) })
}

// replayProbe asks a store.Replay, and ends the case where the answer is wrong.
type replayProbe struct {
	store.Replay
	ctx    context.Context
	pass   func(time.Duration)
	rounds int // how often each race is run
	others int // how many other jti it has used meanwhile
}

const lease = time.Minute

func (p *replayProbe) reserve(r store.Reservation, wanted error) {
	want("Reserve", p.Reserve(p.ctx, r, lease), wanted)
}

func (p *replayProbe) confirm(r store.Reservation, wanted error) {
	want("Confirm", p.Confirm(p.ctx, r), wanted)
}

func (p *replayProbe) release(r store.Reservation) { want("Release", p.Release(p.ctx, r), nil) }

func replayCases() []replayCase {
	return append(leaseCases(), limitCases()...)
}

func leaseCases() []replayCase {
	return []replayCase{
		{"a jti is held once", "where two replicas verify the same request at once, one may go on",
			func(p *replayProbe) {
				p.reserve(jti("AA"), nil)
				p.reserve(jti("aa"), store.ErrReplayed)
				p.reserve(jti("ab"), nil)
			}},
		{"a jti that a lease holds is ErrUnderWay, and one that is confirmed is not",
			"the sender of the first tries again in a moment, the sender of the second never: the bank answers 503 or 400",
			func(p *replayProbe) {
				p.reserve(jti("1"), nil)
				p.reserve(jti("1"), store.ErrUnderWay)
				p.confirm(jti("1"), nil)
				wantFinal("Reserve", p.Reserve(p.ctx, jti("1"), lease))
				p.reserve(jti("2"), nil)
				p.release(jti("2"))
				p.reserve(jti("2"), nil)
				p.reserve(jti("2"), store.ErrUnderWay)
			}},
		{"a confirmed jti stays until the end of its reservation", "from then on the bank refuses the token for its age",
			func(p *replayProbe) {
				p.reserve(jti("1"), nil)
				p.confirm(jti("1"), nil)
				p.pass(2 * lease)
				wantFinal("Reserve", p.Reserve(p.ctx, jti("1"), lease))
				p.reserve(jti("2"), nil)
				ended := jti("2")
				ended.Until = longAgo
				p.confirm(ended, nil)
				p.reserve(jti("2"), nil)
			}},
		{"a lease ends by itself", "a process that died must not burn a jti without a record",
			func(p *replayProbe) {
				p.reserve(jti("1"), nil)
				p.pass(2 * lease)
				p.reserve(jti("1"), nil)
			}},
		{"a lease that has ended is not confirmed", "another may hold the jti by now, or have come and gone",
			func(p *replayProbe) {
				p.reserve(jti("1"), nil)
				p.pass(2 * lease)
				p.confirm(jti("1"), store.ErrReplayed)
				p.reserve(jti("1"), nil)
			}},
		{"a jti that nobody holds is not confirmed", "fail closed: the registration behind it is undone",
			func(p *replayProbe) { p.confirm(jti("1"), store.ErrReplayed) }},
		{"a jti is confirmed once", "of two holders one after the other, one may register",
			func(p *replayProbe) {
				p.reserve(jti("1"), nil)
				p.confirm(jti("1"), nil)
				p.confirm(jti("1"), store.ErrReplayed)
			}},
		{"a released jti is free", "a refused request burns no jti",
			func(p *replayProbe) {
				p.reserve(jti("1"), nil)
				p.release(jti("1"))
				p.confirm(jti("1"), store.ErrReplayed)
				p.reserve(jti("1"), nil)
			}},
		{"Release does not touch what is confirmed", "a late Release must not free the jti of a registered client",
			func(p *replayProbe) {
				p.release(jti("1"))
				p.reserve(jti("1"), nil)
				p.confirm(jti("1"), nil)
				p.release(jti("1"))
				p.reserve(jti("1"), store.ErrReplayed)
			}},
	}
}

func limitCases() []replayCase {
	return []replayCase{
		{"a lease of nothing holds nothing", "an overrun deadline is no lease",
			func(p *replayProbe) {
				want("Reserve", p.Reserve(p.ctx, jti("1"), 0), nil)
				p.confirm(jti("1"), store.ErrReplayed)
				want("Reserve", p.Reserve(p.ctx, jti("1"), -time.Second), nil)
				p.reserve(jti("1"), nil)
			}},
		{"the zero reservation is never held", "changes by the bank itself come with no token",
			func(p *replayProbe) {
				for range 2 {
					p.reserve(store.Reservation{}, nil)
					p.confirm(store.Reservation{}, nil)
					p.release(store.Reservation{})
				}
			}},
		{"a context that has ended changes nothing", "its caller has given up",
			func(p *replayProbe) {
				ended, cancel := context.WithCancel(p.ctx)
				cancel()
				want("Reserve", p.Reserve(ended, jti("1"), lease), context.Canceled)
				p.reserve(jti("1"), nil)
				want("Release", p.Release(ended, jti("1")), context.Canceled)
				want("Confirm", p.Confirm(ended, jti("1")), context.Canceled)
				p.confirm(jti("1"), nil)
			}},
		{"forgetting what has ended forgets nothing else", "a purge by number lets replays through",
			func(p *replayProbe) {
				for i := range 60 {
					p.reserve(jti(fmt.Sprint(i)), nil)
					if i%3 == 0 {
						p.confirm(jti(fmt.Sprint(i)), nil)
					}
				}
				p.pass(2 * lease)
				for i := range 60 {
					var wanted error
					if i%3 == 0 {
						wanted = store.ErrReplayed
					}
					p.reserve(jti(fmt.Sprint(i)), wanted)
				}
			}},
		{"of 64 that reserve one jti one wins", "a request sent 64 times at once makes one client",
			func(p *replayProbe) {
				for i := range p.rounds {
					winner(together(crowd, func(int) error { return p.Reserve(p.ctx, jti(fmt.Sprint(i)), lease) }), store.ErrReplayed)
				}
			}},
		{"of 64 that reserve, confirm or release at once one at most confirms",
			"a Release of another's lease may cost it its registration, but never makes two registrations",
			oneConfirms},
	}
}

func oneConfirms(p *replayProbe) {
	for i := range p.rounds {
		r := jti(fmt.Sprint(i))
		confirmed := 0
		for place, err := range together(crowd, func(place int) error {
			if place%4 == 3 {
				return p.Release(p.ctx, r)
			}
			if err := p.Reserve(p.ctx, r, lease); err != nil {
				return err
			}
			return p.Confirm(p.ctx, r)
		}) {
			switch {
			case place%4 == 3:
				want("Release", err, nil)
			case err == nil:
				confirmed++
			default:
				want("Reserve and Confirm", err, store.ErrReplayed)
			}
		}
		if confirmed > 1 {
			failf("%d of %d confirmed one jti", confirmed, crowd)
		}
	}
}
