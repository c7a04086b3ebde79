package storetest

import (
	"github.com/obdcr/obdcr/store"
)

func clientIDRaces() []testCase {
	return []testCase{
		race("of 64 with one client_id one wins", "an authorization server that gives a client_id twice must not make one client of two", ClientIDs,
			func(p *probe, round string) {
				won := winner(together(crowd, func(i int) error {
					return p.Create(p.ctx, store.Client{ID: name(round, i), ClientID: round}, request(name(round, i)))
				}), store.ErrExists)
				p.only(round, crowd, won)
				p.found(round, name(round, won))
				p.burnt(jti(name(round, won)))
				p.free(jti(name(round, (won+1)%crowd)))
			}),
		race("of 16 that become Active under one client_id one wins", "the unique index decides for changes as it does for new records", ClientIDs,
			func(p *probe, round string) {
				for i := range few {
					p.create(in(store.Client{ID: name(round, i)}, store.Creating, issued), store.Reservation{}, nil)
				}
				won := winner(together(few, func(i int) error {
					return p.Update(p.ctx, store.Client{ID: name(round, i), Version: 1, ClientID: round}, store.Change{})
				}), store.ErrExists)
				p.found(round, name(round, won))
				p.same(versioned(in(store.Client{ID: name(round, (won+1)%few)}, store.Creating, issued), 1))
			}),
		underWayRace(),
	}
}

func underWayRace() testCase {
	return race("of 64 that send a request again while it is undone one at most wins",
		"each sender is told to try again until the change is undone, and then one registers", Unfinished,
		func(p *probe, round string) {
			p.create(in(store.Client{ID: round}, store.Creating, issued), jti(round), nil)
			won := 0
			for i, err := range together(crowd, func(i int) error {
				if i == 0 {
					return p.unfinished.Undo(p.ctx, round, 1, store.Change{})
				}
				return p.Create(p.ctx, in(store.Client{ID: name(round, i)}, store.Creating, issued), request(round))
			}) {
				switch {
				case i == 0:
					want("Undo", err, nil)
				case err == nil:
					won++
				default:
					want("Create", err, store.ErrUnderWay)
				}
			}
			if won > 1 {
				failf("%d of %d registered with one jti", won, crowd)
			}
		})
}

func pendingRaces() []testCase {
	all := []testCase{
		race("of 16 that approve or refuse a registration one wins", "what one operator refused is not what another approved", Pending,
			func(p *probe, round string) {
				p.create(in(client(round), store.PendingCreate, issued), jti(round), nil)
				won := winner(together(few, func(i int) error {
					if i%2 == 0 {
						return p.Update(p.ctx, in(mixed(round, 1, i), store.Creating, issued), store.Change{})
					}
					return p.Delete(p.ctx, round, 1, store.Change{})
				}), store.ErrConflict, store.ErrNotFound)
				p.final(jti(round))
				if won%2 == 1 {
					p.absent(round)
					return
				}
				before := versioned(in(client(round), store.PendingCreate, issued), 1)
				after := in(mixed(round, 2, won), store.Creating, issued)
				after.Previous = &before
				p.same(after)
			}),
		race("of 16 that approve or refuse a deletion one wins", "a client that was told to stay must not lose its tokens", Pending,
			func(p *probe, round string) {
				p.create(client(round), jti(round), nil)
				p.update(versioned(in(client(round), store.PendingDelete, issued), 1), store.Reservation{}, nil)
				state := func(i int) store.State { return []store.State{store.Deleting, store.Active}[i%2] }
				won := winner(together(few, func(i int) error {
					return p.Update(p.ctx, in(mixed(round, 2, i), state(i), issued), store.Change{})
				}), store.ErrConflict)
				p.same(in(mixed(round, 3, won), state(won), issued))
			}),
		race("of 16 that end an approval or take it back one wins",
			"the handler of one replica and the reconciler of another must not both succeed", Pending,
			func(p *probe, round string) {
				p.create(in(client(round), store.PendingCreate, issued), jti(round), nil)
				p.update(versioned(in(client(round), store.Creating, issued), 1), store.Reservation{}, nil)
				won := winner(together(few, func(i int) error {
					if i%2 == 0 {
						return p.unfinished.Undo(p.ctx, round, 2, store.Change{})
					}
					return p.Update(p.ctx, mixed(round, 2, i), store.Change{})
				}), store.ErrConflict)
				p.final(jti(round))
				if won%2 == 1 {
					p.same(mixed(round, 3, won))
					return
				}
				p.same(versioned(in(client(round), store.PendingCreate, issued), 3))
			}),
		race("a client is asked once to be deleted", "an approval of the second would delete a client that was told to stay", Pending,
			func(p *probe, round string) {
				p.create(client(round), jti(round), nil)
				winner(together(few, func(i int) error {
					return p.Update(p.ctx, in(mixed(round, 1, i), store.PendingDelete, issued), store.Change{})
				}), store.ErrConflict)
				if got := p.get(round); got.Version != 2 {
					failf("the record is at version %d, want 2", got.Version)
				}
			}),
	}
	all[2].also = []Capability{Unfinished}
	return all
}
