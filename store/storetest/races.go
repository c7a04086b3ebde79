package storetest

import (
	"errors"
	"fmt"

	"github.com/obdcr/obdcr/store"
)

const (
	crowd = 64 // that create at once
	few   = 16 // that change at once
)

// race is a case that is repeated, with names of its own for each round.
func race(name, why string, needs Capability, do func(p *probe, round string)) testCase {
	return testCase{name: name, why: why, needs: needs, do: func(p *probe) {
		for i := range p.rounds {
			do(p, fmt.Sprint("r", i, "."))
		}
	}}
}

func raceCases() []testCase {
	all := append(createRaces(), changeRaces()...)
	return append(all, undoRace(),
		testCase{name: "no update is lost",
			why: "compare-and-set counts each change once: a caller that retries on ErrConflict builds on the changes of the others",
			do:  noneLost},
		testCase{name: "readers see whole records only", why: "a reader between two writes of one change would see what nobody sent", do: noneTorn})
}

func createRaces() []testCase {
	return []testCase{
		race("of 64 with one jti one wins", "a request sent 64 times at once makes one client", "",
			func(p *probe, round string) {
				won := winner(together(crowd, func(i int) error {
					return p.Create(p.ctx, store.Client{ID: name(round, i)}, request(round))
				}), store.ErrReplayed)
				p.only(round, crowd, won)
			}),
		race("of 64 with one unique key one wins", "one registration per software holds at the worst moment too", "",
			func(p *probe, round string) {
				won := winner(together(crowd, func(i int) error {
					return p.Create(p.ctx, store.Client{ID: name(round, i), UniqueKey: round}, request(name(round, i)))
				}), store.ErrExists)
				p.only(round, crowd, won)
				p.burnt(jti(name(round, won)))
				p.free(jti(name(round, (won+1)%crowd)))
			}),
		race("of 64 with one ID one wins", "two records under one ID are two owners of one secret", "",
			func(p *probe, round string) {
				won := winner(together(crowd, func(i int) error {
					return p.Create(p.ctx, store.Client{ID: round, OrgID: name(round, i)}, request(name(round, i)))
				}), store.ErrExists)
				p.same(store.Client{ID: round, OrgID: name(round, won), Version: 1, State: store.Active})
			}),
	}
}

func changeRaces() []testCase {
	return []testCase{
		race("of 16 updates one wins, whole", "a record made of two requests is one that nobody sent", "",
			func(p *probe, round string) {
				p.create(client(round), jti(round), nil)
				won := winner(together(few, func(i int) error {
					return p.Update(p.ctx, mixed(round, 1, i), request(name(round, i)))
				}), store.ErrConflict)
				p.same(mixed(round, 2, won))
				p.free(jti(name(round, (won+1)%few)))
			}),
		race("update against delete leaves one of both", "a client that was deleted does not come back by a change that was under way", "",
			func(p *probe, round string) {
				p.create(client(round), jti(round), nil)
				won := winner(together(2, func(i int) error {
					if i == 0 {
						return p.Update(p.ctx, mixed(round, 1, 7), request(name(round, 0)))
					}
					return p.Delete(p.ctx, round, 1, store.Change{})
				}), store.ErrConflict, store.ErrNotFound)
				if won == 0 {
					p.same(mixed(round, 2, 7))
					return
				}
				p.absent(round)
				p.vacant("key of " + round)
			}),
		race("of 16 deletes one wins", "each success revokes tokens and tells the bank's workflow: once is right", "",
			func(p *probe, round string) {
				p.create(client(round), jti(round), nil)
				winner(together(few, func(int) error { return p.Delete(p.ctx, round, 1, store.Change{}) }), store.ErrNotFound)
				p.absent(round)
			}),
		race("a jti is used once by create and update together", "both look into one table, in one transaction", "",
			func(p *probe, round string) {
				p.create(store.Client{ID: round}, store.Reservation{}, nil)
				won := winner(together(2, func(i int) error {
					if i == 0 {
						return p.Update(p.ctx, store.Client{ID: round, Version: 1}, request(round))
					}
					return p.Create(p.ctx, store.Client{ID: name(round, 1)}, request(round))
				}), store.ErrReplayed)
				if got := p.get(round).Version; got != int64(2-won) {
					failf("Version is %d, want %d", got, 2-won)
				}
			}),
		race("two updates to one unique key leave one holder", "the unique index decides for changes as it does for new records", "",
			func(p *probe, round string) {
				for i := range 2 {
					p.create(store.Client{ID: name(round, i)}, store.Reservation{}, nil)
				}
				winner(together(2, func(i int) error {
					return p.Update(p.ctx, store.Client{ID: name(round, i), Version: 1, UniqueKey: round}, request(name(round, i)))
				}), store.ErrExists)
			}),
	}
}

