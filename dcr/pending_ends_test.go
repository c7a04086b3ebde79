package dcr_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

// TestAPersonWhoNeverDecidesIsAnsweredForAfterTheTimeOfThePolicy: both kinds of changes end.
func TestAPersonWhoNeverDecidesIsAnsweredForAfterTheTimeOfThePolicy(t *testing.T) {
	b := newWaitingRoom(t, nil)
	client, by := b.leaving(t)
	other := openOffice(t, b.world, b.records, func(c *dcr.Config) { c.Provisioner = b.server })
	other.software = b.software
	require.NoError(t, other.RefusePending(context.Background(), client.ID, ""))
	b.now = b.now.Add(time.Minute) // the time counts from the request for the deletion
	require.ErrorIs(t, b.Delete(context.Background(), client.ID, by), dcr.ErrPending)
	created := strings.Repeat("c", 22)
	b.place(t, created, store.PendingCreate)

	b.now = b.now.Add(week - time.Second)
	report, err := b.Reconcile(context.Background(), 0)
	require.NoError(t, err)
	require.Zero(t, report)
	require.Len(t, b.waitingIDs(t), 2)

	b.now = b.now.Add(time.Second)
	b.newEvents()
	report, err = b.Reconcile(context.Background(), 0)
	require.NoError(t, err)
	require.Equal(t, dcr.ReconcileReport{Expired: 2}, report)
	require.ElementsMatch(t, []dcr.Event{event(dcr.OpCreate, dcr.OutcomeExpired, dcr.ActorBank),
		event(dcr.OpDelete, dcr.OutcomeExpired, dcr.ActorBank)}, b.newEvents())
	require.Empty(t, b.waitingIDs(t))
	_, err = b.records.Get(context.Background(), created)
	require.ErrorIs(t, err, store.ErrNotFound)
	require.Equal(t, store.Active, b.stored(t, client.ID).State)
	require.Equal(t, inForce(t, b.records), b.server.holds())
	_, err = b.Get(context.Background(), client.ID, b.caller(t, client.ID))
	require.NoError(t, err)
	require.Len(t, b.done, 1, "nothing was done")
}

// place stores a record that waits, without a request.
func (b *waitingRoom) place(t *testing.T, id string, state store.State) {
	t.Helper()
	all, err := b.records.List(context.Background(), "", 1)
	require.NoError(t, err)
	record := all[0].Clone()
	record.ID, record.ClientID, record.UniqueKey, record.State, record.Since = id, "", "", state, b.now
	require.NoError(t, b.records.Create(context.Background(), record, store.Change{}))
}

func TestOneThatCannotBeRefusedHoldsUpNoOthers(t *testing.T) {
	b := newWaitingRoom(t, nil)
	b.apply(t, nil)
	const changes = 250
	for i := range changes {
		b.place(t, fmt.Sprintf("waits-%03d", i), store.PendingCreate)
	}
	b.now = b.now.Add(week)
	stuck := openOffice(t, b.world, undeletable{b.records, b.records.(store.Pending), "waits-003"}, nil)
	report, err := stuck.Reconcile(context.Background(), 0)
	require.ErrorIs(t, err, errOut)
	require.Equal(t, dcr.ReconcileReport{Expired: changes}, report)
	require.Equal(t, []string{"waits-003"}, b.waitingIDs(t))
}

// undeletable is a store that cannot delete one record.
type undeletable struct {
	records
	store.Pending
	id string
}

func (u undeletable) Delete(ctx context.Context, id string, version int64, with store.Change) error {
	if id == u.id {
		return errOut
	}
	return u.records.Delete(ctx, id, version, with)
}

// failingPending cannot tell what waits, and cannot delete.
type failingPending struct{ records }

func (failingPending) Delete(context.Context, string, int64, store.Change) error { return errOut }

func (failingPending) ListPending(context.Context, string, int) ([]store.Client, error) {
	return nil, errOut
}

func TestADecisionMeetsAStoreThatIsOut(t *testing.T) {
	b := newWaitingRoom(t, nil)
	created := b.apply(t, nil).ID
	before := everything(t, b.records)
	out := openOffice(t, b.world, failingPending{failingWrites{b.records}}, func(c *dcr.Config) { c.Provisioner = b.server })
	_, err := out.ListPending(context.Background(), "", 10)
	require.Equal(t, 503, refusalOf(t, err).Status)
	_, err = out.ApprovePending(context.Background(), created)
	require.Equal(t, 503, refusalOf(t, err).Status)
	require.Equal(t, event(dcr.OpCreate, dcr.OutcomeUnavailable, dcr.ActorOperator), out.lastEvent())
	require.Equal(t, 503, refusalOf(t, out.RefusePending(context.Background(), created, "")).Status)
	require.Equal(t, event(dcr.OpCreate, dcr.OutcomeUnavailable, dcr.ActorOperator), out.lastEvent())
	_, err = out.Reconcile(context.Background(), 0)
	require.ErrorIs(t, err, errOut)
	require.Equal(t, before, everything(t, b.records))
	require.Empty(t, b.server.holds())

	_, err = b.ApprovePending(context.Background(), created)
	require.NoError(t, err)
	by := b.caller(t, created)
	busy := openOffice(t, b.world, failingPending{failingWrites{b.records}}, func(c *dcr.Config) { c.Tokens = b.tokens })
	require.Equal(t, 503, refusalOf(t, busy.Delete(context.Background(), created, by)).Status)
	require.ErrorIs(t, b.Delete(context.Background(), created, by), dcr.ErrPending)
	_, err = busy.ApprovePending(context.Background(), created)
	require.Equal(t, 503, refusalOf(t, err).Status)
	require.Equal(t, store.PendingDelete, b.stored(t, created).State)
}

