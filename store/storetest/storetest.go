// Package storetest tests a store against the contract of package store. It needs
// the standard library alone, and six lines of whoever wrote a store:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) store.Store {
//			return openAnEmptyStore(t)
//		}, storetest.Unfinished, storetest.Lister)
//	}
//
// A store passes or it fails; each failure comes with the reason why the contract
// asks for what was missing. Nothing is skipped: what the caller names is wanted,
// and what the store has beyond that is tested all the same.
package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/obdcr/obdcr/store"
)

// Capability is an interface that a store may have beside store.Store.
type Capability string

// The capabilities, for Run.
const (
	Unfinished Capability = "store.Unfinished"
	Lister     Capability = "store.Lister"
)

// of tells whether the store has the capability.
func (c Capability) of(s store.Store) bool {
	var ok bool
	switch c {
	case "":
		ok = true
	case Unfinished:
		_, ok = s.(store.Unfinished)
	case Lister:
		_, ok = s.(store.Lister)
	}
	return ok
}

// testCase is one sentence of the contract. Its do fails through the probe.
type testCase struct {
	name  string
	why   string // printed with a failure
	needs Capability
	do    func(*probe)
}

// Run tests stores that open makes: each case gets an empty one of its own, which
// open closes by t.Cleanup. A capability that is wanted and that the store lacks is
// a failure.
//
// Reservations are tested with ends long ago and far ahead, so any clock will do.
func Run(t *testing.T, open func(t *testing.T) store.Store, wanted ...Capability) {
	t.Helper()
	first := open(t)
	for _, capability := range wanted {
		if !capability.of(first) {
			t.Errorf("the store has no %s", capability)
		}
	}
	for _, c := range cases() {
		if !c.needs.of(first) {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			if err := c.run(t.Context(), open(t)); err != nil {
				t.Errorf("%v\nwhy: %s", err, c.why)
			}
		})
	}
}

// RunReplay tests a store.Replay: open makes an empty one for each case, and a
// function that lets time pass for it, by a clock of its own or by sleeping. The
// suite asks for two minutes at most.
func RunReplay(t *testing.T, open func(t *testing.T) (r store.Replay, pass func(time.Duration))) {
	t.Helper()
	for _, c := range replayCases() {
		t.Run(c.name, func(t *testing.T) {
			r, pass := open(t)
			if err := c.run(t.Context(), r, pass); err != nil {
				t.Errorf("%v\nwhy: %s", err, c.why)
			}
		})
	}
}

// cases are all cases about stores.
func cases() []testCase {
	var all []testCase
	for _, some := range [][]testCase{
		recordCases(), valueCases(), reservationCases(), forgettingCases(), uniqueCases(), changeCases(), stateCases(), undoCases(), listCases(), raceCases(),
	} {
		all = append(all, some...)
	}
	return all
}

func (c testCase) run(ctx context.Context, s store.Store) error {
	p := &probe{ctx: ctx, Store: s}
	p.unfinished, _ = s.(store.Unfinished)
	p.lister, _ = s.(store.Lister)
	return caught(func() { c.do(p) })
}