func undoRace() testCase {
	return race("an undo against the end of its change leaves one of both",
		"the reconciler of one replica and the handler of another must not both succeed", Unfinished,
		func(p *probe, round string) {
			p.create(client(round), jti(round), nil)
			changed := changing(p, round, jti(name(round, 1)))
			won := winner(together(2, func(i int) error {
				if i == 0 {
					return p.unfinished.Undo(p.ctx, round, 2, store.Change{})
				}
				return p.Update(p.ctx, in(changed, store.Active, issued), store.Change{})
			}), store.ErrConflict)
			if won == 0 {
				p.same(versioned(client(round), 3))
				p.free(jti(name(round, 1)))
				return
			}
			p.burnt(jti(name(round, 1)))
			if got := p.get(round); got.OrgID != "new org" || got.State != store.Active {
				failf("the change was finished, and the record is %s of %q", got.State, got.OrgID)
			}
		})
}

func name(round string, i int) string { return fmt.Sprint(round, i) }

// mixed is a record that names its writer in each member.
func mixed(id string, version int64, writer int) store.Client {
	c := client(id)
	by := fmt.Sprint("writer ", writer)
	c.Version, c.SoftwareID, c.OrgID, c.SoftwareStatement, c.Metadata = version, by, by, by, []byte(`"`+by+`"`)
	c.Application.Name = by
	return c
}

// only checks that the winner's is the only record of a round.
func (p *probe) only(round string, n, won int) {
	for i := range n {
		if i == won {
			p.get(name(round, i))
			continue
		}
		p.absent(name(round, i))
	}
}

func noneLost(p *probe) {
	const workers, each = 8, 25
	p.create(store.Client{ID: "a"}, store.Reservation{}, nil)
	errs := together(workers, func(i int) error {
		for done := 0; done < each; {
			c, err := p.Get(p.ctx, "a")
			if err != nil {
				return err
			}
			c.OrgID += string(rune('a' + i))
			switch err := p.Update(p.ctx, c, store.Change{}); {
			case err == nil:
				done++
			case !errors.Is(err, store.ErrConflict):
				return err
			}
		}
		return nil
	})
	want("changing together", errors.Join(errs...), nil)
	if c := p.get("a"); c.Version != 1+workers*each || len(c.OrgID) != workers*each {
		failf("after %d changes the version is %d, and %d of them can be seen", workers*each, c.Version, len(c.OrgID))
	}
}

func noneTorn(p *probe) {
	p.create(mixed("a", 0, 0), jti("1"), nil)
	errs := together(few, func(i int) error {
		for n := range p.rounds {
			c, err := p.Get(p.ctx, "a")
			if err != nil {
				return err
			}
			if by := c.OrgID; c.SoftwareID != by || c.SoftwareStatement != by || string(c.Metadata) != `"`+by+`"` || c.Application.Name != by {
				return fmt.Errorf("the record is of several writers: %q, %q, %q, %q", by, c.SoftwareID, c.SoftwareStatement, c.Metadata)
			}
			if i > 1 {
				continue
			}
			if err := p.Update(p.ctx, mixed("a", c.Version, i*p.rounds+n), store.Change{}); err != nil && !errors.Is(err, store.ErrConflict) {
				return err
			}
		}
		return nil
	})
	want("reading and changing together", errors.Join(errs...), nil)
}
