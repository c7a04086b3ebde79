// Package storetest tests a store against the contract of package store, by [Run], and a
// store.Replay by [RunReplay]. It needs only the standard library, and a few lines of the
// store's author:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, storetest.Config{
//			Open:   func(t *testing.T) store.Store { return openAnEmptyStore(t, time.Now) },
//			OpenAt: func(t *testing.T, clock func() time.Time) store.Store { return openAnEmptyStore(t, clock) },
//			Wanted: []storetest.Capability{storetest.Unfinished, storetest.ClientIDs, storetest.Auditor},
//		})
//	}
//
// A failure comes with the reason for that part of the contract. No case is skipped: the
// store must have each capability in Wanted, and a capability beyond these is tested as
// well. The cases about clocks that were wrong need OpenAt; without it the log names them as
// not run.
package storetest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/obdcr/obdcr/store"
)

// Capability is an interface that a store may have beside store.Store.
type Capability string

// The capabilities, for Config.
const (
	Unfinished Capability = "store.Unfinished"
	Lister     Capability = "store.Lister"
	ClientIDs  Capability = "store.ClientIDs"
	Pending    Capability = "store.Pending"
	Auditor    Capability = "store.Auditor"
	Searcher   Capability = "store.Searcher"
	Purger     Capability = "store.Purger"
	Transfer   Capability = "store.Transfer"
	Users      Capability = "store.Users"
	Sessions   Capability = "store.Sessions"

	NameSearcher  Capability = "store.NameSearcher"
	Subscriptions Capability = "store.Subscriptions"
	Noter         Capability = "store.Noter"
)

// All returns every capability that this version of the suite knows, for Config.Wanted of a
// store that is to have whatever there is.
func All() []Capability {
	return []Capability{Unfinished, Lister, ClientIDs, Pending, Auditor, Searcher, Purger, Transfer, Users, Sessions, NameSearcher, Subscriptions, Noter}
}

// of reports whether the store has the capability.
func (c Capability) of(s store.Store) bool {
	var ok bool
	switch c {
	case "":
		ok = true
	case Unfinished:
		_, ok = capable[store.Unfinished](s)
	case Lister:
		_, ok = capable[store.Lister](s)
	case ClientIDs:
		_, ok = capable[store.ClientIDs](s)
	case Pending:
		_, ok = capable[store.Pending](s)
	case Auditor:
		_, ok = capable[store.Auditor](s)
	case Searcher:
		_, ok = capable[store.Searcher](s)
	case Purger:
		_, ok = capable[store.Purger](s)
	case Transfer:
		_, ok = capable[store.Transfer](s)
	case Users:
		_, ok = capable[store.Users](s)
	case Sessions:
		_, ok = capable[store.Sessions](s)
	case NameSearcher:
		_, ok = capable[store.NameSearcher](s)
	case Subscriptions:
		_, ok = capable[store.Subscriptions](s)
	case Noter:
		_, ok = capable[store.Noter](s)
	}
	return ok
}

// runs reports whether the store has the capabilities that the case needs.
func (c testCase) runs(s store.Store) bool {
	return c.needs.of(s) && !slices.ContainsFunc(c.also, func(also Capability) bool { return !also.of(s) })
}

// testCase is one sentence of the contract. The probe ends its function do at a breach.
type testCase struct {
	name  string
	why   string // printed with a failure
	needs Capability
	also  []Capability // needed too
	turns bool         // it turns the store's clock, so it needs Config.OpenAt
	do    func(*probe)
}

// Config names the store to test, and how thoroughly to test it.
type Config struct {
	// Open makes an empty store and closes it by t.Cleanup. Each case gets a store of
	// its own. Open is required.
	Open func(t *testing.T) store.Store
	// OpenAt does what Open does, for a store by whose clock reservations end. The cases
	// about clocks that were wrong set it ahead and back. A store that several processes share
	// is best opened twice, see Replicas. Without OpenAt these cases are not run, and the log
	// says which.
	OpenAt func(t *testing.T, clock func() time.Time) store.Store
	// Wanted are the capabilities that the store must have.
	Wanted []Capability
	// Rounds is how often each race is run. Zero means 20, or 5 with go test -short. With less
	// than 20 a search is read in pages of fewer sizes. Run a new store with 200 at least once.
	Rounds int
}

