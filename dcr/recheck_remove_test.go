package dcr_test

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

// denied is a night at which the bank denies the one client.
func denied(t *testing.T, hooks dcr.Hooks, change func(*validate.Policy)) (*night, *dcr.Rechecker, dcr.Rechecked) {
	t.Helper()
	n := newNight(t, nil)
	n.policy.DeniedSoftware = []string{n.software.SoftwareID}
	if change != nil {
		change(&n.policy)
	}
	n.config.Hooks = hooks
	k := quick(t, n.registrar(t))
	found, err := k.Client(context.Background(), n.client)
	require.NoError(t, err)
	require.Equal(t, dcr.NotAdmitted, found.Admission)
	return n, k, found
}

func TestARemovalAsksTheBanksWorkflow(t *testing.T) {
	var asked []dcr.Change
	note := func(err error) func(context.Context, dcr.Change) error {
		return func(_ context.Context, c dcr.Change) error { asked = append(asked, c); return err }
	}
	for name, c := range map[string]struct {
		approve func(context.Context, dcr.Change) error
		policy  func(*validate.Policy)
		check   func(t *testing.T, err error)
		state   store.State // "" where the client is gone
	}{
		"the hook agrees":  {note(nil), nil, func(t *testing.T, err error) { require.NoError(t, err) }, ""},
		"the hook refuses": {note(&dcr.Refusal{Reason: "a large bank"}), nil, func(t *testing.T, err error) { require.Equal(t, http.StatusForbidden, refusalOf(t, err).Status) }, store.Active},
		"the hook waits":   {note(dcr.ErrPending), nil, func(t *testing.T, err error) { require.ErrorIs(t, err, dcr.ErrPending) }, store.PendingDelete},
		"the hook fails": {note(errOut), nil, func(t *testing.T, err error) {
			require.Equal(t, http.StatusServiceUnavailable, refusalOf(t, err).Status)
		}, store.Active},
		"the hook panics": {func(ctx context.Context, c dcr.Change) error { _ = note(nil)(ctx, c); panic("a fault") }, nil,
			func(t *testing.T, err error) {
				require.Equal(t, http.StatusServiceUnavailable, refusalOf(t, err).Status)
			}, store.Active},
		"the policy waits": {note(nil), func(p *validate.Policy) { p.PendingChanges = []validate.PendingChange{validate.PendingDelete} },
			func(t *testing.T, err error) { require.ErrorIs(t, err, dcr.ErrPending) }, store.PendingDelete},
	} {
		t.Run(name, func(t *testing.T) {
			asked = nil
			n, k, found := denied(t, dcr.Hooks{Approve: c.approve}, c.policy)
			c.check(t, k.Remove(operator("eve"), found, "denied since Monday"))
			require.Len(t, asked, 1)
			require.Equal(t, dcr.OpDelete, asked[0].Operation)
			require.Equal(t, dcr.Actor{Kind: dcr.ActorOperator, Name: "eve"}, asked[0].Actor)
			require.Equal(t, "denied since Monday", asked[0].Reason)
			record, err := n.records.Get(context.Background(), n.client.ID)
			if c.state == "" {
				require.ErrorIs(t, err, store.ErrNotFound)
				require.ErrorIs(t, k.Remove(operator("eve"), found, "again"), store.ErrNotFound)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.state, record.State)
		})
	}
}

func TestARemovalLeavesAClientThatChangedSinceItWasJudged(t *testing.T) {
	n, k, found := denied(t, dcr.Hooks{}, nil)
	require.NoError(t, n.records.Update(context.Background(), n.client, store.Change{}), "the TPP has mended it")
	before := everything(t, n.records)
	err := k.Remove(context.Background(), found, "no")
	require.ErrorIs(t, err, store.ErrConflict)
	require.Equal(t, http.StatusServiceUnavailable, refusalOf(t, err).Status)
	require.Equal(t, before, everything(t, n.records))

	// So does one that changes while the bank decides.
	n, k, found = denied(t, dcr.Hooks{Approve: func(context.Context, dcr.Change) error {
		return n.records.Update(context.Background(), n.client, store.Change{})
	}}, nil)
	require.ErrorIs(t, k.Remove(context.Background(), found, "no"), store.ErrConflict)
	record, err := n.records.Get(context.Background(), n.client.ID)
	require.NoError(t, err)
	require.Equal(t, store.Active, record.State)
}

func TestARemovalTakesNoClientThatWouldBeAdmittedOrOfWhichNobodyKnows(t *testing.T) {
	_, k, found := denied(t, dcr.Hooks{}, nil)
	for _, admission := range []dcr.Admission{dcr.Admitted, dcr.CannotTell, ""} {
		found.Admission = admission
		require.Equal(t, http.StatusInternalServerError, refusalOf(t, k.Remove(context.Background(), found, "no")).Status)
	}
	require.Equal(t, http.StatusInternalServerError, refusalOf(t, k.Remove(context.Background(), dcr.Rechecked{Admission: dcr.NotAdmitted}, "no")).Status)
}

// notFound answers 404 wherever it is asked.
type notFound struct{ asked atomic.Int32 }

func (n *notFound) RoundTrip(r *http.Request) (*http.Response, error) {
	n.asked.Add(1)
	return &http.Response{StatusCode: http.StatusNotFound, Body: http.NoBody, Header: http.Header{}, Request: r}, nil
}

func TestAKeySetThatIsGoneForGoodIsAReasonAndOne404IsNot(t *testing.T) {
	n := newNight(t, nil)
	own := n.config.SoftwareKeys
	synctest.Test(t, func(t *testing.T) {
		way := &notFound{}
		keys, err := ssa.NewRemoteKeys(ssa.RemoteConfig{Sources: []ssa.RemoteSource{{Hosts: n.directory.RemoteSource().Hosts}}, Transport: way})
		require.NoError(t, err)
		defer keys.Close()
		n.config.SoftwareKeys = keys
		k, err := n.registrar(t).NewRechecker(dcr.RecheckConfig{Rate: 1000})
		require.NoError(t, err)
		began := time.Now()
		found, err := k.Client(context.Background(), n.client)
		require.NoError(t, err)
		require.Equal(t, dcr.NotAdmitted, found.Admission, "%v", found.Unknown)
		require.Equal(t, []string{validate.RuleRequestKeyFound}, ruleIDs(found.Report))
		require.GreaterOrEqual(t, way.asked.Load(), int32(2), "the second time is what is believed")
		require.Less(t, time.Since(began), 10*time.Second)
	})
	n.config.SoftwareKeys = own
	n.config.SoftwareKeys = outage{n.config.SoftwareKeys, &ssa.KeySourceError{Host: "keys.example", RetryAfter: time.Second, Cause: ssa.ErrKeySetMissing}, nil}
	require.Equal(t, dcr.CannotTell, n.recheck(t).Admission, "404 again and again, from a source that does not believe it")
}

func TestARecheckThatIsGivenUpSaysNothing(t *testing.T) {
	n := newNight(t, nil)
	k, err := n.registrar(t).NewRechecker(dcr.RecheckConfig{Rate: 0.001})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	_, err = k.Client(ctx, n.client)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestARecheckKnowsItsBounds(t *testing.T) {
	n := newNight(t, nil)
	for _, c := range []dcr.RecheckConfig{{Rate: -1}, {Rate: 1e9}, {Parallel: -1}, {Parallel: 1000}, {Timeout: -1}, {ExpiresWithin: -1}} {
		_, err := n.registrar(t).NewRechecker(c)
		require.Error(t, err, "%+v", c)
	}
}
