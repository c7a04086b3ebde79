// Package storetest tests a store against the contract of package store, by [Run], and a
// store.Replay by [RunReplay]. It needs only the standard library, and a few lines of the
// store's author:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, storetest.Config{
//			Open:   func(t *testing.T) store.Store { return openAnEmptyStore(t) },
//			Wanted: []storetest.Capability{storetest.Unfinished, storetest.Lister, storetest.ClientIDs, storetest.Pending},
//		})
//	}
//
// A failure comes with the reason for that part of the contract. No case is skipped: the
// store must have each capability in Wanted, and a capability beyond these is tested as
// well.
package storetest

import (
	"context"
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
)

// of reports whether the store has the capability.
func (c Capability) of(s store.Store) bool {
	var ok bool
	switch c {
	case "":
		ok = true
	case Unfinished:
		_, ok = s.(store.Unfinished)
	case Lister:
		_, ok = s.(store.Lister)
	case ClientIDs:
		_, ok = s.(store.ClientIDs)
	case Pending:
		_, ok = s.(store.Pending)
	}
	return ok
}

// testCase is one sentence of the contract. The probe ends its function do at a breach.
type testCase struct {
	name  string
	why   string // printed with a failure
	needs Capability
	also  Capability // needed too
	do    func(*probe)
}

// Config names the store to test, and how thoroughly to test it.
type Config struct {
	// Open makes an empty store and closes it by t.Cleanup. Each case gets a store of
	// its own. Open is required.
	Open func(t *testing.T) store.Store
	// Wanted are the capabilities that the store must have.
	Wanted []Capability
	// Rounds is how often each race is run. Zero means 20, or 5 with go test -short. Run
	// a new store with 200 at least once.
	Rounds int
}

// ReplayConfig names the store.Replay to test, and how thoroughly to test it.
type ReplayConfig struct {
	// Open makes an empty store.Replay, and a function that lets time pass for it, by a
	// clock of its own or by sleeping. The suite lets two minutes pass at most. Open is
	// required.
	Open func(t *testing.T) (r store.Replay, pass func(time.Duration))
	// Rounds is how often each race is run, as in Config.
	Rounds int
}

// roundsOr returns the rounds asked for, or else the default.
func roundsOr(asked int) int {
	switch {
	case asked > 0:
		return asked
	case testing.Short():
		return 5
	}
	return 20
}

// Run tests a store. Its reservations end long ago or far ahead, so the store may have
// any clock.
func Run(t *testing.T, config Config) {
	t.Helper()
	first := config.Open(t)
	for _, capability := range config.Wanted {
		if !capability.of(first) {
			t.Errorf("the store has no %s", capability)
		}
	}
	for _, c := range cases() {
		if !c.needs.of(first) || !c.also.of(first) {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			if err := c.run(t.Context(), config.Open(t), roundsOr(config.Rounds)); err != nil {
				t.Errorf("%v\nwhy: %s", err, c.why)
			}
		})
	}
}

// RunReplay tests a store.Replay.
func RunReplay(t *testing.T, config ReplayConfig) {
	t.Helper()
	for _, c := range replayCases() {
		t.Run(c.name, func(t *testing.T) {
			r, pass := config.Open(t)
			if err := c.run(t.Context(), r, pass, roundsOr(config.Rounds)); err != nil {
				t.Errorf("%v\nwhy: %s", err, c.why)
			}
		})
	}
}

// cases returns all cases about stores.
func cases() []testCase {
	var all []testCase
	for _, some := range [][]testCase{
		recordCases(), valueCases(), reservationCases(), forgettingCases(), uniqueCases(), changeCases(), stateCases(), undoCases(), listCases(),
		decisionCases(), clientIDCases(), underWayCases(), pendingCases(), listPendingCases(), raceCases(), clientIDRaces(), pendingRaces(),
	} {
		all = append(all, some...)
	}
	return all
}

func (c testCase) run(ctx context.Context, s store.Store, rounds int) error {
	p := &probe{ctx: ctx, Store: s, rounds: rounds}
	p.unfinished, _ = s.(store.Unfinished)
	p.lister, _ = s.(store.Lister)
	p.clientIDs, _ = s.(store.ClientIDs)
	p.pending, _ = s.(store.Pending)
	return caught(func() { c.do(p) })
}