// ReplayConfig names the store.Replay to test, and how thoroughly to test it.
type ReplayConfig struct {
	// Open makes an empty store.Replay, and a function that lets time pass for it, by a
	// clock of its own or by sleeping. The suite lets two minutes pass at most. Open is
	// required.
	Open func(t *testing.T) (r store.Replay, pass func(time.Duration))
	// OpenAt makes an empty store.Replay that goes by a clock, which the cases set ahead and
	// back. Without it these cases are not run, as with Config.OpenAt.
	OpenAt func(t *testing.T, clock func() time.Time) store.Replay
	// Rounds is how often each race is run, as in Config.
	Rounds int
}

// usualRounds is what Config.Rounds is by default.
const usualRounds = 20

// roundsOr returns the rounds asked for, or else the default.
func roundsOr(asked int) int {
	switch {
	case asked > 0:
		return asked
	case testing.Short():
		return 5
	}
	return usualRounds
}

// Run tests a store. The reservations of a store from Config.Open end long ago or far
// ahead, so it may have any clock.
func Run(t *testing.T, config Config) {
	t.Helper()
	first := config.Open(t)
	for _, capability := range config.Wanted {
		if !capability.of(first) {
			t.Errorf("the store has no %s", capability)
		}
	}
	var left []string
	for _, c := range cases() {
		switch {
		case !c.runs(first):
			continue
		case c.turns && config.OpenAt == nil:
			left = append(left, c.name)
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			clock := newClock()
			open := config.Open
			if c.turns {
				open = func(t *testing.T) store.Store { return config.OpenAt(t, clock.now) }
			}
			another := func() store.Store { return open(t) }
			if err := c.run(t.Context(), another, clock, roundsOr(config.Rounds)); err != nil {
				t.Errorf("%v\nwhy: %s", err, c.why)
			}
		})
	}
	notRun(t, left)
}

// RunReplay tests a store.Replay.
func RunReplay(t *testing.T, config ReplayConfig) {
	t.Helper()
	run := func(c replayCase, open func(t *testing.T) (store.Replay, func(time.Duration))) {
		t.Run(c.name, func(t *testing.T) {
			r, pass := open(t)
			if err := c.run(t.Context(), r, pass, roundsOr(config.Rounds)); err != nil {
				t.Errorf("%v\nwhy: %s", err, c.why)
			}
		})
	}
	for _, c := range replayCases() {
		run(c, config.Open)
	}
	var left []string
	for _, c := range replayClockCases() {
		if config.OpenAt == nil {
			left = append(left, c.name)
			continue
		}
		run(c, func(t *testing.T) (store.Replay, func(time.Duration)) {
			clock := newClock()
			return config.OpenAt(t, clock.now), clock.turn
		})
	}
	notRun(t, left)
}

// cases returns all cases about stores.
func cases() []testCase {
	var all []testCase
	for _, some := range [][]testCase{
		recordCases(), valueCases(), reservationCases(), forgettingCases(), uniqueCases(), changeCases(), stateCases(), undoCases(), listCases(),
		decisionCases(), clientIDCases(), underWayCases(), pendingCases(), listPendingCases(), raceCases(), clientIDRaces(), pendingRaces(),
		clockCases(), auditCases(), auditRaces(), searchCases(), purgeCases(), transferCases(), importCases(), importRaces(),
		userCases(), sessionCases(), nameCases(), subscriptionCases(), subscriptionRaces(), noteCases(),
	} {
		all = append(all, some...)
	}
	return all
}

// run runs the case on a store that open makes. A case about moving a register opens
// another one too.
func (c testCase) run(ctx context.Context, open func() store.Store, clock *turned, rounds int) error {
	return caught(func() { c.do(newProbe(ctx, open, clock, rounds)) })
}