func TestAReplayStoreOfItsOwnConfirmsTheJTIOfARegistrationThatWaits(t *testing.T) {
	w, _ := newWorld(t, bothPending)
	memory := store.NewMemoryReplay(w.config.Clock)
	open := func(confirm error) *office {
		return openOffice(t, w, w.store, func(c *dcr.Config) { c.Replay = replayed{memory, confirm} })
	}
	request := w.token(t, secretJWT)
	for _, fault := range []error{errOut, store.ErrReplayed} {
		_, refusal := w.register(t, open(fault).Registrar, request)
		require.Equal(t, 503, refusal.Status)
		require.Equal(t, "null", everything(t, w.store))
	}
	b := open(nil)
	registration, refusal := w.register(t, b.Registrar, request)
	require.Nil(t, refusal)
	require.True(t, registration.Pending)
	require.Equal(t, registration.Client, b.stored(t, registration.Client.ID))
	require.Equal(t, store.PendingCreate, registration.Client.State)
	_, refusal = w.register(t, b.Registrar, request)
	require.Equal(t, []string{validate.RuleRequestJTIReplayed}, ruleIDs(refusal.Report))
	approved, err := b.ApprovePending(context.Background(), registration.Client.ID)
	require.NoError(t, err)
	require.Equal(t, approved.Client, b.stored(t, registration.Client.ID))
	require.NotEmpty(t, approved.Secret)
	_, refusal = w.register(t, b.Registrar, request)
	require.Equal(t, []string{validate.RuleRequestJTIReplayed}, ruleIDs(refusal.Report))
}

func TestChangesWaitOnlyWhereTheStoreCanListThem(t *testing.T) {
	w, _ := newWorld(t, bothPending)
	config := w.config
	config.Store = struct{ records }{w.store}
	_, err := dcr.NewRegistrar(config)
	require.ErrorIs(t, err, dcr.ErrNoPending)

	b := newOffice(t, nil, nil)
	client := b.enrol(t, nil).Client
	by := b.caller(t, client.ID)
	before := everything(t, b.records)
	poor := openOffice(t, b.world, struct{ records }{b.records}, func(c *dcr.Config) {
		c.Tokens = b.tokens
		c.Hooks.Approve = func(context.Context, dcr.Change) error { return dcr.ErrPending }
	})
	for name, err := range map[string]error{
		"delete": poor.Delete(context.Background(), client.ID, by),
		"create": poor.post(t, b.token(t, nil))(),
		"list":   func() error { _, err := poor.ListPending(context.Background(), "", 1); return err }(),
	} {
		refusal := refusalOf(t, err)
		require.Equal(t, http.StatusInternalServerError, refusal.Status, name)
		require.ErrorIs(t, refusal, dcr.ErrNoPending, name)
	}
	require.Equal(t, before, everything(t, b.records))
	_, err = poor.Reconcile(context.Background(), 0)
	require.NoError(t, err, "it has nothing that waits")
}

// TestAHookLeavesSomeChangesToAPerson: the policy says nothing of it.
func TestAHookLeavesSomeChangesToAPerson(t *testing.T) {
	answer := dcr.ErrPending
	var asked, told []dcr.Operation
	b := newOffice(t, nil, func(c *dcr.Config) {
		c.Hooks.Approve = func(_ context.Context, change dcr.Change) error {
			asked = append(asked, change.Operation)
			return answer
		}
		c.Hooks.Pending = func(_ context.Context, change dcr.Change) {
			told = append(told, change.Operation)
			panic("a fault of the bank's")
		}
	})
	id := b.apply(t, nil).ID
	_, err := b.ApprovePending(context.Background(), id)
	require.NoError(t, err)
	by := b.caller(t, id)
	_, err = b.Update(context.Background(), id, b.token(t, oneRedirect), by)
	require.Equal(t, http.StatusInternalServerError, refusalOf(t, err).Status, "an update cannot wait")
	require.ErrorIs(t, b.Delete(context.Background(), id, by), dcr.ErrPending)
	require.ErrorIs(t, b.Delete(context.Background(), id, by), dcr.ErrPending)
	require.Equal(t, []dcr.Operation{dcr.OpCreate, dcr.OpUpdate, dcr.OpDelete}, asked, "a person was asked once")
	require.Equal(t, []dcr.Operation{dcr.OpCreate, dcr.OpDelete}, told)
	b.now = b.now.Add(30 * 24 * time.Hour)
	report, err := b.Reconcile(context.Background(), 0)
	require.NoError(t, err)
	require.Equal(t, dcr.ReconcileReport{Expired: 1}, report, "by the default of pending_days")

	answer = nil
	_, err = b.Update(context.Background(), id, b.token(t, oneRedirect), b.caller(t, id))
	require.NoError(t, err)
	require.NoError(t, b.Delete(context.Background(), id, b.caller(t, id)))
}

