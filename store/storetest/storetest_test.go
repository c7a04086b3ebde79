package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/fulltest"
	"github.com/obdcr/obdcr/store"
)

func TestAPlainStoreKeepsTheContract(t *testing.T) {
	Run(t, Config{
		Open:   func(*testing.T) store.Store { return complete{newModel("")} },
		OpenAt: func(_ *testing.T, clock func() time.Time) store.Store { return complete{newModel("").at(clock)} },
		Wanted: All(), Rounds: fulltest.Rounds(20),
	})
}

func TestReplicasOfOneStoreKeepTheContract(t *testing.T) {
	Run(t, Config{
		Open: func(*testing.T) store.Store {
			m := complete{newModel("")}
			return Replicas(m, m, m)
		},
		OpenAt: func(_ *testing.T, clock func() time.Time) store.Store {
			m := complete{newModel("").at(clock)}
			return Replicas(m, m)
		},
		Wanted: All(),
	})
}

// TestReplicasAreAskedByTurns: stores that share nothing are found out.
func TestReplicasAreAskedByTurns(t *testing.T) {
	one, other := store.NewMemory(nil), store.NewMemory(nil)
	both := Replicas(one, other)
	for _, c := range cases() {
		if c.name == "a jti is used once" {
			assert.Error(t, c.run(t.Context(), func() store.Store { return both }, newClock(), 1))
		}
	}
	for _, s := range []*store.Memory{one, other} {
		found, err := s.List(t.Context(), "", 10)
		require.NoError(t, err)
		assert.NotEmpty(t, found)
	}
}

// TestABrokenStoreIsFound: each fault is found, by the case that is about it.
func TestABrokenStoreIsFound(t *testing.T) {
	all := cases()
	for _, c := range slices.Concat(faults(), decisionFaults(), clockFaults(), registerFaults(), transferFaults(), portalFaults(), subscriptionFaults()) {
		fault, name := c[0], c[1]
		t.Run(fault+": "+name, func(t *testing.T) {
			i := slices.IndexFunc(all, func(c testCase) bool { return c.name == name })
			require.GreaterOrEqual(t, i, 0, "there is no case %q", name)
			clock := newClock()
			open := func() store.Store {
				m := newModel(fault)
				if all[i].turns {
					m.at(clock.now)
				}
				return complete{m}
			}
			assert.Error(t, all[i].run(t.Context(), open, clock, 200))
		})
	}
}

func TestACapabilityThatIsMissingIsFound(t *testing.T) {
	for _, capability := range All() {
		assert.False(t, capability.of(newModel("")), capability)
		assert.True(t, capability.of(complete{newModel("")}), capability)
	}
	// What several stores have together is what the first of them has.
	assert.True(t, Unfinished.of(Replicas(complete{newModel("")})))
	assert.False(t, Unfinished.of(Replicas(newModel(""))))
	assert.Nil(t, newProbe(t.Context(), func() store.Store { return Replicas(newModel("")) }, newClock(), 1).auditor)
	assert.False(t, Capability("store.Other").of(complete{newModel("")}))
}

func TestTheSuiteIsWhole(t *testing.T) {
	races := map[string]bool{}
	for _, c := range raceCases() {
		races[c.name] = true
	}
	names := map[string]bool{}
	for _, c := range cases() {
		assert.NotEmpty(t, c.why, c.name)
		assert.False(t, names[c.name], "%q is there twice", c.name)
		names[c.name] = true
	}
	for _, c := range replayCases() {
		assert.NotEmpty(t, c.why, c.name)
	}
	shown := map[string]bool{}
	for _, c := range slices.Concat(decisionFaults(), clockFaults(), registerFaults(), transferFaults(), portalFaults(), subscriptionFaults()) {
		shown[c[1]] = true
	}
	for _, c := range slices.Concat(decisionCases(), clientIDCases(), underWayCases(), pendingCases(), listPendingCases(), clientIDRaces(), pendingRaces(), clockCases(),
		auditCases(), auditRaces(), searchCases(), purgeCases(), transferCases(), importCases(), importRaces(),
		userCases(), sessionCases(), nameCases(), subscriptionCases(), subscriptionRaces(), noteCases()) {
		assert.True(t, shown[c.name], "no fault shows that %q finds one", c.name)
	}
	assert.GreaterOrEqual(t, len(names), 100)
	assert.GreaterOrEqual(t, len(races), 8)
	require.Less(t, len(races), len(names))
}