func TestAHookThatRefusesComesBeforeThePersonOfThePolicy(t *testing.T) {
	var answer error = &dcr.Refusal{Reason: "no contract"}
	b := newWaitingRoom(t, func(c *dcr.Config) { c.Hooks.Approve = func(context.Context, dcr.Change) error { return answer } })
	request := b.token(t, nil)
	_, refusal := b.register(t, b.Registrar, request)
	require.Equal(t, validate.UnapprovedSoftwareStatement, refusal.Code)
	answer = errOut
	_, refusal = b.register(t, b.Registrar, request)
	require.Equal(t, 503, refusal.Status)
	require.Equal(t, "null", everything(t, b.records))
	require.Empty(t, b.pending)
	answer = nil
	_, refusal = b.register(t, b.Registrar, request)
	require.Nil(t, refusal)
	require.Len(t, b.waitingIDs(t), 1)
}

func TestTheListOfWhatWaitsIsPaged(t *testing.T) {
	b := newWaitingRoom(t, nil)
	b.admitted(t, nil)
	var want []string
	for i := range 5 {
		id := fmt.Sprintf("waits-%03d", i)
		b.place(t, id, store.PendingCreate)
		want = append(want, id)
	}
	var got []string
	for after := ""; ; {
		found, err := b.ListPending(context.Background(), after, 2)
		require.NoError(t, err)
		if len(found) == 0 {
			break
		}
		for _, c := range found {
			got, after = append(got, c.ID), c.ID
			require.Equal(t, b.now.UTC(), c.Since)
		}
	}
	require.Equal(t, want, got)
}

// TestADirectoryThatIsNotTrustedAnyMoreEndsNoRefusal: what waited can still be refused.
func TestADirectoryThatIsNotTrustedAnyMoreEndsNoRefusal(t *testing.T) {
	b := newWaitingRoom(t, nil)
	id := b.apply(t, nil).ID
	another, _ := newWorld(t, bothPending)
	strange := openOffice(t, another, b.records, nil)
	_, err := strange.ApprovePending(context.Background(), id)
	require.Equal(t, http.StatusInternalServerError, refusalOf(t, err).Status)
	require.Equal(t, []string{id}, b.waitingIDs(t))
	require.NoError(t, strange.RefusePending(context.Background(), id, "its directory is gone"))
	require.Equal(t, "null", everything(t, b.records))
}

// decidedMeanwhile is a store in which somebody decides after the list was read.
type decidedMeanwhile struct {
	records
	store.Pending
	decide func()
}

func (d decidedMeanwhile) ListPending(ctx context.Context, after string, limit int) ([]store.Client, error) {
	found, err := d.Pending.ListPending(ctx, after, limit)
	d.decide()
	return found, err
}

func TestWhatSomebodyDecidesMeanwhileDoesNotExpire(t *testing.T) {
	b := newWaitingRoom(t, nil)
	id := b.apply(t, nil).ID
	b.now = b.now.Add(week)
	late := openOffice(t, b.world, decidedMeanwhile{b.records, b.records.(store.Pending), func() {
		_, err := b.ApprovePending(context.Background(), id)
		require.NoError(t, err)
	}}, nil)
	report, err := late.Reconcile(context.Background(), 0)
	require.NoError(t, err)
	require.Zero(t, report)
	require.Empty(t, late.newEvents())
	require.Equal(t, store.Active, b.stored(t, id).State)
}

// lastWriteFails is a store that cannot make a record Active.
type lastWriteFails struct {
	records
	store.Pending
}

func (l lastWriteFails) Update(ctx context.Context, c store.Client, with store.Change) error {
	if c.State == store.Active {
		return errOut
	}
	return l.records.Update(ctx, c, with)
}

func TestAnOperatorIsNotToldToSignARequest(t *testing.T) {
	b := newWaitingRoom(t, nil)
	before := b.apply(t, nil)
	out := openOffice(t, b.world, lastWriteFails{b.records, b.records.(store.Pending)}, func(c *dcr.Config) {
		c.Provisioner, c.Replay = b.server, store.NewMemoryReplay(c.Clock)
	})
	_, err := out.ApprovePending(context.Background(), before.ID)
	require.Equal(t, 503, refusalOf(t, err).Status)
	require.NotContains(t, refusalOf(t, err).Description, "jti")
	after := b.stored(t, before.ID)
	after.Version = before.Version
	require.Equal(t, before, after)
	require.Empty(t, b.server.holds())
}
